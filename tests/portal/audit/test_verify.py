"""Every way in which the ledger and the tables can stop fitting is found, and named."""

import base64
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import call_command
from django.core.management.base import CommandError

from builds.domain.outcomes import Outcome
from builds.models import Build, LearntRule, Permit, RecipeEdit
from builds.services.cancel import cancel_builds
from builds.services.provenance import key_id, pre_authentication_encoding, public_key
from indexes.domain.names import NormalizedName
from indexes.domain.status import Decision
from indexes.models import File, Project
from indexes.services.refresh import refresh_project
from indexes.services.standing import decide
from indexes.signals import file_published
from indexes.upstream.fake import FakeUpstream
from portal.accounts.models import ApiToken
from portal.accounts.services import issue_token, revoke_token
from portal.audit.verify import UNSEALED_FOR, database_mismatches, verify
from portal.consent.models import Consent, Revocation
from portal.consent.recipes import edit_recipe
from portal.consent.services import revoke_consent
from portal.ledger.checkpoints import PAYLOAD_TYPE, PROMISED_EVERY, make_checkpoint
from portal.ledger.models import Checkpoint, Entry, Head
from portal.ledger.services import record, seal
from portal.ownership.models import Proof
from portal.requests.services import make_request
from tests.portal.people import AT, CP312, CP313, LATER, consent, publish
from tests.portal.tampering import erase, rewrite

pytestmark = pytest.mark.django_db
SOON = LATER + timedelta(minutes=5)
RECIPE = """schema = 1
project = "docopt"
version = 1
reason = "It runs out of memory."
reviewer = "root"
flags = ["-DFOO"]
"""


@pytest.fixture(autouse=True)
def signing_key(settings, tmp_path: Path) -> None:
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "key.pem"
    settings.AFFINEUR_DEVELOPMENT = True
    public_key()
    settings.AFFINEUR_DEVELOPMENT = False


@pytest.fixture
def upstream() -> FakeUpstream:
    """Asked without a network, which would take most of the time."""
    fake = FakeUpstream()
    fake.add_sdist("docopt", "0.6.1")
    fake.add_sdist("docopt", "0.6.2")
    return fake


@pytest.fixture
def docopt(upstream) -> Project:
    return refresh_project(name=NormalizedName("docopt"), at=AT, upstream=upstream)


@pytest.fixture
def acts(docopt, proof, maintainer, administrator, upstream) -> None:
    """A life of docopt: consent, wheels, a yank, a decision, revocation, consent again."""
    given = consent(maintainer, docopt)
    make_request(
        user=maintainer,
        project_name="docopt",
        specifiers="",
        targets=[CP312, CP313],
        reason="",
        at=AT,
    )
    build = Build.objects.get(target=CP313)
    file = publish(build)
    build.refresh_from_db()
    file_published.send(File, file=file)
    from builds.signals import builds_ended

    builds_ended.send(Build, builds=[build], outcome=Outcome.BUILT)
    cancel_builds(
        builds=Build.objects.filter(target=CP312),
        reason="a test",
        outcome=Outcome.CANCELLED,
        at=LATER,
    )
    upstream.yank("docopt", "0.6.2", reason="broken")
    refresh_project(name=NormalizedName("docopt"), at=LATER, upstream=upstream)
    decide(files=File.objects.all(), decision=Decision.QUARANTINED, reason="Looks odd.", at=LATER)
    decide(files=File.objects.all(), decision=None, reason="", at=LATER)
    revoke_consent(consent=given, user=maintainer, afterwards="withdraw", reason="", at=LATER)
    consent(maintainer, docopt, at=LATER, expires_at=LATER + timedelta(days=30))
    token, _ = issue_token(user=maintainer, name="ci", scopes=["read"], expires_at=None, at=LATER)
    revoke_token(token=token, by=maintainer, at=LATER)
    issue_token(user=maintainer, name="x", scopes=["read"], expires_at=SOON, at=LATER)
    edit_recipe(user=administrator, project=docopt, text=RECIPE, reason="Memory.", at=LATER)
    make_checkpoint(at=LATER)


def verdict(**more):
    return verify(keys=[public_key()], at=SOON, **more)


def problems(**more) -> tuple[str, ...]:
    return verdict(**more).problems


def mismatches() -> list[tuple[str, str]]:
    return [(each.project, str(each)) for each in database_mismatches()]


