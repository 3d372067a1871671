import hashlib
import re
from pathlib import Path

import pytest

from portal.consent import agreements
from portal.consent.agreements import (
    all_agreements,
    current,
    current_agreements,
    parse_agreement,
    with_hash,
)
from portal.errors import UnknownAgreement

FOLDER = Path(agreements.__file__).parent / "agreements"


def test_there_are_three_texts():
    assert [text.name for text in current_agreements()] == [
        "build-and-execute",
        "redistribute-binaries",
        "terms-for-users",
    ]


def test_a_text_is_known_by_the_hash_of_its_bytes():
    for text in all_agreements():
        data = (FOLDER / text.name / f"{text.version}.md").read_bytes()
        assert text.sha256 == hashlib.sha256(data).hexdigest()
        assert with_hash(text.sha256) == text
    assert with_hash("0" * 64) is None


def test_each_clause_has_one_plain_line_and_a_full_text():
    for text in all_agreements():
        assert len(text.clauses) > 3
        assert text.introduction
        for clause in text.clauses:
            assert re.fullmatch(r"[a-z0-9-]+", clause.id)
            assert clause.title.endswith(".")
            assert len(clause.text) > 80


def test_nothing_of_a_text_is_outside_of_what_is_shown():
    for text in all_agreements():
        shown = [f"# {text.title}", text.introduction]
        for clause in text.clauses:
            shown += [f"## {clause.id}: {clause.title}", clause.text]
        assert "\n\n".join(shown) + "\n" == text.text


def test_what_matters_most_is_said():
    text = current("build-and-execute")
    assert {"run-code", "sandbox", "logs", "take-back", "no-burden"} <= set(text.clause_ids)
    assert {"licence", "bundled", "withdraw"} <= set(current("redistribute-binaries").clause_ids)


def test_a_name_that_is_none_is_refused():
    with pytest.raises(UnknownAgreement):
        current("sell-your-soul")


@pytest.mark.parametrize(
    "data",
    [b"no title", b"# Title\n\nno clause", b"# T\n\n## a: One.\n\nx\n\n## a: Two.\n\ny\n"],
    ids=["no title", "no clause", "one id twice"],
)
def test_a_file_that_is_none_does_not_pass(data):
    with pytest.raises(ValueError, match="x 1 has"):
        parse_agreement("x", 1, data)
