"""The pages of a consent's life: what a maintainer sees, and what a button does."""

import pytest
from django.core import mail
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from builds.models import Build
from indexes.models import File
from portal.consent.models import Consent, Delegation, PauseLink, Refusal
from portal.consent.owners import set_threshold
from portal.consent.pause_links import link_of
from portal.consent.states import Ground
from portal.consent.suspension import hold
from portal.ownership.models import Proof
from tests.portal.people import consent
from tests.portal.web.scenes import Farm
from tests.portal.web.test_every_page import words_of


def proven(farm: Farm, user, project=None) -> Proof:
    now = timezone.now()
    return Proof.objects.create(
        user=user,
        project=project or farm.project,
        method="staff-review",
        state="proven",
        created_at=now,
        proven_at=now,
    )


@pytest.fixture
def co_owner(farm: Farm, stranger) -> Client:
    """The stranger has proven the project, too."""
    proven(farm, stranger)
    return signed_in(stranger)


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user, backend="portal.accounts.backends.AccountBackend")
    return client


def press(client: Client, farm: Farm, act: str, **data) -> str:
    path = reverse("web:act-on-consent", args=[farm.consent.pk])
    return words_of(client.post(path, {"act": act, **data}, follow=True))


def test_pausing_takes_one_button_and_shows_what_it_did(owner_client: Client, farm: Farm):
    page = words_of(owner_client.get(reverse("web:consent", args=[farm.consent.pk])))
    waiting = Build.objects.filter(project=farm.project, state="queued").count()
    assert f"Under this consent alone {waiting} builds wait" in page
    assert "1 wheel is listed" in page
    after = press(owner_client, farm, "pause")
    assert "Paused. " in after
    assert "cancelled or stopped" in after
    assert "The wheels stay listed" in after
    assert not Build.objects.filter(project=farm.project, state="queued").exists()
    assert "It holds again" in press(owner_client, farm, "resume")


def test_the_form_says_why_no_other_consent_is_taken(
    co_owner: Client, owner_client: Client, farm: Farm
):
    form = reverse("web:give-consent", args=[farm.project.name])
    assert "I consent" in words_of(owner_client.get(form))
    press(co_owner, farm, "object")
    refused = words_of(owner_client.get(form))
    assert f"stranger objects to a consent for {farm.project.name}" in refused
    assert "I consent" not in refused
    assert f"{reverse('web:report-consent', args=[farm.consent.pk])}?kind=disputed-owner" in refused
    theirs = words_of(co_owner.get(form))
    assert "It is your turn: take your objection back first" in theirs
    assert "I consent" not in theirs


def test_a_link_to_report_names_the_kind(owner_client: Client, farm: Farm):
    report = reverse("web:report-consent", args=[farm.consent.pk])
    page = owner_client.get(report, {"kind": "disputed-ownership"})
    assert page.context["form"]["kind"].value() == "disputed-ownership"


def test_a_co_owner_sees_that_they_can_object_and_take_it_back(
    co_owner: Client, owner_client: Client, farm: Farm
):
    page = words_of(co_owner.get(reverse("web:consent", args=[farm.consent.pk])))
    assert 'value="object"' in page
    assert 'value="object"' not in words_of(
        owner_client.get(reverse("web:consent", args=[farm.consent.pk]))
    )
    assert "Your objection suspends it." in press(co_owner, farm, "object", reason="not agreed")
    theirs = words_of(owner_client.get(reverse("web:consent", args=[farm.consent.pk])))
    assert "A co-owner objects" in theirs
    assert "not agreed" in theirs
    project = words_of(Client().get(reverse("web:project", args=[farm.project.name])))
    assert "A co-owner objects" in project
    assert "It is the turn of the project's owners to agree" in project
    assert "not agreed" not in project
    assert "Your objection is taken back. The consent holds." in press(co_owner, farm, "relent")


@pytest.mark.parametrize(
    ("ground", "words"),
    [
        (Ground.PAUSE, ["Paused", "a paused consent is still a consent", "to end the pause"]),
        (Ground.PROOF, ["left the listings at once", "to prove the project again", "listed again"]),
        (Ground.MODERATION, ["left the listings at once", "It is the turn of the moderators"]),
        (Ground.APPROVAL, ["once enough of them have said yes"]),
    ],
)
def test_the_projects_page_says_what_holds_a_consent_back(farm: Farm, ground: Ground, words):
    at = timezone.now()
    hold(farm.consent, ground, by=None, reason="secret", kind="consent-held", text="", at=at)
    page = words_of(Client().get(reverse("web:project", args=[farm.project.name])))
    assert "The consent of" in page
    assert "Nothing new is built" in page
    assert [word for word in words if word not in page] == []
    assert "secret" not in page
    assert "Nobody who owns" not in page


def test_a_button_that_is_none_does_nothing(owner_client: Client, farm: Farm):
    path = reverse("web:act-on-consent", args=[farm.consent.pk])
    assert owner_client.post(path, {"act": "burn"}).status_code == 403