def test_all_that_services_do_is_explained(acts):
    said = verdict()
    assert said.holds, said
    assert said.entries == Entry.objects.count() > 20


def test_an_empty_database_holds():
    assert verdict().holds


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"actor": "eve"}, 3),
        ({"facts": {}}, 5),
        ({"salt": ""}, 7),
    ],
)
def test_a_tampered_entry_is_found(acts, change, where):
    rewrite(Entry, {"sequence": where}, **change)
    assert f"entry {where}: is not what was written" in problems()


def test_a_missing_entry_is_found(acts):
    erase(Entry, sequence=4)
    assert "entry 4: is missing" in problems()


def test_a_pair_that_changed_places_is_found(acts):
    rewrite(Entry, {"sequence": 2}, sequence=9000)
    rewrite(Entry, {"sequence": 3}, sequence=2)
    rewrite(Entry, {"sequence": 9000}, sequence=3)
    assert "entry 2: does not follow the entry before it" in problems()


def cut_off(sequence: int) -> None:
    """The tail is gone, and the head says that it never was."""
    kept = Entry.objects.get(sequence=sequence)
    erase(Entry, sequence__gt=sequence)
    Head.objects.update(sequence=sequence, hash=kept.hash)


def test_a_tail_that_was_cut_off_with_its_head_is_found_by_the_checkpoint(acts):
    cut_off(9)
    assert "entry 10: is missing" in problems()


def test_a_checkpoint_that_somebody_kept_finds_what_no_table_shows_any_more(acts):
    kept = Checkpoint.objects.get().envelope
    cut_off(9)
    erase(Checkpoint)
    assert not any("is missing" in problem for problem in problems())
    assert "entry 10: is missing" in problems(kept=[kept])


def test_a_chain_written_anew_is_found_by_the_checkpoint(acts):
    rewrite(Entry, {"sequence": 5}, facts={"forged": True})
    rewrite(Entry, {}, sequence=None, hash=None, previous_hash="")
    Head.objects.all().delete()
    seal()
    last = Entry.objects.count()
    assert f"entry {last}: is not the one that a checkpoint has signed" in problems()


def forged(key: Ed25519PrivateKey, payload: bytes) -> dict:
    signature = key.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {"keyid": key_id(public_key()), "sig": base64.b64encode(signature).decode()}
        ],
    }


def test_a_checkpoint_of_another_key_is_found(acts):
    made = Checkpoint.objects.get()
    payload = base64.b64decode(made.envelope["payload"])
    rewrite(Checkpoint, {}, envelope=forged(Ed25519PrivateKey.generate(), payload))
    assert "no signature of it is by key" in problems()[0]


def test_a_checkpoint_whose_words_were_changed_is_found(acts):
    made = Checkpoint.objects.get()
    said = json.loads(base64.b64decode(made.envelope["payload"])) | {"sequence": 3}
    envelope = made.envelope | {"payload": base64.b64encode(json.dumps(said).encode()).decode()}
    rewrite(Checkpoint, {}, envelope=envelope, sequence=3)
    assert "no signature of it is by key" in problems()[0]


def test_a_checkpoint_whose_row_was_changed_is_found(acts):
    rewrite(Checkpoint, {}, sequence=3)
    assert "its row is not what was signed" in problems()[0]


def test_provenance_passes_for_no_checkpoint(acts):
    from builds.services.provenance import sign

    rewrite(Checkpoint, {}, envelope=sign(b"{}"))
    assert "it is signed as application/vnd.in-toto+json" in problems()[0]


def test_a_checkpoint_of_a_former_key_holds_when_that_is_given(acts, settings, tmp_path):
    former = public_key()
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "next.pem"
    settings.AFFINEUR_DEVELOPMENT = True
    assert not verdict().holds
    assert verify(keys=[public_key(), former], at=SOON).holds


def test_entries_that_wait_too_long_for_their_place_are_found(acts):
    record(actor="ada", verb="tested", project="docopt", facts={}, at=SOON)
    assert verdict().holds
    late = verify(keys=[public_key()], at=SOON + UNSEALED_FOR + timedelta(seconds=1))
    assert "was never chained" in late.problems[0]


def test_a_checkpoint_that_is_late_is_told(acts):
    late = verify(keys=[public_key()], at=LATER + PROMISED_EVERY + timedelta(seconds=1))
    assert late.problems == ("no checkpoint was signed since 2026-03-01 13:00 UTC",)


