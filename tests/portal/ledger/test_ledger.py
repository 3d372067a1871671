from datetime import timedelta

import pytest
from django.db import transaction

from builds.domain.outcomes import Outcome
from builds.models import Build
from builds.services.cancel import cancel_builds
from indexes import signals
from indexes.domain.facts import Role
from indexes.domain.names import NormalizedName
from indexes.models import Project
from indexes.services.refresh import refresh_project
from indexes.upstream import UpstreamDoubtful
from portal.errors import AppendOnly
from portal.ledger.chain import Broken
from portal.ledger.models import Entry
from portal.ledger.services import record, record_all, seal, verify_chain
from tests.portal.people import AT, CP313, LATER, consent
from tests.portal.tampering import erase, rewrite

pytestmark = pytest.mark.django_db


@pytest.fixture
def ledger():
    """Five sealed entries."""
    entries = [write(number) for number in range(5)]
    seal()
    return entries


def write(number: int) -> Entry:
    return record(
        actor="maintainer",
        verb="tested",
        project="docopt",
        facts={"number": number, "ratio": 0.1},
        at=AT + timedelta(seconds=number),
    )


def test_entries_are_numbered_without_a_gap(ledger):
    assert list(Entry.objects.values_list("sequence", flat=True)) == [1, 2, 3, 4, 5]
    assert verify_chain() is None


def test_each_entry_names_the_one_before(ledger):
    entries = list(Entry.objects.order_by("sequence"))
    assert [entry.previous_hash for entry in entries[1:]] == [entry.hash for entry in entries[:-1]]


def test_an_empty_ledger_holds():
    assert verify_chain() is None


@pytest.mark.parametrize("unsayable", [2**53, float("nan"), "\ud800"], ids=repr)
def test_what_no_chain_could_take_is_not_written(unsayable):
    facts = {"number": unsayable}
    with pytest.raises(ValueError, match=r"safe integer|not representable|non-UTF-8"):
        record(actor="maintainer", verb="tested", project="", facts=facts, at=AT)
    with pytest.raises(ValueError, match=r"safe integer|not representable|non-UTF-8"):
        record_all(actor="indexes", verb="tested", acts=[("docopt", facts)], at=AT)
    assert not Entry.objects.exists()


