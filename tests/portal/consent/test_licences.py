import pytest

from indexes.domain.licences import canonical_licence
from indexes.upstream.fake import Fault
from portal.consent.licences import (
    Confidence,
    LicenceSeen,
    addresses_of,
    licence_seen,
)
from tests.portal.people import know

pytestmark = pytest.mark.django_db


def release(upstream, *lines: str, version: str = "1.0"):
    text = "".join(f"{line}\n" for line in ("Metadata-Version: 2.4", "Name: demo", *lines))
    upstream.add_sdist("demo", version, files={"PKG-INFO": text})
    return know("demo")


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        (
            ["License-Expression: mit OR Apache-2.0"],
            ("MIT OR Apache-2.0", "License-Expression", Confidence.STATED),
        ),
        (["License: BSD-3-Clause"], ("BSD-3-Clause", "License", Confidence.LIKELY)),
        (
            ["License: GPL", "Classifier: License :: OSI Approved :: MIT License"],
            ("MIT", "Classifier", Confidence.LIKELY),
        ),
    ],
    ids=["expression", "field", "classifier"],
)
def test_what_the_newest_release_says_is_suggested_with_its_place(upstream, lines, seen):
    expression, place, confidence = seen
    found = licence_seen(release(upstream, *lines))
    assert found == LicenceSeen(expression, f"{place} of demo-1.0.tar.gz", confidence)


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
    assert licence_seen(release(upstream, *lines)) == LicenceSeen()


def test_a_final_release_is_newer_than_a_pre_release(upstream):
    release(upstream, "License: MIT", version="1.0")
    project = release(upstream, "License: ISC", version="2.0rc1")
    assert licence_seen(project).expression == "MIT"


def test_an_archive_that_cannot_be_read_suggests_nothing(upstream):
    upstream.add_file("demo", "demo-1.0.tar.gz", b"garbage")
    assert licence_seen(know("demo")) == LicenceSeen()


def test_upstream_down_suggests_nothing_and_is_asked_again(upstream):
    project = release(upstream, "License: MIT")
    upstream.fail(Fault.UNAVAILABLE, times=9)
    assert licence_seen(project) == LicenceSeen()
    upstream.recover()
    assert licence_seen(project).expression == "MIT"


def test_a_file_is_fetched_once(upstream):
    project = release(upstream, "License: MIT")
    licence_seen(project)
    before = len(upstream.seen)
    assert licence_seen(project).expression == "MIT"
    assert len(upstream.seen) == before


def test_an_expression_is_written_as_spdx_does():
    assert canonical_licence("mit and apache-2.0") == "MIT AND Apache-2.0"
    assert canonical_licence("GPL") is None


def with_files(upstream, files: dict[str, str]):
    metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
    upstream.add_sdist("demo", "1.0", files={"PKG-INFO": metadata, **files})
    return know("demo")


MIT = """MIT License

Permission is hereby granted, free of charge, to any person
obtaining a copy of this software and associated documentation files.

The above copyright notice and this permission notice shall be included in all copies.
"""
GPL_3 = "GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007\n"


def test_a_licence_file_is_a_guess(upstream):
    seen = licence_seen(with_files(upstream, {"LICENSE.txt": MIT}))
    place = "LICENSE.txt of demo-1.0.tar.gz"
    assert seen == LicenceSeen("MIT", place, Confidence.GUESSED)


def test_two_licence_files_that_differ_are_none(upstream):
    files = {"LICENSE-MIT": MIT, "COPYING": GPL_3}
    assert licence_seen(with_files(upstream, files)) == LicenceSeen()


def test_a_licence_of_a_vendored_part_is_not_the_projects(upstream):
    assert licence_seen(with_files(upstream, {"vendor/LICENSE": MIT})) == LicenceSeen()


def test_whom_to_write_to_is_who_maintains_it_first(upstream):
    lines = [
        'Author-email: "Ada, L." <ada@x.example>, nobody',
        "Maintainer-email: team@x.example",
    ]
    assert addresses_of(release(upstream, *lines)) == ("team@x.example", "ada@x.example")
