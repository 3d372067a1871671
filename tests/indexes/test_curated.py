"""Curated indexes as clients see them: rules, readers, and what others may keep."""

import base64
import gzip
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from indexes.domain.curation import Rules
from indexes.domain.licences import NotOneLicence
from indexes.domain.names import InvalidProjectName
from indexes.domain.negotiation import HTML, JSON, PLAIN_HTML
from indexes.domain.status import Decision
from indexes.models import CuratedIndex, File, ReaderToken
from indexes.services.curated import (
    IndexNameTaken,
    InvalidTerms,
    Terms,
    add_reader_token,
    change_index,
    create_index,
    delete_index,
    find_readable,
    read_curated,
    revoke_reader_token,
)
from indexes.services.standing import decide
from indexes.services.verification import withhold_unverified
from tests.indexes.conftest import NAME, NOW

pytestmark = pytest.mark.django_db
SECRET = "affr_secret"
ROOT, SECRET_ROOT = "/o/acme/tools/simple/", "/o/acme/secret/simple/"
PAGES = [ROOT, f"{ROOT}{NAME}/"]
PRIVATE_PAGES = [SECRET_ROOT, f"{SECRET_ROOT}{NAME}/"]


def make(slug="tools", *, tenant="acme", projects=(NAME,), is_private=False, **rules):
    terms = Terms(projects=projects, is_private=is_private, rules=Rules(**rules))
    return create_index(tenant=tenant, slug=slug, terms=terms, at=NOW)


def token(tenant="acme", *, secret=SECRET, expires_at=None):
    return add_reader_token(
        tenant=tenant, name="ci", prefix=secret[:8], secret=secret, expires_at=expires_at, at=NOW
    )


def basic(secret=SECRET, user="__token__"):
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


def get_json(client, path, **headers):
    return json.loads(client.get(path, headers={"accept": JSON, **headers}).content)


def filenames(client, path, **headers):
    return [file["filename"] for file in get_json(client, path, **headers)["files"]]


@pytest.fixture
def index(ours):
    return make()


@pytest.fixture
def secret(ours):
    """A private index, and a token of its tenant."""
    token()
    return make("secret", is_private=True)


