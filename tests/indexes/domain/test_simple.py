import json
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from pypi_simple import ProjectPage as TheirPage

from indexes.domain.names import NormalizedName
from indexes.domain.simple import (
    InvalidPage,
    ListedFile,
    ProjectPage,
    RootPage,
    format_time,
    parse_json,
    render_html,
    render_json,
    render_root_html,
    render_root_json,
    union,
)
from indexes.domain.status import ProjectStatus
from tests.indexes.domain.strategies import listed_files, pages

BASE = "https://upstream.example/simple/demo/"


class Anchors(HTMLParser):
    """What a browser would see: elements, and the anchors with their text."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.anchors: list[tuple[dict[str, str | None], str]] = []
        self.metas: dict[str, str] = {}
        self.feed(body.decode())

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        given_attributes = dict(attrs)
        if tag == "a":
            self.anchors.append((given_attributes, ""))
        if "name" in given_attributes:
            self.metas[given_attributes["name"]] = given_attributes["content"]

    def handle_data(self, data):
        if self.anchors and self.lasttag == "a":
            attributes, text = self.anchors[-1]
            self.anchors[-1] = (attributes, text + data)


@given(pages())
def test_what_is_written_as_json_is_read_the_same(page):
    assert parse_json(render_json(page), base_url=BASE) == page


@given(pages())
def test_json_has_no_null_and_no_empty_yank(page):
    files = json.loads(render_json(page))["files"]
    assert all(value is not None for file in files for value in file.values())
    assert all(file["yanked"] != "" for file in files)
    assert [file["yanked"] is not False for file in files] == [f.is_yanked for f in page.files]


@given(pages())
def test_html_says_what_json_says_and_nothing_escapes(page):
    seen = Anchors(render_html(page))
    known = {"html", "head", "meta", "title", "body", "h1", "a", "br"}
    assert seen.elements <= known
    assert [text.removesuffix("\n") for _, text in seen.anchors] == [f.filename for f in page.files]
    for (attributes, _), file in zip(seen.anchors, page.files, strict=True):
        assert attributes["href"].startswith(file.url)
        assert attributes.get("data-yanked") == (file.yanked_reason if file.is_yanked else None)
        assert attributes.get("data-requires-python", "") == file.requires_python
        assert attributes.get("data-core-metadata") == attributes.get("data-dist-info-metadata")
        assert ("data-core-metadata" in attributes) == file.has_metadata
        assert attributes.get("data-provenance", "") == file.provenance_url
    assert seen.metas["pypi:repository-version"] == "1.4"
    assert seen.metas["pypi:project-status"] == page.status
    assert seen.metas.get("pypi:project-status-reason", "") == page.status_reason


@given(pages())
def test_another_implementation_reads_both_forms(page):
    from_json = TheirPage.from_json_data(json.loads(render_json(page)), base_url=BASE)
    from_html = TheirPage.from_html("demo", render_html(page), base_url=BASE)
    for theirs in (from_json, from_html):
        assert [package.filename for package in theirs.packages] == [f.filename for f in page.files]
        assert [package.is_yanked for package in theirs.packages] == [
            file.is_yanked for file in page.files
        ]


@given(pages(), listed_files())
def test_a_page_never_lists_a_filename_twice(page, file):
    joined = union(page, [file, file, *page.files], ["9.9"])
    filenames = [listed.filename for listed in joined.files]
    assert len(filenames) == len(set(filenames))
    assert set(page.files) <= set(joined.files)
    assert joined.versions == (*page.versions, "9.9")


def test_json_has_every_field_by_its_name():
    file = ListedFile(
        filename="demo-1.0-py3-none-any.whl",
        url="/files/x",
        sha256="a" * 64,
        size=10,
        uploaded_at=datetime(2024, 5, 1, 10, tzinfo=UTC),
        requires_python=">=3.8",
        has_metadata=True,
        metadata_sha256="b" * 64,
        provenance_url="https://upstream.example/provenance",
    )
    page = ProjectPage(NormalizedName("demo"), ProjectStatus.ARCHIVED, "done", (file,), ("1.0",), 7)
    assert json.loads(render_json(page)) == {
        "meta": {"api-version": "1.4", "_last-serial": 7},
        "name": "demo",
        "project-status": {"status": "archived", "reason": "done"},
        "versions": ["1.0"],
        "files": [
            {
                "filename": "demo-1.0-py3-none-any.whl",
                "url": "/files/x",
                "hashes": {"sha256": "a" * 64},
                "requires-python": ">=3.8",
                "size": 10,
                "upload-time": "2024-05-01T10:00:00.000000Z",
                "yanked": False,
                "core-metadata": {"sha256": "b" * 64},
                "data-dist-info-metadata": {"sha256": "b" * 64},
                "provenance": "https://upstream.example/provenance",
            }
        ],
    }


def test_metadata_without_a_hash_is_passed_on_as_it_came():
    page = ProjectPage(
        NormalizedName("demo"), files=(ListedFile("demo-1.zip", "/x", has_metadata=True),)
    )
    assert json.loads(render_json(page))["files"][0]["core-metadata"] is True
    assert b'data-core-metadata="true"' in render_html(page)


def test_roots_list_their_projects():
    root = RootPage((NormalizedName("alpha"), NormalizedName("beta")), serial=3)
    assert json.loads(render_root_json(root)) == {
        "meta": {"api-version": "1.4", "_last-serial": 3},
        "projects": [{"name": "alpha"}, {"name": "beta"}],
    }
    anchors = Anchors(render_root_html(root)).anchors
    assert [attributes["href"] for attributes, _ in anchors] == ["alpha/", "beta/"]


@pytest.mark.parametrize(
    ("said", "serial"),
    [
        (7, 7),
        ("12", 12),
        (None, None),
        ("", None),
        ("x", None),
        (-1, None),
        ("9" * 99, None),
        ([], None),
    ],
)
def test_a_serial_is_a_number_or_its_digits_and_never_spoils_a_page(said, serial):
    body = {"meta": {"api-version": "1.1", "_last-serial": said}, "name": "demo", "files": []}
    page = parse_json(json.dumps(body).encode(), base_url="https://upstream.example/simple/demo/")
    assert page.serial == serial


def page_with_status(status):
    page = {"meta": {"api-version": "1.4"}, "name": "demo", "files": []}
    return json.dumps(page | {"project-status": {"status": status}}).encode()


def page_of(**fields):
    file = {"filename": "demo-1.zip", "url": "demo-1.zip", "hashes": {}} | fields
    return json.dumps({"meta": {"api-version": "1.0"}, "name": "demo", "files": [file]}).encode()


def read_file(**fields):
    (file,) = parse_json(page_of(**fields), base_url=BASE).files
    return file


def test_a_page_of_the_oldest_version_is_read():
    file = read_file()
    assert file == ListedFile("demo-1.zip", "https://upstream.example/simple/demo/demo-1.zip")


def test_without_versions_they_are_those_of_the_files():
    body = json.loads(page_of())
    body["files"] = [
        {"filename": filename, "url": filename, "hashes": {}}
        for filename in ("demo-10.0.zip", "demo-9.0.tar.gz", "demo-9.0-py3-none-any.whl", "x.exe")
    ]
    assert parse_json(json.dumps(body).encode(), base_url=BASE).versions == ("9.0", "10.0")


def test_an_empty_string_is_a_yank_without_a_reason():
    assert read_file(yanked="").is_yanked
    assert read_file(yanked=True).is_yanked
    assert not read_file(yanked=False).is_yanked


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("2024-05-01T10:00:00", "2024-05-01T10:00:00.000000Z"),
        ("2024-05-01T10:00:00.5+02:00", "2024-05-01T08:00:00.500000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_a_time_is_shown_in_utc_with_all_its_digits(said, shown):
    assert format_time(read_file(**{"upload-time": said}).uploaded_at) == shown


def test_nulls_are_read_as_nothing_said():
    file = read_file(**dict.fromkeys(["size", "upload-time", "requires-python", "provenance"]))
    assert (file.size, file.uploaded_at, file.requires_python, file.provenance_url) == (
        None,
        None,
        "",
        "",
    )


def test_the_old_key_of_metadata_is_read():
    assert (
        read_file(**{"data-dist-info-metadata": {"sha256": "a" * 64}}).metadata_sha256 == "a" * 64
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"meta": {"api-version": "2.0"}, "name": "demo", "files": []}',
        b'{"meta": {"api-version": 1}, "name": "demo", "files": []}',
        b'{"meta": {"api-version": "1.0"}, "name": "../demo", "files": []}',
        b'{"meta": {"api-version": "1.0"}, "name": "demo"}',
        b'{"meta": {"api-version": "1.0"}, "name": "demo", "files": ["x"]}',
        b'{"meta": {"api-version": "1.0"}, "name": "demo", "files": [], "versions": "1"}',
        b'{"meta": {"api-version": "1.4"}, "name": "demo", "files": [], "project-status": ""}',
        page_with_status("deleted"),
        page_with_status("haunted"),
        page_of(filename="../../etc/passwd"),
        page_of(filename="a\nb.zip"),
        page_of(filename=""),
        page_of(filename="a" * 256),
        page_of(filename=7),
        page_of(url="javascript:alert(1)"),
        page_of(url="http://169.254.169.254/latest/meta-data/"),
        page_of(url="http://[::1]:6379/"),
        page_of(url="http://[::ffff:10.0.0.1]/"),
        page_of(url="http://2130706433/"),
        page_of(url="http://127.1/"),
        page_of(url="http://0x7f.1/"),
        page_of(url="http://localhost./"),
        page_of(url="http://metadata.google.internal/"),
        page_of(url="file:///etc/passwd"),
        page_of(url="http://[broken"),
        page_of(hashes={"sha256": "XYZ"}),
        page_of(hashes=None),
        page_of(yanked=None),
        page_of(yanked=1),
        page_of(yanked="a\0b"),
        page_of(yanked="\ud800"),
        page_of(size=-1),
        page_of(size="10"),
        page_of(size=2**63),
        page_of(size=True),
        page_of(**{"upload-time": "yesterday"}),
        page_of(**{"upload-time": 5}),
        page_of(**{"upload-time": "0001-01-01T00:00:00+10:00"}),
        page_of(**{"upload-time": "9999-12-31T23:59:59-10:00"}),
        page_of(**{"upload-time": "9999-12-31T23:59:59Z"}),
        page_of(**{"requires-python": 3}),
    ],
)
def test_what_is_not_a_page_is_refused_whole(body):
    with pytest.raises(InvalidPage):
        parse_json(body, base_url=BASE)


def test_a_filename_listed_twice_is_refused():
    body = json.loads(page_of())
    body["files"] *= 2
    with pytest.raises(InvalidPage, match="twice"):
        parse_json(json.dumps(body).encode(), base_url=BASE)
