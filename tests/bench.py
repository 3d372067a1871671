"""`make bench`: what the farm costs, as ratios measured in one run.

It is the wall time from request to published wheel, against `pip wheel` of the same release.
Writes `var/bench.json`.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from indexes.upstream.fake import FakeUpstream
from tests.data.installed import wheel_of
from tests.journeys.deployment import deployed
from tests.journeys.projects import EXTENSION, PURE, all_ended, ask, builds_of, consent


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
    for name, figures in results.items():
        print(f"{name:20} " + "  ".join(f"{key} {value}" for key, value in figures.items()))
    path = Path("var") / "bench.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
