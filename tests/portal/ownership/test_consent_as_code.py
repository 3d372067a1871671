"""A table in the sdist: what may be built, bound by hash; nothing of the sdist is run."""

from hashlib import sha256

import pytest

from indexes.services.refresh import refresh_project
from portal.errors import ProofNeeded
from portal.ownership.models import Proof, ProofState
from portal.ownership.services import has_proof, prove
from tests.portal.people import AT, LATER, consent

pytestmark = pytest.mark.django_db

TABLE = '[tool.affineur]\nproject = "Docopt"\nconsent = ["build", "publish"]\nreleases = ">=0.6"\n'


def look(user, project) -> Proof:
    return prove(
        user=user,
        project=project,
        method="consent-as-code",
        facts={},
        at=AT,
        is_at_session=True,
    )


@pytest.fixture
def release(upstream, answers):
    def make(text: str, **files: str):
        files = {"pyproject.toml": text, **files}
        return upstream.add_sdist("docopt", "0.6.3", files=files, uploaded_at=AT)

    return make


def test_the_table_is_read_and_bound_by_hash(maintainer, docopt, release):
    listed = release(TABLE, **{"setup.py": "raise SystemExit('run')\n"})
    proof = look(maintainer, docopt)
    assert (proof.state, proof.refusal) == (ProofState.PROVEN, "")
    assert proof.evidence["sha256"] == listed.sha256
    assert proof.evidence["pyproject_sha256"] == sha256(TABLE.encode()).hexdigest()
    assert proof.evidence["scope"] == {"channels": ["build", "publish"], "specifiers": ">=0.6"}


def test_it_says_nothing_of_who_asks(stranger, docopt, release):
    release(TABLE)
    assert look(stranger, docopt).state == ProofState.PROVEN
    assert has_proof(user=stranger, project=docopt, at=LATER) is None
    with pytest.raises(ProofNeeded):
        consent(stranger, docopt)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no [tool.affineur] table"),
        ("[tool.affineur]\nchallenge = 'x'\n", "has no [tool.affineur] table with `consent`"),
        ("[tool]\naffineur = 'yes'\n", "has no [tool.affineur] table"),
        (TABLE.replace("Docopt", "other"), "is for 'other', not for docopt"),
        (TABLE.replace('"Docopt"', "3"), "is for 3"),
        ('[tool.affineur]\nconsent = ["build"]\n', "is for None"),
        (TABLE.replace('["build", "publish"]', '["publish"]'), 'a list with "build"'),
        (TABLE.replace('["build", "publish"]', '["build", "run"]'), 'a list with "build"'),
        (TABLE.replace('["build", "publish"]', '[["build"]]'), 'a list with "build"'),
        (TABLE.replace('["build", "publish"]', '"build"'), 'a list with "build"'),
        (TABLE.replace(">=0.6", "new ones"), "no version specifier"),
        (TABLE.replace('">=0.6"', "1"), "no version specifier"),
    ],
)
def test_a_table_that_does_not_say_it_is_refused(maintainer, docopt, release, text, reason):
    release(text)
    proof = look(maintainer, docopt)
    assert proof.state == ProofState.REFUSED
    assert reason in proof.refusal
    assert "It is your turn" in proof.refusal


def test_the_newest_sdist_decides(maintainer, docopt, release, upstream):
    release(TABLE)
    upstream.add_sdist("docopt", "0.6.4", files={}, uploaded_at=LATER)
    refresh_project(name=docopt.name, at=LATER)
    assert "docopt-0.6.4.tar.gz has no" in look(maintainer, docopt).refusal


def test_a_yanked_sdist_says_nothing(maintainer, docopt, release, upstream):
    release(TABLE)
    upstream.yank("docopt", "0.6.3")
    assert look(maintainer, docopt).state == ProofState.REFUSED


def test_what_cannot_be_read_is_refused(maintainer, docopt, upstream, answers):
    upstream.add_file("docopt", "docopt-0.6.3.tar.gz", b"garbage", uploaded_at=AT)
    assert "cannot be read" in look(maintainer, docopt).refusal
