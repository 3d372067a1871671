"""What decisions rest on: taken in within bounds, kept as bytes, handed out as downloads only."""

import hashlib
from datetime import datetime
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Sum

from portal.accounts.models import User
from portal.errors import EvidenceRefused
from portal.ledger.services import record
from portal.moderation.models import Case, Evidence, EvidenceKind
from portal.moderation.people import verify_moderator

MAX_PIECES = 30
"""Of one case."""
MAX_FILE = 2 * 1024 * 1024
"""Bytes."""
MAX_CASE = 10 * 1024 * 1024
"""Bytes of all pieces of one case."""
MAX_TEXT = 20_000
MAX_LINK = 2000
MAX_TITLE = 200


@transaction.atomic
def add_evidence(
    *, case: Case, by: User, kind: str, title: str, text: str, content: bytes, at: datetime
) -> Evidence:
    """Keep a file (`content`), a link or a text (`text`) with a case.

    Raises `ModeratorNeeded`, `EvidenceRefused`.
    """
    verify_moderator(by, case)
    Case.objects.select_for_update(of=("self",)).get(pk=case.pk)
    made = Evidence(case=case, kind=kind, title=_title(case, title), by=by, at=at)
    if kind == EvidenceKind.FILE:
        made.content = content
    elif kind == EvidenceKind.LINK:
        made.text = _link(case, text)
    elif kind == EvidenceKind.TEXT:
        made.text = text.strip()
    else:
        raise EvidenceRefused(str(case), "say whether it is a file, a link or a text.")
    whole = made.content or made.text.encode()
    made.size, made.sha256 = len(whole), hashlib.sha256(whole).hexdigest()
    _verify_bounds(case, made)
    made.save()
    record(
        actor=by.username,
        verb="evidence-added",
        project=case.project.name,
        facts={"case": str(case.pk), "evidence": str(made.pk), "sha256": made.sha256},
        at=at,
    )
    return made


def _title(case: Case, title: str) -> str:
    """One line, as a download's name and a heading can show it."""
    title = " ".join(title.split())
    if not title or len(title) > MAX_TITLE or not title.isprintable():
        raise EvidenceRefused(
            str(case), f"name it in one line of at most {MAX_TITLE} printable characters."
        )
    return title


def _link(case: Case, text: str) -> str:
    link = text.strip()
    try:
        parts = urlsplit(link)
    except ValueError:
        parts = urlsplit("")
    is_web = parts.scheme in {"http", "https"} and parts.hostname
    if not is_web or len(link) > MAX_LINK or not link.isprintable() or " " in link:
        raise EvidenceRefused(
            str(case),
            f"a link begins with http:// or https:// and has {MAX_LINK:,} characters at most.",
        )
    return link


def _verify_bounds(case: Case, made: Evidence) -> None:
    longest = MAX_FILE if made.kind == EvidenceKind.FILE else MAX_TEXT
    if not 0 < made.size <= longest:
        raise EvidenceRefused(
            str(case), f"it has {made.size:,} bytes, and may have 1 to {longest:,}."
        )
    others = Evidence.objects.filter(case=case)
    sizes = others.aggregate(size=Sum("size", default=0))["size"]
    if others.count() >= MAX_PIECES or sizes + made.size > MAX_CASE:
        raise EvidenceRefused(
            str(case),
            f"a case holds {MAX_PIECES} pieces of {MAX_CASE:,} bytes together at most.",
        )
