"""Servers to measure: each in processes of its own, on loopback, with the same corpus."""

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from indexes.domain.negotiation import JSON
from tests import servers

HERE = Path(__file__).resolve().parent.parent.parent
PINNED = {
    "devpi": ("devpi-server==6.20.3",),
    "pypiserver": ("pypiserver[cache]==2.4.2", "gunicorn==27.0.1"),
    "proxpi": ("proxpi==1.3.1", "gunicorn==27.0.1"),
}
# As a proxy that ends TLS tells the index; the others do not mind.
HEADERS = {"X-Forwarded-Proto": "https"}
NGINX = """
daemon off; worker_processes {workers}; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  {http}
}}
"""
STATIC = """
  sendfile on; tcp_nopush on; gzip_static on;
  types {{ application/vnd.pypi.simple.v1+json json; text/html html; text/plain metadata; }}
  default_type application/octet-stream;
  map $http_accept $page {{ default index.html; "~simple\\.v1\\+json" index.json; }}
  server {{ listen 127.0.0.1:{port}; root {www}; index $page; }}
"""


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    url: str
    """Without a slash at its end."""
    pid: int
    """Of the process whose descendants are the server's as well."""
    simple: str = "/simple/"
    page: str = ""
    """What a page's address ends with: where files are served, the file's name."""
    more: tuple[int, ...] = ()
    """Processes besides: what stands behind a proxy."""
    is_for_clients: bool = True
    """Whether they may come as they are: an index sends who does not come by TLS there."""


@dataclass(frozen=True, slots=True)
class Corpus:
    folder: Path
    environment: Mapping[str, str]

    @property
    def www(self) -> Path:
        return self.folder / "www"


@contextmanager
def _nginx(workers: int, http: str) -> Iterator[int]:
    with servers.short_folder() as folder:
        folder.chmod(0o755)
        configuration = folder / "nginx.conf"
        told = NGINX.format(
            workers=workers, folder=folder, http=http.replace("FOLDER", str(folder))
        )
        configuration.write_text(told)
        log = folder / "error"
        with servers.running(
            ["nginx", "-c", str(configuration), "-e", str(log)],
            is_ready=(folder / "pid").exists,
            log=folder / "output",
        ) as process:
            yield process.pid


@contextmanager
def nginx(corpus: Corpus, workers: int) -> Iterator[Server]:
    """The bytes that the index serves, as files."""
    port = servers.free_port()
    with _nginx(workers, STATIC.format(port=port, www=corpus.www)) as pid:
        yield Server("nginx", f"http://127.0.0.1:{port}", pid, page="index.json")


@contextmanager
def index(corpus: Corpus, workers: int) -> Iterator[Server]:
    """Ours alone, run as `deploy/process index` does."""
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **corpus.environment,
        "AFFINEUR_INDEX_PORT": str(port),
        "AFFINEUR_INDEX_WORKERS": str(workers),
    }
    with servers.running(
        [str(HERE / "deploy" / "process"), "index"],
        is_ready=lambda: _answers(f"{url}/healthz"),
        environment=environment,
        log=corpus.folder / "index.log",
    ) as process:
        yield Server("affineur", url, process.pid, is_for_clients=False)


@contextmanager
def proxied_index(corpus: Corpus, workers: int) -> Iterator[Server]:
    """Ours behind the shipped nginx configuration, on loopback and without TLS."""
    with index(corpus, workers) as behind:
        port = servers.free_port()
        shipped = servers.shipped_nginx(behind.url).replace("PORT", str(port))
        with _nginx(workers, shipped) as pid:
            url = f"http://127.0.0.1:{port}"
            yield Server("affineur+nginx", url, pid, more=(behind.pid,))


@contextmanager
def devpi(corpus: Corpus, workers: int) -> Iterator[Server]:
    """A mirror of the files that nginx serves. It has threads and no workers."""
    binaries = _installed("devpi")
    folder = corpus.folder / "devpi"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(
        [binaries / "devpi-init", "--serverdir", folder, "--no-root-pypi", "--root-passwd", "root"],
        check=True,
        capture_output=True,
    )
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        nginx(corpus, workers) as source,
        servers.running(
            [str(binaries / "devpi-server"), "--serverdir", str(folder), "--port", str(port)],
            is_ready=lambda: servers.answers(f"{url}/+api"),
            log=corpus.folder / "devpi.log",
        ) as process,
    ):
        signed_in = httpx.post(f"{url}/+login", json={"user": "root", "password": "root"})
        token = signed_in.raise_for_status().json()["result"]["password"]
        credentials = base64.b64encode(f"root:{token}".encode()).decode()
        httpx.put(
            f"{url}/root/bench",
            headers={"X-Devpi-Auth": credentials},
            json={
                "type": "mirror",
                "mirror_url": f"{source.url}/simple/",
                "mirror_cache_expiry": "100000",
                "volatile": "True",
            },
        ).raise_for_status()
        yield Server("devpi", url, process.pid, simple="/root/bench/+simple/")