# Pages


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("accept", "content_type"),
    [(JSON, JSON), (HTML, HTML), (PLAIN_HTML, f"{PLAIN_HTML}; charset=utf-8")],
)
def test_a_page_comes_in_every_form(client, index, path, accept, content_type):
    plain = client.get(path, headers={"accept": accept})
    small = client.get(path, headers={"accept": accept, "accept-encoding": "gzip"})
    assert (plain.status_code, plain["Content-Type"]) == (200, content_type)
    assert gzip.decompress(small.content) == plain.content
    assert small["ETag"] != plain["ETag"]
    again = client.get(path, headers={"accept": accept, "if-none-match": plain["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head(path, headers={"accept": accept})["ETag"] == plain["ETag"]
    assert client.get(path, headers={"accept": "image/png"}).status_code == 406
    assert client.post(path).status_code == 405


@pytest.mark.parametrize("written", ["Python_Levenshtein/", "python-levenshtein"])
def test_any_other_spelling_is_sent_to_the_normalised_one(client, index, written):
    response = client.get(ROOT + written)
    assert (response.status_code, response["Location"]) == (301, f"{ROOT}{NAME}/")
    to_root = client.get(ROOT.rstrip("/"))
    assert to_root["Location"] == ROOT
    assert to_root["Cache-Control"] == response["Cache-Control"]
    assert client.get(f"{ROOT}-x-/").status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_a_public_page_is_everybodys_to_keep(client, index, path):
    response = client.get(path)
    assert response["Cache-Control"] == "public, max-age=60, stale-while-revalidate=60"
    assert response["Vary"] == "Accept, Accept-Encoding"


def test_what_upstream_overtakes_stays_unless_a_rule_has_it_go(client, index, farm, upstream, ours):
    make("without", without_superseded=True)
    tags = "cp312-cp312-manylinux_2_28_x86_64"
    upstream.add_file(NAME, f"python_levenshtein-0.12.2-{tags}.whl", b"upstream's")
    farm.refresh()
    (kept,) = (f for f in get_json(client, PAGES[1])["files"] if f["filename"] == ours.filename)
    assert not kept["yanked"]
    assert ours.filename not in filenames(client, f"/simple/{NAME}/")
    assert ours.filename not in filenames(client, f"/o/acme/without/simple/{NAME}/")


def test_what_is_kept_is_yanked_as_its_release_is(client, index, farm, upstream, ours):
    tags = "cp312-cp312-manylinux_2_28_x86_64"
    upstream.add_file(NAME, f"python_levenshtein-0.12.2-{tags}.whl", b"upstream's")
    farm.refresh()
    files = File.objects.filter(pk=ours.pk)
    decide(files=files, decision=Decision.YANKED, reason="broken", at=farm.now)
    (kept,) = (f for f in get_json(client, PAGES[1])["files"] if f["filename"] == ours.filename)
    assert kept["yanked"] == "broken"


@pytest.mark.parametrize("path", PRIVATE_PAGES)
def test_a_page_costs_few_queries(client, secret, path, django_assert_max_num_queries):
    client.get(path, headers={"authorization": basic()})
    with django_assert_max_num_queries(8):
        client.get(path, headers={"authorization": basic()})


def test_it_lists_what_was_chosen_and_nothing_else(client, index):
    assert get_json(client, ROOT)["projects"] == [{"name": NAME}]
    assert len(filenames(client, f"{ROOT}{NAME}/")) == 3
    response = client.get(f"{ROOT}docopt/")
    assert (response.status_code, b"acme/tools lists no file" in response.content) == (404, True)


def test_the_licence_is_what_the_wheels_metadata_states(client, farm, project):
    stated = b"Metadata-Version: 2.4\nName: python-Levenshtein\nLicense-Expression: MIT\n"
    ours = farm.publish(metadata=stated)
    make(licences=("mit",))
    make("other", licences=("Apache-2.0",))
    # The release's sdist has the licence of the wheel that was made of it.
    shown = filenames(client, f"{ROOT}{NAME}/")
    assert len(shown) == 2
    assert ours.filename in shown
    assert client.get(f"/o/acme/other/simple/{NAME}/").status_code == 404


def test_what_is_left_out_is_told_with_its_reason(index, farm):
    change_index(index=index, terms=Terms([NAME], rules=Rules(licences=("MIT",))), at=NOW)
    found = read_curated(index=CuratedIndex.objects.get(), name=NAME, at=farm.now)
    assert found.page.files == ()
    assert {each.ground.value for each in found.left_out} == {"licence-unknown"}


def test_what_is_withheld_from_the_overlay_is_withheld_here(client, farm, index):
    withhold_unverified(at=farm.now + timedelta(days=1))
    response = client.get(PAGES[1], headers={"accept": JSON})
    assert len(json.loads(response.content)["files"]) == 2
    assert "Affineur-Unverified-Since" in response


# Readers


@pytest.mark.parametrize("path", [*PRIVATE_PAGES, "/o/acme/nothing/simple/", "/o/nobody/x/simple/"])
@pytest.mark.parametrize("authorization", ["", "Basic x", basic("affr_wrong"), "Bearer affr_wrong"])
def test_without_a_token_what_is_private_looks_like_what_is_not_there(
    client, secret, path, authorization
):
    response = client.get(path, headers={"authorization": authorization})
    there = client.get(SECRET_ROOT, headers={"authorization": authorization})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Basic realm="affineur", charset="UTF-8"'
    assert response["Cache-Control"] == "no-store"
    assert (response.content, response.headers) == (there.content, there.headers)


@pytest.mark.parametrize("authorization", [basic(), "Bearer affr_secret"])
@pytest.mark.parametrize("path", PRIVATE_PAGES)
def test_a_token_reads_its_tenants_index_and_no_cache_keeps_it(client, secret, path, authorization):
    response = client.get(path, headers={"accept": JSON, "authorization": authorization})
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, max-age=60"
    assert response["Vary"] == "Accept, Accept-Encoding, Authorization"
    again = client.get(
        path,
        headers={
            "accept": JSON,
            "authorization": authorization,
            "if-none-match": response["ETag"],
        },
    )
    assert (again.status_code, again["Cache-Control"]) == (304, "private, max-age=60")


@pytest.mark.parametrize("written", ["Python_Levenshtein/", "docopt/", "-x-/"])
def test_other_answers_of_a_private_index_are_kept_by_nobody_either(client, secret, written):
    response = client.get(SECRET_ROOT + written, headers={"authorization": basic()})
    assert response["Cache-Control"] == "private, max-age=60"
    assert "Authorization" in response["Vary"]


@pytest.mark.parametrize("path", [*PRIVATE_PAGES, "/o/acme/nothing/simple/"])
def test_to_another_tenant_it_is_not_there(client, secret, path):
    token("globex", secret="affr_other")
    response = client.get(path, headers={"authorization": basic("affr_other")})
    assert (response.status_code, response["Cache-Control"]) == (404, "private, no-store")


def test_a_token_that_ended_opens_nothing(client, secret):
    ended = token(secret="affr_ended", expires_at=NOW + timedelta(days=1))
    assert ended.last_used_at is None
    live = ReaderToken.objects.get(prefix="affr_sec").pk
    assert not revoke_reader_token(tenant="globex", token_id=live, at=NOW)
    assert revoke_reader_token(tenant="acme", token_id=live, at=NOW)
    for wrong in ("affr_ended", "affr_secret"):
        headers = {"authorization": basic(wrong)}
        assert client.get(SECRET_ROOT, headers=headers).status_code == 401


def test_use_is_written_once_a_minute(secret, django_assert_num_queries):
    arguments = {"tenant": "acme", "slug": "secret", "secret": "affr_secret"}
    find_readable(**arguments, at=NOW)
    with django_assert_num_queries(2):
        find_readable(**arguments, at=NOW + timedelta(seconds=59))
    find_readable(**arguments, at=NOW + timedelta(seconds=61))
    assert ReaderToken.objects.get().last_used_at == NOW + timedelta(seconds=61)


def test_only_the_hash_of_a_token_is_kept(secret):
    assert "affr_secret" not in str(ReaderToken.objects.values().get())


# Terms


def test_a_name_is_used_once_in_a_tenant(index):
    make(tenant="globex")
    with pytest.raises(IndexNameTaken):
        make()


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        (Terms([]), InvalidTerms),
        (Terms([f"p{number}" for number in range(2001)]), InvalidTerms),
        (Terms(["-x-"]), InvalidProjectName),
        (Terms([NAME], rules=Rules(min_age_days=-1)), InvalidTerms),
        (Terms([NAME], rules=Rules(licences=("MIT OR ISC",))), NotOneLicence),
    ],
)
def test_terms_that_cannot_be_are_refused_and_change_nothing(index, terms, error):
    with pytest.raises(error):
        change_index(index=index, terms=terms, at=timezone.now())
    assert CuratedIndex.objects.get().changed_at == NOW


def test_a_deleted_index_is_not_there(client, index):
    delete_index(index=index)
    assert client.get(ROOT).status_code == 401
