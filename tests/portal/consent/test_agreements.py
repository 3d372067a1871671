import hashlib
import re
from pathlib import Path

import pytest

from portal.consent import agreements
from portal.consent.agreements import (
    Agreement,
    all_agreements,
    current,
    current_agreements,
    needed_for,
    parse_agreement,
    to_read_again,
    with_hash,
)
from portal.errors import UnknownAgreement

BUILD_1 = "3b2950c0777af6f5bacd75cba33da651e2dc80eaae2b3238dd592a56f0b71686"
REDISTRIBUTE_1 = "59d128954e74d4b1a4ca6ba4574ef99fb52fe77cdebe28cef32f63345168b93b"
FOLDER = Path(agreements.__file__).parent / "agreements"


def test_there_is_a_text_for_each_thing_that_is_agreed_to():
    assert [(text.name, text.version) for text in current_agreements()] == [
        ("build-and-execute", 3),
        ("modify", 1),
        ("no-burden", 2),
        ("takedown", 2),
        ("data", 1),
        ("redistribute-binaries", 4),
        ("use-of-name", 1),
        ("terms-for-users", 1),
    ]


def test_building_alone_takes_fewer_texts():
    build, publish = needed_for(["build"]), needed_for(["publish", "build"])
    assert set(publish) - set(build) == {current("redistribute-binaries"), current("use-of-name")}


def test_of_the_texts_of_today_each_is_one_thing_to_say_yes_to():
    assert {len(text.clauses) for text in needed_for(["build", "publish"])} == {1}


def test_a_promise_of_ours_asks_for_no_yes():
    """What asks something of people is said where there is a clause to accept."""
    promises = [text for text in needed_for(["build", "publish"]) if text.is_promise]
    assert [text.name for text in promises] == ["no-burden", "takedown"]
    for text in promises:
        assert "You confirm" not in text.text
        assert "You allow" not in text.text


def test_texts_of_before_are_what_they_were():
    """Somebody accepted them by these hashes."""
    first = {text.name: text.sha256 for text in all_agreements() if text.version == 1}
    assert first["build-and-execute"] == BUILD_1
    assert first["redistribute-binaries"] == REDISTRIBUTE_1


def text(version: int, *, asks_again: bool) -> Agreement:
    front = f"---\nasks-again: {'yes' if asks_again else 'no'}\n---\n"
    return parse_agreement("x", version, f"{front}# Title\n\n## a: One.\n\nx\n".encode())


@pytest.mark.parametrize(
    ("accepted", "flags", "asked"),
    [
        (1, [False], []),
        (1, [False, False], []),
        (1, [False, True], [2]),
        (2, [False, True], []),
        (1, [False, True, False], [3]),
        (2, [False, True, False], []),
    ],
)
def test_a_newer_text_asks_again_only_where_it_matters(accepted, flags, asked):
    among = [text(version + 1, asks_again=flag) for version, flag in enumerate(flags)][::-1]
    again = to_read_again([{"name": "x", "version": accepted}], among)
    assert [one.version for one in again] == asked


def test_what_a_text_says_of_itself_is_no_part_of_what_is_read():
    assert text(2, asks_again=True).text.startswith("# Title")
    assert text(2, asks_again=True).sha256 != text(2, asks_again=False).sha256


def test_a_text_is_known_by_the_hash_of_its_bytes():
    for text in all_agreements():
        data = (FOLDER / text.name / f"{text.version}.md").read_bytes()
        assert text.sha256 == hashlib.sha256(data).hexdigest()
        assert with_hash(text.sha256) == text
    assert with_hash("0" * 64) is None


def test_each_clause_has_one_plain_line_and_a_full_text():
    for text in all_agreements():
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
    said = " ".join(" ".join(text.text.split()) for text in needed_for(["build", "publish"]))
    for words in (
        "in a sandbox without a network",
        "Anybody can read the log",
        "pause this consent or take it back",
        "no support, no fixes and no warranty",
        "keep their own licences",
        "the source distribution is kept here",
        "under no logo",
    ):
        assert words in said


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
