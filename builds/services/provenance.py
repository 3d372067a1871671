"""Where a wheel came from, signed by the control side.

An in-toto Statement v1 with the SLSA provenance v1 predicate, in a DSSE envelope, signed with
Ed25519. The key never leaves the control side; a builder has none.
"""

import base64
import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from django.conf import settings

from builds.errors import (
    EnvelopeInvalid,
    ProvenanceInvalid,
    SigningKeyInvalid,
    SigningKeyMissing,
)
from builds.models import Attempt
from indexes.models import File
from indexes.storage import BytesMissing, file_key, get_storage

CHUNK = 1024 * 1024
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"

_SHA256 = re.compile(r"[0-9a-f]{64}")


def provenance_of(*, attempt: Attempt, filename: str, sha256: str) -> dict[str, Any]:
    """Return the signed envelope for the wheel that an attempt made.

    The same attempt and wheel give the same bytes, whenever they are signed.
    """
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": filename, "digest": {"sha256": sha256}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": _build_definition(attempt),
            "runDetails": _run_details(attempt),
        },
    }
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    return sign(payload)


def sign(payload: bytes, *, payload_type: str = PAYLOAD_TYPE) -> dict[str, Any]:
    """Return the DSSE envelope of a payload, an in-toto one unless its type says otherwise.

    Raises `SigningKeyMissing` or `SigningKeyInvalid`, which are the operator's to mend.
    """
    key = _signing_key()
    signature = key.sign(pre_authentication_encoding(payload_type, payload))
    return {
        "payloadType": payload_type,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {"keyid": key_id(key.public_key()), "sig": base64.b64encode(signature).decode()}
        ],
    }


