from django.utils import timezone

from portal.ledger.services import record

LEDGER = "/api/v1/projects/docopt/ledger/"


def test_owners_read_what_was_done_newest_first(proof, as_ada):
    record(actor="bob", verb="file-yanked", project="docopt", facts={"a": 1}, at=timezone.now())
    entries = as_ada.get(LEDGER).json()["results"]
    assert entries[0]["verb"] == "file-yanked"
    assert entries[0]["facts"] == {"a": 1}
    assert "proof-proven" in {entry["verb"] for entry in entries}


def test_others_do_not(proof, as_bob, anonymous):
    answer = as_bob.get(LEDGER)
    assert (answer.status_code, answer.json()["code"]) == (403, "proof-needed")
    assert anonymous.get(LEDGER).status_code == 401


def test_reading_takes_the_same_queries_however_much(proof, as_ada, django_assert_max_num_queries):
    for number in range(20):
        record(actor="x", verb=f"v{number}", project="docopt", facts={}, at=timezone.now())
    with django_assert_max_num_queries(6):
        assert len(as_ada.get(LEDGER).json()["results"]) > 20