def test_checkpoints_follow_the_ledger_and_are_not_doubled(acts):
    assert make_checkpoint(at=LATER + timedelta(seconds=1)) == Checkpoint.objects.get()
    record(actor="ada", verb="tested", project="docopt", facts={}, at=LATER)
    assert make_checkpoint(at=SOON).sequence == Entry.objects.count()
    assert make_checkpoint(at=SOON + timedelta(minutes=10)) != Checkpoint.objects.last()


@pytest.mark.parametrize(
    ("model", "change", "words"),
    [
        (Consent, {"specifiers": ">=9"}, "has specifiers '>=9', and the ledger says ''"),
        (Consent, {"expires_at": None}, "has expires_at None"),
        (Revocation, {"afterwards": "keep"}, "has afterwards 'keep'"),
        (Permit, {"revoked_at": None}, "has is_revoked False, and the ledger says True"),
        (Permit, {"channels": ["build"]}, "has channels ['build']"),
        (Proof, {"state": "refused"}, "has state 'refused', and the ledger says 'proven'"),
        (Build, {"state": "failed"}, "has state 'failed', and the ledger says"),
        (File, {"standing": "listed"}, "has standing 'listed', and the ledger says 'yanked'"),
        (File, {"sha256": "0" * 64}, "has sha256"),
        (Project, {"status": "archived"}, "has status 'archived', and the ledger says 'active'"),
        (RecipeEdit, {"text": "x"}, "has text 'x'"),
    ],
)
def test_a_row_that_was_changed_behind_the_ledgers_back_is_found(acts, model, change, words):
    rewrite(model, {}, **change)
    found = mismatches()
    assert {project for project, _ in found} == {"docopt"}
    assert any(words in told for _, told in found), found


def test_a_token_given_more_than_was_recorded_is_found(acts):
    rewrite(ApiToken, {}, revoked_at=None, scopes=["read", "consent"])
    told = [words for _, words in mismatches()]
    assert any("has is_revoked False" in words for words in told)
    assert any("has scopes ['read', 'consent']" in words for words in told)


def test_a_permit_that_no_act_issued_is_found(acts, docopt):
    permit = Permit.objects.create(
        project=docopt, channels=["build"], origin="nobody", issued_at=AT
    )
    assert mismatches() == [
        ("docopt", f"permit {permit.pk} is in the tables, and no entry made it")
    ]


def test_a_file_that_vanished_is_found(acts):
    file = File.objects.get()
    file.delete()
    assert mismatches() == [
        ("docopt", f"file {file.filename} is in the ledger, and gone from the tables")
    ]


def test_rules_of_diagnosis_are_explained(administrator):
    from builds.services.rules import add_rule, retire_rule

    add_rule(
        code="frobnicator-missing",
        pattern="frobnicator: not found",
        stage="build",
        turn="project",
        explanation="It needs a frobnicator.",
        remedy="",
        argument="",
        by="root",
        at=AT,
    )
    assert mismatches() == []
    LearntRule.objects.update(retired_at=AT)
    assert "has is_retired True" in mismatches()[0][1]
    LearntRule.objects.update(retired_at=None)
    retire_rule(code="frobnicator-missing", by="root", at=AT)
    assert mismatches() == []


def test_verifying_takes_few_queries_however_long_the_ledger(acts, django_assert_max_num_queries):
    for number in range(30):
        record(actor="x", verb="tested", project="docopt", facts={"n": number}, at=LATER)
    seal()
    with django_assert_max_num_queries(45):
        verdict()


def test_the_command_proves_it(acts, monkeypatch, tmp_path):
    monkeypatch.setattr("portal.audit.management.commands.ledger.timezone.now", lambda: SOON)
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps(Checkpoint.objects.get().envelope))
    out = StringIO()
    call_command("ledger", "verify", checkpoint=[kept], stdout=out)
    assert "every row explained" in out.getvalue()


def test_the_command_lists_what_does_not_fit_by_project(acts):
    Build.objects.filter(target=CP312).update(state="failed")
    err = StringIO()
    with pytest.raises(CommandError, match="rows that it does not explain"):
        call_command("ledger", "verify", stderr=err)
    assert "docopt:\n  build " in err.getvalue()


def test_the_command_signs(acts, capsys):
    call_command("ledger", "checkpoint")
    assert "Signed:" in capsys.readouterr().out
