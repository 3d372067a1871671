"""Each page in each state answers, with words, to who may see it and to nobody else."""

import pytest
from allauth.core.internal.ratelimit import respond_429
from allauth.socialaccount.models import SocialAccount
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.consent.models import Consent
from portal.ownership.models import Proof
from tests.portal.web.scenes import Farm

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def words_of(response) -> str:
    """The page's text, with whitespace as a reader sees it."""
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("home", "Wheels that PyPI does not have"),
        ("builds", "python-levenshtein 0.27.1"),
        ("status", "builder-1"),
        ("about", "Only with consent"),
        ("agreements", "Building and running your project"),
    ],
)
def test_anyone_can_read(client: Client, farm: Farm, page, words):
    response = client.get(reverse(f"web:{page}"))
    assert response.status_code == 200
    assert words in words_of(response)


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("home", "No wheel has been built here yet"),
        ("builds", "Nothing was built yet"),
        ("status", "No builder has worked in the last day"),
    ],
)
def test_an_empty_farm_has_words(client: Client, page, words):
    assert words in words_of(client.get(reverse(f"web:{page}")))


@pytest.mark.parametrize(
    "path",
    [
        reverse("web:build", args=[UNKNOWN]),
        reverse("web:request", args=[UNKNOWN]),
        reverse("web:agreement", args=["build-and-execute", "99"]),
        reverse("web:release", args=["docopt", "9.9"]),
        "/nowhere/",
    ],
)
def test_what_is_not_there_says_so(client: Client, farm: Farm, path):
    response = client.get(path)
    assert response.status_code == 404
    assert "There is nothing at this address" in words_of(response)


@pytest.mark.parametrize("page", ["mine", "tokens"])
def test_what_is_personal_asks_for_a_sign_in(client: Client, farm: Farm, page):
    path = reverse(f"web:{page}")
    assert client.get(path).headers["Location"] == f"{reverse('account_login')}?next={path}"


@pytest.mark.parametrize("page", ["ask", "prove", "give-consent"])
def test_acts_on_a_project_ask_for_a_sign_in(client: Client, farm: Farm, page):
    path = reverse(f"web:{page}", args=["docopt"])
    assert client.get(path).headers["Location"] == f"{reverse('account_login')}?next={path}"


def test_a_strangers_things_are_not_shown(farm: Farm, stranger: User):
    client = Client()
    client.force_login(stranger, backend="portal.accounts.backends.AccountBackend")
    assert client.get(reverse("web:proof", args=[farm.proof.pk])).status_code == 404
    for page in ("consent", "revoke"):
        response = client.get(reverse(f"web:{page}", args=[farm.consent.pk]))
        assert response.status_code == 403
        assert "prove that the project is yours" in words_of(response)
    ledger = words_of(client.get(reverse("web:ledger", args=[farm.project.name])))
    assert "You see what everybody sees" in ledger
    assert farm.owner.username not in ledger
    assert str(farm.consent.pk) not in ledger


def test_the_owner_sees_what_is_theirs(owner_client: Client, farm: Farm):
    page = words_of(owner_client.get(reverse("web:mine")))
    for words in ("waiting for evidence", "proven", "holds", "builds are under way"):
        assert words in page
    ledger = words_of(owner_client.get(reverse("web:ledger", args=[farm.project.name])))
    assert "consent-given" in ledger
    consent = words_of(owner_client.get(reverse("web:consent", args=[farm.consent.pk])))
    assert "every release, those to come included" in consent


def test_a_person_without_anything_is_told_how_to_begin(client: Client, stranger: User):
    client.force_login(stranger, backend="portal.accounts.backends.AccountBackend")
    page = words_of(client.get(reverse("web:mine")))
    assert "You have not proven yet that a project is yours" in page
    assert "You have given no consent" in page
    assert "You have not asked for wheels yet" in page


@pytest.mark.usefixtures("db")
def test_signing_in_lists_every_way_and_why_one_is_closed(client: Client):
    page = words_of(client.get(reverse("account_login")))
    assert "PyPI does not sign people in elsewhere today" in page
    assert page.count("switched off") >= 2