@contextmanager
def pypiserver(corpus: Corpus, workers: int) -> Iterator[Server]:
    """A folder of wheels, under gunicorn as its documentation has it."""
    port = servers.free_port()
    roots = json.dumps([str(corpus.folder / "packages")])
    argv = ["-w", str(workers), "--threads", "4", "-b", f"127.0.0.1:{port}"]
    with servers.running(
        [str(_installed("pypiserver") / "gunicorn"), *argv, f"pypiserver:app(roots={roots})"],
        is_ready=lambda: servers.answers(f"http://127.0.0.1:{port}/"),
        log=corpus.folder / "pypiserver.log",
    ) as process:
        yield Server("pypiserver", f"http://127.0.0.1:{port}", process.pid)


@contextmanager
def proxpi(corpus: Corpus, workers: int) -> Iterator[Server]:
    """A cache of the files that nginx serves, under gunicorn as its image has it."""
    port = servers.free_port()
    argv = ["-w", str(workers), "--threads", "4", "-b", f"127.0.0.1:{port}"]
    with nginx(corpus, workers) as source:
        environment = {
            **os.environ,
            "PROXPI_INDEX_URL": f"{source.url}/simple/",
            "PROXPI_INDEX_TTL": "100000",
            "PROXPI_CACHE_DIR": str(corpus.folder / "proxpi"),
        }
        with servers.running(
            [str(_installed("proxpi") / "gunicorn"), *argv, "proxpi.server:app"],
            is_ready=lambda: servers.answers(f"http://127.0.0.1:{port}/health"),
            environment=environment,
            log=corpus.folder / "proxpi.log",
        ) as process:
            yield Server("proxpi", f"http://127.0.0.1:{port}", process.pid, simple="/index/")


SERVERS: Mapping[str, Callable[[Corpus, int], object]] = {
    "nginx": nginx,
    "affineur": index,
    "affineur+nginx": proxied_index,
    "devpi": devpi,
    "pypiserver": pypiserver,
    "proxpi": proxpi,
}


def _installed(peer: str) -> Path:
    """The programs of a peer, in an environment of its own that is made when it is first needed."""
    folder = HERE / "var" / "peers" / peer
    done = folder / "installed"
    wanted = "\n".join(PINNED[peer])
    if not done.exists() or done.read_text() != wanted:
        uv = Path(sys.executable).parent / "uv"
        subprocess.run([uv, "venv", "--quiet", "--clear", folder], check=True)
        python = folder / "bin" / "python"
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--python", python, *PINNED[peer]], check=True
        )
        done.write_text(wanted)
    return folder / "bin"


def corpus() -> Corpus:
    """Made once, and anew when what makes it has changed."""
    folder = HERE / "var" / "index-bench"
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings.index",
        "AFFINEUR_SECRET_KEY": secrets.token_hex(32),
        "AFFINEUR_ALLOWED_HOSTS": "127.0.0.1",
        "AFFINEUR_PUBLIC_URL": "https://affineur.example",
        "AFFINEUR_CONTACT": "operator@affineur.example",
        "AFFINEUR_EMAIL": "smtp://mail.example",
        "AFFINEUR_EMAIL_FROM": "operator@affineur.example",
        "AFFINEUR_BROKER": "memory://",
        "AFFINEUR_DATABASE": f"sqlite://{folder / 'index.sqlite3'}",
        "AFFINEUR_DATA_DIR": str(folder / "data"),
        "AFFINEUR_STORAGE": "local",
    }
    makers = [*(HERE / "indexes").rglob("*.py"), HERE / "tests" / "index_bench" / "corpus.py"]
    newest = max(path.stat().st_mtime for path in makers)
    made = folder / "corpus.json"
    if not made.exists() or made.stat().st_mtime < newest:
        shutil.rmtree(folder)
        (folder / "data").mkdir(parents=True)
        subprocess.run(
            [sys.executable, "-m", "tests.index_bench.corpus", folder],
            check=True,
            env=environment,
            cwd=HERE,
        )
    return Corpus(folder, environment)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, headers={**HEADERS, "Accept": JSON}, timeout=5).is_success
    except httpx.HTTPError:
        return False
