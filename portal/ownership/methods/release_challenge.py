"""Release challenge: a new release carries a nonce that only its asker was given.

Who can release can speak for the project. It works against any index that gives the upload
time of files (simple API 1.1), and opens metadata and sources as data only.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from indexes.domain.files import FileKind
from indexes.domain.names import NormalizedName
from indexes.models import UpstreamFile
from indexes.services.refresh import refresh_project
from indexes.upstream import Upstream, UpstreamInvalid, get_upstream
from portal.ownership.methods.base import (
    VALID_FOR,
    Answer,
    Asked,
    Brought,
    Instruction,
    Lasting,
    new_challenge,
    still_open,
)
from portal.ownership.models import Proof, ProofState
from portal.ownership.policy import Strength
from portal.ownership.released import affineur_table, metadata_of, texts_of
from portal.ownership.sdists import SdistTexts, UnreadableSdist

MAX_FILES = 12
"""Files opened in one check, the newest first: more are looked at in none."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A place in a file where the nonce stands."""

    filename: str
    sha256: str
    uploaded_at: datetime
    place: str


class ReleaseChallenge(Lasting):
    name = "release-challenge"
    label = "A new release with a code in it"
    explanation = (
        "We give you a code; you put it into the next release of the project and upload that the"
        " way you always do. Who can release can speak for the project. The code may leave again"
        " with the release after."
    )
    needs = "The right to upload a release, and a release to upload."
    strength = Strength.SUFFICIENT
    facts = ()

    def start(self, asked: Asked) -> Answer:
        return Answer(
            ProofState.PENDING,
            refusal=(
                f"It is your turn: release {asked.project} with the code in it within"
                f" {VALID_FOR.days} days, then have it checked here."
            ),
            challenge=new_challenge(),
            expires_at=asked.at + VALID_FOR,
        )

    def check(self, proof: Proof, at: datetime, brought: Brought | None) -> Answer:  # noqa: ARG002  # nothing is brought
        """Raises what the index floor raises when upstream does not answer."""
        upstream = get_upstream()
        refresh_project(name=NormalizedName(proof.project.name), at=at, upstream=upstream)
        released = proof.project.upstream_files.exclude(kind=FileKind.OTHER.value)
        if not released.filter(uploaded_at__isnull=False).exists():
            return still_open(
                proof,
                f"Upstream tells no upload times for {proof.project}, so nothing shows what is"
                " new. Ask an administrator of this deployment instead.",
            )
        fresh = released.filter(uploaded_at__gt=proof.created_at).order_by("-uploaded_at", "pk")
        files = list(fresh[:MAX_FILES])
        if not files:
            return still_open(
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
        return still_open(
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


def _evidence(seen: _Seen) -> dict[str, Any]:
    return {
        "filename": seen.filename,
        "sha256": seen.sha256,
        "uploaded_at": seen.uploaded_at.isoformat(),
        "place": seen.place,
    }


def _look_into(file: UpstreamFile, proof: Proof, upstream: Upstream) -> _Seen | None:
    for place, text in _places(proof, texts_of(file, upstream)):
        if proof.challenge and _has_word(text, proof.challenge) and file.uploaded_at:
            return _Seen(file.filename, file.sha256, file.uploaded_at, place)
    return None


def _places(proof: Proof, texts: SdistTexts) -> Iterator[tuple[str, str]]:
    """Where a nonce may stand; nothing in the metadata of another project counts."""
    metadata = metadata_of(proof.project, texts.pkg_info)
    if metadata is not None:
        yield "Keywords", " ".join(metadata.get("keywords", []))
        for label, url in metadata.get("project_urls", {}).items():
            yield f"Project-URL {label}", url
        yield "Description", metadata.get("description", "")
    table = affineur_table(texts.pyproject)
    if table is not None:
        yield "[tool.affineur] challenge", str(table.get("challenge", ""))


def _has_word(text: str, word: str) -> bool:
    """The nonce whole, not as a part of something longer."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None
