"""A site of ours that follows the corpus and has built wheels of it."""

from datetime import UTC

from indexes.domain.curation import Rules
from indexes.domain.names import NormalizedName
from indexes.models import File
from indexes.services.curated import Terms, add_reader_token, create_index
from indexes.upstream.fake import FakeUpstream
from tests.indexes.conformance.corpus import (
    DEMO,
    FOLLOWED,
    OURS,
    OVERTAKEN,
    PYTHON,
    QUARANTINED,
    REASON,
    Expected,
    expected_upstream,
    fill_upstream,
    finish_upstream,
)
from tests.indexes.conformance.kinds import SECRET, Kind
from tests.indexes.conftest import Farm
from tests.indexes.wheels import make_wheel, metadata_of


def fill_site(farm: Farm) -> None:
    """Follow upstream and have wheels of ours."""
    fill_upstream(farm.upstream)
    for name in FOLLOWED:
        farm.enrol(name)
    for version in OURS:
        publish(farm, DEMO, version)
    publish(farm, QUARANTINED, "1.0")
    finish_upstream(farm.upstream)
    for name in FOLLOWED:
        farm.refresh(name)
    for slug, is_private in (("public", False), ("private", True)):
        rules = Rules(without_superseded=True)
        terms = Terms(FOLLOWED, is_private=is_private, rules=rules)
        create_index(tenant="dairy", slug=slug, terms=terms, at=farm.now)
    add_reader_token(
        tenant="dairy", name="ci", prefix="affr", secret=SECRET, expires_at=None, at=farm.now
    )


def publish(farm: Farm, name: NormalizedName, version: str) -> None:
    farm.publish(
        "py3-none-any",
        name=name,
        version=version,
        content=make_wheel(name, version, requires_python=PYTHON),
        metadata=metadata_of(name, version, requires_python=PYTHON),
        requires_python=PYTHON,
    )


def expected_ours(name: NormalizedName) -> dict[str, Expected]:
    """The wheels of ours that pages list, with upstream's yanks, without what it overtook."""
    yanks: dict[str, bool | str] = {"0.8": REASON, "0.9": True}
    files = File.objects.filter(project__name=name).exclude(version=OVERTAKEN)
    return {
        file.filename: Expected(
            filename=file.filename,
            content=make_wheel(name, file.version, requires_python=PYTHON),
            metadata=metadata_of(name, file.version, requires_python=PYTHON),
            uploaded_at=file.published_at.astimezone(UTC),
            requires_python=PYTHON,
            yanked=yanks.get(file.version, False),
            is_ours=True,
        )
        for file in files
    }


def expected(kind: Kind, upstream: FakeUpstream) -> dict[str, Expected]:
    """The files of the demonstration project that an index of that kind lists."""
    theirs = expected_upstream(upstream, DEMO) if kind.has_upstream else {}
    return theirs | (expected_ours(DEMO) if kind.has_ours else {})
