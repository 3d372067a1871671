from datetime import UTC, datetime

import pytest

from indexes.domain.names import parse_project_name
from indexes.domain.simple import InvalidPage, ListedFile, ProjectPage, parse_html, render_html
from indexes.domain.status import ProjectStatus

NAME = parse_project_name("brie")
BASE = "https://upstream.example/simple/brie/"
DIGEST = "a" * 64


def read(html: str) -> ProjectPage:
    return parse_html(html.encode(), name=NAME, base_url=BASE)


def page_with(anchor: str, head: str = "") -> str:
    return f"<!DOCTYPE html><html><head>{head}</head><body>{anchor}</body></html>"


def test_an_anchor_becomes_a_file_with_all_that_it_says() -> None:
    page = read(
        page_with(
            f'<a href="../../files/brie-1.0.tar.gz#sha256={DIGEST}" data-yanked="mould"'
            ' data-requires-python="&gt;=3.9" data-size="12" data-dist-info-metadata="true"'
            ' data-upload-time="2024-05-01T10:00:00.5Z">brie-1.0.tar.gz</a>'
        )
    )

    assert page.files == (
        ListedFile(
            filename="brie-1.0.tar.gz",
            url="https://upstream.example/files/brie-1.0.tar.gz",
            sha256=DIGEST,
            size=12,
            uploaded_at=datetime(2024, 5, 1, 10, 0, 0, 500_000, tzinfo=UTC),
            requires_python=">=3.9",
            is_yanked=True,
            yanked_reason="mould",
            has_metadata=True,
        ),
    )


def test_a_yank_without_a_reason_is_a_yank() -> None:
    anchor = '<a href="brie-1.0.tar.gz" data-yanked>brie-1.0.tar.gz</a>'

    assert read(page_with(anchor)).files[0].is_yanked


def test_our_own_html_is_read_back_as_it_was_written() -> None:
    file = ListedFile(
        filename="brie-1.0-py3-none-any.whl",
        url="https://upstream.example/files/brie-1.0-py3-none-any.whl",
        sha256=DIGEST,
        requires_python="<4,>=3.9",
        is_yanked=True,
        yanked_reason='"mould" & <more>',
        has_metadata=True,
        metadata_sha256="b" * 64,
        provenance_url="https://upstream.example/provenance",
    )
    page = ProjectPage(
        name=NAME,
        status=ProjectStatus.ARCHIVED,
        status_reason="resting",
        files=(file,),
        versions=("1.0",),
    )

    assert parse_html(render_html(page), name=NAME, base_url=BASE) == page


def test_a_quarantined_project_may_list_no_file() -> None:
    page = ProjectPage(name=NAME, status=ProjectStatus.QUARANTINED, status_reason="malware")

    assert parse_html(render_html(page), name=NAME, base_url=BASE) == page


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        (page_with("Please sign in to this network."), "lists no file"),
        (page_with('<a href="x.tar.gz">x.tar.gz</a>').removesuffix("</html>"), "before its end"),
        (page_with('<a href="javascript:x">brie-1.0.tar.gz</a>'), "no address on the web"),
        (page_with('<a href="x">brie-1.0.tar.gz</a><a href="x">brie-1.0.tar.gz</a>'), "twice"),
        (page_with("<![of old"), "no HTML"),
        (page_with('<a href="x">brie-1.0.tar.gz</a>', '<base href="http://[x">'), "no HTML"),
        (page_with(f'<a href="x" data-size="{"9" * 5_000}">brie-1.0.tar.gz</a>'), "no HTML"),
        (
            page_with(
                '<a href="x">brie-1.0.tar.gz</a>',
                '<meta name="pypi:repository-version" content="2.0">',
            ),
            "API version",
        ),
    ],
)
def test_a_page_that_cannot_be_trusted_is_refused(html: str, problem: str) -> None:
    with pytest.raises(InvalidPage, match=problem):
        read(html)
