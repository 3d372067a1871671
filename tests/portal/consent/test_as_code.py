"""What the table in a sdist allows is where a consent starts; wider takes a reason, on record."""

import pytest
from django.urls import reverse

from portal.consent.as_code import scope_in_file
from portal.consent.services import change_scope
from portal.errors import InvalidConsent
from portal.ledger.models import Entry
from portal.ownership.models import ProofState
from portal.ownership.services import prove, recheck_proofs
from tests.portal.ownership.answers import Answers
from tests.portal.people import AT, LATER, consent
from tests.portal.web.test_every_page import words_of

pytestmark = pytest.mark.django_db

TABLE = '[tool.affineur]\nproject = "{name}"\nconsent = {allows}\nreleases = ">=0.6"\n'


@pytest.fixture
def answers(settings):
    """Upstream tells nobody's roles."""
    with Answers().serve() as served:
        settings.AFFINEUR_UPSTREAM_ROLES = f"{served.url}/pypi/{{name}}/json"
        yield served


@pytest.fixture
def release(upstream, answers, docopt, maintainer, proof):
    """A release with files, and a look at its table."""

    def make(version="0.6.3", name="docopt", allows='["build", "publish"]', at=AT, path=""):
        files = {f"{path}pyproject.toml": TABLE.format(name=name, allows=allows)}
        upstream.add_sdist("docopt", version, files=files, uploaded_at=at)
        return prove(
            user=maintainer,
            project=docopt,
            method="consent-as-code",
            facts={},
            at=at,
            is_at_session=True,
        )

    return make


def test_the_page_starts_from_it_and_says_so(release, docopt, maintainer, client):
    said = release(allows='["build"]').evidence
    client.force_login(maintainer)
    page = words_of(client.get(reverse("web:give-consent", args=["docopt"])))
    assert "The table in docopt-0.6.3.tar.gz allows to build" in page
    assert said["sha256"] in page
    assert 'name="specifiers" value="&gt;=0.6"' in page
    assert '<option value="" selected>Build and check them only' in page


@pytest.mark.parametrize(
    "terms",
    [
        {"specifiers": ">=0.6"},
        {"specifiers": ">=0.6,<0.7", "targets": ["cp313-manylinux_2_36_x86_64"]},
        {"specifiers": ">=0.6", "channels": ["build"]},
    ],
)
def test_the_same_or_narrower_is_bound_by_the_hash(release, docopt, maintainer, terms):
    said = release().evidence
    given = consent(maintainer, docopt, **terms)
    assert given.from_file["sha256"] == said["sha256"]
    assert given.from_file["why_wider"] == ""
    assert Entry.objects.get(verb="consent-given").facts["from_file"] == given.from_file


@pytest.mark.parametrize(
    ("allows", "terms"),
    [
        ('["build", "publish"]', {"specifiers": ""}),
        ('["build", "publish"]', {"specifiers": ">=0.5"}),
        ('["build"]', {"specifiers": ">=0.6"}),
    ],
)
def test_a_wider_one_says_why(release, docopt, maintainer, allows, terms):
    release(allows=allows)
    with pytest.raises(InvalidConsent, match="say why it is wider"):
        consent(maintainer, docopt, **terms)
    given = consent(maintainer, docopt, why_wider="The old ones, too.", **terms)
    assert given.from_file["why_wider"] == "The old ones, too."


def test_the_scope_is_not_widened_behind_it(release, docopt, maintainer):
    release()
    given = consent(maintainer, docopt, specifiers=">=0.6")
    terms = {
        "specifiers": "",
        "covers_new_releases": True,
        "targets": [],
        "channels": ["build", "publish"],
        "asked_by": "anyone",
        "expires_at": None,
    }
    with pytest.raises(InvalidConsent, match="narrow it"):
        change_scope(consent=given, user=maintainer, at=LATER, **terms)


@pytest.mark.parametrize("made", [{"name": "other"}, {"path": "tests/data/"}])
def test_a_table_of_another_project_or_in_a_nested_file_says_nothing(
    release, docopt, maintainer, made
):
    assert release(**made).state == ProofState.REFUSED
    assert scope_in_file(docopt, at=AT) is None
    assert consent(maintainer, docopt).from_file == {}


def test_a_table_in_a_wheel_says_nothing(release, docopt, upstream):
    release(at=AT)
    upstream.add_file("docopt", "docopt-0.6.4-py3-none-any.whl", b"PK", uploaded_at=LATER)
    recheck_proofs(docopt, at=LATER)
    said = scope_in_file(docopt, at=LATER)
    assert said is not None
    assert said.filename == "docopt-0.6.3.tar.gz"


def test_a_later_release_without_it_ends_what_it_says(release, docopt, maintainer, upstream):
    release(at=AT)
    given = consent(maintainer, docopt, specifiers=">=0.6")
    upstream.add_sdist("docopt", "0.6.4", uploaded_at=LATER)
    recheck_proofs(docopt, at=LATER)
    assert scope_in_file(docopt, at=LATER) is None
    assert consent(maintainer, docopt, at=LATER).from_file == {}
    given.refresh_from_db()
    assert given.from_file["filename"] == "docopt-0.6.3.tar.gz"
