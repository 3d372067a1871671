"""The record as everybody may read it, and what a person may take home."""

import json
import re
from xml.etree import ElementTree as ET

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.services import issue_token
from portal.audit.export import NOT_EXPORTED, TABLES
from portal.consent.services import revoke_consent
from portal.ledger.models import Checkpoint
from portal.ledger.services import record, seal
from portal.ledger.verbs import VERBS
from portal.notices.services import add_webhook
from portal.organisations.services import create_organisation, invite
from tests.portal.people import make_user
from tests.portal.web.scenes import Farm
from tests.portal.web.test_every_page import words_of

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.mark.parametrize("page", ["ledger-of-all", "register-of-all"])
def test_everybody_reads_the_record_of_all_projects(client: Client, farm: Farm, page):
    words = words_of(client.get(reverse(f"web:{page}")))
    assert "python-levenshtein" in words
    assert "maintainer" not in words


def test_the_owner_sees_all_and_others_do_not(client: Client, owner_client: Client, farm: Farm):
    path = reverse("web:ledger", args=[farm.project.name])
    whole, redacted = words_of(owner_client.get(path)), words_of(client.get(path))
    assert "by maintainer" in whole
    assert "by a person" in redacted
    for secret in ("maintainer", str(farm.consent.pk), str(farm.proof.pk), str(farm.asked.pk)):
        assert secret not in redacted


def test_the_register_shows_which_text_was_accepted_and_how_it_ended(client: Client, farm: Farm):
    path = reverse("web:register", args=[farm.project.name])
    words = words_of(client.get(path))
    assert "Building and running your project, version" in words
    assert ">holds<" in words
    revoke_consent(
        consent=farm.consent,
        user=farm.owner,
        afterwards="keep",
        reason="My own reasons.",
        at=timezone.now(),
    )
    words = words_of(client.get(path))
    assert ">taken back<" in words
    assert "My own reasons" not in words
    assert "maintainer" not in words


def test_a_project_without_consent_has_an_empty_register(client: Client, farm: Farm):
    assert "No consent was ever given for docopt" in words_of(
        client.get("/project/docopt/register/")
    )


def test_a_checkpoint_is_shown_and_published(client: Client, farm: Farm):
    seal()
    Checkpoint.objects.create(
        at=timezone.now(), sequence=5, hash="c" * 64, envelope={"payload": "e30="}
    )
    assert "Last checkpoint" in words_of(client.get(reverse("web:ledger-of-all")))
    [published] = client.get("/api/v1/ledger/checkpoints/").json()["results"]
    assert published["hash"] == "c" * 64
    assert published["envelope"] == {"payload": "e30="}


@pytest.mark.parametrize("project", ["", "python-levenshtein"])
def test_the_api_has_it_without_names(client: Client, farm: Farm, project):
    entries = client.get("/api/v1/ledger/", {"project": project}).json()["results"]
    assert {entry["project"] for entry in entries} <= {"python-levenshtein", "docopt"}
    assert {entry["actor"] for entry in entries} <= {"builds", "indexes", "a person"}
    for entry in entries:
        assert set(entry["facts"]) <= set(VERBS[entry["verb"]].public)
    assert "salt" not in entries[0]


def test_the_api_has_the_register(client: Client, farm: Farm):
    [consent] = client.get("/api/v1/register/", {"project": "python-levenshtein"}).json()["results"]
    assert consent["state"] == "holds"
    assert consent["agreements"][0]["version"]
    assert not {"id", "user", "proof", "reason"} & set(consent)
    assert client.get("/api/v1/register/", {"project": "docopt"}).json()["results"] == []
    assert client.get("/api/v1/register/", {"project": "a/b"}).status_code == 400


@pytest.mark.parametrize("project", ["", "python-levenshtein"])
def test_the_feed_is_atom(client: Client, farm: Farm, project):
    path = (
        reverse("web:ledger-feed", args=[project]) if project else reverse("web:ledger-of-all-feed")
    )
    response = client.get(path)
    assert response.headers["Content-Type"].startswith("application/atom+xml")
    feed = ET.fromstring(response.content)  # noqa: S314  # our own
    entries = feed.findall(f"{ATOM}entry")
    assert entries
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == len(entries)
    assert "maintainer" not in response.content.decode()
    assert client.get(reverse("web:ledger-feed", args=["a b"])).status_code == 400