def test_an_entry_is_sealed_when_its_transaction_commits(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        entry = write(1)
    entry.refresh_from_db()
    assert entry.sequence == 1


def test_an_act_that_did_not_happen_is_not_recorded():
    with transaction.atomic():
        write(1)
        transaction.set_rollback(True)  # Django's
    assert not Entry.objects.exists()


def test_what_a_dead_process_left_unsealed_is_sealed_by_the_next():
    write(1)
    write(2)
    assert seal() == 2
    assert seal() == 0
    assert verify_chain() is None


@pytest.mark.parametrize(
    "change",
    [
        {"facts": {"number": 9}},
        {"actor": "somebody else"},
        {"verb": "nothing"},
        {"project": "other"},
        {"at": LATER},
    ],
)
def test_an_altered_entry_is_found(ledger, change):
    rewrite(Entry, {"sequence": 3}, **change)
    assert verify_chain() == Broken(3, "is not what was written")


def test_an_entry_altered_with_its_hash_is_found_by_the_next(ledger):
    entry = Entry.objects.get(sequence=3)
    rewrite(Entry, {"sequence": 3}, hash="f" * 64)
    assert verify_chain() == Broken(3, "is not what was written")
    rewrite(Entry, {"sequence": 4}, previous_hash=entry.previous_hash)
    erase(Entry, sequence=3)
    assert verify_chain() == Broken(3, "is missing")


def test_a_missing_entry_is_found(ledger):
    erase(Entry, sequence=2)
    assert verify_chain() == Broken(2, "is missing")


def test_a_cut_off_end_is_found(ledger):
    erase(Entry, sequence__gt=3)
    assert verify_chain() == Broken(4, "is missing")


def test_two_entries_that_changed_places_are_found(ledger):
    rewrite(Entry, {"sequence": 2}, sequence=9)
    rewrite(Entry, {"sequence": 3}, sequence=2)
    rewrite(Entry, {"sequence": 9}, sequence=3)
    assert verify_chain() == Broken(2, "does not follow the entry before it")


def test_an_entry_slipped_in_is_found(ledger):
    rewrite(Entry, {"sequence": 5}, sequence=6)
    forged = Entry(at=AT, actor="x", verb="y", project="docopt", facts={}, sequence=5)
    forged.previous_hash, forged.hash = "0" * 64, "1" * 64
    forged.save()
    assert verify_chain() == Broken(5, "does not follow the entry before it")


def test_an_entry_cannot_be_changed_or_deleted(ledger):
    entry = Entry.objects.get(sequence=1)
    entry.verb = "nothing"
    for act in (
        entry.save,
        entry.delete,
        Entry.objects.all().delete,
        lambda: Entry.objects.update(verb="nothing"),
        lambda: Entry.objects.bulk_update([entry], ["verb"]),
    ):
        with pytest.raises(AppendOnly):
            act()
    assert verify_chain() is None


def test_verifying_takes_two_queries(ledger, django_assert_num_queries):
    with django_assert_num_queries(2):
        verify_chain()


def test_what_the_floors_below_do_is_recorded(docopt, proof, maintainer, upstream):
    consent(maintainer, docopt)
    from portal.requests.services import make_request

    make_request(
        user=maintainer,
        project_name="docopt",
        specifiers="==0.6.2",
        targets=[CP313],
        reason="",
        at=AT,
    )
    cancel_builds(builds=Build.objects.all(), reason="a test", outcome=Outcome.CANCELLED, at=LATER)
    upstream.yank("docopt", "0.6.1", reason="broken")
    refresh_project(name=NormalizedName("docopt"), at=LATER)
    verbs = list(Entry.objects.filter(project="docopt").values_list("actor", "verb"))
    assert verbs == [
        ("root", "proof-pending"),
        ("second", "proof-proven"),
        ("builds", "permit-issued"),
        ("maintainer", "consent-given"),
        ("maintainer", "request-made"),
        ("builds", "build-queued"),
        ("builds", "build-ended"),
        ("indexes", "release-yanked"),
    ]


def test_what_upstream_does_to_a_project_is_recorded(docopt, upstream):
    name = NormalizedName("docopt")
    upstream.add_sdist("docopt", "0.7")
    refresh_project(name=name, at=LATER)
    upstream.remove_file("docopt", "0.7")
    refresh_project(name=name, at=LATER + timedelta(minutes=1))
    upstream.remove_project("docopt")
    with pytest.raises(UpstreamDoubtful):
        refresh_project(name=name, at=LATER + timedelta(minutes=2))
    refresh_project(name=name, at=LATER + timedelta(minutes=3))
    told = list(Entry.objects.filter(actor="indexes").values_list("verb", "facts"))
    assert told == [
        ("releases-added", {"versions": ["0.7"]}),
        ("releases-removed", {"versions": ["0.7"]}),
        ("project-status-changed", {"before": "active", "after": "deleted"}),
    ]


def test_what_is_said_of_a_project_upstream_is_recorded(docopt):
    signals.project_unverified.send(Project, project=docopt)
    signals.project_verified.send(Project, project=docopt)
    signals.releases_quarantined.send(Project, project=docopt, versions=("0.6.2",))
    signals.releases_cleared.send(Project, project=docopt, versions=("0.6.2",))
    signals.project_renamed.send(Project, project=docopt, before="docopt", after="DocOpt")
    roles = {"added": frozenset({Role("Owner", "eve")}), "removed": frozenset()}
    signals.roles_changed.send(Project, project=docopt, **roles)
    told = dict(Entry.objects.filter(actor="indexes").values_list("verb", "facts"))
    assert told == {
        "project-unverified": {"verified_at": docopt.verified_at.isoformat()},
        "project-verified": {},
        "releases-quarantined": {"versions": ["0.6.2"]},
        "releases-cleared": {"versions": ["0.6.2"]},
        "project-renamed": {"before": "docopt", "after": "DocOpt"},
        "roles-changed": {"added": [["Owner", "eve"]], "removed": []},
    }
