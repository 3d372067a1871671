"""Consent as code: the sdist itself says what may be built. It says nothing of who asks here."""

import hashlib
from datetime import datetime
from typing import Any

from packaging.utils import canonicalize_name

from builds.domain.permits import Channel
from builds.domain.planning import parse_specifiers
from builds.errors import BuildsError
from indexes.domain.files import FileKind
from indexes.domain.names import NormalizedName
from indexes.services.refresh import refresh_project
from indexes.upstream import UpstreamInvalid, get_upstream
from portal.ownership.methods.base import Answer, Brought, SeenAtOnce, lapsed, refused
from portal.ownership.models import Proof, ProofState
from portal.ownership.policy import Strength
from portal.ownership.released import affineur_table, newest, texts_of
from portal.ownership.sdists import UnreadableSdist

EXAMPLE = """[tool.affineur]
project = "{project}"
consent = ["build", "publish"]
releases = ">=1.0"
"""


class NotSaid(Exception):
    """The newest sdist does not say it; the message says what it lacks."""


class NotRead(NotSaid):
    """It could not be read, which may be a fault of who serves it."""


class ConsentAsCode(SeenAtOnce):
    name = "consent-as-code"
    label = "A table in the source distribution"
    explanation = (
        "A [tool.affineur] table in the pyproject.toml of the newest sdist names the project and"
        " what may be done with it; we keep it with the sdist's hash. It is read, never run. Who"
        " you are is not in it: that still needs another proof."
    )
    needs = "A released sdist with the table in it."
    strength = Strength.SCOPE
    facts = ()

    def check(self, proof: Proof, at: datetime, brought: Brought | None) -> Answer:  # noqa: ARG002  # nothing is brought
        try:
            return Answer(ProofState.PROVEN, evidence=_said(proof, at))
        except NotSaid as error:
            return refused(proof, str(error))

    def recheck(self, proof: Proof, at: datetime) -> Answer:
        try:
            return Answer(ProofState.PROVEN, evidence=proof.evidence | _said(proof, at))
        except NotSaid as error:
            return lapsed(proof, str(error), is_doubtful=isinstance(error, NotRead))


def _said(proof: Proof, at: datetime) -> dict[str, Any]:
    """The table, and what binds it. Raises `NotSaid`, and what the index floor raises."""
    project = proof.project
    upstream = get_upstream()
    refresh_project(name=NormalizedName(project.name), at=at, upstream=upstream)
    file = newest(project, FileKind.SDIST)
    if file is None:
        raise NotSaid(f"{project} has no sdist upstream: there is nothing to read it from.")
    try:
        pyproject = texts_of(file, upstream).pyproject
    except (UnreadableSdist, UpstreamInvalid) as error:
        raise NotRead(f"{file.filename} cannot be read: {error}.") from error
    table = affineur_table(pyproject)
    if table is None or "consent" not in table:
        raise NotSaid(
            f"{file.filename} has no [tool.affineur] table with `consent` in its pyproject.toml."
            f" It is your turn: release one with\n{EXAMPLE.format(project=project)}"
        )
    return {
        "filename": file.filename,
        "sha256": file.sha256,
        "pyproject_sha256": hashlib.sha256(pyproject).hexdigest(),
        "scope": _scope(project.name, file.filename, table),
    }


def _scope(project: str, filename: str, table: dict[str, Any]) -> dict[str, Any]:
    named = table.get("project")
    if not isinstance(named, str) or canonicalize_name(named) != project:
        raise NotSaid(
            f"The table in {filename} is for {named!r}, not for {project}: a fork or a template"
            f' brings it along. It is your turn: release with project = "{project}" in it.'
        )
    channels = table["consent"]
    if channels not in (["build"], ["build", "publish"], ["publish", "build"]):
        raise NotSaid(
            f'`consent` in the table of {filename} is to be a list with "build", and'
            ' "publish" or not. It is your turn: release with that.'
        )
    releases = table.get("releases", "")
    try:
        specifiers = str(parse_specifiers(releases)) if isinstance(releases, str) else None
    except BuildsError:
        specifiers = None
    if specifiers is None:
        raise NotSaid(
            f"`releases` in the table of {filename} is {releases!r}, which is no version"
            ' specifier such as ">=1.0" (PEP 440). It is your turn: release with one.'
        )
    allowed = [channel.value for channel in Channel if channel in channels]
    return {"channels": allowed, "specifiers": specifiers}
