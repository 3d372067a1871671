"""Of each table that acts write: a row that was changed, taken away or added is found and named."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.db import models, transaction
from django.db.models import QuerySet

from builds.models import Build
from builds.services.claim import claim_builds
from builds.services.lease import show_lease
from builds.services.replay import learn_rule
from indexes.domain.names import NormalizedName
from indexes.models import File, Project
from indexes.services.curated import Terms
from indexes.services.publish import tell_reproducible
from indexes.services.refresh import refresh_project
from indexes.signals import file_published
from indexes.upstream.fake import FakeUpstream
from portal.accounts.models import User
from portal.accounts.services import issue_token
from portal.audit.rows import NOT_TOLD, TABLES
from portal.audit.verify import database_mismatches
from portal.consent.delegation import delegate, end_delegation
from portal.consent.expiry import end_expired, remind_of_expiry
from portal.consent.letters import write_letter
from portal.consent.models import Consent, Revocation
from portal.consent.owners import set_threshold
from portal.consent.recipes import edit_recipe
from portal.consent.refusals import say_no, take_no_back
from portal.consent.services import change_scope, revoke_consent, unlist_wheels
from portal.consent.sources import keep_sources
from portal.consent.suspension import approve, object_to, pause, relent, resume
from portal.moderation import services
from portal.moderation.evidence import add_evidence
from portal.moderation.files import unyank_file, yank_file
from portal.moderation.intake import open_case
from portal.moderation.proceedings import CaseKind
from portal.organisations.services import (
    change_role,
    create_index,
    create_organisation,
    decline_invitation,
    delete_index,
    invite,
    issue_reader_token,
    remove_member,
    revoke_invitation,
    set_quotas,
)
from portal.requests.services import make_request
from tests.builds.farm import FakeCelery
from tests.portal.audit.test_verify import RECIPE
from tests.portal.people import (
    AT,
    CP313,
    LATER,
    add_member,
    consent,
    make_administrator,
    make_user,
    prove,
    publish,
)

pytestmark = pytest.mark.django_db
METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: 1.0\nAuthor-email: ada@x.example\n"
SOON = AT + timedelta(days=10)
MUCH_LATER = AT + timedelta(days=60)


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> FakeUpstream:
    fake = FakeUpstream()
    for name in ("brie", "comte", "feta"):
        fake.add_sdist(name, "1.0", files={"PKG-INFO": METADATA.format(name)})
    for module in ("indexes.services.refresh", "portal.consent.licences", "portal.consent.sources"):
        monkeypatch.setattr(f"{module}.get_upstream", lambda: fake)
    monkeypatch.setattr("builds.dispatch.current_app", FakeCelery())
    return fake


@dataclass
class Life:
    """People, and three projects that they do everything to that leaves a row."""

    people: dict[str, User] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)


@pytest.fixture
def life(upstream: FakeUpstream) -> Life:
    made = Life()
    for name in ("ann", "bob", "eve", "dan"):
        made.people[name] = make_user(name)
    for name in ("root", "second", "third"):
        made.people[name] = make_administrator(name)
    for name in ("brie", "comte", "feta"):
        made.projects[name] = refresh_project(name=NormalizedName(name), at=AT, upstream=upstream)
    consents_and_builds(made.people, made.projects["brie"])
    letters_and_refusals(made.people, made.projects["feta"])
    organisations(made.people)
    cases(made.people, made.projects["brie"], made.projects["comte"])
    return made


def consents_and_builds(people: dict[str, User], brie: Project) -> None:
    ann, bob, eve = (people[name] for name in ("ann", "bob", "eve"))
    prove(ann, brie, people["root"])
    prove(bob, brie, people["root"])
    set_threshold(user=bob, project=brie, owners=2, at=AT)
    terms = {"licence_expression": "LGPL-3.0-or-later", "expires_at": SOON}
    given = consent(ann, brie, **terms)
    approve(consent=given, user=bob, at=AT)
    remind_of_expiry(at=AT)
    pause(consent=given, user=ann, reason="Wait.", at=AT)
    resume(consent=given, user=bob, at=AT)
    object_to(consent=given, user=bob, reason="No.", at=AT)
    relent(consent=given, user=bob, at=AT)
    set_threshold(user=bob, project=brie, owners=1, at=AT)
    ask = {"project_name": "brie", "specifiers": "", "targets": [CP313], "reason": "", "at": AT}
    make_request(user=eve, **ask)
    keep_sources(at=AT)
    (job,) = claim_builds(at=AT)
    assert show_lease(attempt_id=UUID(job.attempt), token=job.lease, builder="b1", at=AT)
    other = consent(bob, brie, **terms)
    delegate(user=ann, project=brie, username="eve", tasks=["pause"], at=AT)
    made = delegate(user=ann, project=brie, username="eve", tasks=["revoke"], at=AT)
    revoke_consent(consent=other, user=eve, afterwards="keep", reason="", at=LATER)
    unlist_wheels(consent=other, user=bob, reason="Enough.", at=LATER)
    end_delegation(delegation=made, user=ann, at=LATER)
    wider = {"specifiers": "", "covers_new_releases": True, "targets": [], "expires_at": None}
    change_scope(
        consent=given, user=ann, channels=["build", "publish"], asked_by="anyone", at=LATER, **wider
    )
    recipe = RECIPE.replace("docopt", "brie")
    edit_recipe(user=people["root"], project=brie, text=recipe, reason="Memory.", at=LATER)
    rule = {"pattern": "frobnicator", "stage": "build", "turn": "project", "remedy": ""}
    more = {"explanation": "It needs one.", "argument": ""}
    learn_rule(facts={"code": "no-frobnicator", **rule, **more}, by="root", at=LATER)
    issue_token(user=ann, name="ci", scopes=["read"], expires_at=SOON, at=AT)


def letters_and_refusals(people: dict[str, User], feta: Project) -> None:
    assert write_letter(project=feta, at=AT)
    prove(people["dan"], feta, people["root"])
    say_no(user=people["dan"], project=feta, reason="Enough.", at=AT)
    given = None
    take_no_back(refusal=feta.refusals.get(), user=people["dan"], at=AT)
    say_no(user=people["dan"], project=feta, reason="Really.", at=AT)
    # A yes ends one's own no.
    given = consent(people["dan"], feta, expires_at=SOON, at=LATER)
    prove(people["ann"], feta, people["root"], at=LATER)
    object_to(consent=given, user=people["ann"], reason="", at=LATER)
    assert end_expired(at=MUCH_LATER) == 1


def organisations(people: dict[str, User]) -> None:
    ann, root = people["ann"], people["root"]
    acme = create_organisation(user=ann, slug="acme", name="Acme", at=AT)
    here = {"by": ann, "organisation": acme, "at": AT}
    add_member(**here, username="bob", role="viewer")
    change_role(**here, username="bob", role="manager")
    add_member(**here, username="eve", role="viewer")
    remove_member(**here, username="eve")
    decline_invitation(
        user=people["eve"], invitation=invite(**here, whom="eve", role="viewer"), at=AT
    )
    invite(**here, whom="dan@x.example", role="viewer")
    again = invite(**here, whom="dan@x.example", role="manager")
    revoke_invitation(by=ann, invitation=again, at=AT)
    create_index(**here, slug="main", terms=Terms(["brie"]))
    delete_index(**here, index=create_index(**here, slug="other", terms=Terms(["brie"])))
    issue_reader_token(**here, name="ci", expires_at=SOON)
    set_quotas(by=root, organisation=acme, builds_at_once=3, cpu_hours=None, at=AT)


def cases(people: dict[str, User], brie: Project, comte: Project) -> None:
    build = Build.objects.get()
    file = publish(build)
    file_published.send(File, file=file)
    from builds.domain.outcomes import Outcome
    from builds.signals import builds_ended

    build.refresh_from_db()
    builds_ended.send(Build, builds=[build], outcome=Outcome.BUILT)
    tell_reproducible(file=file, is_reproducible=True, by="root", at=AT)
    yank_file(user=people["ann"], file=file, reason="Broken.", rebuild=True, at=AT)
    unyank_file(user=people["ann"], file=file, at=AT)
    yank_file(user=people["ann"], file=file, reason="Broken.", rebuild=True, at=AT)
    prove(people["dan"], comte, people["root"])
    consent(people["dan"], comte)
    kind = CaseKind.ABUSE_REPORT
    about = {"kind": kind, "reported_by": people["bob"], "text": "It is odd.", "at": AT}
    first = open_case(project=comte, about=people["dan"], **about).case
    open_case(project=comte, about=people["dan"], **about | {"reported_by": people["eve"]})
    services.assign(case=first, by=people["root"], to=people["root"], at=AT)
    add_evidence(
        case=first, by=people["root"], kind="text", title="Log", text="x", content=b"", at=AT
    )
    decided(people, first, "ban-account")
    given = Consent.objects.get(project=comte)
    revoke_consent(consent=given, user=people["dan"], afterwards="keep", reason="", at=LATER)
    revealed = open_case(project=brie, about=file, **about).case
    decided(people, revealed, "reveal-reporter")
    held = open_case(project=brie, about=None, **about).case
    withdrawn = decided(people, held, "withdraw-all")
    made = services.appeal(decision=withdrawn, by=people["ann"], text="No.", at=LATER)
    services.answer_appeal(made=made, by=people["third"], is_granted=True, text="Yes.", at=LATER)


def decided(people: dict[str, User], case, action: str):
    services.decide(case=case, by=people["root"], action=action, reason="Seen.", at=AT)
    services.approve(case=case, by=people["second"], at=AT)
    return services.carry_out(case=case, by=people["root"], at=AT)


type Columns = dict[str, Any]
"""What a row is given; of a column that points to a person, their name."""

TAMPERED: dict[str, tuple[Columns, Columns]] = {
    "accounts.ApiToken": ({"scopes": ["read", "consent"]}, {"token_hash": "x"}),
    "builds.Attempt": ({"builder": "b2"}, {"number": 9, "lease_hash": "x", "state": "lost"}),
    "builds.Build": ({"sdist_sha256": "0" * 64}, {"key": "x"}),
    "builds.LearntRule": ({"pattern": "x"}, {"code": "x"}),
    "builds.Permit": ({"channels": ["build"]}, {}),
    "builds.RecipeEdit": ({"text": "x"}, {"version": 9}),
    "builds.Replay": ({"by": "eve"}, {}),
    "consent.Approval": ({"user": "eve"}, {"user": "eve"}),
    "consent.Consent": ({"asked_by": "named"}, {"replaces": None}),
    "consent.Delegation": ({"tasks": ["request", "pause", "revoke"]}, {"ended_at": LATER}),
    "consent.Expiry": ({"files_withheld": 9}, {"consent": "comte"}),
    "consent.KeptSource": ({"sha256": "0" * 64}, {"sha256": "0" * 64}),
    "consent.Letter": ({"sent_at": LATER}, {"project": "comte"}),
    "consent.PauseLink": ({"used_at": LATER}, {}),
    "consent.Refusal": ({"user": "eve"}, {}),
    "consent.Reminder": ({"consent": "feta"}, {"consent": "feta"}),
    "consent.Suspension": ({"by": "eve"}, {"lifted_at": LATER}),
    "consent.Threshold": ({"owners": 9}, {"user": "eve"}),
    "consent.Unlisting": ({"reason": "x"}, {"revocation": "comte"}),
    "indexes.CuratedIndex": ({"is_private": True}, {"slug": "x"}),
    "indexes.File": ({"is_reproducible": None}, {"filename": "x.whl", "build_id": uuid4()}),
    "indexes.ReaderToken": ({"revoked_at": LATER}, {"token_hash": "x"}),
    "moderation.Appeal": ({"is_granted": False}, {"by": "eve"}),
    "moderation.Ban": ({"lifted_at": LATER}, {"lifted_at": LATER}),
    "moderation.Case": ({"state": "decided"}, {}),
    "moderation.ConsentHold": ({"lifted_at": LATER}, {"lifted_at": LATER}),
    "moderation.Decision": ({"reason": "x"}, {"ended_at": LATER}),
    "moderation.Evidence": ({"text": "y"}, {}),
    "moderation.Report": ({"revealed_at": None}, {}),
    "organisations.Invitation": ({"role": "owner"}, {"end": "declined"}),
    "organisations.Membership": ({"role": "requester"}, {"user": "dan"}),
    "organisations.Organisation": ({"cpu_hours": 10_000}, {"slug": "x"}),
    "ownership.Proof": ({"state": "lapsed"}, {}),
    "requests.Request": ({"targets": []}, {"fingerprint": "x"}),
}
"""By model: what changes a row as no entry explains, and what makes a copy of it another row."""


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def columns_of(model: type[models.Model], given: Columns) -> Columns:
    """With rows in the place of their names."""
    found = {
        "user": lambda name: User.objects.get(username=name),
        "consent": lambda name: Consent.objects.get(project__name=name),
        "project": lambda name: Project.objects.get(name=name),
        "revocation": lambda name: Revocation.objects.get(consent__project__name=name),
    }
    by_person = {"by", "decided_by", "answered_by"}
    return {
        name: found["user" if name in by_person else name](value)
        if model._meta.get_field(name).is_relation and value  # noqa: SLF001  # its API
        else value
        for name, value in given.items()
    }


def change(model: type[models.Model], given: Columns) -> None:
    columns = columns_of(model, given)
    rows = QuerySet(model).exclude(**columns)
    rows.filter(pk=rows.order_by("pk").first().pk).update(**columns)


def copy(model: type[models.Model], given: Columns) -> None:
    row = QuerySet(model).order_by("pk").first()
    row.pk = uuid4() if isinstance(model._meta.pk, models.UUIDField) else None  # noqa: SLF001  # its API
    for name, value in columns_of(model, given).items():
        setattr(row, name, value)
    QuerySet(model).bulk_create([row])


def remove(model: type[models.Model]) -> None:
    rows = QuerySet(model)
    rows.filter(pk=rows.order_by("pk").first().pk)._raw_delete(using="default")  # noqa: SLF001


def told_of(kind: str) -> list[str]:
    return [one.problem for one in database_mismatches() if one.subject.kind == kind]


def test_whatever_is_done_to_a_row_is_found(life, subtests):
    assert [str(one) for one in database_mismatches()] == []
    for label, (changed, another) in TAMPERED.items():
        model = apps.get_model(label)
        kind = TABLES[label].kind if label in TABLES else "evidence"
        with subtests.test("changed", model=label), undone():
            change(model, changed)
            assert told_of(kind)
        with subtests.test("taken away", model=label), undone():
            remove(model)
            assert "is in the ledger, and gone from the tables" in told_of(kind)
        with subtests.test("added", model=label), undone():
            copy(model, another)
            assert "is in the tables, and no entry made it" in told_of(kind)


IN_WORDS = [
    ("consent.Suspension", {"lifted_at": None}, "has is_lifted False, and the ledger says True"),
    ("consent.Revocation", {"user": "bob"}, "has revoked_by 'bob', and the ledger says 'eve'"),
    ("indexes.File", {"is_to_be_remade": False}, "has is_to_be_remade False, and the ledger says"),
    ("indexes.Project", {"is_enrolled": False}, "has is_enrolled False, and the ledger says True"),
    ("accounts.User", {"is_active": True}, "has is_shut_out False, and the ledger says True"),
    ("moderation.Decision", {"appeal_until": AT}, "has appeal_until '2026-03-01T12:00:00+00:00'"),
]


def test_what_was_changed_is_said_in_words(life, subtests):
    for label, columns, words in IN_WORDS:
        model = apps.get_model(label)
        with subtests.test(words), undone():
            # One by one: of consents of one ground only one is suspended at a time.
            row = QuerySet(model).exclude(**columns_of(model, columns)).order_by("pk").first()
            QuerySet(model).filter(pk=row.pk).update(**columns_of(model, columns))
            assert any(words in str(one) for one in database_mismatches())


def test_each_table_is_told_or_it_says_why_not():
    ours = {
        model._meta.label  # noqa: SLF001  # its API
        for model in apps.get_models(include_auto_created=True)
        if model.__module__.partition(".")[0] in {"portal", "builds", "indexes"}
    }
    assert ours == TABLES.keys() | NOT_TOLD.keys()
    assert not TABLES.keys() & NOT_TOLD.keys()
    # A project is known before any act: it is there once upstream was asked for it.
    assert TABLES.keys() - TAMPERED.keys() == {"indexes.Project"}
