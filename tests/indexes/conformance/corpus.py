"""What is upstream: all that the rules need to see."""

from dataclasses import dataclass
from datetime import datetime

from indexes.domain.names import NormalizedName
from indexes.domain.status import ProjectStatus
from indexes.upstream.fake import FakeUpstream
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
