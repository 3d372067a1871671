"""What upstream's own metadata says of licences, for the rules of curated indexes."""

import pytest

from indexes.domain.curation import Rules
from indexes.domain.names import NormalizedName
from indexes.models import ReleaseLicence
from indexes.services import licences, proxy
from indexes.services.curated import Terms, create_index, read_curated
from indexes.services.licences import learn_licences
from indexes.upstream import UpstreamInvalid, UpstreamUnreachable
from tests.indexes.conftest import NAME, NOW

pytestmark = pytest.mark.django_db
MIT = b"Metadata-Version: 2.4\nName: x\nVersion: 1\nLicense-Expression: MIT\n"
GPL = MIT.replace(b"MIT", b"GPL-3.0-only")


class Asked:
    """An upstream whose files are asked for."""

    def __init__(self, inner):
        self.inner = inner
        self.files = []
        self.failure = None

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def fetch_file(self, url, *, max_bytes, sha256):
        self.files.append(url)
        if self.failure is not None:
            raise self.failure
        return self.inner.fetch_file(url, max_bytes=max_bytes, sha256=sha256)


@pytest.fixture
def asked(upstream, monkeypatch):
    asked = Asked(upstream)
    for module in (licences, proxy):
        monkeypatch.setattr(module, "get_upstream", lambda: asked)
    upstream.add_file(NAME, "python_levenshtein-0.12.1-py3-none-any.whl", b"1", metadata=MIT)
    upstream.add_file(NAME, "python_levenshtein-0.12.1-py2-none-any.whl", b"2", metadata=MIT)
    upstream.add_file(NAME, "python_levenshtein-0.12.2-py3-none-any.whl", b"3", metadata=GPL)
    return asked


def index_of(name, *allowed):
    terms = Terms([name], rules=Rules(licences=allowed))
    return create_index(tenant="acme", slug="tools", terms=terms, at=NOW)


def stated():
    return dict(ReleaseLicence.objects.values_list("version", "expression"))


def test_a_release_has_the_licence_that_its_metadata_states(asked, farm, project):
    index = index_of(NAME, "MIT")
    farm.refresh()
    assert learn_licences(at=NOW) == 2
    assert stated() == {"0.12.1": "MIT", "0.12.2": "GPL-3.0-only"}
    found = read_curated(index=index, name=NAME, at=farm.now)
    assert {file.filename[:24] for file in found.page.files} == {"python_levenshtein-0.12."}
    assert found.page.versions == ("0.12.1",)
    assert {each.ground.value for each in found.left_out} == {"licence"}


def test_a_release_is_read_once_and_rounds_go_on(asked, farm, project):
    index_of(NAME, "MIT")
    farm.refresh()
    assert [learn_licences(at=NOW, limit=1) for _ in range(3)] == [1, 1, 0]
    assert len(asked.files) == 2


def test_nothing_is_read_where_no_rule_goes_by_it(asked, farm, project):
    index_of(NAME)
    farm.refresh()
    assert learn_licences(at=NOW) == 0
    assert asked.files == []


def test_metadata_that_is_not_what_it_should_be_leaves_the_licence_unclear(asked, farm, project):
    index_of(NAME, "MIT")
    farm.refresh()
    asked.failure = UpstreamInvalid("x", "its SHA-256 is not the one of the page")
    learn_licences(at=NOW)
    assert stated() == {"0.12.1": "", "0.12.2": ""}


def test_an_upstream_that_does_not_answer_is_asked_once_a_round(asked, farm, project):
    index_of(NAME, "MIT")
    farm.refresh()
    asked.failure = UpstreamUnreachable("x", "ConnectError")
    assert learn_licences(at=NOW) == 0
    assert (len(asked.files), stated()) == (1, {})


def test_of_what_we_do_not_follow_it_is_read_when_somebody_asked_for_it(asked, upstream):
    demo = NormalizedName("demo")
    upstream.add_file(demo, "demo-1.0-py3-none-any.whl", b"4", metadata=MIT)
    index = index_of(demo, "MIT")
    assert learn_licences(at=NOW) == 0
    assert read_curated(index=index, name=demo, at=NOW).page.files == ()
    assert learn_licences(at=NOW) == 1
    assert len(read_curated(index=index, name=demo, at=NOW).page.files) == 1
