"""Plain text to people who may have no account here."""

import logging
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from indexes.models import Project
from portal.errors import LetterNotSent

logger = logging.getLogger(__name__)


def send(template: str, *, to: str, subject: str, project: Project, **context: object) -> None:
    """Hand one message to the mail server. Raises `LetterNotSent` when that does not take it."""
    words = {"project": project, "site": settings.AFFINEUR_PUBLIC_URL, **context}
    message = EmailMessage(
        subject=subject,
        body=render_to_string(f"consent/{template}.txt", words),
        to=[to],
        headers={"Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except (OSError, SMTPException) as error:
        logger.warning("%s: no mail could be sent: %s", project, error)
        raise LetterNotSent(project.name) from error
