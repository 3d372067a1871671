import itertools
import json
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes.domain.changes import FileAdded
from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import JSON
from indexes.domain.status import ProjectStatus, Standing
from indexes.models import File, Page, Project, UpstreamFile
from indexes.services import clock, refresh
from indexes.services.pages import OVERLAY_ROOT, file_url, overlay_path, stale_pages, wheels_path
from indexes.services.refresh import enrol_project, follow_answer, refresh_enrolled, refresh_project
from indexes.services.standing import update_standings
from indexes.services.state import read_state
from indexes.signals import standing_changed
from indexes.upstream import (
    HttpUpstream,
    ProjectNotUpstream,
    UpstreamDoubtful,
    UpstreamInvalid,
    UpstreamUnreachable,
)
from indexes.upstream.fake import FakeUpstream, Fault
from tests.indexes.conftest import NAME, NOW, Farm


def page(path):
    stored = Page.objects.filter(path=path, media_type=JSON).first()
    return stored and json.loads(bytes(stored.body))


def listed(path):
    return {file["filename"]: file for file in page(path)["files"]}


def standing_of(file):
    file.refresh_from_db()
    return Standing(file.standing), file.standing_reason


def test_the_first_sight_of_a_project_makes_its_rows(farm, upstream):
    project = farm.refresh()
    assert (project.name, project.status, project.is_enrolled) == (NAME, "active", False)
    assert project.verified_at == project.changed_at == farm.now
    assert project.upstream_versions == ["0.12.1", "0.12.2"]
    assert read_state(project) == upstream.page(NAME)
    row = UpstreamFile.objects.get(version="0.12.2")
    assert (row.kind, row.is_yanked) == ("sdist", False)


def test_an_unknown_project_makes_no_row(farm):
    with pytest.raises(ProjectNotUpstream):
        farm.refresh(NormalizedName("nothing-here"))
    assert not Project.objects.exists()


def test_an_unchanged_project_is_verified_and_nothing_else(farm, project, heard):
    farm.refresh()
    project.refresh_from_db()
    assert project.verified_at == farm.now
    assert project.changed_at == farm.now - timedelta(hours=1)
    assert heard == []


def test_without_etags_an_unchanged_project_is_known_by_its_digest(farm, project, upstream, heard):
    upstream.has_etags = False
    farm.refresh()
    assert heard == []


def test_an_unchanged_project_costs_few_queries(farm, project, django_assert_num_queries):
    with django_assert_num_queries(5):  # two reads, one write, a transaction
        farm.refresh()


@pytest.mark.parametrize("count", [3, 300])
def test_a_change_costs_as_many_queries_whatever_the_projects_size(
    farm, upstream, count, django_assert_max_num_queries
):
    for number in range(count):
        upstream.add_file(NAME, f"python_levenshtein-1.{number}.tar.gz")
    farm.enrol()
    upstream.add_sdist(NAME, "0.13")
    with django_assert_max_num_queries(22):
        farm.refresh()


def test_a_new_file_upstream_is_listed(farm, project, upstream, heard):
    added = upstream.add_sdist(NAME, "0.13")
    farm.refresh()
    assert added.filename in listed(overlay_path(NAME))
    assert page(overlay_path(NAME))["versions"] == ["0.12.1", "0.12.2", "0.13"]
    assert [name for name, _ in heard] == ["upstream_changed", "releases_added"]
    assert FileAdded(added) in heard[0][1]["changes"]


def test_upstreams_file_keeps_upstreams_fields(farm, project, upstream):
    added = upstream.add_file(
        NAME,
        "python_levenshtein-0.13-py3-none-any.whl",
        b"w",
        metadata=b"Name: x",
        provenance={},
        requires_python=">=3.9",
    )
    farm.refresh()
    file = listed(overlay_path(NAME))[added.filename]
    assert file["url"] == added.url
    assert file["provenance"] == f"{added.url}.provenance"
    assert file["core-metadata"] == {"sha256": added.metadata_sha256}
    assert file["upload-time"] == "2020-01-01T00:00:00.000000Z"
    assert file["requires-python"] == ">=3.9"


