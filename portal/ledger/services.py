"""The only writer of the ledger."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from portal.ledger.chain import GENESIS, Broken, Link, broken_link, verify_can_be_hashed
from portal.ledger.models import Entry, Head
from portal.ledger.signals import recorded

BATCH = 200
"""Entries written in one query."""


def record(*, actor: str, verb: str, project: str, facts: dict[str, Any], at: datetime) -> Entry:
    """Write an act into the transaction that is under way; it is chained when that commits.

    `verb` is a stable code of `portal.ledger.verbs`; `facts` is JSON; `project` is empty when the
    act is on none. Raises `ValueError` for facts that no chain could take.
    """
    verify_can_be_hashed(facts)
    entry = Entry.objects.create(actor=actor, verb=verb, project=project, facts=facts, at=at)
    recorded.send(Entry, entries=[entry])
    transaction.on_commit(seal, robust=True)
    return entry


def record_all(
    *, actor: str, verb: str, acts: Sequence[tuple[str, Mapping[str, Any]]], at: datetime
) -> None:
    """Write one act on each (project, with its facts), as `record` does, in few queries."""
    for _, facts in acts:
        verify_can_be_hashed(facts)
    entries = Entry.objects.bulk_create(
        [
            Entry(actor=actor, verb=verb, project=project, facts=dict(facts), at=at)
            for project, facts in acts
        ],
        batch_size=BATCH,
    )
    recorded.send(Entry, entries=entries)
    transaction.on_commit(seal, robust=True)


def seal() -> int:
    """Chain what is not chained yet, and say how many entries that were.

    A process that dies before it gets here loses nothing: the next one chains its entries too.
    """
    if not unsealed().exists():
        return 0
    with transaction.atomic():
        Head.objects.get_or_create(id=1, defaults={"hash": GENESIS})
        head = Head.objects.select_for_update().get(id=1)
        entries = list(unsealed().order_by("pk"))
        for entry in entries:
            link = _link(entry, sequence=head.sequence + 1, previous_hash=head.hash)
            head.sequence, head.hash = link.sequence, link.hash()
            entry.sequence, entry.previous_hash = link.sequence, link.previous_hash
            entry.hash = head.hash
        unguarded: QuerySet[Entry] = QuerySet(Entry)
        unguarded.bulk_update(entries, ["sequence", "previous_hash", "hash"], batch_size=BATCH)
        head.save(update_fields=["sequence", "hash"])
    return len(entries)


def public_entries(*, project: str = "") -> QuerySet[Entry]:
    """What was done to one project, or to all: what is on none concerns its person only."""
    entries = (
        Entry.objects.filter(project=project) if project else Entry.objects.exclude(project="")
    )
    return entries.order_by("-pk")


def end_of_chain() -> tuple[int, str]:
    """How many entries are chained, and the hash of the last."""
    head = Head.objects.filter(id=1).first()
    return (head.sequence, head.hash) if head else (0, GENESIS)


def verify_chain(signed: Mapping[int, str] | None = None) -> Broken | None:
    """The first place where the ledger is not what was written, or None.

    Changed, missing, reordered and inserted entries break a hash or the count; the head tells
    when the newest were cut off, and so does `signed`, the hashes that checkpoints give by
    sequence, when the head was set back too.
    """
    signed = signed or {}
    sequence, hash_ = 0, GENESIS
    sealed = Entry.objects.filter(sequence__isnull=False).order_by("sequence")
    for entry in sealed.iterator(chunk_size=2000):
        link = _link(entry, sequence=entry.sequence or 0, previous_hash=entry.previous_hash)
        broken = broken_link(
            link, entry.hash or "", previous_sequence=sequence, previous_hash=hash_
        )
        if broken:
            return broken
        sequence, hash_ = link.sequence, entry.hash or ""
        if signed.get(sequence, hash_) != hash_:
            return Broken(sequence, "is not the one that a checkpoint has signed")
    last, ended_so = end_of_chain()
    if max(last, *signed, 0) > sequence:
        return Broken(sequence + 1, "is missing")
    if ended_so != hash_:
        return Broken(sequence, "is not where the ledger ended")
    return None


def unsealed() -> QuerySet[Entry]:
    """Written, and not chained yet."""
    return Entry.objects.filter(sequence=None)


def entries_of(project: str) -> QuerySet[Entry]:
    """What was done to a project, newest first."""
    return Entry.objects.filter(project=project).order_by("-pk")


def _link(entry: Entry, *, sequence: int, previous_hash: str) -> Link:
    return Link(
        sequence=sequence,
        at=entry.at,
        actor=entry.actor,
        verb=entry.verb,
        project=entry.project,
        facts=entry.facts,
        previous_hash=previous_hash,
        salt=entry.salt,
    )
