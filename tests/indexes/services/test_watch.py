"""Who is asked for when, by how many, and what is listed whatever upstream answers."""

from datetime import timedelta
from functools import partial
from threading import Event, Timer

import pytest
from django.db import DatabaseError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes.domain.names import NormalizedName
from indexes.domain.schedule import Doubt
from indexes.domain.status import ProjectStatus, Standing
from indexes.models import File, Latency, Page, Project, Watch, WatchState
from indexes.services import watch as watching
from indexes.services.latencies import measured
from indexes.services.pages import overlay_path, stale_pages
from indexes.services.schedule import (
    backlog,
    claim_changelog,
    claim_due,
    claim_root,
    keep_schedule,
    note_changelog,
    note_root,
)
from indexes.services.state import read_state
from indexes.services.verification import withhold_unverified
from indexes.services.watch import Watcher, ask_upstream, write_answer
from indexes.upstream.fake import FakeUpstream, Fault
from tests.indexes.conftest import NAME, Farm
from tests.indexes.services.test_refresh import listed

SECOND = timedelta(seconds=1)


class Clock:
    """A watcher's rounds, at times of our own."""

    def __init__(self, farm, upstream):
        self.farm = farm
        self.upstream = upstream

    def round(self, seconds=0.0):
        """Let time pass, then ask for all who are due; their names."""
        self.farm.now += timedelta(seconds=seconds)
        claims = claim_due(most=99, at=self.farm.now)
        for claim in claims:
            asked = ask_upstream(claim=claim, upstream=self.upstream)
            write_answer(asked=asked, at=self.farm.now + SECOND)
        return [claim.name for claim in claims]


@pytest.fixture
def clock(farm, upstream):
    return Clock(farm, upstream)


@pytest.fixture
def watched(farm, ours, clock):
    """Our wheel of a project that is asked for as usual, not anew."""
    Watch.objects.update(swept_at=farm.now, due_at=farm.now)
    clock.round(1)
    return ours


def due_in(farm):
    return (Watch.objects.get().due_at - farm.now).total_seconds()


# Who is asked for when


def test_what_is_enrolled_is_asked_for_at_once(farm, project, clock):
    assert clock.round() == [NAME]
    assert clock.round(1) == []


def test_a_yank_is_followed(watched, clock, upstream):
    upstream.yank(NAME, "0.12.2", reason="broken")
    clock.round(900)
    watched.refresh_from_db()
    assert (watched.standing, watched.standing_reason) == ("yanked", "broken")


def test_after_a_change_it_is_asked_for_soon_again(watched, farm, clock, upstream):
    clock.round(10 * 86_400)
    clock.round(900)
    assert due_in(farm) == 900
    upstream.yank(NAME, "0.12.2")
    clock.round(900)
    assert due_in(farm) == 60


def test_more_than_the_budget_allows_for_makes_intervals_longer(watched, farm, clock, settings):
    settings.AFFINEUR_WATCH_RATE = 1 / 120
    keep_schedule(at=farm.now + timedelta(minutes=2))
    assert clock.round(130) == [NAME]
    stretch = WatchState.objects.get().stretch
    assert stretch == pytest.approx(20 / 9)
    assert due_in(farm) == pytest.approx(60 * 20 / 9)


def test_no_more_is_claimed_than_the_budget_allows(farm, upstream, settings):
    settings.AFFINEUR_WATCH_RATE = 20
    for number in range(6):
        upstream.add_sdist(f"demo{number}", "1.0")
        farm.enrol(NormalizedName(f"demo{number}"))
    Watch.objects.update(swept_at=farm.now)
    at = farm.now + SECOND
    assert len(claim_due(most=9, at=at)) == 2
    assert claim_due(most=9, at=at) == []
    assert len(claim_due(most=9, at=at + SECOND)) == 2
    assert claim_due(most=9, at=at + SECOND) == []
    assert len(claim_due(most=1, at=at + 2 * SECOND)) == 1


def test_who_is_claimed_is_nobody_elses_until_the_claim_runs_out(watched, farm):
    at = farm.now + timedelta(hours=1)
    (claim,) = claim_due(most=9, at=at)
    assert claim_due(most=9, at=at + 179 * SECOND) == []
    (again,) = claim_due(most=9, at=at + 181 * SECOND)
    write_answer(asked=watching.Asked(claim), at=at)
    assert Watch.objects.get().claimed_until == again.until


def test_a_failure_puts_off_its_project(watched, farm, clock, upstream):
    upstream.fail(Fault.GARBAGE, times=3)
    clock.round(900)
    watch = Watch.objects.get()
    assert (watch.failures, due_in(farm)) == (1, 60)
    assert "cannot be used" in watch.problem
    clock.round(60)
    assert due_in(farm) == 120
    clock.round(120)
    clock.round(240)
    assert Watch.objects.get().failures == 0


