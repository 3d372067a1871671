"""`make bench`: what the farm costs, as ratios measured in one run against a named peer.

- index: requests a second for a page of the overlay, against nginx serving the same bytes.
- build: wall time from request to published wheel, against `pip wheel` of the same release.

Rounds are interleaved and the median of their ratios is told. Writes `var/bench.json`.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from indexes.upstream.fake import FakeUpstream
from tests import servers
from tests.data.installed import wheel_of
from tests.journeys.deployment import deployed
from tests.journeys.projects import EXTENSION, PURE, all_ended, ask, builds_of, consent

HTML = "application/vnd.pypi.simple.v1+html"
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 256; }}
http {{
  access_log off; default_type {media_type}; keepalive_requests 1000000;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


@contextmanager
def nginx_serving(body: bytes) -> Iterator[str]:
    with servers.short_folder() as folder:
        folder.chmod(0o755)
        (folder / "www").mkdir()
        (folder / "www" / "page").write_bytes(body)
        port = servers.free_port()
        configuration = folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=folder, port=port, media_type=HTML))
        url = f"http://127.0.0.1:{port}/page"
        with servers.running(
            ["nginx", "-c", str(configuration), "-e", str(folder / "error")],
            is_ready=lambda: servers.answers(url),
        ):
            yield url


def requests_per_second(url: str, seconds: int) -> float:
    done = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}s", "-H", f"Accept: {HTML}", url],
        check=True,
        capture_output=True,
        text=True,
    )
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if found is None or "Non-2xx" in done.stdout:
        message = f"wrk measured no answers: {done.stdout}"
        raise RuntimeError(message)
    return float(found[1])


def bench_index(page: str, rounds: int, seconds: int) -> dict[str, float]:
    body = httpx.get(page, headers={"Accept": HTML, "Accept-Encoding": "identity"}).content
    ours, peers = [], []
    with nginx_serving(body) as peer:
        for _ in range(rounds):
            ours.append(requests_per_second(page, seconds))
            peers.append(requests_per_second(peer, seconds))
    ratios = [mine / theirs for mine, theirs in zip(ours, peers, strict=True)]
    return {"bytes": len(body), "ratio_to_nginx": round(statistics.median(ratios), 4)}


def pip_wheel_seconds(index: str, requirement: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "pip", "--isolated", "wheel", "--quiet", "--no-deps"]
            + ["--no-cache-dir", "--index-url", index, "--wheel-dir", folder, requirement],
            check=True,
        )
        return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()

    upstream = FakeUpstream()
    upstream.add_file("setuptools", *wheel_of("setuptools"))
    upstream.add_sdist("cheddar", "1.0", files=PURE)
    upstream.add_sdist("gouda", "1.0", files=EXTENSION)
    results: dict[str, dict[str, float]] = {}
    with upstream.serve() as index, deployed(upstream=index) as deployment:
        token = deployment.post("development/sign-in/", {"username": "bench"})["token"]
        deployment.client.headers["Authorization"] = f"Bearer {token}"
        for name in ("cheddar", "gouda"):
            consent(deployment, name)
            began = time.monotonic()
            request = ask(deployment, name)
            builds = deployment.until(lambda r=request: builds_of(deployment, r), all_ended)
            ours = time.monotonic() - began
            if builds[0]["state"] != "published":
                message = f"{name} was not published: {builds[0]}"
                raise RuntimeError(message)
            peer = pip_wheel_seconds(index, f"{name}==1.0")
            results[f"build {name}"] = {"ratio_to_pip_wheel": round(ours / peer, 2)}
        results["index small page"] = bench_index(
            f"{deployment.url}/simple/gouda/", options.rounds, options.seconds
        )
    for name, figures in results.items():
        print(f"{name:20} " + "  ".join(f"{key} {value}" for key, value in figures.items()))
    path = Path("var") / "bench.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
