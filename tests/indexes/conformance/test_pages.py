"""What a project's page says (PEP 592, 629, 691, 700, 708, 740, 792; simple API 1.4)."""

import json
import re
from datetime import UTC, datetime

import pytest
from packaging.utils import canonicalize_name

from tests.indexes.conformance.corpus import ARCHIVED, DEMO, OVERTAKEN, QUARANTINED, REASON
from tests.indexes.conformance.reading import (
    JSON,
    PLAIN_HTML,
    read_document,
    read_page,
)

pytestmark = pytest.mark.django_db

# Keys of 1.4 and no other; what begins with an underscore is an index's own (PEP 691).
TOP = {"meta", "name", "files", "versions", "project-status"}
FILE = {
    "filename",
    "url",
    "hashes",
    "requires-python",
    "core-metadata",
    "dist-info-metadata",
    "data-dist-info-metadata",
    "gpg-sig",
    "yanked",
    "size",
    "upload-time",
    "provenance",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


def json_pages(index):
    """Of every project that the index lists."""
    answers = (index.ask(f"{name}/", accept=JSON) for name in index.kind.names)
    return [json.loads(answer.body) for answer in answers]


def json_files(index):
    return {
        file["filename"]: file
        for file in json.loads(index.ask(f"{DEMO}/", accept=JSON).body)["files"]
    }


@pytest.mark.parametrize("path", ["", f"{DEMO}/"])
def test_the_version_of_the_api_is_said_and_is_no_later_than_1_4(index, path):
    said = [
        json.loads(index.ask(path, accept=JSON).body)["meta"]["api-version"],
        read_document(index.ask(path, accept=PLAIN_HTML)).meta("pypi:repository-version"),
    ]
    for version in said:
        major, _, minor = version.partition(".")
        assert major == "1"
        assert 0 <= int(minor) <= 4


def test_a_page_of_files_and_versions_is_of_1_1_or_later(index, page):
    assert int(page.api_version.partition(".")[2]) >= 1


def test_the_name_is_the_normalised_one(index):
    for page in json_pages(index):
        assert page["name"] == canonicalize_name(page["name"])


def test_versions_are_those_of_the_files_each_once(index):
    (page,) = (page for page in json_pages(index) if page["name"] == DEMO)
    assert len(page["versions"]) == len(set(page["versions"]))
    of_files = {file["filename"].split("-")[1].removesuffix(".tar.gz") for file in page["files"]}
    assert of_files <= set(page["versions"])


def test_every_file_is_listed_once(index, page):
    assert sorted(page.filenames) == sorted(index.expected)


def test_no_name_is_given_twice_with_different_bytes(index, form):
    pages = [read_page(index.ask(f"{name}/", accept=form)) for name in index.kind.names]
    names = [file.filename for page in pages for file in page.files]
    assert len(names) == len(set(names))


def test_an_address_leads_to_the_bytes_of_the_hash(index, page):
    for file in page.files:
        answer = index.ask_url(file.url)
        assert answer.status == 200
        assert answer.body == index.expected[file.filename].content


def test_every_file_has_its_sha256(index, page, sha256):
    for file in page.files:
        assert file.hashes["sha256"] == sha256(index.expected[file.filename].content)


def test_sizes_are_right_and_never_null(index):
    for filename, file in json_files(index).items():
        assert file["size"] == len(index.expected[filename].content)


def test_a_time_of_upload_is_when_the_index_got_the_file(index):
    for filename, file in json_files(index).items():
        assert TIME.fullmatch(file["upload-time"])
        said = datetime.fromisoformat(file["upload-time"]).astimezone(UTC)
        assert said == index.expected[filename].uploaded_at


def test_what_is_not_known_is_left_out_and_not_null(index):
    for page in json_pages(index):
        for file in page["files"]:
            assert None not in [file.get(key, 0) for key in ("size", "upload-time", "yanked")]


def test_requires_python_is_as_it_was_written(index, page):
    said = {file.filename: file.requires_python or "" for file in page.files}
    assert said == {name: file.requires_python for name, file in index.expected.items()}


def test_yanked_is_a_truth_or_a_reason_and_never_empty_or_null(index):
    for filename, file in json_files(index).items():
        assert file["yanked"] not in ("", None)
        assert file["yanked"] == index.expected[filename].yanked


def test_a_yank_comes_with_its_reason(index, page):
    said = {file.filename: file.yanked for file in page.files}
    assert said == {name: file.yanked for name, file in index.expected.items()}


def test_metadata_is_announced_only_where_it_is(index, page, sha256):
    said = {file.filename: file.metadata for file in page.files}
    wanted = {name: file.metadata for name, file in index.expected.items()}
    assert said == {
        name: sha256(metadata) if metadata is not None else False
        for name, metadata in wanted.items()
    }


def test_announced_metadata_is_there_and_is_that_of_the_wheel(index, page, metadata_in):
    announced = [file for file in page.files if file.metadata]
    assert announced
    for file in announced:
        answer = index.ask_url(f"{file.url}.metadata")
        assert answer.status == 200
        assert answer.body == metadata_in(index.expected[file.filename].content)


def test_metadata_has_its_older_names_too(index):
    announced = [file for file in json_files(index).values() if file.get("core-metadata")]
    assert announced
    for file in announced:
        older = file.get("data-dist-info-metadata", file.get("dist-info-metadata"))
        assert older == file["core-metadata"]
    anchors = read_document(index.ask(f"{DEMO}/", accept=PLAIN_HTML)).named("a")
    for said in (anchor.attributes for anchor in anchors):
        assert said.get("data-core-metadata") == said.get("data-dist-info-metadata")


@pytest.mark.only(has_upstream=True)
def test_provenance_of_an_upstream_file_is_upstreams(index, page):
    said = {file.filename: file.provenance or "" for file in page.files}
    theirs = {
        name: file.provenance_url for name, file in index.expected.items() if not file.is_ours
    }
    assert {name: said[name] for name in theirs} == theirs
    assert any(theirs.values())


def test_the_status_of_a_project_is_at_the_top(index):
    for page in json_pages(index):
        assert page["project-status"]["status"] in {
            "active",
            "archived",
            "quarantined",
            "deprecated",
        }


@pytest.mark.only(has_upstream=True)
@pytest.mark.parametrize(("name", "status"), [(ARCHIVED, "archived"), (QUARANTINED, "quarantined")])
def test_a_status_and_its_reason_are_upstreams(index, form, name, status):
    if name not in index.kind.names:
        pytest.skip("it has another project alone")
    page = read_page(index.ask(f"{name}/", accept=form))
    assert (page.status, page.status_reason) == (status, REASON)


def test_a_quarantined_project_lists_no_file(index, form):
    answer = index.ask(f"{QUARANTINED}/", accept=form)
    listed = read_page(answer).files if answer.status == 200 else ()
    assert listed == ()


def test_no_key_is_there_that_the_api_does_not_have(index):
    """No `alternate-locations` (PEP 708 was rejected), nothing of a later version."""
    for page in json_pages(index):
        assert {key for key in page if not key.startswith("_")} <= TOP
        assert {key for key in page["meta"] if not key.startswith("_")} <= {"api-version"}
        for file in page["files"]:
            assert {key for key in file if not key.startswith("_")} <= FILE


def test_html_has_no_later_elements_either(index):
    for name in index.kind.names:
        document = read_document(index.ask(f"{name}/", accept=PLAIN_HTML))
        named = {said.attributes.get("name", "") for said in document.named("meta")}
        assert {name for name in named if name.startswith("pypi:")} <= {
            "pypi:repository-version",
            "pypi:project-status",
            "pypi:project-status-reason",
        }


@pytest.mark.only(has_ours=True)
def test_what_upstream_has_overtaken_is_not_listed(index, page):
    assert not [name for name in page.filenames if f"-{OVERTAKEN}-1affineur" in name]
