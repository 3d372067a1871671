"""What people are told, and how they choose what they are told of."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.errors import InvalidWebhook
from portal.notices.kinds import Channel, Kind
from portal.notices.models import Delivery, Webhook
from portal.notices.services import (
    add_webhook,
    end_webhook,
    live_webhooks,
    mail_address,
    mark_read,
    path_of,
    preferences,
    read_unsubscribe_token,
    replay_delivery,
    set_preferences,
    shown_notices,
    unsubscribe,
    words_of,
)
from portal.web.people import account
from portal.web.problems import explained

PER_PAGE = 50


class WebhookForm(forms.Form):
    url = forms.URLField(
        label="Address",
        max_length=500,
        assume_scheme="https",
        help_text="It begins with https:// and is on the public Internet.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def index(request: HttpRequest) -> HttpResponse:
    """The newest notices; posting marks all of them as read."""
    user = account(request)
    if request.method == "POST":
        mark_read(person=user, at=timezone.now())
        return redirect("web:notices")
    page = Paginator(shown_notices(user), PER_PAGE).get_page(request.GET.get("page"))
    shown = [(notice, words_of(notice), path_of(notice)) for notice in page]
    return render(request, "web/notices.html", {"page": page, "shown": shown})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def settings(request: HttpRequest) -> HttpResponse:
    """Per kind and channel; and the webhooks, to which another one can be added."""
    user, secret = account(request), ""
    is_adding = "add" in request.POST
    form = WebhookForm(request.POST if is_adding else None)
    if is_adding and form.is_valid():
        try:
            made = add_webhook(person=user, url=form.cleaned_data["url"], at=timezone.now())
            secret, form = made.secret, WebhookForm()
        except InvalidWebhook as error:
            form.add_error("url", str(error))
    elif request.method == "POST" and not is_adding:
        set_preferences(person=user, wanted=_wanted(request))
        messages.success(request, "Kept. From now on you are told of what is ticked.")
        return redirect("web:notice-settings")
    context = {
        "channels": list(Channel),
        "rows": [(kind, chosen.items()) for kind, chosen in preferences(user).items()],
        "webhooks": live_webhooks(user),
        "address": mail_address(user),
        "form": form,
        "secret": secret,
    }
    return render(request, "web/notice_settings.html", context, status=400 if form.errors else 200)


@require_safe
@login_required
@never_cache
def webhook(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """What was sent to it, and how that went."""
    found = get_object_or_404(Webhook, pk=webhook_id, person=account(request))
    deliveries = found.deliveries.select_related("notice__project")
    page = Paginator(deliveries, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "webhook": found,
        "page": page,
        "shown": [(delivery, words_of(delivery.notice)) for delivery in page],
    }
    return render(request, "web/webhook.html", context)


@require_POST
@login_required
def end(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    found = get_object_or_404(Webhook, pk=webhook_id, person=account(request))
    end_webhook(webhook=found, at=timezone.now())
    messages.success(request, f"Nothing is sent to {found.url} any more.")
    return redirect("web:notice-settings")


@require_POST
@login_required
@explained
def replay(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    found = get_object_or_404(
        Delivery.objects.select_related("notice__project"),
        pk=delivery_id,
        webhook__person=account(request),
    )
    replay_delivery(delivery=found, at=timezone.now())
    messages.success(request, "It is sent again, under the id that it had.")
    return redirect("web:webhook", found.webhook_id)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@explained
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Ends one kind of e-mail, signed in or not; mail programs post here by themselves.

    The link is opened by whatever reads e-mail, so only a POST ends anything (RFC 8058).
    """
    kind = (
        unsubscribe(token=token) if request.method == "POST" else read_unsubscribe_token(token)[1]
    )
    context = {"kind": kind, "is_done": request.method == "POST"}
    return render(request, "web/unsubscribe.html", context)


def _wanted(request: HttpRequest) -> set[tuple[Kind, Channel]]:
    return {
        (kind, channel)
        for kind in Kind
        for channel in Channel
        if f"{kind.value}:{channel.value}" in request.POST
    }
