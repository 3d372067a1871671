"""Included under development settings only: signing in by name alone."""

from django import forms
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from portal.accounts.services import development_sign_in
from portal.errors import PortalError


class DevelopmentSignInForm(forms.Form):
    username = forms.CharField(
        max_length=150, help_text="Any name. The account is made when there is none."
    )


@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    form = DevelopmentSignInForm(request.POST or None)
    following = request.POST.get("next") or request.GET.get("next") or ""
    if request.method == "POST" and form.is_valid():
        try:
            user = development_sign_in(username=form.cleaned_data["username"], at=timezone.now())
        except PortalError as error:
            form.add_error("username", str(error))
        else:
            login(request, user, backend="portal.accounts.backends.AccountBackend")
            is_ours = url_has_allowed_host_and_scheme(
                following, allowed_hosts={request.get_host()}, require_https=request.is_secure()
            )
            return redirect(following if is_ours else "web:mine")
    status = 400 if form.errors else 200
    context = {"form": form, "next": following}
    return render(request, "accounts/development_sign_in.html", context, status=status)


urlpatterns = [path("", sign_in, name="development-sign-in")]
