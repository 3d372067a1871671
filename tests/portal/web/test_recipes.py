"""A project's recipe on its page: read by anyone, edited by its owners."""

import pytest
from django.test import Client
from django.urls import reverse

from builds.models import Build, RecipeEdit, Replay
from builds.services.recipes import recipe_in_force
from portal.accounts.models import User
from portal.consent.models import Consent
from portal.consent.services import revoke_consent
from portal.ledger.models import Entry
from tests.portal.people import LATER, make_administrator
from tests.portal.web.scenes import Farm
from tests.portal.web.test_every_page import words_of


def text(version: int = 1, flag: str = "-DFOO", by: str = "maintainer") -> str:
    return (
        f'schema = 1\nproject = "python-levenshtein"\nversion = {version}\n'
        f'reason = "It needs a flag."\nreviewer = "{by}"\nflags = ["{flag}"]\n'
    )


@pytest.fixture
def path(farm: Farm) -> str:
    return reverse("web:recipe", args=[farm.project.name])


@pytest.fixture
def failed(farm: Farm) -> Build:
    return farm.failed


def save(client: Client, path: str, recipe: str, reason: str = "It did not build."):
    return client.post(path, {"text": recipe, "reason": reason, "save": "1"}, follow=True)


def test_anyone_reads_it_and_is_told_how_to_edit(client: Client, path: str):
    page = words_of(client.get(path))
    assert "Builds are given what the sources declare" in page
    assert "Sign in as an owner of the project to edit it." in page
    assert "<textarea" not in page


def test_who_is_not_signed_in_is_sent_to_sign_in(client: Client, path: str):
    response = client.post(path, {"text": text(), "save": "1"})
    assert response.headers["Location"] == f"{reverse('account_login')}?next={path}"


def test_the_form_begins_with_the_next_version(owner_client: Client, path: str):
    assert 'version = 1\nreason = ""\nreviewer = "maintainer"' in (
        owner_client.get(path).content.decode().replace("&quot;", '"')
    )


def test_a_preview_tells_what_would_run_again_and_keeps_nothing(
    owner_client: Client, path: str, failed: Build
):
    page = words_of(owner_client.post(path, {"text": text(), "preview": "1"}))

    assert "1 failed build of 1 release would run again" in page
    assert "+flags = [&quot;-DFOO&quot;]" in page
    assert "Nothing is saved yet" in page
    assert not RecipeEdit.objects.exists()
    assert not Replay.objects.exists()
    failed.refresh_from_db()
    assert failed.state == "failed"


def test_an_owner_puts_a_recipe_in_force(owner_client: Client, farm: Farm, path: str):
    page = words_of(save(owner_client, path, text()))

    assert "1 failed build of it will run again." in page
    assert "Version 1, by maintainer" in page
    assert recipe_in_force(farm.project).by == "maintainer"
    again = Replay.objects.get().replayed.get().build
    assert (again.version, again.target) == (farm.failed.version, farm.failed.target)
    entry = Entry.objects.get(verb="recipe-changed")
    assert (entry.actor, entry.project) == ("maintainer", farm.project.name)
    assert entry.facts["text"] == text().strip()
    assert entry.facts["reason"] == "It did not build."
    # A recipe names its reviewer, and the ledger that everybody reads names nobody.
    assert "maintainer" in entry.facts["text"]
    assert "maintainer" not in words_of(Client().get(reverse("web:ledger-of-all")))


def test_what_was_asked_for_waits_for_the_new_build(owner_client: Client, farm: Farm, path: str):
    asked = farm.asked
    failed = asked.builds.filter(version="0.27.0", target=farm.failed.target)
    assert list(failed) == [farm.failed]
    save(owner_client, path, text())
    (build,) = failed.all()
    assert (build.state, build != farm.failed) == ("queued", True)
    assert build.priority > -900


def test_each_change_is_shown_against_the_one_before(owner_client: Client, path: str):
    save(owner_client, path, text())
    save(owner_client, path, text(2, "-DBAR"), "Another flag.")
    page = words_of(save(owner_client, path, "", "It is not needed any more."))
    assert "None. Builds are given" in page
    assert "Version 3 by maintainer" in page
    assert ": taken back" in page
    assert "-flags = [&quot;-DFOO&quot;]" in page


@pytest.mark.parametrize(
    ("recipe", "reason", "words"),
    [
        (text(2), "x", "look at what that says, and write 1."),
        (text(by="somebody"), "x", "write &#x27;maintainer&#x27;."),
        (text(flag="-march=native"), "x", "`flags` has"),
        (text(), "", "Say in a few words why you change it."),
    ],
)
def test_what_cannot_be_says_so_beside_the_field(
    owner_client: Client, path: str, recipe: str, reason: str, words: str
):
    response = save(owner_client, path, recipe, reason)
    assert response.status_code == 400
    assert words in words_of(response)
    assert not RecipeEdit.objects.exists()


def test_a_stranger_does_not_edit(farm: Farm, path: str, stranger: User):
    client = Client()
    client.force_login(stranger, backend="portal.accounts.backends.AccountBackend")
    for action in ("save", "preview"):
        response = client.post(path, {"text": text(), "reason": "x", action: "1"})
        assert response.status_code == 403
        assert "Nothing shows yet that you may speak for" in words_of(response)
    assert not RecipeEdit.objects.exists()


def test_without_a_live_consent_nothing_is_edited(owner_client: Client, farm: Farm, path: str):
    consent = Consent.objects.get(pk=farm.consent.pk)
    revoke_consent(consent=consent, user=farm.owner, afterwards="keep", reason="", at=LATER)
    response = save(owner_client, path, text())
    assert response.status_code == 403
    assert "give a consent first" in words_of(response)


def test_staff_with_a_second_factor_edits(farm: Farm, path: str):
    client = Client()
    client.force_login(make_administrator(), backend="portal.accounts.backends.AccountBackend")
    assert "Version 1, by root" in words_of(save(client, path, text(by="root")))


def test_a_long_history_takes_no_more_queries(
    owner_client: Client, farm: Farm, path: str, django_assert_max_num_queries
):
    for version in range(1, 30):
        RecipeEdit.objects.create(
            project=farm.project,
            version=version,
            text=text(version),
            by="maintainer",
            reason="x",
            created_at=LATER,
        )
    with django_assert_max_num_queries(9):
        page = owner_client.get(path)
    assert page.content.decode().count("<details") == 20
