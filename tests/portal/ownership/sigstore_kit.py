"""A Sigstore of our own: a certificate authority, its log and Rekor, as small as verifying needs.

Everything that a verifier looks at is real: the certificate with its claims and its embedded
signed certificate timestamp (RFC 6962), the DSSE envelope, the log entry with its promise, its
inclusion proof (in a tree of one leaf) and the signed checkpoint.
"""

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pypi_attestations import AttestationType

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
PUBLISH = AttestationType.PYPI_PUBLISH_V1.value
_FULCIO = "1.3.6.1.4.1.57264.1."
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Workflow:
    """What a certificate says of the run that it was given to."""

    issuer: str
    repository: str = "docopt/docopt"
    repository_id: str = "1001"
    owner_id: str = "501"
    path: str = ".github/workflows/release.yml"
    ref: str = "refs/heads/main"
    github: str = "https://github.example"
    changes: dict[str, str] = field(default_factory=dict)
    """Extensions by their last number, instead of what is right."""

    def extensions(self) -> dict[str, str]:
        source = f"{self.github}/{self.repository}"
        config = f"{source}/{self.path}@{self.ref}"
        said = {
            "8": self.issuer,
            "9": config,
            "12": source,
            "14": self.ref,
            "15": self.repository_id,
            "17": self.owner_id,
            "18": config,
            "20": "push",
        }
        return said | self.changes


class SigstoreKit:
    """Signs what it is asked to; `write_root` says whom to trust."""

    def __init__(self) -> None:
        self._ca, self._ct, self._rekor = (
            ec.generate_private_key(ec.SECP256R1()) for _ in range(3)
        )
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sigstore.example")])
        public = self._ca.public_key()
        self._root = (
            x509.CertificateBuilder(name, name, public, 1)
            .not_valid_before(EPOCH)
            .not_valid_after(EPOCH + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_usage(cert_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._ca, hashes.SHA256())
        )

    def write_root(self, path: Path) -> Path:
        """Sigstore's `TrustedRoot` as JSON."""
        since = {"start": "2026-01-01T00:00:00Z"}
        log = {"baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256"}
        authority = {
            "subject": {"organization": "sigstore.example", "commonName": "sigstore.example"},
            "uri": "https://fulcio.example",
            "certChain": {"certificates": [{"rawBytes": _base64(_der(self._root))}]},
            "validFor": since,
        }
        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log | _key(self._rekor, since)],
            "ctlogs": [log | _key(self._ct, since)],
            "certificateAuthorities": [authority],
        }
        path.write_text(json.dumps(root))
        return path

    def provenance(
        self,
        filename: str,
        sha256: str,
        workflow: Workflow,
        *,
        predicate: str = PUBLISH,
        publisher: str = "",
    ) -> dict[str, Any]:
        """PEP 740's provenance of a file, as an index serves it."""
        return {
            "version": 1,
            "attestation_bundles": [
                {
                    "publisher": {
                        "kind": "GitHub",
                        "repository": publisher or workflow.repository,
                        "workflow": workflow.path.rpartition("/")[2],
                        "environment": None,
                    },
                    "attestations": [self.attestation(filename, sha256, workflow, predicate)],
                }
            ],
        }

    def attestation(
        self, filename: str, sha256: str, workflow: Workflow, predicate: str = PUBLISH
    ) -> dict[str, Any]:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(key, workflow)
        statement = json.dumps(
            {
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{"name": filename, "digest": {"sha256": sha256}}],
                "predicateType": predicate,
                "predicate": None,
            }
        ).encode()
        signature = _sign(key, _pre_authentication(statement))
        return {
            "version": 1,
            "verification_material": {
                "certificate": _base64(_der(certificate)),
                "transparency_entries": [self._entry(certificate, statement, signature)],
            },
            "envelope": {"statement": _base64(statement), "signature": _base64(signature)},
        }

    def _certificate(self, key: ec.EllipticCurvePrivateKey, workflow: Workflow) -> x509.Certificate:
        identity = x509.UniformResourceIdentifier(workflow.extensions()["9"])
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._root.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(EPOCH)
            .not_valid_after(EPOCH + timedelta(minutes=10))
            .add_extension(_usage(cert_sign=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca.public_key()),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName([identity]), critical=True)
        )
        for number, value in workflow.extensions().items():
            builder = builder.add_extension(
                x509.UnrecognizedExtension(
                    x509.ObjectIdentifier(_FULCIO + number), _utf8_string(value)
                ),
                critical=False,
            )
        before = builder.sign(self._ca, hashes.SHA256())
        timestamps = x509.UnrecognizedExtension(_SCT_LIST, self._timestamps(before))
        return builder.add_extension(timestamps, critical=False).sign(self._ca, hashes.SHA256())

    def _timestamps(self, certificate: x509.Certificate) -> bytes:
        """The list of one signed timestamp for a certificate that has none yet (RFC 6962)."""
        body = certificate.tbs_certificate_bytes
        milliseconds = int(EPOCH.timestamp() * 1000)
        issuer = hashlib.sha256(_spki(self._ca)).digest()
        length = struct.pack("!I", len(body))[1:]
        head = struct.pack("!BBQH", 0, 0, milliseconds, 1)
        signature = _sign(self._ct, head + issuer + length + body + b"\0\0")
        timestamp = (
            b"\0"
            + hashlib.sha256(_spki(self._ct)).digest()
            + struct.pack("!QH", milliseconds, 0)
            + b"\4\3"
            + _sized(signature)
        )
        return _der_string(0x04, _sized(_sized(timestamp)))

    def _entry(
        self, certificate: x509.Certificate, statement: bytes, signature: bytes
    ) -> dict[str, Any]:
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        body = rfc8785.dumps(
            {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
                    "payloadHash": {
                        "algorithm": "sha256",
                        "value": hashlib.sha256(statement).hexdigest(),
                    },
                    "signatures": [{"signature": _base64(signature), "verifier": _base64(pem)}],
                },
            }
        )
        log = hashlib.sha256(_spki(self._rekor)).digest()
        seconds = int(EPOCH.timestamp()) + 60
        promise = rfc8785.dumps(
            {"body": _base64(body), "integratedTime": seconds, "logID": log.hex(), "logIndex": 0}
        )
        root = hashlib.sha256(b"\0" + body).digest()
        note = f"log.example - 1\n1\n{_base64(root)}\n"
        signed = _base64(log[:4] + _sign(self._rekor, note.encode()))
        return {
            "logIndex": "0",
            "logId": {"keyId": _base64(log)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(seconds),
            "inclusionPromise": {"signedEntryTimestamp": _base64(_sign(self._rekor, promise))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": _base64(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n\N{EM DASH} log.example {signed}\n"},
            },
            "canonicalizedBody": _base64(body),
        }


def _usage(*, cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=cert_sign,
        crl_sign=cert_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _pre_authentication(payload: bytes) -> bytes:
    """What DSSE signs."""
    kind = _PAYLOAD_TYPE
    return f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload


def _key(key: ec.EllipticCurvePrivateKey, since: dict[str, str]) -> dict[str, Any]:
    return {
        "publicKey": {
            "rawBytes": _base64(_spki(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": since,
        },
        "logId": {"keyId": _base64(hashlib.sha256(_spki(key)).digest())},
    }


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _utf8_string(value: str) -> bytes:
    return _der_string(0x0C, value.encode())


def _der_string(tag: int, content: bytes) -> bytes:
    size = len(content)
    short = bytes([size]) if size < 128 else b""
    long = b"\x82" + struct.pack("!H", size)
    return bytes([tag]) + (short or long) + content


def _sized(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