def test_a_yank_upstream_is_carried_to_ours_with_its_reason(farm, ours, upstream, heard):
    upstream.yank(NAME, "0.12.2", reason="<broken>")
    farm.refresh()
    assert standing_of(ours) == (Standing.YANKED, "<broken>")
    assert listed(overlay_path(NAME))[ours.filename]["yanked"] == "<broken>"
    assert listed(wheels_path(NAME))[ours.filename]["yanked"] == "<broken>"
    announced = dict(heard)
    assert announced["release_yanked"]["version"] == "0.12.2"
    assert announced["release_yanked"]["reason"] == "<broken>"
    assert announced["standing_changed"]["before"] is Standing.LISTED
    assert announced["standing_changed"]["after"] is Standing.YANKED


def test_a_yank_without_a_reason_is_true(farm, ours, upstream):
    upstream.yank(NAME, "0.12.2")
    farm.refresh()
    assert listed(wheels_path(NAME))[ours.filename]["yanked"] is True


def test_a_yank_of_another_release_leaves_ours(farm, ours, upstream):
    upstream.yank(NAME, "0.12.1", reason="old")
    farm.refresh()
    assert standing_of(ours) == (Standing.LISTED, "")


def test_a_yank_of_upstreams_wheel_alone_leaves_ours(farm, ours, upstream):
    wheel = upstream.add_file(NAME, "python_levenshtein-0.12.2-cp27-cp27m-win32.whl")
    upstream.yank(NAME, wheel.filename, reason="bad wheel")
    farm.refresh()
    assert standing_of(ours) == (Standing.LISTED, "")


def test_a_new_reason_is_followed(farm, ours, upstream, heard):
    upstream.yank(NAME, "0.12.2", reason="broken")
    farm.refresh()
    upstream.yank(NAME, "0.12.2", reason="leaks")
    farm.refresh()
    assert standing_of(ours) == (Standing.YANKED, "leaks")
    reasons = [carried["reason"] for name, carried in heard if name == "release_yanked"]
    assert reasons == ["broken", "leaks"]


def test_the_end_of_a_yank_is_followed(farm, ours, upstream, heard):
    upstream.yank(NAME, "0.12.2", reason="broken")
    farm.refresh()
    upstream.unyank(NAME, "0.12.2")
    farm.refresh()
    assert standing_of(ours) == (Standing.LISTED, "")
    assert listed(overlay_path(NAME))[ours.filename]["yanked"] is False
    assert [name for name, _ in heard][-1] == "release_unyanked"


def test_a_wheel_upstream_for_the_same_installers_supersedes_ours(farm, ours, upstream):
    upstream.add_file(NAME, "python_levenshtein-0.12.2-cp312-cp312-manylinux_2_17_x86_64.whl")
    farm.refresh()
    assert standing_of(ours)[0] is Standing.SUPERSEDED
    assert ours.filename not in listed(overlay_path(NAME))
    assert page(wheels_path(NAME)) is None


def test_a_yanked_wheel_upstream_supersedes_nothing(farm, ours, upstream):
    wheel = upstream.add_file(NAME, "python_levenshtein-0.12.2-py3-none-any.whl")
    upstream.yank(NAME, wheel.filename)
    farm.refresh()
    assert standing_of(ours) == (Standing.LISTED, "")


def test_a_release_deleted_upstream_takes_ours_off_the_pages(farm, ours, upstream):
    upstream.remove_file(NAME, "0.12.2")
    farm.refresh()
    assert standing_of(ours)[0] is Standing.WITHDRAWN
    assert list(listed(overlay_path(NAME))) == ["python_levenshtein-0.12.1.tar.gz"]


def test_a_project_deleted_upstream_is_withheld(farm, ours, upstream, heard):
    upstream.remove_project(NAME)
    project = farm.confirm()
    assert project.status == ProjectStatus.DELETED
    assert standing_of(ours)[0] is Standing.WITHDRAWN
    assert page(overlay_path(NAME)) is None
    assert page(wheels_path(NAME)) is None
    assert page(OVERLAY_ROOT)["projects"] == []
    assert not UpstreamFile.objects.exists()
    changed = dict(heard)["project_status_changed"]
    assert (changed["before"], changed["after"]) == ("active", "deleted")


def test_a_project_that_comes_back_is_listed_again(farm, ours, upstream):
    kept = upstream._projects.pop(NAME)  # noqa: SLF001 - put back below as it was
    farm.confirm()
    upstream._projects[NAME] = kept  # noqa: SLF001 - as above
    project = farm.refresh()
    assert project.status == ProjectStatus.ACTIVE
    assert standing_of(ours) == (Standing.LISTED, "")
    assert ours.filename in listed(overlay_path(NAME))


