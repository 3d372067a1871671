from celery import shared_task
from django.utils import timezone

from portal.consent.expiry import end_expired, remind_of_expiry
from portal.consent.letters import write_letters
from portal.consent.services import end_development_permits
from portal.consent.sources import keep_sources


@shared_task(name="portal.end_development_permits")
def end_those_of_development() -> None:
    end_development_permits(at=timezone.now())


@shared_task(name="portal.end_expired")
def end_those_over() -> None:
    end_expired(at=timezone.now())


@shared_task(name="portal.remind_of_expiry")
def remind() -> None:
    remind_of_expiry(at=timezone.now())


@shared_task(name="portal.keep_sources")
def keep() -> None:
    keep_sources(at=timezone.now())


@shared_task(name="portal.write_letters")
def write() -> None:
    write_letters(at=timezone.now())
