"""A library that others read indexes with reads every page of ours."""

import pypi_simple
import pytest

from tests.indexes.conformance.corpus import DEMO

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.any_database,
    pytest.mark.only(is_ours=True),
]
ACCEPTS = {"json": pypi_simple.ACCEPT_JSON_ONLY, "html": pypi_simple.ACCEPT_HTML_ONLY}


@pytest.mark.parametrize("accept", ACCEPTS.values(), ids=ACCEPTS)
def test_pypi_simple_reads_every_page(index, accept):
    with pypi_simple.PyPISimple(index.url, accept=accept) as client:
        client.s.headers.update(index.kind.headers)
        listed = client.get_index_page().projects
        pages = {name: client.get_project_page(name) for name in listed}
    assert sorted(listed) == sorted(index.kind.names)
    shown = {package.filename: package for package in pages[DEMO].packages}
    assert shown.keys() == index.expected.keys()
    for filename, expected in index.expected.items():
        package = shown[filename]
        assert package.is_yanked == bool(expected.yanked)
        assert package.requires_python == (expected.requires_python or None)
        assert bool(package.has_metadata) == (expected.metadata is not None)
        assert len(package.digests["sha256"]) == 64
