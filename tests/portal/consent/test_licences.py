import pytest

from indexes.domain.licences import canonical_licence
from indexes.upstream.fake import Fault
from portal.consent.licences import licence_seen
from tests.portal.people import know

pytestmark = pytest.mark.django_db


def release(upstream, *lines: str, version: str = "1.0"):
    text = "".join(f"{line}\n" for line in ("Metadata-Version: 2.4", "Name: demo", *lines))
    upstream.add_sdist("demo", version, files={"PKG-INFO": text})
    return know("demo")


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        (["License-Expression: mit OR Apache-2.0"], ("MIT OR Apache-2.0", "License-Expression")),
        (["License: BSD-3-Clause"], ("BSD-3-Clause", "License")),
        (
            ["License: GPL", "Classifier: License :: OSI Approved :: MIT License"],
            ("MIT", "Classifier"),
        ),
    ],
    ids=["expression", "field", "classifier"],
)
def test_what_the_newest_release_says_is_suggested_with_its_place(upstream, lines, seen):
    expression, place = seen
    assert licence_seen(release(upstream, *lines)) == (expression, f"{place} of demo-1.0.tar.gz")


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["License: do what you want"],
        ["Classifier: License :: OSI Approved :: BSD License"],
        [
            "Classifier: License :: OSI Approved :: MIT License",
            "Classifier: License :: OSI Approved :: ISC License (ISCL)",
        ],
    ],
    ids=["nothing", "prose", "several licences of one name", "several classifiers"],
)
def test_what_is_unclear_is_left_to_the_maintainer(upstream, lines):
    assert licence_seen(release(upstream, *lines)) == ("", "")


def test_a_final_release_is_newer_than_a_pre_release(upstream):
    release(upstream, "License: MIT", version="1.0")
    project = release(upstream, "License: ISC", version="2.0rc1")
    assert licence_seen(project)[0] == "MIT"


def test_an_archive_that_cannot_be_read_suggests_nothing(upstream):
    upstream.add_file("demo", "demo-1.0.tar.gz", b"garbage")
    assert licence_seen(know("demo")) == ("", "")


def test_upstream_down_suggests_nothing_and_is_asked_again(upstream):
    project = release(upstream, "License: MIT")
    upstream.fail(Fault.UNAVAILABLE, times=9)
    assert licence_seen(project) == ("", "")
    upstream.recover()
    assert licence_seen(project)[0] == "MIT"


def test_a_file_is_fetched_once(upstream):
    project = release(upstream, "License: MIT")
    licence_seen(project)
    before = len(upstream.seen)
    assert licence_seen(project)[0] == "MIT"
    assert len(upstream.seen) == before


def test_an_expression_is_written_as_spdx_does():
    assert canonical_licence("mit and apache-2.0") == "MIT AND Apache-2.0"
    assert canonical_licence("GPL") is None