def test_a_way_to_sign_in_that_was_switched_off_is_still_shown(client: Client, stranger: User):
    SocialAccount.objects.create(user=stranger, provider="github", uid="583231")
    client.force_login(stranger, backend="portal.accounts.backends.AccountBackend")
    page = words_of(client.get(reverse("socialaccount_connections")))
    assert "583231 <span" in page


def test_nothing_that_a_page_carries_is_inline(client: Client, farm: Farm):
    for path in (
        reverse("web:home"),
        reverse("web:project", args=[farm.project.name]),
        reverse("web:build", args=[farm.failed.pk]),
    ):
        response = client.get(path)
        page = response.content.decode()
        assert "style=" not in page
        assert "<style" not in page
        assert "onclick" not in page
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]


def test_a_deployment_for_development_says_so(client: Client, farm: Farm, settings):
    assert "A development deployment" not in words_of(client.get("/"))
    settings.AFFINEUR_DEVELOPMENT = True
    assert "A development deployment" in words_of(client.get("/"))


def test_a_proof_made_for_development_is_marked(owner_client: Client, farm: Farm):
    Proof.objects.filter(pk=farm.proof.pk).update(is_for_development=True)
    page = words_of(owner_client.get(reverse("web:proof", args=[farm.proof.pk])))
    assert "marked so for ever" in page


def test_a_form_from_elsewhere_is_refused_in_words(stranger: User):
    client = Client(enforce_csrf_checks=True)
    response = client.post(reverse("web:search"), {"q": "docopt"})
    assert response.status_code == 403
    assert "The form was not accepted" in words_of(response)


def test_who_signs_in_on_the_way_of_a_form_is_told_that_nothing_was_done(stranger: User):
    client = Client()
    revoke = reverse("web:revoke-token", args=[UNKNOWN])
    assert client.post(revoke).url == f"{reverse('account_login')}?next={revoke}"
    client.force_login(stranger, backend="portal.accounts.backends.AccountBackend")
    back = client.get(revoke)
    assert (back.status_code, back["Allow"]) == (405, "POST")
    assert "press its button once more" in words_of(back)


def test_who_tries_too_often_is_told_to_wait(rf):
    response = respond_429(rf.post("/account/login/"))
    assert response.status_code == 429
    assert "Wait a few minutes" in words_of(response)


@pytest.mark.parametrize("template", ["400.html", "403_csrf.html", "500.html"])
def test_the_pages_for_when_things_break_need_no_context(template):
    page = render_to_string(template)
    assert "<h1>" in page
    assert "affineur.css" in page


def test_staff_without_a_second_factor_reads_nothing_of_others(client: Client, farm: Farm):
    client.force_login(
        User.objects.create(username="root", is_staff=True),
        backend="portal.accounts.backends.AccountBackend",
    )
    given = Consent.objects.filter(project=farm.project).first()

    ledger = client.get(reverse("web:ledger", args=[farm.project.name]))
    consent = client.get(reverse("web:consent", args=[given.pk]))

    assert consent.status_code == 403
    assert farm.owner.username not in words_of(ledger)


@pytest.mark.parametrize(
    "path", ["report/file/a%00.whl/", "project/docopt/sources/a%00", "project/a%00/sources/a"]
)
def test_an_address_with_a_nul_leads_nowhere(client: Client, farm: Farm, path):
    """PostgreSQL does not even compare with one."""
    assert client.get(f"/{path}").status_code == 404


def test_a_form_with_a_nul_is_refused_whole(client: Client, farm: Farm):
    client.force_login(farm.owner)
    consent = Consent.objects.get(user=farm.owner)
    path = reverse("web:act-on-consent", args=[consent.pk])
    answer = client.post(path, {"act": "pause", "reason": "a\0b"})
    assert answer.status_code == 400
    assert not consent.suspensions.exists()
    assert client.post(path, {"act": "pause", "reason": "ab"}).status_code == 302
    assert consent.suspensions.exists()