def test_a_limit_pauses_everybody(watched, farm, clock, upstream):
    upstream.add_sdist("other", "1.0")
    farm.enrol(NormalizedName("other"))
    upstream.fail(Fault.TOO_MANY_REQUESTS, path="/simple/python-levenshtein/")
    farm.now += timedelta(hours=1)
    Watch.objects.filter(project__name="other").update(due_at=farm.now + SECOND)
    assert clock.round() == [NAME]
    assert clock.round(2) == []
    assert backlog(at=farm.now).resumes_at is not None
    assert clock.round(5) == ["other"]
    assert backlog(at=farm.now).resumes_at is None


def test_each_day_all_is_asked_anew(watched, farm, clock, upstream):
    upstream.rename(NAME, "python-Levenshtein")
    upstream.set_roles(NAME, ("Owner", "ada"))
    clock.round(900)
    assert Project.objects.get().upstream_roles is None
    clock.round(86_400)
    project = Project.objects.get()
    assert project.display_name == "python-Levenshtein"
    assert project.upstream_roles == [["Owner", "ada"]]


def test_changes_of_roles_and_names_are_announced(watched, clock, upstream, heard):
    upstream.set_roles(NAME, ("Owner", "ada"))
    clock.round(86_400)
    assert heard == [("upstream_changed", heard[0][1])]
    upstream.set_roles(NAME, ("Owner", "eve"))
    upstream.rename(NAME, "Python.Levenshtein")
    clock.round(86_400)
    announced = dict(heard)
    assert announced["roles_changed"]["added"] == {("Owner", "eve")}
    assert announced["roles_changed"]["removed"] == {("Owner", "ada")}
    assert announced["project_renamed"]["after"] == "Python.Levenshtein"


def test_facts_that_do_not_come_hold_up_no_page(watched, clock, upstream):
    upstream.yank(NAME, "0.12.2", reason="broken")
    upstream.fail(Fault.UNAVAILABLE, path="/pypi/")
    clock.round(86_400)
    assert listed(overlay_path(NAME))[watched.filename]["yanked"] == "broken"


def test_a_sweep_finds_rows_that_are_wrong(watched, clock):
    Project.objects.get().upstream_files.update(is_yanked=True)
    clock.round(900)
    assert Project.objects.get().upstream_files.filter(is_yanked=True).exists()
    clock.round(86_400)
    assert not Project.objects.get().upstream_files.filter(is_yanked=True).exists()


def test_a_clock_that_was_ahead_holds_up_nothing(watched, farm, clock, upstream):
    ahead = timedelta(days=30)
    clock.round(ahead.total_seconds())
    keep_schedule(at=farm.now)
    assert claim_root(at=farm.now)
    Page.objects.update(rendered_at=farm.now)
    upstream.yank(NAME, "0.12.2", reason="broken")
    farm.now -= ahead
    for seconds in (1, 1):
        keep_schedule(at=farm.now)
        clock.round(seconds)
    assert listed(overlay_path(NAME))[watched.filename]["yanked"] == "broken"
    assert Project.objects.get().verified_at < farm.now + SECOND
    assert not Page.objects.filter(rendered_at__gt=farm.now + SECOND).exists()
    assert claim_root(at=farm.now)
    assert due_in(farm) <= 900


def test_clocks_of_hosts_that_differ_little_mend_nothing(watched, farm):
    keep_schedule(at=farm.now + timedelta(minutes=4))
    due_at = Watch.objects.get().due_at
    keep_schedule(at=farm.now)
    assert Watch.objects.get().due_at == due_at


def test_a_project_that_is_gone_is_asked_for_soon_again(watched, farm, clock, upstream):
    upstream.remove_project(NAME)
    clock.round(900)
    assert due_in(farm) == Doubt.MISSING.seconds
    assert listed(overlay_path(NAME))
    clock.round(30)
    assert Project.objects.get().status == ProjectStatus.DELETED


# Serials


def test_a_serial_ahead_of_ours_makes_it_due(watched, farm, clock, upstream):
    upstream.yank(NAME, "0.12.2")
    serial = Project.objects.get().last_serial
    assert note_root(etag="x", serials={NAME: serial}, at=farm.now) == 0
    assert note_root(etag="x", serials={NAME: serial - 1, "other": 9}, at=farm.now) == 0
    assert note_root(etag="x", serials={NAME: upstream.serial}, at=farm.now) == 1
    assert clock.round(1) == [NAME]
    assert Watch.objects.get().awaited_serial is None


