"""What the environment may say, and what is refused at the start."""

import pytest

from portal.settings.base import index_from


def test_an_upstream_is_named_by_its_address():
    assert index_from("https://upstream.example/simple/") == "https://upstream.example/simple/"


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:secret@upstream.example/simple/",
        "https://token@upstream.example/simple/",
        "upstream.example/simple/",
        "file:///simple/",
        "",
    ],
)
def test_an_upstream_that_pages_could_not_show_is_refused(url):
    """Its address stands in redirects and in those of its files."""
    with pytest.raises(ValueError, match="AFFINEUR_UPSTREAM"):
        index_from(url)
