"""Notices as e-mail, which one click ends (RFC 2369, RFC 8058)."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from portal.notices.kinds import Kind, Words


def send_mail(
    address: str, words: Words, *, kind: Kind, link: str, unsubscribe: str, message_id: str
) -> None:
    """Hand it to the mail server; raises `OSError` when that does not take it.

    `message_id` stays the same at every try, so that a reader sees one message.
    """
    context = {"words": words, "kind": kind, "link": link, "unsubscribe": unsubscribe}
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
    EmailMessage(
        subject=words.subject,
        body=render_to_string("notices/mail.txt", context),
        to=[address],
        headers={
            "Message-ID": f"<{message_id}@{host}>",
            "List-Unsubscribe": f"<{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    ).send()
