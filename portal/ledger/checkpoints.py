"""Checkpoints: what the ledger came to, signed, for anybody to keep and hold against it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings

from builds.errors import EnvelopeInvalid
from builds.services.provenance import open_envelope, sign
from portal.ledger.models import Checkpoint
from portal.ledger.services import end_of_chain, seal

PAYLOAD_TYPE = "application/vnd.affineur.ledger-checkpoint+json"
MADE_EVERY = timedelta(minutes=15)
PROMISED_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a checkpoint says: at that moment the chain had so many entries, and ended so."""

    origin: str
    """Address of the deployment whose ledger it is."""
    at: datetime
    sequence: int
    hash: str

    def to_bytes(self) -> bytes:
        """RFC 8785 canonical JSON."""
        return rfc8785.dumps(
            {
                "origin": self.origin,
                "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
                "sequence": self.sequence,
                "hash": self.hash,
            }
        )


def make_checkpoint(*, at: datetime) -> Checkpoint:
    """Chain what is not chained yet, and sign where the chain ends.

    An equal one that was just made is returned instead. Raises `SigningKeyMissing` or
    `SigningKeyInvalid`, which are the operator's to mend.
    """
    seal()
    sequence, hash_ = end_of_chain()
    newest = Checkpoint.objects.first()
    if newest and newest.sequence == sequence and at - newest.at < MADE_EVERY / 2:
        return newest
    said = Statement(settings.AFFINEUR_PUBLIC_URL, at, sequence, hash_)
    return Checkpoint.objects.create(
        at=at,
        sequence=sequence,
        hash=hash_,
        envelope=sign(said.to_bytes(), payload_type=PAYLOAD_TYPE),
    )


def read_checkpoint(envelope: Mapping[str, Any], *, keys: Sequence[Ed25519PublicKey]) -> Statement:
    """What one of these keys signed. Raises `EnvelopeInvalid`."""
    payload = open_envelope(envelope, payload_type=PAYLOAD_TYPE, keys=keys)
    try:
        said = json.loads(payload)
        return Statement(
            origin=str(said["origin"]),
            at=datetime.fromisoformat(said["at"]),
            sequence=int(said["sequence"]),
            hash=str(said["hash"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EnvelopeInvalid("what is signed is no checkpoint of a ledger") from error