def test_a_page_behind_what_was_announced_is_asked_for_soon_again(watched, farm, clock):
    note_changelog(last=99, serials={NAME: 99}, at=farm.now)
    for _ in range(3):
        clock.round(10)
        assert due_in(farm) == 10
    clock.round(600)
    assert due_in(farm) == 60


def test_the_root_is_looked_at_by_one_host_a_time(farm, project):
    look = claim_root(at=farm.now)
    assert look.etag == ""
    note_root(etag="e", serials={}, at=farm.now)
    assert claim_root(at=farm.now + 3_599 * SECOND) is None
    assert claim_root(at=farm.now + 3_600 * SECOND).etag == "e"


def test_the_root_need_not_be_looked_at(farm, project, settings):
    settings.AFFINEUR_WATCH_ROOT_SECONDS = 0
    assert claim_root(at=farm.now) is None


def test_the_changelog_is_read_on_where_it_was_left(farm, project):
    assert claim_changelog(at=farm.now).since is None
    note_changelog(last=7, serials={}, at=farm.now)
    assert claim_changelog(at=farm.now) is None
    assert claim_changelog(at=farm.now + 10 * SECOND).since == 7


# Order


def test_each_enrolled_project_has_its_place(farm, project):
    Watch.objects.all().delete()
    keep_schedule(at=farm.now)
    assert Watch.objects.get().due_at == farm.now


def test_the_backlog_is_told(watched, farm):
    at = Watch.objects.get().due_at
    assert (backlog(at=at).due, backlog(at=at).overdue) == (1, 0)
    assert backlog(at=at + 60 * SECOND).overdue == 1


def test_how_long_a_yank_took_is_counted(watched, farm, clock, upstream):
    upstream.yank(NAME, "0.12.2")
    clock.round(900)
    upstream.add_sdist(NAME, "0.13")
    clock.round(60)
    told = measured(at=farm.now)
    assert (told.yanks.changes, told.others.changes) == (1, 1)
    assert 901 <= told.yanks.within[95] <= 901 * 1.25
    assert 61 <= told.others.within[95] <= 61 * 1.25
    assert measured(at=farm.now + timedelta(days=31)).yanks.within == {}


# The loop


class Ticking:
    """A clock that runs as clocks do, from the farm's time on."""

    def __init__(self, farm):
        self.farm = farm

    def __call__(self):
        self.farm.now += timedelta(milliseconds=200)
        return self.farm.now


def run_for(seconds, **parts):
    stop = Event()
    Timer(seconds, stop.set).start()
    Watcher(**parts).run(stop)


def test_a_watcher_follows_until_it_is_stopped(farm, ours, upstream):
    upstream.yank(NAME, "0.12.2", reason="broken")
    run_for(1, upstream=upstream, clock=Ticking(farm))
    assert listed(overlay_path(NAME))[ours.filename]["yanked"] == "broken"
    assert Watch.objects.get().claimed_until is None


def test_a_watcher_survives_its_database_and_its_listeners(farm, ours, upstream, monkeypatch):
    monkeypatch.setattr(watching, "TROUBLE_SECONDS", 0.01)
    keep, write, troubles = watching.keep_schedule, watching.write_answer, []

    def keep_or_fail(**given):
        if not troubles:
            troubles.append("database")
            raise DatabaseError
        keep(**given)

    def write_or_fail(**given):
        if len(troubles) == 1:
            troubles.append("listener")
            Watch.objects.update(claimed_until=None)
            raise RuntimeError
        write(**given)

    monkeypatch.setattr(watching, "keep_schedule", keep_or_fail)
    monkeypatch.setattr(watching, "write_answer", write_or_fail)
    monkeypatch.setattr(watching, "close_old_connections", lambda: None)
    upstream.yank(NAME, "0.12.2", reason="broken")
    run_for(1.5, upstream=upstream, clock=Ticking(farm))
    assert troubles == ["database", "listener"]
    assert listed(overlay_path(NAME))[ours.filename]["yanked"] == "broken"


# Whatever happens

VERSIONS = st.sampled_from(["1.0", "2.0"])
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("yank"), VERSIONS, st.sampled_from(["", "bad"])),
        st.tuples(st.just("unyank"), VERSIONS),
        st.tuples(st.just("quarantine")),
        st.tuples(st.just("clear")),
        st.tuples(st.just("wheel"), VERSIONS),
        st.tuples(st.just("release")),
        st.tuples(st.just("delete")),
        st.tuples(st.just("restore")),
        st.tuples(st.just("older")),
        st.tuples(st.just("fail"), st.sampled_from(list(Fault))),
        st.tuples(st.just("wait"), st.sampled_from([1, 15, 31, 70, 1_000, 30_000, 90_000])),
    ),
    min_size=4,
    max_size=24,
)
DEMO = NormalizedName("demo")