def open_envelope(
    envelope: Mapping[str, Any], *, payload_type: str, keys: Sequence[Ed25519PublicKey]
) -> bytes:
    """Return the payload that one of `keys` signed as being of that type.

    Raises `EnvelopeInvalid`.
    """
    try:
        claimed_type = str(envelope["payloadType"])
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [
            base64.b64decode(entry["sig"], validate=True) for entry in envelope["signatures"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise EnvelopeInvalid("it is no DSSE envelope") from error
    signed = pre_authentication_encoding(claimed_type, payload)
    if not any(_has_signed(key, signature, signed) for key in keys for signature in signatures):
        known = " or ".join(key_id(key) for key in keys)
        raise EnvelopeInvalid(f"no signature of it is by key {known}")
    if claimed_type != payload_type:
        raise EnvelopeInvalid(f"it is signed as {claimed_type}, not as {payload_type}")
    return payload


def verify_envelope(
    envelope: Mapping[str, Any], *, filename: str, sha256: str, key: Ed25519PublicKey | None = None
) -> dict[str, Any]:
    """Return the statement of an envelope that `key` signed for this very file.

    `key` is this deployment's own unless another is given. Raises `ProvenanceInvalid`.
    """
    try:
        payload = open_envelope(envelope, payload_type=PAYLOAD_TYPE, keys=[key or public_key()])
    except EnvelopeInvalid as error:
        raise ProvenanceInvalid(filename, error.detail) from error
    statement: dict[str, Any] = json.loads(payload)
    if statement.get("predicateType") != PREDICATE_TYPE:
        raise ProvenanceInvalid(filename, "its predicate is no SLSA provenance v1")
    if {"name": filename, "digest": {"sha256": sha256}} not in statement.get("subject", []):
        raise ProvenanceInvalid(filename, "it is about another file")
    return statement


def verify_published(*, filename: str) -> dict[str, Any]:
    """Return the statement of a published file whose bytes and provenance still fit together.

    Raises `ProvenanceInvalid`, also when there is no such file.
    """
    file = File.objects.filter(filename=filename).first()
    if file is None:
        raise ProvenanceInvalid(filename, "no file of this name was published here")
    try:
        with get_storage().open(file_key(file.sha256)) as kept:
            sha256 = hashlib.sha256()
            while chunk := kept.read(CHUNK):
                sha256.update(chunk)
    except BytesMissing as error:
        raise ProvenanceInvalid(filename, "its bytes are gone from storage") from error
    return verify_envelope(file.provenance, filename=filename, sha256=sha256.hexdigest())


def public_key() -> Ed25519PublicKey:
    """Return the key that this deployment's provenance is verified with.

    Processes that do not sign read it from `AFFINEUR_PUBLIC_KEY`, and have no other.
    """
    if not settings.AFFINEUR_PUBLIC_KEY:
        return _signing_key().public_key()
    return read_public_key(Path(settings.AFFINEUR_PUBLIC_KEY))


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Return the key of a PEM file. Raises `SigningKeyMissing` or `SigningKeyInvalid`."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except FileNotFoundError as error:
        raise SigningKeyMissing(path) from error
    except (OSError, ValueError, TypeError) as error:
        raise SigningKeyInvalid(path, str(error)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise SigningKeyInvalid(path, "it is a key of another kind")
    return key


def public_key_pem() -> str:
    return public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_id(key: Ed25519PublicKey) -> str:
    """Return the SHA-256 of the key's SubjectPublicKeyInfo (DER), in hexadecimal."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed (DSSE v1, PAE).

    >>> pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _build_definition(attempt: Attempt) -> dict[str, Any]:
    build, report = attempt.build, attempt.report
    return {
        "buildType": f"{settings.AFFINEUR_PUBLIC_URL}/build-types/wheel/v1",
        "externalParameters": {
            "project": build.project.name,
            "version": build.version,
            "target": build.target,
            "rung": attempt.rung,
        },
        "internalParameters": {
            "cutoff": attempt.step.get("cutoff"),
            "remedies": attempt.step.get("remedies", []),
            "recipe": report.get("recipe"),
            "toolchain": report.get("toolchain"),
            "limits": report.get("limits"),
            "sourceDateEpoch": report.get("source_date_epoch"),
        },
        "resolvedDependencies": [
            {
                "name": build.sdist_filename,
                "uri": build.sdist_url,
                "digest": {"sha256": build.sdist_sha256},
            },
            *(_requirement(entry) for entry in _entries(report, "resolved")),
            *_system_packages(report.get("system")),
        ],
    }


def _requirement(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a build requirement; one that came from no file has no digest."""
    told = {name: str(entry.get(name) or "") for name in ("name", "version", "filename", "url")}
    described: dict[str, Any] = {
        "name": told["filename"] or told["name"],
        "annotations": {"project": told["name"], "version": told["version"]},
    }
    if told["url"]:
        described["uri"] = told["url"]
    if _SHA256.fullmatch(str(entry.get("sha256", ""))):
        described["digest"] = {"sha256": entry["sha256"]}
    return described


def _system_packages(said: Any) -> list[dict[str, Any]]:
    """Describe packages of the builder's distribution by their package URLs (purl, type deb)."""
    if not isinstance(said, dict):
        return []
    distro = str(said.get("distribution") or "")
    described = []
    for entry in _entries(said, "packages"):
        name, version, architecture = (
            quote(str(entry.get(key) or ""), safe=":~")
            for key in ("name", "version", "architecture")
        )
        vendor = quote(distro.partition("-")[0], safe="")
        qualifiers = f"arch={architecture}&distro={quote(distro, safe='')}"
        package: dict[str, Any] = {
            "name": str(entry.get("filename") or ""),
            "uri": f"pkg:deb/{vendor}/{name}@{version}?{qualifiers}",
        }
        if _SHA256.fullmatch(str(entry.get("sha256", ""))):
            package["digest"] = {"sha256": entry["sha256"]}
        described.append(package)
    return described


def _run_details(attempt: Attempt) -> dict[str, Any]:
    report = attempt.report
    log_sha256 = str(report.get("log_sha256", ""))
    return {
        "builder": {
            "id": f"{settings.AFFINEUR_PUBLIC_URL}/builders/{attempt.builder or 'unnamed'}",
            "version": {"interpreter": _interpreter(report.get("interpreter"))},
        },
        "metadata": {
            "invocationId": str(attempt.pk),
            "startedOn": _timestamp(attempt.started_at),
            "finishedOn": _timestamp(attempt.ended_at),
        },
        "byproducts": [{"name": "log", "digest": {"sha256": log_sha256}}]
        if _SHA256.fullmatch(log_sha256)
        else [],
    }


def _interpreter(said: Any) -> str:
    """Return the interpreter's version, however much else a builder tells of it."""
    return str(said.get("version", "")) if isinstance(said, dict) else str(said or "")


def _entries(report: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    said = report.get(name)
    return [entry for entry in said if isinstance(entry, dict)] if isinstance(said, list) else []


def _timestamp(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None


def _has_signed(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _signing_key() -> Ed25519PrivateKey:
    path = Path(settings.AFFINEUR_SIGNING_KEY)
    if settings.AFFINEUR_DEVELOPMENT and not path.exists():
        _make_key(path)
    try:
        pem = path.read_bytes()
    except FileNotFoundError as error:
        raise SigningKeyMissing(path) from error
    except OSError as error:
        raise SigningKeyInvalid(path, str(error)) from error
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise SigningKeyInvalid(path, str(error)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyInvalid(path, "it is a key of another kind")
    return key


def _make_key(path: Path) -> None:
    """Make the key whole or not at all; of several processes that do, the first wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