def test_the_feed_takes_what_upstream_says(client: Client, farm: Farm):
    facts = {"version": "1.0", "reason": "Broken\x0b, see \x1b[31mthe tracker\x1b[0m."}
    record(actor="indexes", verb="release-yanked", project="docopt", facts=facts, at=timezone.now())
    response = client.get(reverse("web:ledger-feed", args=["docopt"]))
    [entry, *_] = ET.fromstring(response.content).findall(f"{ATOM}entry")  # noqa: S314  # our own
    said = "By indexes; version: 1.0; reason: Broken, see the tracker."
    assert entry.findtext(f"{ATOM}summary") == said


def test_facts_are_told_in_words(client: Client, farm: Farm):
    words = words_of(client.get(reverse("web:ledger", args=[farm.project.name])))
    assert re.search(r"<dt>channels</dt>\s*<dd class=.break.>\s*build, publish\s", words)
    assert "&#x27;" not in words


def test_what_is_on_no_project_is_for_nobody_else(client: Client, farm: Farm):
    issue_token(user=farm.owner, name="ci", scopes=["read"], expires_at=None, at=timezone.now())
    assert "token-issued" not in words_of(client.get(reverse("web:ledger-of-all")))
    assert "token-issued" not in client.get("/api/v1/ledger/").content.decode()


@pytest.mark.parametrize("path", ["/ledger/", "/register/", "/api/v1/ledger/", "/api/v1/register/"])
def test_reading_takes_the_same_queries_however_much(
    client: Client, farm: Farm, django_assert_max_num_queries, path
):
    for number in range(30):
        record(actor="x", verb=f"v{number}", project="docopt", facts={}, at=timezone.now())
    with django_assert_max_num_queries(5):
        client.get(path)


def test_a_person_takes_home_all_that_is_recorded_about_them(owner_client: Client, farm: Farm):
    _, secret = issue_token(
        user=farm.owner, name="ci", scopes=["read"], expires_at=None, at=timezone.now()
    )
    hook = add_webhook(person=farm.owner, url="https://hook.example/", at=timezone.now())
    ann = make_user("ann")
    acme = create_organisation(user=ann, slug="acme", name="Acme", at=timezone.now())
    for whom in (farm.owner, make_user("another-guest")):
        invite(by=ann, organisation=acme, whom=whom.username, role="viewer", at=timezone.now())
    response = owner_client.get(reverse("web:export"))
    assert "attachment" in response.headers["Content-Disposition"]
    text = response.content.decode()
    tables = json.loads(text)["tables"]
    assert tables["accounts.User"][0]["username"] == "maintainer"
    assert [row["id"] for row in tables["consent.Consent"]] == [str(farm.consent.pk)]
    assert tables["requests.Request"][0]["reason"] == "Our image has no compiler."
    entries = tables["ledger.Entry"]
    assert {row["actor"] for row in entries} == {"maintainer", "ann"}
    assert [row["verb"] for row in entries if row["actor"] == "ann"] == ["member-invited"]
    assert "password" not in tables["accounts.User"][0]
    assert secret not in text
    assert hook.secret not in text
    assert "stranger" not in text
    assert "another-guest" not in text


def test_the_export_is_for_who_is_signed_in(client: Client, farm: Farm):
    assert client.get(reverse("web:export")).status_code == 302


def points_to_a_person(model) -> bool:
    return any(
        field.is_relation and field.related_model is User and not field.auto_created
        for field in model._meta.get_fields()  # noqa: SLF001
    )


def test_every_model_that_points_to_a_person_is_exported_or_left_out_for_a_reason():
    models = {
        model._meta.label  # noqa: SLF001
        for model in apps.get_models(include_auto_created=True)
        if points_to_a_person(model)
    }
    listed = set(TABLES) | set(NOT_EXPORTED)
    assert models <= listed, "list it in portal/audit/export.py"
    assert set(NOT_EXPORTED) <= models
    assert all(NOT_EXPORTED.values())
    for name in TABLES:
        apps.get_model(name)