class World:
    """Upstream as a random history makes it, what it has truly been, and what it answered."""

    def __init__(self, folder):
        self.upstream = FakeUpstream()
        for version in ("1.0", "2.0"):
            self.upstream.add_sdist("demo", version)
        self.farm = Farm(self.upstream, folder)
        self.farm.enrol(DEMO)
        self.ours = [self.farm.publish(name=DEMO, version=version) for version in ("1.0", "2.0")]
        Watch.objects.update(swept_at=self.farm.now)
        self.clock = Clock(self.farm, self.upstream)
        self.removed = None
        self.first = self.upstream.page(DEMO), self.upstream.body("/simple/demo/")
        self.is_cached = False
        self.verified_at = Project.objects.get().verified_at
        self.truth = {self.verified_at: self.upstream.page(DEMO)}

    def play(self, act, *facts):
        if self.removed is not None and act not in {"restore", "wait", "fail"}:
            return
        (getattr(self, act, None) or partial(self.change, act))(*facts)

    def change(self, act, *facts):
        match act:
            case "quarantine":
                self.upstream.add_project("demo", status="quarantined", reason="malware")
            case "clear":
                self.upstream.add_project("demo")
            case "wheel":
                self.upstream.add_file("demo", f"demo-{facts[0]}-py3-none-any.whl")
            case "release":
                self.upstream.add_sdist("demo", "3.0")
            case "yank":
                self.upstream.yank("demo", facts[0], reason=facts[1])
            case "unyank":
                self.upstream.unyank("demo", facts[0])

    def delete(self):
        self.removed = self.upstream._projects.pop(DEMO)  # noqa: SLF001 - put back as it was

    def restore(self):
        if self.removed is not None:
            self.upstream._projects[DEMO], self.removed = self.removed, None  # noqa: SLF001 - see above

    def older(self):
        """A cache answers with the first page it ever saw."""
        self.is_cached = True
        self.upstream.override("demo", self.first[1])
        self.wait(1_000)
        self.upstream.recover()
        self.is_cached = False

    def fail(self, fault):
        self.upstream.fail(fault, path="/simple/demo/")

    def wait(self, seconds):
        truth = None if self.removed is not None else self.upstream.page(DEMO)
        if self.clock.round(seconds):
            self.truth[self.farm.now] = self.first[0] if self.is_cached else truth
        withhold_unverified(at=self.farm.now)

    def check(self):
        """What is listed is upstream's word at the time of the verification, and ours beside it.

        It goes back to an older word only when upstream has said nothing newer for an hour.
        """
        project = Project.objects.get()
        assert stale_pages(project=project) == []
        verified_before, self.verified_at = self.verified_at, project.verified_at
        before = self.truth[verified_before]
        if project.status == ProjectStatus.DELETED:
            # Two answers said so, and none else: the truth, or a cache that keeps on.
            assert not Page.objects.filter(path=overlay_path(DEMO)).exists()
            return
        truth = self.truth[project.verified_at]
        assert read_state(project) == truth
        if before is not None and truth.serial < before.serial:
            assert project.verified_at - verified_before >= timedelta(hours=1)
        shown = listed(overlay_path(DEMO))
        assert {file.filename for file in truth.files} <= shown.keys()
        is_late = self.farm.now - project.verified_at > timedelta(hours=6)
        for file in self.ours:
            self.check_ours(file, truth, shown, is_late=is_late)

    def check_ours(self, file, truth, shown, *, is_late):
        file.refresh_from_db()
        of_release = [each for each in truth.files if f"-{file.version}" in each.filename]
        wheels = [each for each in of_release if each.filename.endswith(".whl")]
        is_open = truth.status is ProjectStatus.ACTIVE and bool(of_release)
        is_served = any(not each.is_yanked for each in wheels)
        assert (file.filename in shown) == (is_open and not is_served and not is_late)
        if file.filename in shown:
            (sdist,) = (each for each in of_release if each.filename.endswith(".gz"))
            assert shown[file.filename]["yanked"] == (
                (sdist.yanked_reason or True) if sdist.is_yanked else False
            )


@pytest.mark.any_database
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_whatever_happens_no_listing_is_wrong_and_it_recovers(acts, db, tmp_path):
    for model in (File, Page, WatchState, Latency, Project):
        model.objects.all().delete()
    world = World(tmp_path)
    for act, *facts in acts:
        world.play(act, *facts)
        world.check()
    world.upstream.recover()
    world.restore()
    for seconds in (3_700, 3_700, 3_700):
        world.wait(seconds)
        world.check()
    project = Project.objects.get()
    assert project.verified_at == world.farm.now
    assert read_state(project) == world.upstream.page(DEMO)
    assert all(Standing(file.standing) for file in world.ours)
