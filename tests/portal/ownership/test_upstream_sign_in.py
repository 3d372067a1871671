"""Signing in with upstream's accounts, against a certified OpenID provider (oidc-provider)."""

import re
from html import unescape
from urllib.parse import urljoin

import httpx
import pytest
from allauth.socialaccount.models import SocialAccount

from portal.accounts.models import User
from portal.errors import ProofMethodClosed
from portal.ledger.models import Entry
from portal.ownership.models import Proof, ProofState
from portal.ownership.services import has_proof, prove, prove_by_sign_in, recheck_proofs
from tests.portal.people import AT, LATER, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(certified, settings):
    """An operator's identity provider, whose accounts are upstream's own."""
    app = {
        "provider_id": "operator",
        "name": "The guild",
        "client_id": "affineur",
        "secret": "secret",
        "settings": {"server_url": certified.url},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    settings.AFFINEUR_UPSTREAM_PROVIDERS = ["pypi", "operator"]
    return certified


def sign_in(client, provider, name: str) -> User:
    """Through the provider's own pages, as a browser would."""
    start = client.post("/account/oidc/operator/login/")
    with httpx.Client() as browser:
        answer = browser.get(start.headers["Location"])
        while "testserver" not in (there := answer.headers.get("Location", "")):
            if there:
                answer = browser.get(urljoin(str(answer.url), there))
            else:
                action, fields = _form(answer)
                answer = browser.post(
                    action, data=fields | {"login": f"subject-{name}", "password": "x"}
                )
    back = client.get(there.removeprefix("http://testserver"))
    assert back.status_code == 302, back.content
    return User.objects.get(pk=client.session["_auth_user_id"])


def _form(page: httpx.Response) -> tuple[str, dict[str, str]]:
    """Where the page's form goes, and what it holds already."""
    action = unescape(re.search(r'<form[^>]* action="([^"]+)"', page.text)[1])
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    return urljoin(str(page.url), action), hidden


def look(user, project) -> Proof:
    return prove(
        user=user,
        project=project,
        method="upstream-sign-in",
        facts={},
        at=AT,
        is_at_session=True,
    )


def test_who_signs_in_with_a_role_upstream_has_proven_it(client, provider, docopt, answers):
    answers.roles("docopt", alice="Maintainer")
    user = sign_in(client, provider, "alice")
    account = SocialAccount.objects.get(user=user)
    assert (account.provider, account.uid) == ("operator", "subject-alice")
    proof = look(user, docopt)
    assert (proof.state, proof.refusal) == (ProofState.PROVEN, "")
    assert proof.evidence["subject"] == "subject-alice"
    assert proof.evidence["role"] == "Maintainer"
    assert has_proof(user=user, project=docopt, at=LATER, say="publish") == proof
    answers.roles("docopt", bob="Owner", alicia="Owner")
    recheck_proofs(docopt, at=LATER)
    assert has_proof(user=user, project=docopt, at=LATER) is None


def test_who_has_no_role_is_refused(client, provider, docopt, answers):
    answers.roles("docopt", alice="Owner")
    proof = look(sign_in(client, provider, "mallory"), docopt)
    assert proof.state == ProofState.REFUSED
    assert "You are mallory upstream" in proof.refusal
    assert "have an owner add it" in proof.refusal


def test_the_same_name_with_a_provider_that_is_not_upstreams_is_refused(
    *, client, provider, docopt, answers, settings
):
    answers.roles("docopt", alice="Owner")
    user = sign_in(client, provider, "alice")
    settings.AFFINEUR_UPSTREAM_PROVIDERS = ["pypi"]
    with pytest.raises(ProofMethodClosed, match="whose accounts are upstream's is set up"):
        look(user, docopt)


@pytest.mark.parametrize("other", ["github", "corporate"])
def test_the_same_name_elsewhere_is_nobody_upstream(
    *, maintainer, provider_set_up, docopt, answers, other
):
    answers.roles("docopt", alice="Owner")
    SocialAccount.objects.create(
        user=maintainer,
        provider=other,
        uid="1",
        extra_data={"login": "alice", "preferred_username": "alice"},
    )
    proof = look(maintainer, docopt)
    assert proof.state == ProofState.REFUSED
    assert f"You are signed in with {other}" in proof.refusal
    assert "sign in with upstream's identity provider" in proof.refusal


def test_an_account_without_a_name_is_refused(maintainer, provider_set_up, docopt, answers):
    answers.roles("docopt", alice="Owner")
    SocialAccount.objects.create(
        user=maintainer, provider="operator", uid="1", extra_data={"userinfo": {"sub": "1"}}
    )
    assert "without a name upstream" in look(maintainer, docopt).refusal


@pytest.fixture
def provider_set_up(settings):
    app = {"provider_id": "operator", "name": "x", "client_id": "x", "secret": "x"}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    settings.AFFINEUR_UPSTREAM_PROVIDERS = ["operator"]


@pytest.fixture
def alice(maintainer, provider_set_up):
    SocialAccount.objects.create(
        user=maintainer, provider="operator", uid="1", extra_data={"preferred_username": "alice"}
    )
    return maintainer


def test_how_somebody_signed_in_is_proof_without_being_asked_for(alice, docopt, answers):
    answers.roles("docopt", alice="Owner")
    proof = prove_by_sign_in(user=alice, project=docopt, at=AT)
    assert proof == has_proof(user=alice, project=docopt, at=LATER, say="publish")
    assert proof.evidence["upstream"]["roles"] == {"alice": "Owner"}
    assert Entry.objects.get().verb == "proof-proven"


def test_what_nobody_asked_for_is_refused_to_nobody_and_not_looked_at_all_the_time(
    alice, docopt, answers
):
    answers.roles("docopt", bob="Owner")
    assert prove_by_sign_in(user=alice, project=docopt, at=AT) is None
    asked = len(answers.seen)
    assert prove_by_sign_in(user=alice, project=docopt, at=AT) is None
    assert len(answers.seen) == asked == 1
    assert not Proof.objects.exists()
    assert not Entry.objects.exists()


def test_any_of_somebodys_accounts_upstream_will_do(alice, settings, docopt, answers):
    settings.AFFINEUR_UPSTREAM_PROVIDERS = ["pypi", "operator"]
    SocialAccount.objects.create(
        user=alice, provider="pypi", uid="9", extra_data={"preferred_username": "alice-m"}
    )
    answers.roles("docopt", bob="Owner")
    assert "You are alice and alice-m upstream" in look(alice, docopt).refusal
    answers.roles("docopt", **{"alice-m": "Owner"})
    assert prove_by_sign_in(user=alice, project=docopt, at=AT).evidence["subject"] == "9"


def test_it_lapses_when_the_account_is_no_longer_theirs(alice, docopt, answers):
    answers.roles("docopt", alice="Owner")
    proof = look(alice, docopt)
    SocialAccount.objects.all().delete()
    recheck_proofs(docopt, at=LATER)
    proof.refresh_from_db()
    assert proof.state == ProofState.LAPSED
    assert "You do not sign in any more with the account" in proof.refusal


def test_it_goes_by_the_name_that_the_account_has_since(alice, docopt, answers):
    answers.roles("docopt", alice="Owner", bob="Owner")
    proof = look(alice, docopt)
    SocialAccount.objects.update(extra_data={"preferred_username": "alicia"})
    answers.roles("docopt", alicia="Owner", bob="Owner")
    recheck_proofs(docopt, at=LATER)
    proof.refresh_from_db()
    assert (proof.state, proof.evidence["account"]) == (ProofState.PROVEN, "alicia")
    # Her old name is free for anybody upstream, and is hers no more.
    answers.roles("docopt", alice="Owner", bob="Owner")
    recheck_proofs(docopt, at=LATER)
    proof.refresh_from_db()
    assert proof.state == ProofState.LAPSED


def test_it_is_nothing_where_upstream_does_not_answer(alice, docopt, answers):
    answers.put("/pypi/docopt/json", {}, status=503)
    assert prove_by_sign_in(user=alice, project=docopt, at=AT) is None


def test_upstream_is_not_asked_about_who_did_not_sign_in_there(docopt, provider_set_up, answers):
    assert prove_by_sign_in(user=make_user("ann"), project=docopt, at=AT) is None
    assert answers.seen == []


def test_it_is_closed_where_no_such_provider_is_set_up(maintainer, docopt):
    with pytest.raises(ProofMethodClosed, match="upstream"):
        look(maintainer, docopt)
