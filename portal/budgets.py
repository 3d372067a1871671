"""How often something may be done within a time, counted in the cache, which may forget."""

from datetime import datetime

from django.core.cache import cache

from portal.accounts.models import User


def is_within_budget(
    what: str, *, by: User | None, each: int, visitors: int, seconds: int, at: datetime
) -> bool:
    """Count one more; whether it is within what each person, or all visitors together, may."""
    key = f"{what}:{by.pk if by else 'visitors'}:{int(at.timestamp()) // seconds}"
    most = each if by else visitors
    cache.add(key, 0, timeout=2 * seconds)
    try:
        return cache.incr(key) <= most
    except ValueError:
        # It was thrown out of a full cache meanwhile: this one is the first again.
        return most > 0
