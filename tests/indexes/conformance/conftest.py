"""One site for all rules: a real server of our thin entry, in one transaction that is undone."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.db import transaction
from django.test.utils import override_settings

from indexes.models import File
from indexes.upstream.fake import FakeUpstream
from tests.indexes.conformance.corpus import DEMO, OVERTAKEN, QUARANTINED
from tests.indexes.conformance.kinds import FOREIGN, KINDS, Index
from tests.indexes.conformance.reading import ANY_HTML, JSON, ReadFile, ReadPage, read_page
from tests.indexes.conformance.site import expected, fill_site
from tests.indexes.conftest import Farm
from tests.indexes.serving import serving


@pytest.fixture(scope="package")
def upstream() -> Iterator[FakeUpstream]:
    upstream = FakeUpstream()
    with upstream.serve() as url, override_settings(AFFINEUR_UPSTREAM=url):
        yield upstream


@pytest.fixture(scope="package")
def site(upstream, django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[str]:
    with django_db_blocker.unblock(), transaction.atomic(), serving() as url:
        fill_site(Farm(upstream, tmp_path_factory.mktemp("conformance")))
        yield url
        transaction.set_rollback(True)


@pytest.fixture
def _django_db_helper(site: str) -> None:
    """In place of pytest-django's: no transaction of each test's own, whose end would end ours."""


@pytest.fixture(scope="package")
def indexes(request, site, upstream) -> dict[str, Index]:
    """By name, each index of ours, and each foreign one that was given (`peers`)."""
    peers = request.config.pluginmanager.get_plugin("peers")
    ours = {
        name: Index(site + kind.path, kind, expected(kind, upstream), f"{upstream.url}/simple/")
        for name, kind in KINDS.items()
    }
    return ours | ({} if peers is None else peers.indexes)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each rule is run on every kind of index that it is about, and in both forms."""
    if "index" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("only")
        facts = {} if only is None else only.kwargs
        peers = metafunc.config.pluginmanager.get_plugin("peers")
        kinds = KINDS | dict.fromkeys([] if peers is None else peers.names, FOREIGN)
        names = [
            name
            for name, kind in kinds.items()
            if all(getattr(kind, fact) == value for fact, value in facts.items())
        ]
        metafunc.parametrize("index_name", names)
    if "form" in metafunc.fixturenames:
        metafunc.parametrize("form", [JSON, ANY_HTML], ids=["json", "html"])


@pytest.fixture
def index(indexes, index_name) -> Index:
    return indexes[index_name]


@pytest.fixture
def page(index, form) -> ReadPage:
    """The demonstration project's page, in the form."""
    answer = index.ask(f"{DEMO}/", accept=form)
    assert answer.status == 200
    assert answer.media_type in form
    return read_page(answer)


@pytest.fixture
def own_file(index) -> ReadFile:
    """One that the index gives out itself."""
    return index.own_files()[0]


@pytest.fixture
def overtaken_url(site) -> str:
    """Of the wheel of ours that upstream has since made itself."""
    return _url_of(site, project__name=DEMO, version=OVERTAKEN)


@pytest.fixture
def quarantined_url(site) -> str:
    return _url_of(site, project__name=QUARANTINED)


def _url_of(site: str, **facts: str) -> str:
    file = File.objects.get(**facts)
    return f"{site}files/{file.sha256}/{quote(file.filename)}"


@pytest.fixture
def sha256():
    return lambda content: hashlib.sha256(content).hexdigest()


@pytest.fixture
def metadata_in():
    """METADATA as it stands in a wheel."""

    def read(wheel: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
            return archive.read(name)

    return read
