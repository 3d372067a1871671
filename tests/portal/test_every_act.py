"""People, upstream, builders and moderators act in any order; what was promised holds after each.

The model (`every_act_model`) knows no more than who said yes to what, and what upstream last told
us. A run of the suite is a short one; `pytest -s tests/portal/test_every_act.py --timeout 0
--hypothesis-profile long` makes 2,000 steps and more, verifies the ledger after each, and tells how
often each act happened.
"""

import itertools
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection, transaction
from hypothesis import HealthCheck
from hypothesis import settings as rules
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from builds.domain.outcomes import Outcome
from builds.domain.states import AttemptState
from builds.models import Attempt, Build, Permit
from builds.runner.job import Job
from builds.services.claim import claim_builds
from builds.services.judge import judge_attempt
from builds.services.lease import show_lease
from builds.services.reconcile import reconcile
from indexes.domain.names import NormalizedName
from indexes.domain.status import ProjectStatus, Standing
from indexes.models import File, Project
from indexes.services.pages import stale_pages
from indexes.services.refresh import refresh_project
from indexes.upstream import UpstreamDoubtful
from indexes.upstream.fake import FakeUpstream
from portal.audit.verify import database_mismatches
from portal.consent.delegation import delegate, delegations_of, end_delegation
from portal.consent.expiry import end_expired, remind_of_expiry
from portal.consent.letters import A_YEAR, write_letters
from portal.consent.listing import kept_consents
from portal.consent.models import Consent, Refusal, Suspension
from portal.consent.organisation import consent_for_organisation
from portal.consent.owners import set_threshold
from portal.consent.reach import reach_of
from portal.consent.refusals import say_no, take_no_back
from portal.consent.services import (
    change_scope,
    live_consents,
    preview_scope,
    revoke_consent,
    unlist_wheels,
)
from portal.consent.suspension import approve, object_to, pause, relent, resume
from portal.errors import (
    AnotherModeratorNeeded,
    ConsentEnded,
    ConsentObjectedTo,
    ConsentsSuspended,
    ConsentStands,
    InvalidConsent,
    InvalidDelegation,
    NoOrganisation,
    NotYankable,
    NotYankedHere,
    NotYourConsent,
    ObjectionOverruled,
    PortalError,
    ProofNeeded,
    RefusalStands,
    YankedByModerators,
)
from portal.ledger.models import Entry
from portal.ledger.services import seal, verify_chain
from portal.moderation import services as moderation
from portal.moderation.actions.catalogue import fitting
from portal.moderation.actions.names import DESTRUCTIVE
from portal.moderation.files import unyank_file, yank_file
from portal.moderation.intake import open_case
from portal.moderation.models import Appeal, Case, Decision
from portal.moderation.proceedings import CaseKind, CaseState
from portal.ownership.roles import Roles
from portal.ownership.services import recheck_proofs
from portal.requests.models import Request
from portal.requests.services import make_request, replan_requests
from tests.builds.farm import FakeCelery, ended, say, upload, wheel_report
from tests.builds.runner.wheels import make_wheel
from tests.portal.every_act_model import (
    APPROVAL,
    PAUSE,
    Done,
    Model,
    Told,
    Yes,
    objection_of,
)
from tests.portal.people import AT, all_accepted, consent, make_administrator, make_user, prove

PROJECTS = ("brie", "comte", "feta")
VERSIONS = ("1.0", "2.0", "3.0")
TARGETS = ("cp312-manylinux_2_36_x86_64", "cp313-manylinux_2_36_x86_64")
OWNERS = {"brie": ("ann", "bob"), "comte": ("ann",)}
"""Who has proven it at the start; of feta nobody has."""
PEOPLE = ("ann", "bob", "eve")
MODERATORS = ("root", "second", "third")
HANDS = {
    "the dairy's": Roles("fromage", {"dairy": "Owner"}),
    "another's": Roles("", {"mallory": "Owner"}),
}
"""In which a project can be upstream, and what upstream says of it then."""
TASKS = [["pause"], ["revoke"], ["request"], ["request", "pause", "revoke"]]
NEXT = {
    "open": ["decide"],
    "held": ["approve", "approve", "drop"],
    "decided": ["carry-out", "carry-out", "drop"],
    "carried-out": ["undo", "appeal"],
    "appealed": ["answer"],
    "closed": ["undo"],
}
"""What makes a case go on, tried more often than what is refused."""

IDLE = {"dismiss", "reveal-reporter"}
"""Decisions that change nothing of what is built or listed."""

projects = st.sampled_from([*PROJECTS, *OWNERS])
versions = st.sampled_from(VERSIONS)
people = st.sampled_from([*PEOPLE, "ann", "bob"])
moderators = st.sampled_from(MODERATORS)
SCOPES = {
    "": frozenset(VERSIONS),
    "==1.0": frozenset({"1.0"}),
    "<3": frozenset({"1.0", "2.0"}),
}


