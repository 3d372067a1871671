"""Release challenge: a new release carries a nonce that only its asker was given.

Who can release can speak for the project. It works against any index that gives the upload
time of files (simple API 1.1), and opens metadata and sources as data only.
"""

import re
import secrets
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from packaging.metadata import parse_email
from packaging.utils import canonicalize_name

from indexes.domain.files import FileKind
from indexes.domain.names import NormalizedName
from indexes.models import UpstreamFile
from indexes.services.refresh import refresh_project
from indexes.upstream import Upstream, UpstreamInvalid, get_upstream
from portal.ownership.methods.base import Answer, Asked, Instruction
from portal.ownership.models import Proof, ProofState
from portal.ownership.sdists import MEBIBYTE, UnreadableSdist, read_sdist

VALID_FOR = timedelta(days=14)
MAX_SDIST = 64 * MEBIBYTE
MAX_METADATA = 4 * MEBIBYTE
MAX_FILES = 12
"""Files opened in one check, the newest first: more are looked at in none."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A place in a file where the nonce stands."""

    filename: str
    sha256: str
    uploaded_at: datetime
    place: str


class ReleaseChallenge:
    name = "release-challenge"
    label = "A new release with a code in it"
    explanation = (
        "We give you a code; you put it into the next release of the project and upload that the"
        " way you always do. Who can release can speak for the project. The code may leave again"
        " with the release after."
    )
    facts = ()

    def start(self, asked: Asked) -> Answer:
        return Answer(
            ProofState.PENDING,
            refusal=(
                f"It is your turn: release {asked.project} with the code in it within"
                f" {VALID_FOR.days} days, then have it checked here."
            ),
            challenge=f"affineur-challenge-{secrets.token_hex(20)}",
            expires_at=asked.at + VALID_FOR,
        )

    def check(self, proof: Proof, at: datetime) -> Answer:
        """Raises what the index floor raises when upstream does not answer."""
        upstream = get_upstream()
        refresh_project(name=NormalizedName(proof.project.name), at=at, upstream=upstream)
        released = proof.project.upstream_files.exclude(kind=FileKind.OTHER.value)
        if not released.filter(uploaded_at__isnull=False).exists():
            return _still_open(
                proof,
                f"Upstream tells no upload times for {proof.project}, so nothing shows what is"
                " new. Ask an administrator of this deployment instead.",
            )
        fresh = released.filter(uploaded_at__gt=proof.created_at).order_by("-uploaded_at", "pk")
        files = list(fresh[:MAX_FILES])
        if not files:
            return _still_open(
                proof,
                f"Nothing was uploaded to {proof.project} since {proof.created_at:%Y-%m-%d %H:%M}"
                " UTC, when you were given the code. It is your turn: upload a release with it."
                " An index may take some minutes to show it.",
            )
        unreadable: list[str] = []
        for file in files:
            try:
                seen = _look_into(file, proof, upstream)
            except (UnreadableSdist, UpstreamInvalid) as error:
                unreadable.append(f"{file.filename} ({error})")
                continue
            if seen:
                return Answer(ProofState.PROVEN, evidence=_evidence(seen))
        names = ", ".join(file.filename for file in files)
        because = f" Of these we could not read {'; '.join(unreadable)}." if unreadable else ""
        return _still_open(
            proof,
            f"We looked into {names}, uploaded since you were given the code, and it stands in"
            f" none of the places named below.{because} It is your turn: release once more.",
        )

    def instructions(self, proof: Proof) -> Sequence[Instruction]:
        return (
            Instruction(
                "In pyproject.toml of the source distribution",
                "Any build backend leaves this table alone. Nothing else has to change.",
                f'[tool.affineur]\nchallenge = "{proof.challenge}"',
            ),
            Instruction(
                "Or among the keywords",
                "They are part of the metadata of every source distribution and wheel.",
                proof.challenge,
            ),
            Instruction(
                "Or in a project URL",
                "Any label and any address will do, as long as the code stands in the address.",
                f'[project.urls]\nAffineur = "https://affineur.example/{proof.challenge}"',
            ),
            Instruction(
                "Or in the description",
                "On a line of its own, anywhere in the text.",
                proof.challenge,
            ),
        )


def _still_open(proof: Proof, refusal: str) -> Answer:
    return Answer(
        ProofState.PENDING,
        refusal=refusal,
        challenge=proof.challenge,
        expires_at=proof.expires_at,
    )


def _evidence(seen: _Seen) -> dict[str, Any]:
    return {
        "filename": seen.filename,
        "sha256": seen.sha256,
        "uploaded_at": seen.uploaded_at.isoformat(),
        "place": seen.place,
    }


def _look_into(file: UpstreamFile, proof: Proof, upstream: Upstream) -> _Seen | None:
    texts = _sources(file, upstream) if file.kind == FileKind.SDIST else _wheel(file, upstream)
    pkg_info, pyproject = texts
    for place, text in (*_metadata_places(proof, pkg_info), *_table_place(pyproject)):
        if proof.challenge and _has_word(text, proof.challenge) and file.uploaded_at:
            return _Seen(file.filename, file.sha256, file.uploaded_at, place)
    return None


def _sources(file: UpstreamFile, upstream: Upstream) -> tuple[bytes, bytes]:
    data = upstream.fetch_file(file.url, max_bytes=MAX_SDIST, sha256=file.sha256)
    texts = read_sdist(file.filename, data)
    return texts.pkg_info, texts.pyproject


def _wheel(file: UpstreamFile, upstream: Upstream) -> tuple[bytes, bytes]:
    """A wheel's metadata, where upstream has it beside the wheel (PEP 658)."""
    if not file.metadata_sha256:
        return b"", b""
    metadata = upstream.fetch_file(
        file.url + ".metadata", max_bytes=MAX_METADATA, sha256=file.metadata_sha256
    )
    return metadata, b""


def _metadata_places(proof: Proof, pkg_info: bytes) -> Iterator[tuple[str, str]]:
    """Where in the core metadata a nonce may stand; nothing of another project's counts."""
    raw, _ = parse_email(pkg_info)
    if canonicalize_name(raw.get("name", "")) != proof.project.name:
        return
    yield "Keywords", " ".join(raw.get("keywords", []))
    for label, url in raw.get("project_urls", {}).items():
        yield f"Project-URL {label}", url
    yield "Description", raw.get("description", "")


def _table_place(pyproject: bytes) -> Iterator[tuple[str, str]]:
    try:
        tool = tomllib.loads(pyproject.decode()).get("tool", {})
        yield "[tool.affineur] challenge", str(tool["affineur"]["challenge"])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError, LookupError, TypeError):
        return


def _has_word(text: str, word: str) -> bool:
    """The nonce whole, not as a part of something longer."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None
