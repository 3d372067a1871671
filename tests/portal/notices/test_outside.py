"""Nothing is sent to what is not on the public Internet, whatever a name says."""

import datetime as dt
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal.notices.outside import NotSent, PublicOnly, is_public, post


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:0a00:0001::1",
        "2001:0:4136:e378::1",
    ],
)
def test_what_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1"])
def test_what_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], []])
def test_a_name_is_looked_up_when_it_is_connected_to(monkeypatch, answers):
    def getaddrinfo(host, port, **_options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answers]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(NotSent, match="is not on the public Internet"):
        post("https://rebound.example/", b"{}", {})


def test_the_address_that_was_looked_at_is_the_one_connected_to(monkeypatch):
    dialled = []

    def connect(self, host, port, *_rest):
        dialled.append((host, port))
        raise httpcore.ConnectError

    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_a, **_k: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))],
    )
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with pytest.raises(NotSent, match="no answer came"):
        post("https://hook.example/", b"{}", {})
    assert dialled == [("93.184.215.14", 443)]


def test_a_name_without_an_address(monkeypatch):
    def getaddrinfo(*_arguments, **_options):
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(NotSent, match="has no address"):
        post("https://nowhere.example/", b"{}", {})


def test_no_socket_of_this_machine_is_reached():
    with pytest.raises(NotSent):
        PublicOnly().connect_unix_socket("/run/docker.sock")


def test_plain_http_is_refused():
    with pytest.raises(NotSent, match="https"):
        post("http://hook.example/", b"{}", {})


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.heard.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.server.answer)
        self.send_header("Location", "https://elsewhere.example/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[http.server.HTTPServer]:
    made = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    made.socket = context.wrap_socket(made.socket, server_side=True)
    made.heard, made.answer = [], 200
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize("answer", [200, 302, 500])
def test_the_answer_is_told_and_no_redirect_followed(server, certificate, answer):
    server.answer = answer
    status = post(
        f"https://localhost:{server.server_port}/hook",
        b'{"a": 1}',
        {"content-type": "application/json"},
        network=httpcore.SyncBackend(),
        ssl_context=ssl.create_default_context(cafile=certificate),
    )
    assert status == answer
    assert server.heard == [b'{"a": 1}']


def test_a_certificate_that_nobody_vouches_for_is_refused(server):
    with pytest.raises(NotSent, match="no answer came"):
        post(
            f"https://localhost:{server.server_port}/hook",
            b"{}",
            {},
            network=httpcore.SyncBackend(),
        )
    assert server.heard == []