def test_the_scope_changes_without_reading_it_all_again(owner_client: Client, farm: Farm):
    path = reverse("web:scope", args=[farm.consent.pk])
    assert "nothing to read again" in words_of(owner_client.get(path))
    terms = {"specifiers": ">=0.27", "covers_new_releases": "on", "asked_by": "named"}
    page = words_of(owner_client.post(path, terms, follow=True))
    assert "has its new scope" in page
    assert "&gt;=0.27" in page
    assert Consent.objects.get(replaces=farm.consent).asked_by == "named"
    wrong = owner_client.post(path, {"specifiers": "soon"})
    assert wrong.status_code == 400


def test_owners_name_somebody_and_say_how_many(owner_client: Client, farm: Farm, stranger):
    name = farm.project.name
    assert "1 of 1 now" in words_of(owner_client.get(reverse("web:owners", args=[name])))
    path = reverse("web:name-somebody", args=[name])
    page = words_of(
        owner_client.post(path, {"username": stranger.username, "tasks": ["pause"]}, follow=True)
    )
    assert "may act for" in page
    assert "Paused. " in press(signed_in(stranger), farm, "pause")
    mine = words_of(signed_in(stranger).get(reverse("web:mine")))
    assert "What owners left to you" in mine
    end = reverse("web:end-naming", args=[name, Delegation.objects.get().pk])
    assert "no longer" in words_of(owner_client.post(end, follow=True))
    unknown = owner_client.post(path, {"username": "nobody", "tasks": ["pause"]})
    assert unknown.status_code == 400
    assert "there is no account" in words_of(unknown)
    threshold = reverse("web:threshold", args=[name])
    assert "is recorded" in words_of(owner_client.post(threshold, {"owners": 0}, follow=True))


def test_no_and_do_not_ask_again(owner_client: Client, farm: Farm, stranger):
    proven(farm, farm.owner, farm.plain)
    first = words_of(owner_client.get(reverse("web:mine")))
    assert "1 person asks for wheels that no consent covers" in first
    path = reverse("web:no", args=["docopt"])
    assert "What will happen, at once" in words_of(owner_client.get(path))
    page = words_of(owner_client.post(path, {"reason": "no binaries"}, follow=True))
    assert "Nobody is asked for docopt any more" in page
    assert "no petition is taken" in page
    asking = words_of(signed_in(stranger).get(reverse("web:ask", args=["docopt"])))
    assert "An owner of docopt said no" in asking
    assert "Please do not press them" in asking
    assert "maintainer" not in asking
    assert "said no" in words_of(Client().get(reverse("web:carry", args=["docopt"])))
    again = words_of(owner_client.post(path, {"again": "1"}, follow=True))
    assert "may ask for wheels of docopt again" in again
    assert not Refusal.objects.filter(ended_at=None).exists()


def test_pausing_without_an_account(farm: Farm, upstream, client):
    metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nAuthor-email: ada@x.example\n"
    upstream.add_sdist("demo", "1.0", files={"PKG-INFO": metadata})
    path = reverse("web:ask-to-pause", args=["demo"])
    assert "Send the link" in words_of(client.get(path))
    assert "A link was sent" in words_of(client.post(path))
    assert mail.outbox[0].to == ["ada@x.example"]
    assert client.post(path).status_code == 429
    link = link_of(PauseLink.objects.get()).removeprefix("http://testserver")
    assert link in mail.outbox[0].body
    assert "Nothing of demo is built here now" in words_of(client.get(link))
    assert PauseLink.objects.get().used_at is None
    assert "A moderator looks at the case" in words_of(client.post(link))
    assert PauseLink.objects.get().used_at is not None
    assert client.get("/pause/nonsense/").status_code == 400


def test_drafts_to_carry(client, farm: Farm):
    page = words_of(client.get(reverse("web:carry", args=["docopt"])))
    assert "An issue" in page
    assert "CPython 3.13" in page
    assert "[tool.affineur]" in page


def test_a_petition_says_where_and_what_it_costs(farm: Farm, stranger):
    client = signed_in(stranger)
    path = reverse("web:ask", args=["docopt"])
    wish = {
        "specifiers": "",
        "targets": ["cp313-manylinux_2_36_x86_64"],
        "platform": "windows",
        "cost": "blocked",
        "reason": "",
        "send": "1",
    }
    client.post(path, wish)
    page = words_of(client.get(reverse("web:project", args=["docopt"])))
    assert "On Windows: 1" in page
    assert "“I cannot install it at all”: 1" in page
    assert "1 person has petitioned" in page


def test_several_projects_of_an_organisation_at_once(owner_client: Client, farm: Farm) -> None:
    roles = {"organization": "cheese", "roles": {"ada": "Owner"}}
    Proof.objects.filter(project=farm.project).update(evidence={"upstream": roles})
    assert owner_client.get(reverse("web:consent-organisation", args=["docopt"])).status_code == 400
    proof = proven(farm, farm.owner, farm.plain)
    Proof.objects.filter(pk=proof.pk).update(evidence={"upstream": roles})
    page = words_of(owner_client.get(reverse("web:consent-organisation", args=["docopt"])))
    assert "you have proven it" in page
    assert "has a consent" in page


