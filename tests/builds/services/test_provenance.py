"""Signed provenance: it holds for one file, and for nothing else."""

import base64
import stat
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)
from django.core.management import CommandError, call_command
from pytest_django import Settings

from builds.errors import ProvenanceInvalid, SigningKeyInvalid, SigningKeyMissing
from builds.models import Permit
from builds.services.judge import judge_attempt
from builds.services.provenance import (
    PREDICATE_TYPE,
    key_id,
    public_key,
    public_key_pem,
    sign,
    verify_envelope,
)
from indexes.models import File
from tests.builds.farm import AT, build_wheel, claim_one, queue_build

FILENAME = "demo-1.0-1affineur-py3-none-any.whl"
SHA256 = "a" * 64
PAYLOAD = (
    f'{{"predicateType":"{PREDICATE_TYPE}",'
    f'"subject":[{{"name":"{FILENAME}","digest":{{"sha256":"{SHA256}"}}}}]}}'
).encode()


@pytest.fixture(autouse=True)
def signing_key(settings: Settings, tmp_path: Path) -> Path:
    settings.AFFINEUR_DEVELOPMENT = True
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "keys" / "provenance.pem"
    return settings.AFFINEUR_SIGNING_KEY


def test_what_was_signed_here_verifies() -> None:
    envelope = sign(PAYLOAD)

    statement = verify_envelope(envelope, filename=FILENAME, sha256=SHA256)

    assert statement["subject"][0]["name"] == FILENAME
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert envelope["signatures"][0]["keyid"] == key_id(public_key())


def test_the_signature_is_over_the_pre_authentication_encoding() -> None:
    envelope = sign(b"{}")

    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    public_key().verify(signature, b"DSSEv1 28 application/vnd.in-toto+json 2 {}")


def test_the_same_payload_gets_the_same_signature() -> None:
    assert sign(PAYLOAD) == sign(PAYLOAD)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"payload": base64.b64encode(PAYLOAD + b" ").decode()}, "no signature"),
        ({"payloadType": "text/plain"}, "no signature"),
        ({"payload": "%%%"}, "no DSSE envelope"),
        ({"payload": None}, "no DSSE envelope"),
        ({"signatures": []}, "no signature"),
        ({"signatures": [{"keyid": "x"}]}, "no DSSE envelope"),
        ({"signatures": [{"sig": base64.b64encode(b"no").decode()}]}, "no signature"),
    ],
)
def test_a_changed_envelope_does_not_verify(change: dict[str, Any], said: str) -> None:
    envelope = sign(PAYLOAD) | change

    with pytest.raises(ProvenanceInvalid, match=said):
        verify_envelope(envelope, filename=FILENAME, sha256=SHA256)


@pytest.mark.parametrize(
    ("filename", "sha256"), [(FILENAME, "b" * 64), ("other-1.0-py3-none-any.whl", SHA256)]
)
def test_it_holds_for_no_other_file(filename: str, sha256: str) -> None:
    with pytest.raises(ProvenanceInvalid, match="another file"):
        verify_envelope(sign(PAYLOAD), filename=filename, sha256=sha256)


def test_another_predicate_is_no_provenance() -> None:
    with pytest.raises(ProvenanceInvalid, match="SLSA"):
        verify_envelope(sign(b"{}"), filename=FILENAME, sha256=SHA256)


def test_another_key_did_not_sign_it() -> None:
    stranger = Ed25519PrivateKey.generate().public_key()

    with pytest.raises(ProvenanceInvalid, match=key_id(stranger)):
        verify_envelope(sign(PAYLOAD), filename=FILENAME, sha256=SHA256, key=stranger)


def test_the_key_is_made_once_and_for_its_owner_alone(signing_key: Path) -> None:
    first = public_key_pem()

    assert public_key_pem() == first
    assert stat.S_IMODE(signing_key.stat().st_mode) == 0o600
    assert [path.name for path in signing_key.parent.iterdir()] == [signing_key.name]
    loaded = load_pem_public_key(first.encode())
    assert loaded == public_key()


def test_production_makes_no_key(settings: Settings, signing_key: Path) -> None:
    settings.AFFINEUR_DEVELOPMENT = False

    with pytest.raises(SigningKeyMissing, match="openssl genpkey -algorithm ed25519") as caught:
        sign(PAYLOAD)

    assert caught.value.code == "signing-key-missing"
    assert not signing_key.exists()


ELLIPTIC = generate_private_key(SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


@pytest.mark.parametrize("content", [b"", b"secret", ELLIPTIC], ids=["empty", "text", "ec"])
def test_a_key_of_another_kind_is_refused(signing_key: Path, content: bytes) -> None:
    signing_key.parent.mkdir()
    signing_key.write_bytes(content)

    with pytest.raises(SigningKeyInvalid, match="Ed25519"):
        sign(PAYLOAD)


@pytest.mark.django_db
@pytest.mark.usefixtures("celery")
def test_the_command_verifies_what_was_published(permit: Permit, tmp_path: Path) -> None:
    queue_build(permit)
    job = claim_one()
    build_wheel(job, tmp_path)
    judge_attempt(attempt_id=UUID(job.attempt), at=AT)

    shown = StringIO()
    call_command("verify_provenance", FILENAME, stdout=shown)

    assert '"https://slsa.dev/provenance/v1"' in shown.getvalue()


@pytest.mark.django_db
@pytest.mark.usefixtures("celery")
def test_the_command_refuses_what_was_changed_since(permit: Permit, tmp_path: Path) -> None:
    queue_build(permit)
    job = claim_one()
    build_wheel(job, tmp_path)
    judge_attempt(attempt_id=UUID(job.attempt), at=AT)
    File.objects.update(sha256=SHA256)

    with pytest.raises(CommandError, match="gone from storage"):
        call_command("verify_provenance", FILENAME)


@pytest.mark.django_db
def test_the_command_knows_no_stranger() -> None:
    with pytest.raises(CommandError, match="no file of this name"):
        call_command("verify_provenance", "stranger.whl")


def test_the_public_key_is_shown() -> None:
    shown = StringIO()
    call_command("signing_key", stdout=shown)

    assert shown.getvalue().startswith(f"keyid {key_id(public_key())}\n-----BEGIN PUBLIC KEY")


def test_who_does_not_sign_needs_no_secret(
    settings: Settings, signing_key: Path, tmp_path: Path
) -> None:
    pem, envelope = public_key_pem(), sign(PAYLOAD)
    signing_key.unlink()
    settings.AFFINEUR_DEVELOPMENT = False
    settings.AFFINEUR_PUBLIC_KEY = str(tmp_path / "provenance.pub")
    (tmp_path / "provenance.pub").write_text(pem)

    assert public_key_pem() == pem
    assert verify_envelope(envelope, filename=FILENAME, sha256=SHA256)


@pytest.mark.parametrize("content", ["", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"])
def test_a_public_key_that_is_none_is_refused(
    settings: Settings, tmp_path: Path, content: str
) -> None:
    settings.AFFINEUR_PUBLIC_KEY = str(tmp_path / "provenance.pub")
    with pytest.raises(SigningKeyMissing):
        public_key()
    (tmp_path / "provenance.pub").write_text(content)

    with pytest.raises(SigningKeyInvalid):
        public_key()
