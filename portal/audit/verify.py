"""Whether the ledger is what was written, and the tables are what the ledger says."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection, transaction

from builds.errors import EnvelopeInvalid
from portal.accounts.models import User
from portal.audit.rows import actual_states
from portal.ledger.checkpoints import PROMISED_EVERY, Statement, read_checkpoint
from portal.ledger.effects import Act
from portal.ledger.models import Checkpoint, Entry
from portal.ledger.replay import Mismatch, mismatches, replay
from portal.ledger.services import end_of_chain, unsealed, verify_chain

UNSEALED_FOR = timedelta(minutes=30)
"""An entry is chained right after its act; a process that died is made up for within this."""
UNSEALED_AT_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying came to."""

    entries: int
    checkpoints: int
    problems: tuple[str, ...]
    """Of the chain and its checkpoints."""
    mismatches: tuple[Mismatch, ...]
    """Of the tables, by project."""

    @property
    def holds(self) -> bool:
        return not self.problems and not self.mismatches


def verify(
    *,
    keys: Sequence[Ed25519PublicKey],
    at: datetime,
    kept: Sequence[Mapping[str, Any]] = (),
) -> Verdict:
    """Prove chain, checkpoints and tables, all as of one moment; changes nothing.

    `keys` are those that checkpoints may be signed by; `kept` are envelopes of checkpoints that
    somebody kept elsewhere.
    """
    with _snapshot():
        sequence, _ = end_of_chain()
        signed, problems = _signed(keys, kept)
        broken = verify_chain(signed)
        return Verdict(
            entries=sequence,
            checkpoints=Checkpoint.objects.count(),
            problems=(
                *problems,
                *([str(broken)] if broken else ()),
                *_loose_ends(at=at),
                *_late_checkpoint(sequence, at=at),
            ),
            mismatches=tuple(database_mismatches()),
        )


def database_mismatches() -> Iterator[Mismatch]:
    """Rows that the entries, chained or not yet, do not explain."""
    said = ("pk", "actor", "verb", "project", "facts", "at")
    entries = Entry.objects.order_by("pk").values_list(*said)
    acts = (Act(*entry) for entry in entries.iterator(chunk_size=2000))
    people = set(User.objects.values_list("username", flat=True))
    return mismatches(replay(acts), actual_states(), people=people)


def _signed(
    keys: Sequence[Ed25519PublicKey], kept: Sequence[Mapping[str, Any]]
) -> tuple[dict[int, str], list[str]]:
    """What checkpoints that hold say of the chain, and those that do not hold."""
    signed: dict[int, str] = {}
    problems = []
    for checkpoint in Checkpoint.objects.order_by("pk").iterator(chunk_size=2000):
        name = f"the checkpoint of {checkpoint.at:%Y-%m-%d %H:%M:%S} UTC"
        try:
            said = read_checkpoint(checkpoint.envelope, keys=keys)
        except EnvelopeInvalid as error:
            problems.append(f"{name}: {error.detail}")
            continue
        if (said.at, said.sequence, said.hash) != (
            checkpoint.at,
            checkpoint.sequence,
            checkpoint.hash,
        ):
            problems.append(f"{name}: its row is not what was signed")
        problems += _note(said, signed, name)
    for envelope in kept:
        said = read_checkpoint(envelope, keys=keys)
        problems += _note(said, signed, f"the kept checkpoint of {said.at:%Y-%m-%d %H:%M:%S} UTC")
    return signed, problems


def _note(said: Statement, signed: dict[int, str], name: str) -> list[str]:
    if said.sequence and signed.setdefault(said.sequence, said.hash) != said.hash:
        return [f"{name}: another one has signed another hash of entry {said.sequence}"]
    return []


def _loose_ends(*, at: datetime) -> Iterator[str]:
    left = unsealed()
    count = left.count()
    if count > UNSEALED_AT_MOST:
        yield f"{count} entries are not chained yet"
    oldest = left.order_by("at").first()
    if oldest and at - oldest.at > UNSEALED_FOR:
        yield f"an entry of {oldest.at:%Y-%m-%d %H:%M} UTC ({oldest}) was never chained"


def _late_checkpoint(sequence: int, *, at: datetime) -> Iterator[str]:
    newest = Checkpoint.objects.first()
    if sequence and newest is None:
        yield "no checkpoint was ever signed: is the beat running, and has it the signing key?"
    elif newest and at - newest.at > PROMISED_EVERY:
        yield f"no checkpoint was signed since {newest.at:%Y-%m-%d %H:%M} UTC"


@contextmanager
def _snapshot() -> Iterator[None]:
    """Read everything as of one moment. SQLite makes writers wait meanwhile."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield
