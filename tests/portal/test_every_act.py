"""People, upstream, builders and moderators act in any order; what was promised holds after each.

The model knows no more than who said yes to what, and what upstream last told us. A run of the
suite is a short one; `pytest tests/portal/test_every_act.py --hypothesis-profile long` makes
2,000 steps and more, and tells how often each act happened.
"""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.db import transaction
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
from indexes.domain.status import Decision, ProjectStatus, Standing
from indexes.models import File, Project
from indexes.services.pages import stale_pages
from indexes.services.refresh import refresh_project
from indexes.services.standing import decide
from indexes.upstream import UpstreamDoubtful
from indexes.upstream.fake import FakeUpstream
from portal.audit.verify import database_mismatches
from portal.consent.models import Consent
from portal.consent.services import revoke_consent
from portal.consent.suspension import object_to, pause, relent, resume
from portal.errors import ConsentEnded, ConsentStands, NotYourConsent, ProofNeeded
from portal.ledger.models import Entry
from portal.ledger.services import seal, verify_chain
from portal.requests.services import make_request, replan_requests
from tests.builds.farm import FakeCelery, ended, say, upload, wheel_report
from tests.builds.runner.wheels import make_wheel
from tests.portal.people import AT, consent, make_administrator, make_user, prove

PROJECTS = ("brie", "comte")
VERSIONS = ("1.0", "2.0", "3.0")
TARGETS = ("cp312-manylinux_2_36_x86_64", "cp313-manylinux_2_36_x86_64")
OWNERS = {"brie": ("ann", "bob"), "comte": ("ann",)}
PEOPLE = ("ann", "bob", "eve")

projects = st.sampled_from(PROJECTS)
versions = st.sampled_from(VERSIONS)
people = st.sampled_from(PEOPLE)


@dataclass
class Yes:
    """A consent, as the model has it."""

    id: UUID
    project: str
    versions: frozenset[str]
    targets: frozenset[str]
    publishes: bool
    given_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None
    is_withdrawing: bool = False
    held: set[str] = field(default_factory=set)
    """By whom it is paused or objected to, and which of the two."""

    def covers(self, version: str, target: str, at: datetime) -> bool:
        return (
            version in self.versions
            and target in self.targets
            and not self.held
            and self.given_at <= at
            and (self.expires_at is None or at < self.expires_at)
            and (self.revoked_at is None or at < self.revoked_at)
        )


@dataclass
class Told:
    """What upstream said of a project when it was last asked."""

    versions: frozenset[str] = frozenset()
    yanked: frozenset[str] = frozenset()
    status: ProjectStatus = ProjectStatus.ACTIVE


@dataclass
class Model:
    consents: list[Yes] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)
    published: dict[str, tuple[str, str, str, datetime]] = field(default_factory=dict)
    """Of each file: project, version, target, when."""
    decided: dict[str, Decision] = field(default_factory=dict)

    def covering(self, project: str, version: str, target: str, at: datetime) -> list[Yes]:
        return [
            yes
            for yes in self.consents
            if yes.project == project and yes.covers(version, target, at)
        ]

    def may_be_listed(self, filename: str) -> bool:
        """Some consent that covered it is not suspended, and did not end with its being withdrawn.

        A pause is no suspension: a paused consent is still a consent.
        """
        project, version, target, _ = self.published[filename]
        ever = [
            yes
            for yes in self.consents
            if yes.project == project
            and yes.publishes
            and version in yes.versions
            and target in yes.targets
        ]
        return any(
            not (yes.revoked_at and yes.is_withdrawing) and yes.held <= {"pause"} for yes in ever
        )