class EveryAct(RuleBasedStateMachine):
    upstream: FakeUpstream
    folder: Path
    is_thorough: bool
    """Whether the ledger is verified after every act, and not after some."""
    hands: dict[str, str]
    """Of each project, upstream; who looks learns of it."""
    numbers = itertools.count()
    happened: Counter[str] = Counter()

    consents = Bundle("consents")
    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        cache.clear()
        mail.outbox.clear()
        self.now = AT
        self.model = Model()
        self.cases: list[UUID] = []
        """In the order in which they were opened."""
        type(self).upstream = FakeUpstream()
        type(self).hands = dict.fromkeys(PROJECTS, "the dairy's")

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._transaction.__exit__(None, None, None)

    @initialize(
        target=consents,
        project=st.sampled_from(list(OWNERS)),
        hours=st.sampled_from([None, 5, 1]),
        is_built=st.booleans(),
        waits=st.booleans(),
        is_objected=st.sampled_from([False, True, True]),
    )
    def begin(self, *, project, hours, is_built, waits, is_objected):
        """A consent and a request: most of what can go wrong needs builds."""
        self.staff = {name: make_administrator(name) for name in MODERATORS}
        self.people = {name: make_user(name) for name in PEOPLE}
        self.model.hands = dict(self.hands)
        for name in PROJECTS:
            self.upstream.add_sdist(name, "1.0")
            self.refresh(name)
            for owner in OWNERS.get(name, ()):
                self.prove(owner, name)
        given = self.give(
            name="ann", project=project, scope="", limited=(), publishes=True, hours=hours
        )
        self.ask("eve", project, TARGETS)
        if is_built:
            for job in claim_builds(at=self.now):
                self.finish(job, is_good=True)
        if "bob" not in OWNERS[project]:
            return given
        others = [self.given_to_wait(project)] if waits else []
        if is_objected:
            row = Consent.objects.get(pk=given)
            object_to(consent=row, user=self.people["bob"], reason="", at=self.now)
            self.happens("object_to of a consent")
            self.yes(given).held.add(objection_of("bob"))
        return multiple(given, *others)

    def given_to_wait(self, project: str) -> UUID:
        """A consent of the other owner, who wants all to agree."""
        self.want(name="bob", project=project, owners=0)
        return self.give(
            name="bob", project=project, scope="", limited=(), publishes=True, hours=None
        )

    def project(self, name: str) -> Project:
        return Project.objects.get(name=name)

    def yes(self, given: UUID) -> Yes:
        return next(yes for yes in self.model.consents if yes.id == given)

    def is_away(self, name: str) -> bool:
        """Who is banned can neither sign in nor use a token."""
        return name in self.model.banned

    def happens(self, what: str) -> None:
        self.happened[what] += 1

    def prove(self, name: str, project: str) -> None:
        prove(self.people[name], self.project(project), self.staff["root"], at=self.now)
        self.model.proofs.setdefault((name, project), set()).add(self.hands[project])
        self.model.hold_to_proofs(project, self.now)

    def refresh(self, name: str) -> None:
        try:
            refresh_project(name=NormalizedName(name), at=self.now, upstream=self.upstream)
        except UpstreamDoubtful:
            # That a project is gone is believed when upstream says so again.
            self.pass_time(1)
            refresh_project(name=NormalizedName(name), at=self.now, upstream=self.upstream)
        page = self.upstream.page(NormalizedName(name))
        if page is None:
            self.model.told[name] = Told(status=ProjectStatus.DELETED)
            return
        of_version = {
            version: [file for file in page.files if f"-{version}.tar" in file.filename]
            for version in VERSIONS
        }
        self.model.told[name] = Told(
            versions=frozenset(version for version, files in of_version.items() if files),
            yanked=frozenset(
                v for v, files in of_version.items() if any(f.is_yanked for f in files)
            ),
            status=page.status,
        )

    # People

    @rule(
        target=consents,
        name=people,
        project=projects,
        scope=st.sampled_from(list(SCOPES)),
        limited=st.sampled_from([(), TARGETS[:1]]),
        publishes=st.booleans(),
        hours=st.sampled_from([None, 1, 5, 24 * 40]),
    )
    def give(self, *, name, project, scope, limited, publishes, hours):
        if self.is_away(name):
            return multiple()
        terms = self.terms(scope, limited, publishes=publishes, hours=hours)
        try:
            given = consent(self.people[name], self.project(project), at=self.now, **terms)
        except (ProofNeeded, RefusalStands):
            assert not self.model.may_consent(name, project)
            return multiple()
        except ConsentsSuspended:
            self.happens("a consent refused that moderators hold")
            return multiple()
        except ConsentObjectedTo as refused:
            self.happens("a consent refused that would go round an objection")
            self.is_told_of_objections(refused, name, project)
            return multiple()
        return self.given(given, name, terms)

    def is_told_of_objections(self, refused: ConsentObjectedTo, name: str, project: str) -> None:
        standing = self.model.objections(project)
        assert {objection_of(each) for each in refused.by} == {each for _, each in standing}
        assert refused.is_yours == any(objection_of(name) == each for _, each in standing)
        if not any(yes.is_unended(self.now) for yes, _ in standing):
            self.happens("a consent refused that would go round one to what is over")

    @precondition(lambda self: any(self.model.objections(each) for each in PROJECTS))
    @rule(
        target=consents,
        data=st.data(),
        afterwards=st.sampled_from([None, "keep", "withdraw"]),
        scope=st.sampled_from(list(SCOPES)),
    )
    def go_round(self, data, afterwards, scope):
        """An objection, by a new consent, after the one objected to was taken back or not."""
        standing = [each for project in PROJECTS for each in self.model.objections(project)]
        yes, _ = data.draw(st.sampled_from(standing))
        if afterwards and yes.is_unended(self.now):
            self.revoke(given=yes.id, name=yes.by, afterwards=afterwards)
        owners = sorted(self.model.owners(yes.project) | {yes.by})
        return self.give(
            name=data.draw(st.sampled_from(owners)),
            project=yes.project,
            scope=scope,
            limited=(),
            publishes=True,
            hours=None,
        )

    @rule(target=consents, name=people, scope=st.sampled_from(list(SCOPES)))
    def give_for_all(self, name, scope):
        """One yes for all projects of an organisation, as far as it is theirs to give."""
        if self.is_away(name):
            return multiple()
        terms = self.terms(scope, (), publishes=True, hours=None)
        try:
            outcomes = consent_for_organisation(
                user=self.people[name],
                project=self.project("brie"),
                names=PROJECTS,
                licences=dict.fromkeys(PROJECTS, "MIT"),
                at=self.now,
                capacity="employee",
                accepted=all_accepted(),
                covers_new_releases=True,
                licence_seen_in="",
                **terms,
            )
        except NoOrganisation:
            return multiple()
        self.happens("a yes for an organisation")
        assert all(self.hands[one.project] == "the dairy's" for one in outcomes if one.consent)
        given = [self.given(one.consent, name, terms) for one in outcomes if one.consent]
        return multiple(*given)

    def terms(self, scope, limited, *, publishes, hours):
        return {
            "specifiers": scope,
            "targets": list(limited),
            "channels": ["build", "publish"] if publishes else ["build"],
            "expires_at": self.now + timedelta(hours=hours) if hours else None,
        }

    def given(self, given: Consent, name: str, terms: dict) -> UUID:
        project = given.project.name
        assert self.model.may_consent(name, project)
        self.model.noes.discard((name, project))
        if any(yes.id == given.pk for yes in self.model.consents):
            return given.pk
        self.happens("a consent given")
        assert not self.model.objections(project)
        wanted = self.model.wanted(project)
        self.model.consents.append(
            Yes(
                id=given.pk,
                by=name,
                project=project,
                versions=SCOPES[terms["specifiers"]],
                targets=frozenset(terms["targets"] or TARGETS),
                publishes="publish" in terms["channels"],
                given_at=self.now,
                expires_at=terms["expires_at"],
                held={APPROVAL} if wanted > 1 else set(),
            )
        )
        return given.pk

    @rule(given=consents, name=people, afterwards=st.sampled_from(["keep", "withdraw"]))
    def revoke(self, given, name, afterwards):
        yes = self.yes(given)
        if self.is_away(name):
            return
        row = Consent.objects.get(pk=given)
        person = self.people[name]
        told = reach_of(row, at=self.now).wheels_listed
        try:
            made = revoke_consent(
                consent=row, user=person, afterwards=afterwards, reason="", at=self.now
            )
        except NotYourConsent:
            assert not self.model.may(name, yes, "revoke")
        except (ConsentEnded, ConsentStands):
            assert not yes.is_unended(self.now)
        else:
            assert self.model.may(name, yes, "revoke")
            assert made.files_withdrawn == (told if afterwards == "withdraw" else 0)
            self.happens(f"a consent revoked, {afterwards}")
            self.happens_by_delegate(name, yes)
            yes.revoked_at, yes.is_kept = self.now, afterwards == "keep"

    @precondition(lambda self: any(yes.is_kept for yes in self.model.consents))
    @rule(data=st.data(), name=people)
    def unlist(self, data, name):
        """What stayed listed by the word of who took the consent back."""
        keeping = [one.pk for each in Project.objects.all() for one in self.kept(each)]
        kept = [yes for yes in self.model.consents if yes.is_kept]
        telling = [yes for yes in kept if yes.id in keeping]
        yes = data.draw(st.sampled_from([*telling * 3, *kept]))
        others = sorted(self.model.owners(yes.project) - {yes.by})
        name = data.draw(st.sampled_from([*others, name]))
        if self.is_away(name):
            return
        row, person = Consent.objects.get(pk=yes.id), self.people[name]
        told = self.kept(row.project).get(row, 0)
        try:
            made = unlist_wheels(consent=row, user=person, reason="", at=self.now)
        except NotYourConsent:
            assert not self.model.may(name, yes, "revoke")
            return
        assert self.model.may(name, yes, "revoke")
        assert made.files_withdrawn == told
        self.happens("a word that wheels stay, ended")
        self.happened["kept wheels taken off"] += told
        yes.is_kept = False

    def kept(self, project: Project) -> dict[Consent, int]:
        return dict(kept_consents(project, at=self.now))

    def lists_a_wheel(self, yes: Yes) -> bool:
        listed = File.objects.on_pages().filter(project__name=yes.project)
        made = [self.model.published[name] for name in listed.values_list("filename", flat=True)]
        return yes.publishes and any(yes.is_about(*wheel) for _, *wheel in made)

    @precondition(lambda self: any(yes.is_live(self.now) for yes in self.model.consents))
    @rule(
        target=consents,
        data=st.data(),
        name=people,
        scope=st.sampled_from(list(SCOPES)),
        limited=st.sampled_from([(), TARGETS[:1], TARGETS[1:]]),
        publishes=st.booleans(),
        hours=st.sampled_from([None, 1, 24 * 40]),
    )
    def rescope(self, *, data, name, scope, limited, publishes, hours):
        live = [yes for yes in self.model.consents if yes.is_live(self.now)]
        listing = [yes for yes in live if self.lists_a_wheel(yes)]
        before = data.draw(st.sampled_from([*listing * 3, *live]))
        name = data.draw(st.sampled_from([before.by, before.by, name]))
        if self.is_away(name):
            return multiple()
        terms = self.terms(scope, limited, publishes=publishes, hours=hours)
        change = {"consent": Consent.objects.get(pk=before.id), "user": self.people[name]}
        change |= terms | {"covers_new_releases": True, "asked_by": "anyone", "at": self.now}
        try:
            told = preview_scope(**change)
            given = change_scope(**change)
        except (NotYourConsent, ProofNeeded):
            assert name != before.by or not self.model.owns(name, before.project)
            return multiple()
        except InvalidConsent:
            assert publishes
            assert not before.publishes
            return multiple()
        except ConsentsSuspended:
            return multiple()
        except ConsentObjectedTo as refused:
            self.is_told_of_objections(refused, name, before.project)
            return multiple()
        assert name == before.by
        facts = Entry.objects.filter(verb="consent-given").latest("pk").facts
        assert (facts["consent"], facts["files_withheld"]) == (str(given.pk), told)
        self.happens("a scope changed")
        self.happened["wheels that left with a scope"] += told
        before.replaced_by = given.pk
        return self.given(given, name, terms)

    def happens_by_delegate(self, name: str, yes: Yes) -> None:
        if name != yes.by and not self.model.owns(name, yes.project):
            self.happens("something done in an owner's name")

    @precondition(lambda self: self.model.consents)
    @rule(data=st.data(), name=people)
    def hold_back(self, data, name):
        """Tried most often is what may go through: of what goes on, by its other owners."""
        going_on = [yes for yes in self.model.consents if yes.is_unended(self.now)]
        objected = [yes for project in PROJECTS for yes, _ in self.model.objections(project)]
        yes = data.draw(st.sampled_from([*going_on * 2, *objected, *self.model.consents]))
        others = sorted(self.model.owners(yes.project) - {yes.by})
        name = data.draw(st.sampled_from([*others * 2, yes.by, name]))
        if self.is_away(name):
            return
        likely = [resume, relent] if yes.held else [object_to, pause]
        act = data.draw(st.sampled_from([*likely * 2, object_to, pause, resume, relent]))
        told = {"reason": ""} if act in {pause, object_to} else {}
        objection = objection_of(name)
        try:
            act(consent=Consent.objects.get(pk=yes.id), user=self.people[name], at=self.now, **told)
        except ObjectionOverruled:
            self.happens("an objection refused that was overruled")
            assert objection in yes.overruled
            return
        except (ConsentStands, ConsentEnded, NotYourConsent):
            assert act is not relent or objection not in yes.held
            return
        self.happens(f"{act.__name__} of a consent")
        if act in {pause, resume}:
            assert self.model.may(name, yes, "pause")
            self.happens_by_delegate(name, yes)
        if act is pause:
            yes.held.add(PAUSE)
        elif act is resume:
            yes.held.remove(PAUSE)
        elif act is object_to:
            assert self.model.owns(name, yes.project)
            assert objection not in yes.overruled
            yes.held.add(objection)
        else:
            self.happens_after_the_end(yes, "an objection taken back")
            yes.held.remove(objection)
            self.model.settle(yes.project, self.now)

    def happens_after_the_end(self, yes: Yes, what: str) -> None:
        if not yes.is_unended(self.now):
            self.happens(f"{what}, of a consent that was over")

    @precondition(lambda self: any(APPROVAL in yes.held for yes in self.model.consents))
    @rule(data=st.data(), name=people)
    def approve(self, data, name):
        waiting = [yes for yes in self.model.consents if APPROVAL in yes.held]
        yes = data.draw(st.sampled_from(waiting))
        if self.is_away(name):
            return
        try:
            approve(consent=Consent.objects.get(pk=yes.id), user=self.people[name], at=self.now)
        except (ConsentStands, NotYourConsent):
            return
        assert self.model.owns(name, yes.project)
        self.happens("a consent approved by a co-owner")
        if self.model.objections(yes.project):
            self.happens("a consent approved while an objection stands")
        yes.approved_by.add(name)
        self.model.settle(yes.project, self.now)

    @rule(name=people, project=projects, owners=st.sampled_from([0, 1, 2]))
    def want(self, name, project, owners):
        """How many owners have to say yes; 0 for all."""
        if self.is_away(name):
            return
        try:
            set_threshold(
                user=self.people[name], project=self.project(project), owners=owners, at=self.now
            )
        except ProofNeeded:
            assert not self.model.owns(name, project)
            return
        self.happens("a number of owners wanted")
        self.model.wishes[name, project] = owners

    @rule(name=people, project=projects, person=people, tasks=st.sampled_from(TASKS))
    def name_somebody(self, name, project, person, tasks):
        if self.is_away(name):
            return
        try:
            delegate(
                user=self.people[name],
                project=self.project(project),
                username=person,
                tasks=tasks,
                at=self.now,
            )
        except (ProofNeeded, InvalidDelegation):
            return
        assert self.model.owns(name, project)
        self.happens("somebody named")
        self.model.named[name, person, project] = frozenset(tasks)

    @rule(data=st.data(), name=people, project=projects)
    def name_no_longer(self, data, name, project):
        standing = list(delegations_of(self.project(project)))
        if self.is_away(name) or not standing:
            return
        chosen = data.draw(st.sampled_from(standing))
        try:
            end_delegation(delegation=chosen, user=self.people[name], at=self.now)
        except NotYourConsent:
            assert not self.model.owns(name, project)
            return
        self.happens("somebody named no longer")
        del self.model.named[chosen.by.username, chosen.person.username, project]

    @rule(name=people, project=projects)
    def refuse(self, name, project):
        if self.is_away(name):
            return
        try:
            say_no(user=self.people[name], project=self.project(project), reason="", at=self.now)
        except (ProofNeeded, ConsentStands):
            return
        assert self.model.owns(name, project)
        self.happens("a no")
        self.model.noes.add((name, project))
        self.model.said_no.add(project)

    @precondition(lambda self: self.model.noes)
    @rule(data=st.data())
    def let_ask_again(self, data):
        name, project = data.draw(st.sampled_from(sorted(self.model.noes)))
        if self.is_away(name):
            return
        refusal = Refusal.objects.get(user=self.people[name], project__name=project, ended_at=None)
        take_no_back(refusal=refusal, user=self.people[name], at=self.now)
        self.happens("a no taken back")
        self.model.noes.remove((name, project))

    @rule(name=people, project=projects, wanted=st.sampled_from([TARGETS, TARGETS[1:]]))
    def ask(self, name, project, wanted):
        if self.upstream.page(NormalizedName(project)) is None or self.is_away(name):
            return
        self.refresh(project)
        is_refused = any(of == project for _, of in self.model.noes)
        try:
            make_request(
                user=self.people[name],
                project_name=project,
                specifiers="",
                targets=wanted,
                reason="",
                at=self.now,
            )
        except RefusalStands:
            assert is_refused
        else:
            assert not is_refused
            self.happens("wheels asked for")

    @rule(name=people, project=projects)
    def prove_again(self, name, project):
        is_theirs = name in OWNERS.get(project, ("bob",))
        if is_theirs and not self.is_away(name) and not self.model.owns(name, project):
            self.prove(name, project)
            self.happens("a project proven")

    @rule(minutes=st.sampled_from([1, 10, 60, 300, 60 * 24 * 31]))
    def wait(self, minutes):
        """The schedule goes on meanwhile."""
        self.pass_time(minutes)
        self.happened["a reminder"] += remind_of_expiry(at=self.now)
        moderation.close_due(at=self.now)
        replan_requests(at=self.now)

    def pass_time(self, minutes: int) -> None:
        """What ends by the clock is seen to within seconds."""
        self.now += timedelta(minutes=minutes)
        listed = File.objects.on_pages().count()
        self.happened["a consent that ended by its date"] += end_expired(at=self.now)
        self.happened["wheels that left by a date"] += listed - File.objects.on_pages().count()

    @rule()
    def write(self):
        """To maintainers, where enough people ask."""
        before = len(mail.outbox)
        write_letters(at=self.now)
        for message in mail.outbox[before:]:
            (project,) = (name for name in PROJECTS if name in message.subject)
            self.happens("a letter")
            assert project not in self.model.said_no
            assert not self.model.owners(project)
            last = self.model.letters.get(project)
            assert last is None or self.now - last >= A_YEAR
            self.model.letters[project] = self.now

    # Upstream

    @rule(project=projects, hands=st.sampled_from(list(HANDS)))
    def change_hands(self, project, hands):
        self.hands[project] = hands
        recheck_proofs(self.project(project), at=self.now)
        lost = self.model.owners(project)
        self.model.hands[project] = hands
        lost -= self.model.owners(project)
        self.happened["a proof that lapsed"] += len(lost)
        self.model.hold_to_proofs(project, self.now)

    @rule(project=projects, version=versions)
    def release(self, project, version):
        if self.upstream.page(NormalizedName(project)) is not None:
            self.upstream.add_sdist(project, version)

    @rule(project=projects, version=versions, is_yanked=st.booleans())
    def yank_upstream(self, project, version, is_yanked):
        page = self.upstream.page(NormalizedName(project))
        if page is None or not any(f"-{version}.tar" in file.filename for file in page.files):
            return
        if is_yanked:
            self.upstream.yank(project, version, reason="broken")
        else:
            self.upstream.unyank(project, version)

    @rule(project=projects, status=st.sampled_from(["active", "archived", "quarantined"]))
    def change_status(self, project, status):
        self.upstream.add_project(project, status=status)

    @rule(project=projects)
    def delete_upstream(self, project):
        if self.upstream.page(NormalizedName(project)) is not None:
            self.upstream.remove_project(project)

    @rule(project=projects)
    def follow(self, project):
        self.refresh(project)
        replan_requests(at=self.now)

    # Builders

    @rule(target=jobs)
    def claim(self):
        claimed = claim_builds(at=self.now)
        for job in claimed:
            assert self.model.covering(job.project, job.version, job.target, self.now)
        return multiple(*claimed)

    @rule(job=jobs)
    def work(self, job: Job):
        """Show the lease, as a builder does every second."""
        is_live = show_lease(
            attempt_id=UUID(job.attempt), token=job.lease, builder="b1", at=self.now
        )
        if is_live:
            self.happens("a lease shown and held")
            assert self.model.covering(job.project, job.version, job.target, self.now)

    @rule(job=consumes(jobs), is_good=st.booleans())
    def finish(self, job: Job, *, is_good):
        is_live = show_lease(
            attempt_id=UUID(job.attempt), token=job.lease, builder="b1", at=self.now
        )
        if not is_good or not is_live:
            say(job, ended(Outcome.BUILD_FAILED), at=self.now)
            return
        folder = self.folder / str(next(self.numbers))
        folder.mkdir()
        wheel = make_wheel(
            folder,
            name=job.project,
            version=job.version,
            tag=f"{job.target[:5]}-{job.target[:5]}-manylinux_2_36_x86_64",
        )
        upload(job, wheel)
        report = {"wheel": wheel_report(wheel), "builder": "b1", "log_sha256": "9" * 64}
        say(job, ended(Outcome.BUILT, **report), at=self.now)
        before = set(File.objects.values_list("filename", flat=True))
        judge_attempt(attempt_id=UUID(job.attempt), at=self.now)
        for file in File.objects.exclude(filename__in=before):
            self.happens("a wheel published")
            covering = self.model.covering(job.project, job.version, job.target, self.now)
            assert any(yes.publishes for yes in covering)
            self.model.published[file.filename] = (job.project, job.version, job.target)

    @rule()
    def look_after(self):
        reconcile(at=self.now)

    # Moderators

    @rule(data=st.data(), name=people, project=projects)
    def report(self, data, name, project):
        """Something of a project: itself, a file, a consent, or who gave that."""
        self.open_case(data, name, project)

    @rule(data=st.data(), name=people, project=projects, seats=st.permutations(MODERATORS))
    def judge(self, data, name, project, seats):
        """A case from its report to what is done, by those whom it takes."""
        case = Case.objects.get(pk=self.open_case(data, name, project))
        deciding, approving, _ = seats
        try:
            self.case_decide(data, case, deciding)
            case.refresh_from_db()
            if case.state == CaseState.HELD:
                self.case_approve(data, case, approving)
            self.case_carry_out(data, case, deciding)
        except PortalError:
            return

    @precondition(lambda self: any(self.model.objections(each) for each in PROJECTS))
    @rule(
        data=st.data(),
        seats=st.permutations(MODERATORS),
        is_whole=st.booleans(),
        then=st.sampled_from(["", "object", "undo", "appeal"]),
    )
    def dispute(self, *, data, seats, is_whole, then):
        """An objection overruled by two, and perhaps the way back from that."""
        standing = [each for project in PROJECTS for each in self.model.objections(project)]
        yes, objection = data.draw(st.sampled_from(standing))
        deciding, approving, third = seats
        case = self.opened(
            CaseKind.DISPUTED_OWNERSHIP,
            yes.project,
            None if is_whole else Consent.objects.get(pk=yes.id),
            self.people[yes.by],
        )
        given = {"case": case, "by": self.staff[deciding], "at": self.now}
        try:
            moderation.decide(**given, action="overrule-objections", reason="They left.")
            with pytest.raises(AnotherModeratorNeeded):
                moderation.approve(**given)
            self.case_approve(data, case, approving)
            self.case_carry_out(data, case, deciding)
            if then == "object":
                self.object_again(yes, objection)
            elif then == "undo":
                self.case_undo(data, case, approving)
            elif then == "appeal":
                self.case_appeal(data, case, None)
                self.case_answer(data, case, third)
        except PortalError:
            return

    def object_again(self, yes: Yes, objection: str) -> None:
        """Who was overruled, to the same consent."""
        (name,) = (each for each in PEOPLE if objection_of(each) == objection)
        row = Consent.objects.get(pk=yes.id)
        try:
            object_to(consent=row, user=self.people[name], reason="", at=self.now)
        except ObjectionOverruled:
            self.happens("an objection refused that was overruled")
            assert objection in yes.overruled
        except (ConsentEnded, ConsentStands):
            assert not yes.is_unended(self.now)
        except NotYourConsent:
            assert not self.model.owns(name, yes.project)
        else:
            raise AssertionError(objection)

    def open_case(self, data, name, project) -> UUID:
        consents = [Consent.objects.get(pk=yes.id) for yes in self.model.of(project)]
        files = File.objects.filter(project__name=project)
        things = [*files, None, *consents, *(one.user for one in consents)]
        kind = data.draw(st.sampled_from([CaseKind.ABUSE_REPORT, CaseKind.DISPUTED_OWNERSHIP]))
        about = data.draw(st.sampled_from(things))
        return self.opened(kind, project, about, self.people[name]).pk

    def opened(self, kind, project, about, by) -> Case:
        made = open_case(
            kind=kind,
            project=self.project(project),
            about=about,
            reported_by=by,
            text="It is odd.",
            at=self.now,
        )
        if made.case.pk in self.cases:
            self.happens("a case joined")
        else:
            self.happens("a case opened")
            self.cases.append(made.case.pk)
        return made.case

    @precondition(lambda self: self.cases)
    @rule(data=st.data(), by=moderators, other=moderators)
    def go_on(self, data, by, other):
        """With a case, one act or several, of whom it may be or not."""
        case = Case.objects.get(pk=data.draw(st.sampled_from(self.cases)))
        for who in (by, other, by):
            case.refresh_from_db()
            act = data.draw(st.sampled_from(NEXT[case.state]))
            try:
                getattr(self, f"case_{act.replace('-', '_')}")(data, case, who)
            except PortalError:
                return

    def case_decide(self, data, case, by):
        # What changes nothing comes last: the first is drawn most.
        actions = sorted((each.name.value for each in fitting(case)), key=IDLE.__contains__)
        action = data.draw(st.sampled_from(actions))
        moderation.decide(
            case=case, by=self.staff[by], action=action, reason=f"By {by}.", at=self.now
        )
        self.happens(f"decided: {action}")

    def case_approve(self, _data, case, by):
        made = moderation.approve(case=case, by=self.staff[by], at=self.now)
        assert made.decided_by != made.approved_by
        self.happens("a decision approved by another")

    def case_drop(self, _data, case, by):
        moderation.drop(case=case, by=self.staff[by], reason="No.", at=self.now)
        self.happens("a decision dropped")

    def case_carry_out(self, _data, case, by):
        made = moderation.carry_out(case=case, by=self.staff[by], at=self.now)
        assert made.action not in DESTRUCTIVE or made.approved_by
        self.happens(f"carried out: {made.action}")
        files = [row[0] for row in made.effects.get("files", ())]
        done = Done(made.action, case.project.name, files, overruled=self.overruled(made))
        self.happened["an objection overruled"] += len(done.overruled)
        for yes, _ in done.overruled:
            self.happens_after_the_end(yes, "an objection overruled")
        self.model.carry_out(str(made.pk), done, case.consent_id, self.accused(case), self.now)

    def case_undo(self, _data, case, by):
        made = moderation.undo(case=case, by=self.staff[by], reason="No.", at=self.now)
        self.happens(f"undone: {made.action}")
        self.take_back(made, case)

    def case_appeal(self, data, case, _by):
        decision = case.decisions.get(ended_at=None)
        # Also who is banned: by the link that they were sent.
        person = self.people[data.draw(people)]
        moderation.appeal(decision=decision, by=person, text="No.", at=self.now)
        self.happens("an appeal")

    def case_answer(self, data, case, by):
        made = Appeal.objects.filter(decision__case=case, answered_at=None).first()
        is_granted = data.draw(st.booleans())
        answered = moderation.answer_appeal(
            made=made, by=self.staff[by], is_granted=is_granted, text="So.", at=self.now
        )
        decision = Decision.objects.get(pk=made.decision_id)
        assert answered.answered_by not in {decision.decided_by, decision.approved_by}
        self.happens("an appeal granted" if is_granted else "an appeal denied")
        if is_granted:
            self.take_back(decision, case)

    def take_back(self, made: Decision, case: Case) -> None:
        before = len(self.model.objections(case.project.name))
        self.model.take_back(str(made.pk), self.accused(case), self.now)
        again = len(self.model.objections(case.project.name)) - before
        self.happened["an objection that stood again"] += again

    def overruled(self, made: Decision) -> list[tuple[Yes, str]]:
        ended = Suspension.objects.filter(pk__in=made.effects.get("suspensions", []))
        return [
            (self.yes(one.consent_id), objection_of(one.by.username))
            for one in ended.select_related("by")
        ]

    def accused(self, case: Case) -> str:
        if case.account:
            return case.account.username
        return case.consent.user.username if case.consent else ""

    @precondition(lambda self: self.model.published)
    @rule(data=st.data(), name=people, act=st.sampled_from(["yank", "rebuild", "unyank"]))
    def yank_ours(self, data, name, act):
        filename = data.draw(st.sampled_from(sorted(self.model.published)))
        file = File.objects.select_related("project").get(filename=filename)
        given = {"user": self.people[name], "file": file, "at": self.now}
        if self.is_away(name):
            return
        try:
            if act == "unyank":
                unyank_file(**given)
            else:
                yank_file(**given, reason="Broken.", rebuild=act == "rebuild")
        except (ProofNeeded, NotYankable, NotYankedHere, YankedByModerators):
            return
        assert self.model.owns(name, file.project.name)
        self.happens(f"a wheel of ours: {act}")

    # What holds after each of them

    @invariant()
    def steps_are_counted(self):
        self.happens("steps")

    @invariant()
    def nothing_runs_without_a_consent(self):
        for attempt in Attempt.objects.filter(
            state__in=[AttemptState.RUNNING.value, AttemptState.JUDGING.value]
        ).select_related("build__project", "build__permit"):
            build = attempt.build
            assert self.model.covering(build.project.name, build.version, build.target, self.now)

    @invariant()
    def consents_hold_when_the_model_says_so(self):
        for project in Project.objects.all():
            of_project = self.model.of(project.name)
            held = {yes.id for yes in of_project if yes.is_live(self.now)}
            assert {one.pk for one in live_consents(project, at=self.now)} == held

    @invariant()
    def nobody_is_asked_after_a_no(self):
        asked = Request.objects.filter(is_petition=True)
        assert not asked.filter(project__name__in={of for _, of in self.model.noes}).exists()

    @invariant()
    def nothing_is_listed_that_was_taken_back_or_hidden_upstream(self):
        for file in File.objects.on_pages().select_related("project"):
            told = self.model.told[file.project.name]
            assert self.model.may_list(file.filename, self.now)
            assert not self.model.is_hidden(file.filename)
            assert told.status not in {ProjectStatus.DELETED, ProjectStatus.QUARANTINED}
            assert file.version in told.versions
            if file.version in told.yanked:
                assert file.standing == Standing.YANKED

    @invariant()
    def nothing_is_kept_off_the_pages_that_a_consent_lets_be_there(self):
        for file in File.objects.all():
            assert (not file.withheld) == self.model.may_list(file.filename, self.now)

    @invariant()
    def pages_are_what_the_tables_say(self):
        for project in Project.objects.all():
            assert stale_pages(project=project) == []

    @invariant()
    def the_ledger_tells_it_all(self):
        if not self.is_thorough and next(self.numbers) % 5:
            return
        seal()
        assert verify_chain() is None
        assert list(database_mismatches()) == []
        told = set(Entry.objects.values_list("verb", "facts__consent"))
        for yes in self.model.consents:
            assert ("consent-given", str(yes.id)) in told
            assert bool(yes.revoked_at) == (("consent-revoked", str(yes.id)) in told)
            is_over = yes.revoked_at or yes.replaced_by or yes.is_unended(self.now)
            assert (not is_over) == (("consent-expired", str(yes.id)) in told)
        queued = set(Entry.objects.filter(verb="build-queued").values_list("facts__build"))
        assert {(str(pk),) for pk in Build.objects.values_list("pk", flat=True)} <= queued
        issued = set(Entry.objects.filter(verb="permit-issued").values_list("facts__permit"))
        assert {(str(pk),) for pk in Permit.objects.values_list("pk", flat=True)} == issued
        files = set(Entry.objects.filter(verb="file-published").values_list("facts__filename"))
        assert {(name,) for name in File.objects.values_list("filename", flat=True)} == files


