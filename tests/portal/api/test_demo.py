"""The pure parts of the demonstration: what it reads out of a request, and what it makes of it."""

import base64
import hashlib
import json
from datetime import UTC, datetime

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from deploy import demo
from deploy.demo import EXTENSION, PURE, Cell, DemoFailedError

PURE_WHEEL = "docopt-0.6.2-1affineur-py2.py3-none-any.whl"
WHEEL_311 = "python_levenshtein-0.12.2-1affineur-cp311-cp311-manylinux_2_5_x86_64.whl"
SINCE = "2026-01-02T00:00:00+00:00"


def target(minor: int) -> str:
    return f"cp3{minor}-manylinux_2_36_x86_64"


def build(minor: int, state: str = "published", **fields: object) -> dict:
    return {
        "id": f"build-{minor}",
        "target": target(minor),
        "state": state,
        "stage": "",
        "served_by": "",
        "filename": "",
        "message": "",
        "evidence": "",
        "outcome": "",
        "started_at": "2026-01-01T00:00:00+00:00",
        "ended_at": "2026-01-01T00:00:12+00:00",
        **fields,
    }


def request(*builds: dict, **fields: object) -> dict:
    return {
        "is_petition": False,
        "already_served": [],
        "refusals": [],
        "builds": list(builds),
        **fields,
    }


def served(minor: int, filename: str) -> dict:
    return {"version": "1", "target": target(minor), "filename": filename}


FAILED_312 = build(
    12,
    "failed",
    outcome="import-failed",
    message="It cannot be imported.",
    evidence="ImportError: undefined symbol: PyUnicode_AS_UNICODE",
    stage="smoke",
)
GOOD = {
    PURE: request(build(12, served_by=PURE_WHEEL), build(11, "covered", served_by=PURE_WHEEL)),
    EXTENSION: request(FAILED_312, build(11, served_by=WHEEL_311)),
}


def test_cells_come_newest_interpreter_first_with_wheel_or_reason():
    cells = demo.cells_of(
        request(build(9, served_by="nine.whl"), FAILED_312, already_served=[served(10, "ten.whl")])
    )
    assert [(cell.python, cell.filename) for cell in cells] == [
        ("3.12", ""),
        ("3.10", "ten.whl"),
        ("3.9", "nine.whl"),
    ]
    assert cells[0].reason == "import failed: ImportError: undefined symbol: PyUnicode_AS_UNICODE"


def test_what_is_served_already_outweighs_an_old_failure():
    cells = demo.cells_of(request(FAILED_312, already_served=[served(12, "x.whl")]))
    assert cells == [Cell(target(12), filename="x.whl")]


def test_a_refusal_is_a_reason():
    refusal = {"code": "requires-python", "message": "It needs\nPython 2.", "target": target(13)}
    assert demo.cells_of(request(refusals=[refusal])) == [
        Cell(target(13), reason="It needs Python 2.")
    ]


def test_a_reason_is_one_line_with_short_paths():
    said = build(
        12, "failed", outcome="build-failed", evidence="/build/env/lib/x.so: no such\nsymbol"
    )
    assert demo.reason_of(said) == "build failed: …/x.so: no such symbol"
    long = build(12, "failed", outcome="build-failed", message="error " * 100)
    assert len(demo.reason_of(long)) == 160
    assert demo.reason_of(build(12, "cancelled")) == "cancelled"


def test_a_run_that_shows_everything_has_no_shortcomings():
    assert demo.shortcomings(GOOD) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({PURE: request(FAILED_312)}, "docopt 0.6.2 has no wheel"),
        ({PURE: request(build(12, served_by=WHEEL_311))}, "one wheel for every interpreter"),
        (
            {PURE: request(build(12, served_by=PURE_WHEEL), is_petition=True)},
            "still a petition",
        ),
        ({EXTENSION: request(build(11, served_by=WHEEL_311))}, "was not caught"),
        ({EXTENSION: request(FAILED_312)}, "python-Levenshtein 0.12.2 has no wheel"),
    ],
)
def test_what_was_not_shown_is_said(change, words):
    assert any(words in sentence for sentence in demo.shortcomings(GOOD | change))


def test_a_second_run_says_that_nothing_was_rebuilt():
    requests = {
        PURE: request(already_served=[served(12, PURE_WHEEL), served(11, PURE_WHEEL)]),
        EXTENSION: request(FAILED_312, already_served=[served(11, WHEEL_311)]),
    }
    assert demo.unrebuilt(requests, since=SINCE) == (
        "Nothing was rebuilt: 3 targets were served already, and 1 failure stands,"
        " because what went in is the same."
    )


def test_a_run_that_built_something_does_not_say_so():
    late = build(12, ended_at="2026-01-02T00:00:05Z", served_by=PURE_WHEEL)
    assert demo.unrebuilt({PURE: request(late)}, since=SINCE) == ""