def listed(farm: Farm) -> list[str]:
    files = File.objects.on_pages().filter(project=farm.project)
    return sorted(files.values_list("filename", flat=True))


def test_a_scope_that_takes_wheels_off_the_listings_is_confirmed_first(
    owner_client: Client, farm: Farm
):
    path = reverse("web:scope", args=[farm.consent.pk])
    assert "1 is listed by this consent alone" in words_of(owner_client.get(path))
    terms = {"specifiers": "<0.1", "covers_new_releases": "on"}
    told = words_of(owner_client.post(path, terms))
    assert "1 wheel leaves the listings with this scope." in told
    assert "Nothing has changed yet" in told
    assert not Consent.objects.filter(replaces=farm.consent).exists()
    assert len(listed(farm)) == 1
    assert "has its new scope" in words_of(
        owner_client.post(path, terms | {"leaving": "1"}, follow=True)
    )
    assert listed(farm) == []


def test_a_co_owner_takes_kept_wheels_off_in_two_clicks(
    owner_client: Client, co_owner: Client, farm: Farm
):
    revoke = reverse("web:revoke", args=[farm.consent.pk])
    assert "until you, or any other owner, take it off" in words_of(owner_client.get(revoke))
    owner_client.post(revoke, {"afterwards": "keep"})
    assert len(listed(farm)) == 1
    project = words_of(co_owner.get(reverse("web:project", args=[farm.project.name])))
    assert f"1 wheel of {farm.project.name} stays listed by the word" in project
    assert reverse("web:consent", args=[farm.consent.pk]) in project
    page = words_of(co_owner.get(reverse("web:consent", args=[farm.consent.pk])))
    assert "1 wheel stays listed, by the word of who took it back" in page
    after = press(co_owner, farm, "unlist")
    assert "1 wheel is off the index now." in after
    assert "taken off the index" in after
    assert 'value="unlist"' not in after
    assert listed(farm) == []
    project = words_of(co_owner.get(reverse("web:project", args=[farm.project.name])))
    assert "stays listed by the word" not in project


def test_an_objection_is_taken_back_on_the_page_of_a_consent_that_is_over(
    co_owner: Client, owner_client: Client, farm: Farm, stranger
):
    press(co_owner, farm, "object", reason="not agreed")
    revoke = reverse("web:revoke", args=[farm.consent.pk])
    page = words_of(owner_client.get(revoke))
    assert "The objection to it stands on" in page
    assert 'value="keep"' not in page
    owner_client.post(revoke, {"afterwards": "withdraw"})
    form = reverse("web:give-consent", args=[farm.project.name])
    assert "It is the turn of stranger" in words_of(owner_client.get(form))
    project = words_of(Client().get(reverse("web:project", args=[farm.project.name])))
    assert "A co-owner objects" in project
    # Who made it need not own the project any more.
    Proof.objects.filter(user=stranger).delete()
    page = words_of(co_owner.get(reverse("web:consent", args=[farm.consent.pk])))
    assert "also when this one is over" in page
    assert "Take my objection back" in page
    assert "To undo it, consent again" not in page
    assert "Take my objection back" not in words_of(
        owner_client.get(reverse("web:consent", args=[farm.consent.pk]))
    )
    co_owner.post(reverse("web:act-on-consent", args=[farm.consent.pk]), {"act": "relent"})
    assert "I consent" in words_of(owner_client.get(form))


def test_a_consent_that_waits_says_that_an_objection_to_another_keeps_it_from_holding(
    co_owner: Client, owner_client: Client, farm: Farm, stranger
):
    at = timezone.now()
    set_threshold(user=stranger, project=farm.project, owners=2, at=at)
    waiting = consent(stranger, farm.project, at=at)
    page = reverse("web:consent", args=[waiting.pk])
    assert "objects to a consent" not in words_of(owner_client.get(page))
    press(co_owner, farm, "object")
    assert "stranger objects to a consent" in words_of(owner_client.get(page))
    path = reverse("web:act-on-consent", args=[waiting.pk])
    after = words_of(owner_client.post(path, {"act": "approve"}, follow=True))
    assert "Your yes is recorded. The consent waits for co-owners." in after


def test_a_consent_that_ended_says_what_became_of_the_wheels(owner_client: Client, farm: Farm):
    QuerySet(Consent).filter(pk=farm.consent.pk).update(expires_at=timezone.now())
    page = words_of(owner_client.get(reverse("web:consent", args=[farm.consent.pk])))
    assert "wheels that no other consent covers are not listed" in page
    assert "consent again" in page
    revoke = words_of(owner_client.get(reverse("web:revoke", args=[farm.consent.pk])))
    assert "There is nothing left to do: the consent is over (ended)." in revoke
