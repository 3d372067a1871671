from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from indexes.admin import ReadOnlyAdmin
from portal.errors import AdministratorNeeded, AnotherAdministratorNeeded
from portal.ownership.models import Proof
from portal.ownership.services import review_proof


class ReviewForm(forms.ModelForm):  # type: ignore[type-arg]  # takes none at run time
    """One administrator's word for somebody: the second one's, of another, makes it a proof."""

    reason = forms.CharField(
        widget=forms.Textarea,
        help_text="What convinced you that this person may speak for the project."
        " It stays with the proof, with your name.",
    )
    evidence = forms.CharField(
        widget=forms.Textarea,
        help_text="Where it can be seen: addresses, messages, case numbers.",
    )

    class Meta:
        model = Proof
        fields = ["user", "project"]


@admin.register(Proof)
class ProofAdmin(ReadOnlyAdmin):
    """Adding one is reviewing: the service asks for two administrators with a second factor."""

    list_display = ["user", "project", "method", "state", "is_for_development", "created_at"]
    list_filter = ["state", "method", "is_for_development"]
    list_select_related = ["user", "project"]
    search_fields = ["=project__name", "=user__username"]
    raw_id_fields = ["user", "project"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ownership.add_proof")

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = ReviewForm
        return super().get_form(request, obj, *args, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        asked = ["user", "project", "reason", "evidence"]
        return asked if obj is None else super().get_fields(request, obj)

    def save_model(self, request: Any, obj: Proof, form: Any, change: Any) -> None:  # noqa: ARG002  # Django's
        try:
            proof = review_proof(
                user=obj.user,
                project=obj.project,
                facts=form.cleaned_data,
                by=request.user,
                at=timezone.now(),
            )
        except (AdministratorNeeded, AnotherAdministratorNeeded) as error:
            raise PermissionDenied(str(error)) from error
        obj.pk = proof.pk
        obj.refresh_from_db()