def test_the_newest_python_that_has_every_wheel_comes_first():
    requests = [
        request(already_served=[served(minor, "a.whl") for minor in (13, 11, 9)]),
        request(already_served=[served(minor, "b.whl") for minor in (9, 11, 12)]),
    ]
    assert demo.common_pythons(requests) == ["3.11", "3.9"]


def test_the_table_has_a_line_for_each_build():
    running = build(11, "running", stage="build", ended_at=None)
    lines = demo.table(
        [(PURE, build(12, filename=PURE_WHEEL)), (EXTENSION, running), (EXTENSION, FAILED_312)],
        at=datetime(2026, 1, 1, 0, 1, tzinfo=UTC),
    )
    assert lines == [
        "  docopt 0.6.2               3.12  ■■■■■■■■    12 s  published py2.py3-none-any",
        "  python-Levenshtein 0.12.2  3.11  ■■■▶····    60 s  build",
        "  python-Levenshtein 0.12.2  3.12  ■■■■■■✗·    12 s  failed: import failed",
    ]


def test_without_a_terminal_only_changes_are_told(capsys):
    progress = demo.PlainProgress()
    waiting = build(12, "queued")
    progress.show([(PURE, waiting)])
    progress.show([(PURE, waiting)])
    progress.show([(PURE, waiting | {"state": "running", "stage": "fetch"})])
    assert capsys.readouterr().out.splitlines() == [
        "  docopt 0.6.2 for CPython 3.12: waits for its turn",
        "  docopt 0.6.2 for CPython 3.12: fetch",
    ]


def test_installers_see_no_other_index_of_this_machine():
    clean = demo.clean_environment(
        {
            "PATH": "/bin",
            "SSL_CERT_FILE": "/ca",
            "PIP_EXTRA_INDEX_URL": "https://other.example/",
            "UV_INDEX_URL": "https://other.example/",
            "VIRTUAL_ENV": "/here",
            "PYTHONPATH": ".",
        }
    )
    assert clean == {
        "PATH": "/bin",
        "SSL_CERT_FILE": "/ca",
        "PIP_CONFIG_FILE": "/dev/null",
        "PYTHONUTF8": "1",
    }


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def pem(key: Ed25519PrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def envelope(key: Ed25519PrivateKey, sha256: str) -> dict:
    statement = {"subject": [{"name": "x.whl", "digest": {"sha256": sha256}}], "predicate": {}}
    payload = json.dumps(statement).encode()
    kind = "application/vnd.in-toto+json"
    signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    return {
        "payloadType": kind,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"sig": base64.b64encode(key.sign(signed)).decode()}],
    }


SHA256 = hashlib.sha256(b"wheel").hexdigest()


def test_provenance_holds_for_the_wheel_it_speaks_of(key):
    statement = demo.verified_statement(envelope(key, SHA256), public_key=pem(key), sha256=SHA256)
    assert statement["subject"][0]["digest"]["sha256"] == SHA256


def test_a_statement_is_told_in_lines():
    statement = {
        "predicate": {
            "runDetails": {"builder": {"id": "b", "version": {"interpreter": "3.11.7"}}},
            "buildDefinition": {
                "resolvedDependencies": [{"name": "x.tar.gz", "digest": {"sha256": "a" * 64}}]
            },
        }
    }
    assert demo.describe(statement) == [
        "built by   b",
        "with       CPython 3.11.7",
        f"from       x.tar.gz  sha256 {'a' * 16}…",
    ]


def test_provenance_of_another_wheel_does_not_hold(key):
    with pytest.raises(DemoFailedError, match="not of the wheel"):
        demo.verified_statement(envelope(key, "0" * 64), public_key=pem(key), sha256=SHA256)


def test_provenance_of_another_signer_does_not_hold(key):
    other = Ed25519PrivateKey.generate()
    with pytest.raises(DemoFailedError, match="not signed"):
        demo.verified_statement(envelope(other, SHA256), public_key=pem(key), sha256=SHA256)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            httpx.Response(
                400,
                json={"detail": "No.", "code": "invalid", "errors": {"project": ["needed"]}},
                headers={"content-type": "application/problem+json"},
            ),
            r"GET /api/v1/x/: No\. project: needed \[invalid\]",
        ),
        (httpx.Response(502), r"GET /api/v1/x/ answered 502\."),
    ],
)
def test_a_refusal_of_the_portal_is_told_in_its_words(answer, words):
    portal = demo.Portal(
        "http://portal.example", transport=httpx.MockTransport(lambda _request: answer)
    )
    with pytest.raises(DemoFailedError, match=words):
        portal.get("x/")


def test_a_portal_that_does_not_answer_is_told_by_its_address(capsys):
    status = demo.main(["--portal", "http://127.0.0.1:9", "--wait", "0"])
    assert status == 1
    assert "http://127.0.0.1:9 did not answer within 0 s" in capsys.readouterr().err