OTHER = {"setup.py": "of somebody else"}


def test_a_release_made_anew_upstream_is_not_the_one_that_ours_was_built_from(farm, ours, upstream):
    upstream.remove_file(NAME, "0.12.2")
    farm.refresh()
    upstream.add_sdist(NAME, "0.12.2", files=OTHER)
    farm.refresh()
    assert standing_of(ours)[0] is Standing.WITHDRAWN
    assert "source" in standing_of(ours)[1]
    assert ours.filename not in listed(overlay_path(NAME))
    upstream.add_sdist("python-Levenshtein", "0.12.2")
    farm.refresh()
    assert standing_of(ours) == (Standing.LISTED, "")


def test_of_a_project_made_anew_by_somebody_else_ours_lists_nothing(farm, ours, upstream):
    upstream.remove_project(NAME)
    farm.confirm()
    upstream.add_sdist(NAME, "0.12.2", files=OTHER)
    farm.refresh()
    assert page(wheels_path(NAME)) is None
    assert list(listed(overlay_path(NAME))) == ["python_levenshtein-0.12.2.tar.gz"]


def test_without_its_source_a_release_has_no_wheel_of_ours(farm, ours, upstream):
    upstream.add_file(NAME, "python_levenshtein-0.12.2-cp39-cp39-win32.whl")
    upstream.remove_file(NAME, "python_levenshtein-0.12.2.tar.gz")
    farm.refresh()
    assert standing_of(ours)[0] is Standing.WITHDRAWN


def test_an_upstream_that_says_no_hashes_is_not_taken_for_another(ours, project):
    project.upstream_files.update(sha256="")
    assert update_standings(project=project) == 0


def test_a_quarantined_project_offers_nothing(farm, ours, upstream):
    upstream.add_project(NAME, status="quarantined", reason="malware")
    farm.refresh()
    assert standing_of(ours) == (Standing.QUARANTINED, "malware")
    shown = page(overlay_path(NAME))
    assert shown["files"] == []
    assert shown["project-status"] == {"status": "quarantined", "reason": "malware"}


def test_what_is_quarantined_and_then_deleted_stays_closed(client, farm, ours, upstream):
    upstream.add_project(NAME, status="quarantined", reason="malware")
    farm.refresh()
    upstream.remove_project(NAME)
    farm.confirm()
    farm.refresh(is_forced=True)
    assert standing_of(ours)[0] is Standing.QUARANTINED
    assert client.get(file_url(ours.sha256, ours.filename)).status_code == 404
    upstream.add_sdist("python-Levenshtein", "0.12.2")
    farm.refresh()
    assert standing_of(ours) == (Standing.LISTED, "")


def test_a_cleared_project_offers_all_again(farm, ours, upstream):
    upstream.add_project(NAME, status="quarantined", reason="malware")
    farm.refresh()
    upstream.add_project(NAME)
    farm.refresh()
    assert standing_of(ours) == (Standing.LISTED, "")
    assert len(listed(overlay_path(NAME))) == 3


def test_an_archived_project_is_listed_as_such(farm, ours, upstream):
    upstream.add_project(NAME, status="archived")
    farm.refresh()
    assert page(wheels_path(NAME))["project-status"] == {"status": "archived"}
    assert ours.filename in listed(overlay_path(NAME))


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.UNAVAILABLE, UpstreamUnreachable), (Fault.GARBAGE, UpstreamInvalid)],
)
def test_when_upstream_fails_what_we_knew_stands(farm, ours, upstream, fault, error):
    before = dict(Page.objects.values_list("path", "etag"))
    upstream.fail(fault)
    with pytest.raises(error):
        farm.refresh()
    assert dict(Page.objects.values_list("path", "etag")) == before
    assert Project.objects.get().verified_at < farm.now


def test_one_answer_that_a_project_is_gone_deletes_nothing(farm, ours, upstream):
    upstream.fail(Fault.NOT_FOUND)
    with pytest.raises(UpstreamDoubtful, match="says that it has no such project"):
        farm.refresh()
    assert standing_of(ours) == (Standing.LISTED, "")
    assert Project.objects.get().verified_at < farm.now
    farm.refresh()
    assert Project.objects.get().doubt == ""
    upstream.fail(Fault.NOT_FOUND)
    with pytest.raises(UpstreamDoubtful):
        farm.refresh()
    assert Project.objects.get().status == ProjectStatus.ACTIVE