@pytest.mark.django_db
def test_every_promise_holds_after_every_act(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "provenance.pem"
    settings.AFFINEUR_DEVELOPMENT = True
    settings.AFFINEUR_LETTER_PEOPLE = 1
    monkeypatch.setattr("builds.dispatch.current_app", FakeCelery())
    monkeypatch.setattr("portal.consent.letters.addresses_of", lambda _: ("ada@x.example",))

    is_long = rules.get_current_profile_name() == "long"

    class Here(EveryAct):
        folder = tmp_path
        is_thorough = is_long

    def here() -> EveryAct:
        monkeypatch.setattr("indexes.services.refresh.get_upstream", lambda: Here.upstream)
        for module in ("portal.ownership.services", "portal.consent.organisation"):
            monkeypatch.setattr(f"{module}.roles_upstream", lambda name: HANDS[Here.hands[name]])
        return Here()

    started = time.monotonic()
    run_state_machine_as_test(
        here,
        settings=rules(
            max_examples=60 if is_long else 8,
            stateful_step_count=50 if is_long else 30,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert EveryAct.happened["a wheel published"]
    print(f"{connection.vendor}: {time.monotonic() - started:.0f} seconds")
    print(*(f"{count:6} {what}" for what, count in sorted(EveryAct.happened.items())), sep="\n")
