"""What is upstream, and what of it we follow and have built: all that the rules need to see."""

from dataclasses import dataclass
from datetime import UTC, datetime

from indexes.domain.names import NormalizedName
from indexes.domain.status import ProjectStatus
from indexes.models import File
from indexes.upstream.fake import FakeUpstream
from tests.indexes.conftest import Farm
from tests.indexes.wheels import make_wheel, metadata_of

DEMO = NormalizedName("demo-pkg")
QUARANTINED = NormalizedName("quarantined-pkg")
ARCHIVED = NormalizedName("archived-pkg")
UNDATED = NormalizedName("undated-pkg")
FOLLOWED = (ARCHIVED, DEMO, QUARANTINED, UNDATED)
# It is upstream, and we do not follow it.
STRANGER = "stranger"
NOWHERE = "nowhere-to-be-found"

REASON = """broken <b>on "win" & 'mac'</b> <script>alert(1)</script>"""
PYTHON = ">=3.8,<4"
HOSTILE = 'demo_pkg-0.6-1"><script>alert(1)<-py3-none-any.whl'
PROVENANCE = {"version": 1, "attestation_bundles": []}
# Ours of this release was made before upstream made one.
OVERTAKEN = "0.7"
LOCAL = "1.0+local.1"
OURS = ("0.7", "0.8", "0.9", "1.0", LOCAL)


@dataclass(frozen=True, slots=True)
class Expected:
    """A file, as a page that lists it must show it."""

    filename: str
    content: bytes
    metadata: bytes | None
    uploaded_at: datetime | None
    requires_python: str = ""
    yanked: bool | str = False
    provenance_url: str = ""
    is_ours: bool = False


def fill_upstream(upstream: FakeUpstream) -> None:
    """All of it but the wheel that overtakes one of ours."""
    upstream.add_file(DEMO, HOSTILE, b"hostile name")
    upstream.add_sdist(DEMO, OVERTAKEN)
    for version, reason in (("0.8", REASON), ("0.9", "")):
        upstream.add_sdist(DEMO, version)
        upstream.yank(DEMO, version, reason=reason)
    upstream.add_sdist("Demo.Pkg", "1.0", requires_python=PYTHON)
    upstream.add_file(DEMO, f"demo_pkg-{LOCAL}.tar.gz", b"a version with a plus")
    upstream.add_sdist(QUARANTINED, "1.0")
    upstream.add_sdist(ARCHIVED, "1.0")
    upstream.add_project(ARCHIVED, status=ProjectStatus.ARCHIVED, reason=REASON)
    upstream.add_file(UNDATED, "undated_pkg-1.0.tar.gz", b"of before times", uploaded_at=None)
    upstream.add_sdist(STRANGER, "1.0")


def finish_upstream(upstream: FakeUpstream) -> None:
    """What upstream does after our wheels were made."""
    upstream.add_file(
        DEMO,
        f"demo_pkg-{OVERTAKEN}-py3-none-any.whl",
        make_wheel(DEMO, OVERTAKEN, made_by="upstream"),
        metadata=metadata_of(DEMO, OVERTAKEN),
        provenance=PROVENANCE,
    )
    upstream.add_project(QUARANTINED, status=ProjectStatus.QUARANTINED, reason=REASON)


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


def publish(farm: Farm, name: NormalizedName, version: str) -> None:
    farm.publish(
        "py3-none-any",
        name=name,
        version=version,
        content=make_wheel(name, version, requires_python=PYTHON),
        metadata=metadata_of(name, version, requires_python=PYTHON),
        requires_python=PYTHON,
    )


def expected_upstream(upstream: FakeUpstream, name: NormalizedName) -> dict[str, Expected]:
    page = upstream.page(name)
    assert page is not None
    return {
        file.filename: Expected(
            filename=file.filename,
            content=upstream.body(file.url) or b"",
            metadata=upstream.body(f"{file.url}.metadata"),
            uploaded_at=file.uploaded_at,
            requires_python=file.requires_python,
            yanked=(file.yanked_reason or True) if file.is_yanked else False,
            provenance_url=file.provenance_url,
        )
        for file in page.files
    }


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