def test_unchanged_is_no_answer_to_who_asks_for_all_of_it(farm, ours, upstream):
    with upstream.serve() as url:
        client = HttpUpstream(url)
        upstream.fail(Fault.NOT_MODIFIED)
        with pytest.raises(UpstreamInvalid, match="without a condition"):
            refresh_project(name=NAME, at=farm.now, upstream=client, is_forced=True)
        client.close()
    assert Project.objects.get().status == ProjectStatus.ACTIVE
    assert standing_of(ours) == (Standing.LISTED, "")


def test_a_second_answer_at_once_confirms_nothing(farm, ours, upstream):
    upstream.remove_project(NAME)
    for seconds, status in ((1, "active"), (30, "active"), (31, "deleted")):
        at = farm.now + timedelta(seconds=seconds)
        with suppress(UpstreamDoubtful):
            refresh_project(name=NAME, at=at, upstream=upstream)
        assert Project.objects.get().status == status


def test_a_page_of_before_is_not_believed(farm, ours, upstream):
    upstream.yank(NAME, "0.12.2", reason="broken")
    farm.refresh()
    upstream.unyank(NAME, "0.12.2")
    upstream.set_serial(NAME, 1)
    for _ in range(2):
        at = farm.now + timedelta(minutes=20)
        with pytest.raises(UpstreamDoubtful, match="from before the one we know"):
            refresh_project(name=NAME, at=at, upstream=upstream)
    assert standing_of(ours) == (Standing.YANKED, "broken")


def test_serials_that_stay_back_are_believed_in_the_end(farm, ours, upstream):
    upstream.set_serial(NAME, 1)
    assert farm.confirm().last_serial == 1


def test_an_upstream_that_stops_giving_serials_is_followed(farm, ours, upstream):
    upstream.yank(NAME, "0.12.2", reason="broken")
    upstream.set_serial(NAME, None)
    farm.refresh()
    assert standing_of(ours) == (Standing.YANKED, "broken")


def test_a_new_release_is_announced(farm, project, upstream, heard):
    upstream.add_sdist(NAME, "0.13")
    upstream.add_sdist(NAME, "0.14")
    farm.refresh()
    assert dict(heard)["releases_added"]["versions"] == ("0.13", "0.14")


def test_a_release_that_is_gone_is_announced(farm, project, upstream, heard):
    upstream.remove_file(NAME, "0.12.1")
    farm.refresh()
    assert dict(heard)["releases_removed"]["versions"] == ("0.12.1",)


def test_an_answer_that_was_overtaken_is_ignored(ours, upstream):
    upstream.yank(NAME, "0.12.2")
    refresh_project(name=NAME, at=NOW, upstream=upstream)
    assert standing_of(ours) == (Standing.LISTED, "")


def rendered_at(name=NAME):
    return Page.objects.get(path=overlay_path(name), media_type=JSON).rendered_at


def test_pages_bear_the_time_when_they_are_written(farm, project, upstream):
    """Not that of the question: a mirror that has asked meanwhile would never ask for them."""
    upstream.yank(NAME, "0.12.2")
    asked_at, written_at = farm.now + timedelta(hours=1), farm.now + timedelta(hours=2)
    answer = upstream.project_page(NAME)
    project = follow_answer(name=NAME, answer=answer, at=asked_at, written_at=written_at)
    assert (project.verified_at, rendered_at()) == (asked_at, written_at)


def test_a_round_may_take_long(farm, upstream, monkeypatch):
    for name in ("alpha", "beta"):
        upstream.add_sdist(name, "1.0")
        farm.enrol(NormalizedName(name))
        upstream.yank(name, "1.0")
    # Each look at the clock is a minute after the one before.
    look = partial(next, itertools.count(0, 60))
    monkeypatch.setattr(refresh, "monotonic", look)
    monkeypatch.setattr(clock, "monotonic", look)
    done = refresh_enrolled(at=farm.now, upstream=upstream)
    assert done.changed == ("alpha", "beta")
    assert rendered_at("alpha") < Project.objects.get(name="beta").verified_at < rendered_at("beta")


