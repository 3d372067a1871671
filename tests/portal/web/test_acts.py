"""What people do on the pages: ask, prove, consent, take it back, make tokens."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from builds.models import Build
from indexes.upstream.fake import FakeUpstream, Fault
from portal.accounts.models import ApiToken, User
from portal.consent.agreements import REDISTRIBUTE_BINARIES, USE_OF_NAME, needed_for
from portal.consent.models import Consent, Revocation, Suspension
from portal.ownership.models import Proof
from portal.requests.models import Request
from tests.portal.people import CP312, CP313
from tests.portal.web.scenes import Farm
from tests.portal.web.test_every_page import words_of


@pytest.fixture
def stranger_client(farm: Farm, stranger: User) -> Client:
    client = Client()
    client.force_login(stranger, backend="portal.accounts.backends.AccountBackend")
    return client


def every_clause() -> dict[str, str]:
    texts = needed_for(["build", "publish"])
    clauses = {
        f"clause:{text.name}:{clause}": "on"
        for text in texts
        for clause in text.clause_ids
        if not text.is_promise
    }
    return clauses | {f"sha256:{text.name}": text.sha256 for text in texts}


TERMS = {
    "capacity": "owner",
    "publish": "on",
    "covers_new_releases": "on",
    "specifiers": "",
    "licence_expression": "MIT",
}


def test_a_preview_tells_what_would_come_of_it_and_asks_nothing(
    stranger_client: Client, farm: Farm
):
    before = Request.objects.count()
    path = reverse("web:ask", args=[farm.project.name])
    page = words_of(
        stranger_client.post(
            path, {"specifiers": ">=0.24,<0.28", "targets": [CP312, CP313], "preview": "1"}
        )
    )
    assert "What would come of it" in page
    assert "Would be built" in page
    assert "Served already" in page
    assert "&gt;=0.24,&lt;0.28" in page
    assert Request.objects.count() == before


def test_without_consent_it_is_a_petition_before_and_after(stranger_client: Client, farm: Farm):
    path = reverse("web:ask", args=["docopt"])
    assert "so your wish becomes a petition" in words_of(stranger_client.get(path))
    wish = {"specifiers": "==0.6.1", "targets": [CP312]}
    preview = words_of(stranger_client.post(path, wish | {"preview": "1"}))
    assert "1 would wait for a consent." in preview
    response = stranger_client.post(path, wish | {"send": "1"}, follow=True)
    assert "Waiting for consent" in words_of(response)
    assert not Build.objects.filter(project=farm.plain).exists()


def test_with_consent_it_becomes_builds(stranger_client: Client, farm: Farm):
    path = reverse("web:ask", args=[farm.project.name])
    response = stranger_client.post(
        path, {"specifiers": "==0.20.0", "targets": [CP312], "send": "1"}, follow=True
    )
    page = words_of(response)
    assert "In progress" in page
    assert "python-levenshtein 0.20.0" in page
    assert 'hx-trigger="every 3s"' in page


@pytest.mark.parametrize(
    ("wish", "complaint"),
    [
        ({"specifiers": "newest", "targets": [CP312]}, "are no version specifiers"),
        ({"specifiers": "==1.0"}, "Choose at least one target."),
        ({"specifiers": "", "targets": ["toaster"]}, "toaster"),
    ],
)
def test_a_form_says_what_is_wrong_and_keeps_what_was_typed(
    stranger_client: Client, farm: Farm, wish, complaint
):
    response = stranger_client.post(
        reverse("web:ask", args=["docopt"]), wish | {"reason": "kept as typed", "send": "1"}
    )
    page = words_of(response)
    assert response.status_code == 400
    assert complaint in page
    assert "kept as typed" in page
    assert 'class="errorlist"' in page


def test_a_release_challenge_gives_instructions_and_says_what_a_check_found(
    owner_client: Client, farm: Farm
):
    Proof.objects.filter(pk=farm.pending.pk).delete()
    path = reverse("web:prove", args=["docopt"])
    response = owner_client.post(path, {"method": "release-challenge"}, follow=True)
    page = words_of(response)
    assert "affineur-challenge-" in page
    assert "[tool.affineur]" in page
    checked = words_of(owner_client.post(response.redirect_chain[-1][0], follow=True))
    assert "Nothing was uploaded to docopt since" in checked
    assert "waiting for evidence" in checked


def test_a_check_while_upstream_is_down_says_so(
    owner_client: Client, farm: Farm, upstream: FakeUpstream
):
    upstream.fail(Fault.UNAVAILABLE, times=9)
    response = owner_client.post(reverse("web:proof", args=[farm.pending.pk]))
    assert response.status_code == 503
    assert "docopt" in words_of(response)


def test_an_expired_challenge_leads_to_another(owner_client: Client, farm: Farm):
    Proof.objects.filter(pk=farm.pending.pk).update(expires_at=timezone.now() - timedelta(days=1))
    page = words_of(owner_client.post(reverse("web:proof", args=[farm.pending.pk]), follow=True))
    assert "The time for it ended" in page
    assert "Start again" in page


def test_nobody_attests_for_themself(owner_client: Client, farm: Farm):
    path = reverse("web:prove", args=["docopt"])
    assert "Only administrators can record this" in words_of(owner_client.get(path))
    review = {"method": "staff-review", "reason": "I say so", "evidence": "me"}
    assert owner_client.post(path, review).status_code == 403
    attestation = {"method": "attestation", "reason": "I say so"}
    assert owner_client.post(path, attestation).status_code == 409
    assert not Proof.objects.filter(project=farm.plain, state="proven").exists()


def test_the_page_says_what_each_way_needs_and_what_it_counts_with(
    owner_client: Client, farm: Farm
):
    page = words_of(owner_client.get(reverse("web:prove", args=["docopt"])))
    assert "A release that GitHub Actions attested" in page
    assert "<dd> “Your role on the repository that publishes it” </dd>" in page
    assert "has not set up GitHub sign-in" in page


def test_the_workflow_is_there_to_copy(owner_client: Client, farm: Farm):
    path = reverse("web:prove", args=["docopt"])
    page = words_of(owner_client.post(path, {"method": "actions-token"}, follow=True))
    assert "id-token: write" in page
    assert "AUDIENCE: http://testserver/affineur-challenge-" in page


def test_what_is_refused_says_why_and_what_to_do(owner_client: Client, farm: Farm):
    path = reverse("web:prove", args=["docopt"])
    page = words_of(owner_client.post(path, {"method": "consent-as-code"}, follow=True))
    assert "has no [tool.affineur] table" in page
    assert "It is your turn: release one with" in page
    assert "Start again" in page


def test_a_proof_that_is_not_enough_alone_says_so(owner_client: Client, farm: Farm):
    Proof.objects.filter(pk=farm.pending.pk).update(
        method="upstream-roles",
        state="proven",
        proven_at=timezone.now(),
        expires_at=None,
        evidence={"account": "alice", "upstream": {"roles": {"alice": "Owner"}}},
    )
    page = words_of(owner_client.get(reverse("web:proof", args=[farm.pending.pk])))
    assert "it counts beside another proof" in page
    assert "upstream, roles, alice" in page
    page = words_of(owner_client.get(reverse("web:prove", args=["docopt"])))
    assert "You have shown “A role upstream”" in page
    response = owner_client.get(reverse("web:give-consent", args=["docopt"]))
    assert response.headers["Location"] == reverse("web:prove", args=["docopt"])


def test_a_suspended_consent_says_what_became_of_its_wheels(owner_client: Client, farm: Farm):
    now = timezone.now()
    Suspension.objects.create(
        consent=farm.consent,
        reason="x",
        suspended_at=now,
    )
    page = words_of(owner_client.get(reverse("web:consent", args=[farm.consent.pk])))
    assert "Nothing new is built" in page
    assert "prove the project again" in page
    assert "suspended" in words_of(owner_client.get(reverse("web:mine")))


def test_consent_asks_for_a_proof_first(stranger_client: Client, farm: Farm):
    response = stranger_client.get(reverse("web:give-consent", args=["docopt"]))
    assert response.headers["Location"] == reverse("web:prove", args=["docopt"])


@pytest.fixture
def proven(farm: Farm) -> Farm:
    """The owner has proven docopt, too."""
    now = timezone.now()
    Proof.objects.filter(pk=farm.pending.pk).update(state="proven", proven_at=now, expires_at=None)
    return farm


CONSENT = reverse("web:give-consent", args=["docopt"])


def test_the_form_shows_every_clause_and_what_it_means_in_numbers(
    owner_client: Client, proven: Farm
):
    page = words_of(owner_client.get(CONSENT))
    for text in needed_for(["build", "publish"]):
        for clause in text.clauses:
            assert escape(clause.title) in page
            has_box = f'name="clause:{text.name}:{clause.id}"' in page
            assert has_box is not text.is_promise
    assert page.count('type="checkbox"') == 5 + len(settings.AFFINEUR_TARGETS)
    assert not re.search(r"<input type=\"checkbox\"[^>]* checked", page)
    assert "10 wheels of 2 releases could be built for 5 targets" in page
    assert "1 person has petitioned" in page


def test_a_consent_is_recorded_and_its_petition_becomes_builds(owner_client: Client, proven: Farm):
    response = owner_client.post(CONSENT, TERMS | every_clause(), follow=True)
    page = words_of(response)
    assert "Thank you. Your consent for docopt is recorded" in page
    given = Consent.objects.get(project=proven.plain)
    assert given.channels == ["build", "publish"]
    assert given.licence_expression == "MIT"
    assert Build.objects.filter(project=proven.plain).count() == 2
    petition = words_of(owner_client.get(reverse("web:request", args=[proven.petition.pk])))
    assert "In progress" in petition


def test_a_consent_to_build_alone_needs_no_word_on_publishing(owner_client: Client, proven: Farm):
    clauses = {
        name: value
        for name, value in every_clause().items()
        if not name.endswith((REDISTRIBUTE_BINARIES, USE_OF_NAME, ":redistribute", ":name"))
    }
    terms = TERMS | {"publish": "", "licence_expression": ""}
    owner_client.post(CONSENT, terms | clauses)
    assert Consent.objects.get(project=proven.plain).channels == ["build"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"clause:data:data": ""}, "Without this clause there is no consent."),
        ({"capacity": ""}, "Say in which capacity you consent."),
        ({"licence_expression": ""}, "Name the licence"),
        ({"licence_expression": "whatever I like"}, "whatever I like"),
        ({"specifiers": "soon"}, "are no version specifiers"),
        ({"expires_on": "2001-01-01"}, "Choose a day that is yet to come."),
    ],
)
def test_half_a_consent_is_none(owner_client: Client, proven: Farm, change, complaint):
    terms = TERMS | every_clause() | change
    response = owner_client.post(CONSENT, terms)
    page = words_of(response)
    assert response.status_code == 400
    assert complaint in page
    assert "checked" in page, "what was ticked is kept"
    assert not Consent.objects.filter(project=proven.plain).exists()


def test_a_text_that_changed_under_the_reader_is_not_agreed_to(owner_client: Client, proven: Farm):
    terms = TERMS | every_clause() | {"sha256:build-and-execute": "0" * 64}
    response = owner_client.post(CONSENT, terms)
    assert response.status_code == 409
    assert not Consent.objects.filter(project=proven.plain).exists()


def test_taking_it_back_shows_the_numbers_first(owner_client: Client, farm: Farm):
    path = reverse("web:revoke", args=[farm.consent.pk])
    page = words_of(owner_client.get(path))
    waiting = Build.objects.filter(project=farm.project, state="queued").count()
    assert f"{waiting} waiting builds are cancelled" in page
    assert "1 running build is stopped" in page
    assert "1 wheel is listed now by this consent alone" in page
    assert not Revocation.objects.exists()


def test_taking_it_back_needs_a_choice(owner_client: Client, farm: Farm):
    path = reverse("web:revoke", args=[farm.consent.pk])
    response = owner_client.post(path, {"reason": "kept as typed"})
    assert response.status_code == 400
    assert "Choose what becomes of the wheels." in words_of(response)
    assert "kept as typed" in words_of(response)


def test_taking_it_back_ends_it_everywhere(owner_client: Client, farm: Farm):
    path = reverse("web:revoke", args=[farm.consent.pk])
    page = words_of(owner_client.post(path, {"afterwards": "withdraw"}, follow=True))
    assert "is taken back" in page
    assert "To undo it, consent again" in page
    assert "taken back" in words_of(owner_client.get(reverse("web:mine")))
    assert "There is nothing left to do" in words_of(owner_client.get(path))
    project = words_of(owner_client.get(reverse("web:project", args=[farm.project.name])))
    assert "Nobody who owns python-levenshtein has consented" in project
    build = words_of(owner_client.get(reverse("web:build", args=[farm.running.pk])))
    assert "was taken back on" in build


def test_a_token_is_shown_once_and_can_be_revoked(owner_client: Client, farm: Farm):
    path = reverse("web:tokens")
    made = words_of(owner_client.post(path, {"name": "laptop", "scopes": ["read"], "days": "30"}))
    token = ApiToken.objects.get()
    assert f"<code>{token.prefix}" in made
    assert "It is not shown again" in made
    again = words_of(owner_client.get(path))
    assert "It is not shown again" not in again
    assert "live until" in again
    revoked = owner_client.post(reverse("web:revoke-token", args=[token.pk]), follow=True)
    assert "Nothing can use it any more" in words_of(revoked)


def test_a_token_needs_a_name_and_a_scope(owner_client: Client, farm: Farm):
    response = owner_client.post(reverse("web:tokens"), {"name": ""})
    assert response.status_code == 400
    assert "Choose at least one." in words_of(response)
    assert not ApiToken.objects.exists()


def test_nobody_revokes_anothers_token(stranger_client: Client, farm: Farm):
    token = ApiToken.objects.create(
        user=farm.owner, name="x", prefix="x", token_hash="x", created_at=timezone.now()
    )
    response = stranger_client.post(reverse("web:revoke-token", args=[token.pk]))
    assert response.status_code == 404
    assert ApiToken.objects.get().revoked_at is None


def test_my_projects_ask_a_bounded_number_of_questions(
    owner_client: Client, farm: Farm, django_assert_max_num_queries
):
    with django_assert_max_num_queries(17):
        owner_client.get(reverse("web:mine"))


@pytest.mark.parametrize(
    ("page", "most"), [("request", 8), ("request-progress", 8), ("project", 16), ("ledger", 10)]
)
def test_lists_ask_a_bounded_number_of_questions(
    owner_client: Client, farm: Farm, django_assert_max_num_queries, page, most
):
    argument = farm.asked.pk if page.startswith("request") else farm.project.name
    with django_assert_max_num_queries(most):
        owner_client.get(reverse(f"web:{page}", args=[argument]))


def test_finding_ones_project_leads_to_its_proof(owner_client: Client, farm: Farm):
    response = owner_client.post(reverse("web:mine"), {"name": " Docopt "})
    assert response.headers["Location"] == reverse("web:prove", args=["docopt"])
    nameless = owner_client.post(reverse("web:mine"), {"name": "a/b"})
    assert nameless.status_code == 400
    assert "is no project name" in words_of(nameless)