class EveryAct(RuleBasedStateMachine):
    upstream: FakeUpstream
    folder: Path
    numbers = itertools.count()
    happened: Counter[str] = Counter()

    consents = Bundle("consents")
    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        self.now = AT
        self.model = Model()
        type(self).upstream = FakeUpstream()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._transaction.__exit__(None, None, None)

    @initialize(
        target=consents,
        project=projects,
        hours=st.sampled_from([None, 5]),
        is_built=st.booleans(),
    )
    def begin(self, project, hours, is_built):
        """A consent and a request: most of what can go wrong needs builds."""
        root = make_administrator()
        self.people = {name: make_user(name) for name in PEOPLE}
        for name in PROJECTS:
            self.upstream.add_sdist(name, "1.0")
            self.refresh(name)
            for owner in OWNERS[name]:
                prove(self.people[owner], self.project(name), root, at=self.now)
        given = self.give(
            name="ann", project=project, scope="", limited=(), publishes=True, hours=hours
        )
        self.ask("eve", project, TARGETS)
        if is_built:
            for job in claim_builds(at=self.now):
                self.finish(job, is_good=True)
        return given

    def project(self, name: str) -> Project:
        return Project.objects.get(name=name)

    def refresh(self, name: str) -> None:
        try:
            refresh_project(name=NormalizedName(name), at=self.now, upstream=self.upstream)
        except UpstreamDoubtful:
            # That a project is gone is believed when upstream says so again.
            self.now += timedelta(minutes=1)
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
        scope=st.sampled_from(["", "==1.0", "<3"]),
        limited=st.sampled_from([(), TARGETS[:1]]),
        publishes=st.booleans(),
        hours=st.sampled_from([None, 1, 5]),
    )
    def give(self, *, name, project, scope, limited, publishes, hours):
        expires_at = self.now + timedelta(hours=hours) if hours else None
        terms = {
            "specifiers": scope,
            "targets": list(limited),
            "channels": ["build", "publish"] if publishes else ["build"],
            "expires_at": expires_at,
        }
        if name not in OWNERS[project]:
            with pytest.raises(ProofNeeded):
                consent(self.people[name], self.project(project), at=self.now, **terms)
            return multiple()
        given = consent(self.people[name], self.project(project), at=self.now, **terms)
        self.happened["a consent given"] += 1
        if all(yes.id != given.pk for yes in self.model.consents):
            self.model.consents.append(
                Yes(
                    id=given.pk,
                    project=project,
                    versions={
                        "": frozenset(VERSIONS),
                        "==1.0": frozenset({"1.0"}),
                        "<3": frozenset({"1.0", "2.0"}),
                    }[scope],
                    targets=frozenset(limited or TARGETS),
                    publishes=publishes,
                    given_at=self.now,
                    expires_at=expires_at,
                )
            )
        return given.pk

    @rule(given=consents, name=people, afterwards=st.sampled_from(["keep", "withdraw"]))
    def revoke(self, given, name, afterwards):
        yes = next(yes for yes in self.model.consents if yes.id == given)
        row = Consent.objects.get(pk=given)
        act = lambda: revoke_consent(  # noqa: E731 - said once, expected in two ways
            consent=row, user=self.people[name], afterwards=afterwards, reason="", at=self.now
        )
        if name not in OWNERS[yes.project]:
            with pytest.raises(NotYourConsent):
                act()
        elif yes.revoked_at:
            with pytest.raises(ConsentEnded):
                act()
        else:
            act()
            self.happened[f"a consent revoked, {afterwards}"] += 1
            yes.revoked_at, yes.is_withdrawing = self.now, afterwards == "withdraw"

    @rule(given=consents, name=people, act=st.sampled_from([pause, resume, object_to, relent]))
    def hold_back(self, given, name, act):
        yes = next(yes for yes in self.model.consents if yes.id == given)
        told = {"reason": ""} if act in {pause, object_to} else {}
        try:
            act(consent=Consent.objects.get(pk=given), user=self.people[name], at=self.now, **told)
        except (ConsentStands, ConsentEnded, NotYourConsent):
            return
        assert name in OWNERS[yes.project]
        self.happened[f"{act.__name__} of a consent"] += 1
        if act is pause:
            yes.held.add("pause")
        elif act is resume:
            yes.held.remove("pause")
        elif act is object_to:
            yes.held.add(f"objection of {name}")
        else:
            yes.held.remove(f"objection of {name}")

    @rule(name=people, project=projects, wanted=st.sampled_from([TARGETS, TARGETS[1:]]))
    def ask(self, name, project, wanted):
        if self.upstream.page(NormalizedName(project)) is None:
            return
        self.refresh(project)
        make_request(
            user=self.people[name],
            project_name=project,
            specifiers="",
            targets=wanted,
            reason="",
            at=self.now,
        )

    @rule(minutes=st.sampled_from([1, 10, 60, 300]))
    def wait(self, minutes):
        self.now += timedelta(minutes=minutes)

    # Upstream

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
            self.happened["a lease shown and held"] += 1
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
            self.happened["a wheel published"] += 1
            covering = self.model.covering(job.project, job.version, job.target, self.now)
            assert any(yes.publishes for yes in covering)
            self.model.published[file.filename] = (
                *(job.project, job.version, job.target),
                self.now,
            )

    @rule()
    def look_after(self):
        reconcile(at=self.now)

    # Moderators

    @precondition(lambda self: self.model.published)
    @rule(data=st.data(), decision=st.sampled_from([*Decision, None]))
    def moderate(self, data, decision):
        filename = data.draw(st.sampled_from(sorted(self.model.published)))
        file = File.objects.filter(filename=filename)
        if decision in {None, Decision.YANKED} and file.get().decision == Decision.WITHDRAWN:
            return  # of its maintainers: `portal.moderation` lets nobody put it back on pages
        decide(files=file, decision=decision, reason="moderated", at=self.now)

    # What holds after each of them

    @invariant()
    def steps_are_counted(self):
        self.happened["steps"] += 1

    @invariant()
    def nothing_runs_without_a_consent(self):
        for attempt in Attempt.objects.filter(
            state__in=[AttemptState.RUNNING.value, AttemptState.JUDGING.value]
        ).select_related("build__project", "build__permit"):
            build = attempt.build
            is_expired = build.permit.expires_at and build.permit.expires_at <= self.now
            # One that has expired ends at the next showing of its lease: see `work`.
            assert is_expired or self.model.covering(
                build.project.name, build.version, build.target, self.now
            )

    @invariant()
    def nothing_is_listed_that_was_taken_back_or_hidden_upstream(self):
        for file in File.objects.on_pages().select_related("project"):
            told = self.model.told[file.project.name]
            assert self.model.may_be_listed(file.filename)
            assert told.status not in {ProjectStatus.DELETED, ProjectStatus.QUARANTINED}
            assert file.version in told.versions
            if file.version in told.yanked:
                assert file.standing == Standing.YANKED

    @invariant()
    def pages_are_what_the_tables_say(self):
        for project in Project.objects.all():
            assert stale_pages(project=project) == []

    @invariant()
    def the_ledger_tells_it_all(self):
        seal()
        assert verify_chain() is None
        assert list(database_mismatches()) == []
        told = set(Entry.objects.values_list("verb", "facts__consent"))
        for yes in self.model.consents:
            assert ("consent-given", str(yes.id)) in told
            assert bool(yes.revoked_at) == (("consent-revoked", str(yes.id)) in told)
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
    monkeypatch.setattr("builds.dispatch.current_app", FakeCelery())

    class Here(EveryAct):
        folder = tmp_path

    def here() -> EveryAct:
        monkeypatch.setattr("indexes.services.refresh.get_upstream", lambda: Here.upstream)
        return Here()

    is_long = rules.get_current_profile_name() == "long"
    run_state_machine_as_test(
        here,
        settings=rules(
            max_examples=100 if is_long else 8,
            stateful_step_count=50 if is_long else 30,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert EveryAct.happened["a wheel published"]
    print(*(f"{count:6} {what}" for what, count in sorted(EveryAct.happened.items())), sep="\n")