def test_a_receiver_that_fails_undoes_the_change(farm, ours, upstream):
    def refuse(**_):
        raise RuntimeError

    upstream.yank(NAME, "0.12.2")
    standing_changed.connect(refuse)
    with pytest.raises(RuntimeError):
        farm.refresh()
    standing_changed.disconnect(refuse)
    assert standing_of(ours) == (Standing.LISTED, "")
    assert listed(overlay_path(NAME))[ours.filename]["yanked"] is False


def test_what_is_not_enrolled_has_no_overlay_page(farm):
    farm.refresh()
    assert page(overlay_path(NAME)) is None


def test_enrolling_lists_a_project(farm):
    enrol_project(project=farm.refresh(), at=farm.now)
    assert page(OVERLAY_ROOT)["projects"] == [{"name": NAME}]
    assert len(listed(overlay_path(NAME))) == 2


def test_a_round_goes_on_past_a_failure(farm, upstream):
    for name in ("alpha", "beta", "gamma"):
        upstream.add_sdist(name, "1.0")
        farm.enrol(NormalizedName(name))
    upstream.add_sdist("gamma", "2.0")
    upstream.fail(Fault.UNAVAILABLE, path="/beta/")
    done = refresh_enrolled(at=farm.now + timedelta(hours=1), upstream=upstream)
    assert (done.checked, done.changed) == (2, ("gamma",))
    assert [name for name, _ in done.failed] == ["beta"]


def test_only_what_is_enrolled_is_asked_for(farm, upstream):
    upstream.add_sdist("alpha", "1.0")
    farm.refresh(NormalizedName("alpha"))
    upstream.seen.clear()
    refresh_enrolled(at=farm.now, upstream=upstream)
    assert upstream.seen == []


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("yank"), st.sampled_from(["1.0", "2.0"]), st.sampled_from(["", "bad"])),
        st.tuples(st.just("unyank"), st.sampled_from(["1.0", "2.0"])),
        st.tuples(st.just("add_project"), st.just("demo")),
        st.tuples(st.just("quarantine")),
        st.tuples(st.just("wheel"), st.sampled_from(["1.0", "2.0"])),
        st.tuples(st.just("fail"), st.sampled_from(list(Fault))),
        st.tuples(st.just("refresh")),
    ),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_whatever_happens_the_listing_is_upstreams_word_and_ours(acts, db, tmp_path):
    """After any history of changes and faults, once upstream answers, the pages are right."""
    File.objects.all().delete()
    Project.objects.all().delete()
    Page.objects.all().delete()
    world = FakeUpstream()
    world.add_sdist("demo", "1.0")
    world.add_sdist("demo", "2.0")
    farm = Farm(world, tmp_path)
    name = NormalizedName("demo")
    project = farm.enrol(name)
    ours = [farm.publish(name="demo", version=version) for version in ("1.0", "2.0")]
    for act, *facts in acts:
        play(farm, world, act, *facts)
    world.recover()
    farm.refresh(name)
    project.refresh_from_db()
    there = world.page(name)
    assert read_state(project) == there
    assert stale_pages(project=project) == []
    shown = listed(overlay_path(name))
    assert {file.filename for file in there.files} <= shown.keys()
    is_open = there.status is ProjectStatus.ACTIVE
    for file in ours:
        file.refresh_from_db()
        of_release = [f for f in there.files if f"-{file.version}" in f.filename]
        is_served = any(f.filename.endswith(".whl") and not f.is_yanked for f in of_release)
        assert (file.filename in shown) == (is_open and not is_served)
        is_yanked = any(f.is_yanked and f.filename.endswith(".gz") for f in of_release)
        assert bool(shown.get(file.filename, {}).get("yanked")) == (
            is_yanked and file.filename in shown
        )


def play(farm, world, act, *facts):
    match act:
        case "quarantine":
            world.add_project("demo", status="quarantined", reason="malware")
        case "wheel":
            world.add_file("demo", f"demo-{facts[0]}-py3-none-any.whl")
        case "fail":
            world.fail(facts[0])
        case "refresh":
            try:
                farm.refresh(NormalizedName("demo"))
            except (UpstreamUnreachable, UpstreamInvalid, UpstreamDoubtful):
                return
        case "yank":
            world.yank("demo", facts[0], reason=facts[1])
        case _:
            getattr(world, act)(*(["demo"] if act == "unyank" else []), *facts)
