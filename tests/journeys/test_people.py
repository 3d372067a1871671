"""Maintainers and users at browsers of their own, who sign in at a certified identity provider.

The provider (oidc-provider) is one whose accounts are upstream's, so that signing in there is
itself the proof of who has a role; as for any client of its own, it asks nobody for their leave.

A yes takes eight clicks at most, from the first of signing in: one to choose where, one at the
provider, five ticks, one button. Seven texts are part of a consent, and a tick of its own for each
would be ten clicks. Five ask something: to build and run, to change a build, to publish, to use
the name, to keep and show a record. Each of these has its tick, and none is set before. The other
two, that nothing is owed and that all can be stopped, are promises to who consents: there is
nothing in them to agree to. They stand on the same page, whole, and are recorded by their hashes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.utils import timezone

from builds.models import Build
from indexes.models import Project
from indexes.services.pages import render_pages
from indexes.upstream.fake import FakeUpstream
from portal.accounts.models import User
from portal.consent.agreements import current
from portal.consent.models import Consent
from portal.ownership.models import Proof
from portal.settings.base import form_targets
from tests.journeys.conftest import Arrive
from tests.journeys.persons import Person
from tests.node import MODULES, free_port, needed, node
from tests.portal.ownership.answers import Answers
from tests.portal.ownership.issuers import SCRIPT
from tests.portal.people import know, make_user, publish

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("people")]

GUILD = "The guild"
CLICKS = 8


@pytest.fixture(scope="module")
def provider(live_server) -> Iterator[str]:
    needed("oidc-provider")
    port = free_port()
    back = f"{live_server.url}/account/oidc/operator/login/callback/"
    with node(SCRIPT, MODULES, str(port), back, port=port) as url:
        yield url


@dataclass
class World:
    """docopt upstream, who has a role in it there, and whoever comes here."""

    docopt: Project
    answers: Answers
    arrive: Arrive


@pytest.fixture
def world(arrive: Arrive, provider: str, settings) -> Iterator[World]:
    app = {
        "provider_id": "operator",
        "name": GUILD,
        "client_id": "affineur",
        "secret": "secret",
        "settings": {"server_url": provider},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    settings.AFFINEUR_OIDC_SERVER, settings.AFFINEUR_OIDC_NAME = provider, GUILD
    settings.AFFINEUR_UPSTREAM_PROVIDERS = ["pypi", "operator"]
    targets = form_targets(settings.SOCIALACCOUNT_PROVIDERS)
    settings.SECURE_CSP = {**settings.SECURE_CSP, "form-action": targets}
    upstream = FakeUpstream()
    upstream.add_sdist("docopt", "0.6.1")
    upstream.add_sdist("docopt", "0.6.2")
    with upstream.serve() as url, Answers().serve() as answers:
        settings.AFFINEUR_UPSTREAM = url
        settings.AFFINEUR_UPSTREAM_ROLES = f"{answers.url}/pypi/{{name}}/json"
        answers.roles("docopt", alice="Owner", bob="Maintainer")
        yield World(know("docopt", timezone.now()), answers, arrive)


def consents(person: Person) -> None:
    """From the page of a consent, tick by tick."""
    boxes = person.page.locator("input[name^='clause:']").all()
    assert not any(box.is_checked() for box in boxes)
    person.writes("Licence", "MIT")
    for box in boxes:
        person.clicks(box)
    person.presses("I consent")


def owner_with_wheel(world: World) -> tuple[Person, Build]:
    """Alice has consented; two wheels were asked for, of which one is there and one is building."""
    alice = world.arrive("alice")
    alice.goes_to("web:give-consent", "docopt")
    alice.signs_in(GUILD)
    consents(alice)
    alice.goes_to("web:ask", "docopt")
    alice.presses("Ask")
    first, second, *_ = Build.objects.order_by("pk")
    publish(first, at=timezone.now())
    render_pages(project=world.docopt, at=timezone.now())
    return alice, second


def test_a_maintainer_comes_by_a_link_and_consents_in_eight_clicks(world: World, record_property):
    """No account yet, and nothing known of them here."""
    alice = world.arrive("alice")
    alice.goes_to("web:give-consent", "docopt")
    alice.looks("people-sign-in")
    alice.signs_in(GUILD)
    assert "Upstream says that you are its owner" in alice.reads
    alice.looks("people-consent-form")
    consents(alice)
    assert "Your consent for docopt is recorded, and holds from now" in alice.reads

    assert alice.count <= CLICKS
    record_property("clicks", alice.count)
    record_property("seconds", round(alice.seconds, 1))
    print(f"{alice.count} clicks, {alice.seconds:.1f} s")
    alice.looks("people-consent")
    given = Consent.objects.get()
    assert (given.user.username, given.capacity) == ("alice", "owner")
    assert Proof.objects.get().method == "upstream-sign-in"
    ticked = {clause for text in given.agreements for clause in text["clauses"]}
    assert ticked == {"build-and-execute", "modify", "data", "redistribute", "name"}
    promised = {text["sha256"] for text in given.agreements if not text["clauses"]}
    assert promised == {current("no-burden").sha256, current("takedown").sha256}


def test_a_stranger_who_signs_in_is_shown_how_to_prove_it(world: World):
    mallory = world.arrive("mallory")
    mallory.goes_to("web:give-consent", "docopt")
    mallory.signs_in(GUILD)
    assert "Prove that docopt is yours" in mallory.reads
    mallory.looks("people-prove")
    assert not Proof.objects.exists()


def test_somebody_whose_address_is_taken_chooses_another_or_none(world: World):
    make_user("first", email="alice@guild.example")
    alice = world.arrive("alice")
    alice.goes_to("web:give-consent", "docopt")
    alice.signs_in(GUILD)
    alice.looks("people-address-taken")
    alice.presses("Make the account")
    assert "An account already exists with this email address" in alice.reads
    alice.looks("people-address-taken-again")
    alice.writes("Email (optional)", "")
    alice.presses("Make the account")
    assert "Upstream says that you are its owner" in alice.reads
    assert not User.objects.get(username="alice").email


def test_a_co_owner_objects_and_the_first_hears_of_it(world: World):
    alice, building = owner_with_wheel(world)
    bob = world.arrive("bob")
    bob.goes_to("web:prove", "docopt")
    bob.signs_in(GUILD)
    bob.follows("docopt")
    bob.follows("Consent")
    bob.writes("Why, if you like to say it", "We never agreed on it.")
    bob.presses("Object")
    assert "Your objection suspends it" in bob.reads
    assert "cancelled or stopped" in bob.reads
    bob.looks("people-objected")
    bob.follows("docopt")
    assert "The consent of alice: A co-owner objects" in bob.reads
    bob.looks("people-project-objected")
    building.refresh_from_db()
    assert building.state == "cancelled"

    alice.goes_to("web:notices")
    assert "docopt: a co-owner objects" in alice.reads
    alice.looks("people-notices-objected")
    alice.goes_to("web:consent", str(Consent.objects.get().pk))
    assert "A co-owner objects" in alice.reads
    assert "bob" in alice.reads
    assert "We never agreed on it." in alice.reads
    alice.follows("Take it back")
    alice.looks("people-take-back-objected")
    alice.presses("Take it back, withdraw the wheels")
    alice.looks("people-taken-back-objected")
    alice.goes_to("web:give-consent", "docopt")
    assert "bob objects to a consent for docopt" in alice.reads
    alice.looks("people-consent-form-objected")


def test_a_consent_is_taken_back_in_two_clicks(world: World):
    alice, building = owner_with_wheel(world)
    listing = f"{alice.url}/wheels/simple/docopt/"
    assert "docopt-0.6.2-1affineur" in alice.context.request.get(listing).text()
    alice.goes_to("web:consent", str(Consent.objects.get().pk))
    alice.count = 0
    alice.follows("Take it back")
    assert "4 waiting builds are cancelled" in alice.reads
    assert "1 wheel is listed now" in alice.reads
    alice.looks("people-take-back")
    alice.presses("Take it back, withdraw the wheels")
    assert alice.count == 2
    assert "4 builds are cancelled or stopped, 1 wheel is withdrawn" in alice.reads
    assert "Lock files that name it still resolve" in alice.reads
    alice.looks("people-taken-back")
    assert "docopt-0.6.2-1affineur" not in alice.context.request.get(listing).text()
    building.refresh_from_db()
    assert building.state == "cancelled"


def test_wheels_that_a_giver_keeps_listed_are_taken_off_by_a_co_owner_in_two_clicks(world: World):
    alice, _ = owner_with_wheel(world)
    alice.goes_to("web:scope", str(Consent.objects.get().pk))
    alice.writes("Releases", "<0.6.2")
    alice.presses("Change the scope")
    assert "1 wheel leaves the listings with this scope" in alice.reads
    alice.looks("people-scope-to-confirm")
    alice.follows("Leave it as it is")
    alice.follows("Take it back")
    alice.presses("Take it back, keep the wheels listed")
    alice.looks("people-kept")

    bob = world.arrive("bob")
    bob.goes_to("web:prove", "docopt")
    bob.signs_in(GUILD)
    bob.goes_to("web:project", "docopt")
    assert "1 wheel of docopt stays listed by the word of alice" in bob.reads
    bob.looks("people-project-kept")
    bob.count = 0
    bob.follows("take it off the index")
    bob.presses("Take it off the index")
    assert bob.count == 2
    assert "1 wheel is off the index now" in bob.reads
    bob.looks("people-kept-taken-off")


def test_a_petition_becomes_a_consent_and_the_consent_becomes_builds(world: World):
    ursula = world.arrive("ursula")
    ursula.goes_to("web:project", "docopt")
    ursula.follows("Petition for wheels")
    ursula.signs_in(GUILD)
    ursula.writes("Why you need them", "Our Raspberry Pis compile it for an hour.")
    ursula.looks("people-petition-form")
    ursula.presses("Send the petition")
    ursula.looks("people-petition")
    petition = ursula.page.url
    assert not Build.objects.exists()

    alice = world.arrive("alice")
    alice.goes_to("web:give-consent", "docopt")
    alice.signs_in(GUILD)
    assert "1 person has petitioned for wheels" in alice.reads
    alice.follows("My projects")
    first = alice.page.locator("main h2").first.inner_text()
    assert first == "What people ask of your projects"
    assert "Our Raspberry Pis compile it for an hour." in alice.reads
    alice.looks("people-wanted")
    alice.follows("Read what you would agree to for docopt")
    consents(alice)

    ursula.page.goto(petition)
    assert "In progress" in ursula.reads
    ursula.looks("people-petition-granted")
    assert Build.objects.filter(state="queued", requests__user__username="ursula").count() == 5
    assert "Notices (1" in ursula.reads
    ursula.goes_to("web:notices")
    assert "docopt: consent was given" in ursula.reads
    ursula.looks("people-notices-granted")
