"""Nothing of a project runs before its consent; everything of it stops with its end."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexes.upstream.fake import FakeUpstream
from tests.journeys.deployment import Deployment, deployed
from tests.journeys.projects import TARGET, all_ended, ask, builds_of, consent

pytestmark = [pytest.mark.journey, pytest.mark.sandbox, pytest.mark.timeout(600)]

# Each place of the sdist whose code could run leaves a mark: it fetches a project of that name
# from the index, the one thing a sandbox reaches, so that the upstream sees it.
MARK = """
import os, urllib.request
def leave(mark):
    index = os.environ.get("PIP_INDEX_URL") or os.environ["UV_INDEX_URL"]
    try:
        urllib.request.urlopen(f"{index.rstrip('/')}/canary-{mark}/").read()
    except OSError:
        pass
"""
CANARY = {
    "pyproject.toml": '[build-system]\nrequires = ["setuptools"]\n'
    'build-backend = "backend"\nbackend-path = ["."]\n',
    "mark.py": MARK,
    "backend.py": "import mark\nmark.leave('backend')\n"
    "from setuptools.build_meta import *\n"
    "from setuptools import build_meta\n"
    "def get_requires_for_build_wheel(config_settings=None):\n"
    "    mark.leave('hook')\n"
    "    return build_meta.get_requires_for_build_wheel(config_settings)\n",
    "setup.py": "import sys; sys.path.insert(0, '.')\nimport mark\nmark.leave('setup')\n"
    "from setuptools import setup\n"
    "setup(name='canary', version='1.0', py_modules=['canary'])\n",
    "canary.py": "NAME = 'canary'\n",
}
MARKS = {f"/simple/canary-{mark}/" for mark in ("backend", "hook", "setup")}


@pytest.fixture
def deployment(upstream: FakeUpstream) -> Iterator[Deployment]:
    upstream.add_sdist("canary", "1.0", files=CANARY)
    with deployed(upstream=f"{upstream.url}/simple/") as deployment:
        token = deployment.post("development/sign-in/", {"username": "maintainer"})["token"]
        deployment.client.headers["Authorization"] = f"Bearer {token}"
        yield deployment


def test_no_line_of_a_project_runs_before_its_consent(
    deployment: Deployment, upstream: FakeUpstream
) -> None:
    deployment.client.get(f"{deployment.url}/", params={"q": "canary==1.0"}).raise_for_status()
    deployment.client.get(f"{deployment.url}/project/canary/").raise_for_status()
    deployment.get("projects/canary/")
    deployment.get("projects/canary/coverage/")
    plan = deployment.get("projects/canary/plan/", params={"specifiers": "==1.0"})
    petition = ask(deployment, "canary")
    time.sleep(5)

    assert plan["gaps"]
    assert petition["is_petition"]
    assert deployment.get("builds/")["results"] == []
    assert not MARKS & set(upstream.seen)

    consent(deployment, "canary")
    request = ask(deployment, "canary")
    builds = deployment.until(lambda: builds_of(deployment, request), all_ended)

    assert [build["state"] for build in builds] == ["published"]
    assert set(upstream.seen) >= MARKS


def sandboxes(deployment: Deployment) -> list[str]:
    """Command lines of processes that work in this deployment's builder folder, or for it."""
    root = str(deployment.folder / "builder").encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes()
            where = bytes((entry / "cwd").readlink())
        except (OSError, ValueError):
            continue
        if b"celery" not in line and (root in line or root in where or b"ripening" in line):
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_a_revocation_ends_a_running_build_within_five_seconds(deployment: Deployment) -> None:
    given = consent(deployment, "parmesan")
    request = ask(deployment, "parmesan")
    build = builds_of(deployment, request)[0]

    def log() -> str:
        chunks = deployment.get(f"builds/{build['id']}/log/")["chunks"]
        return "".join(chunk["text"] for chunk in chunks)

    deployment.until(log, lambda text: "ripening" in text)
    assert sandboxes(deployment)

    began = time.monotonic()
    deployment.post(
        f"consents/{given['id']}/revocation/",
        {"afterwards": "withdraw", "reason": "we changed our mind"},
    )
    deployment.until(lambda: sandboxes(deployment), lambda found: not found)
    took = time.monotonic() - began

    assert took < 5
    after: dict[str, Any] = deployment.get(f"requests/{request['id']}/")
    assert [b["state"] for b in after["builds"]] == ["cancelled"]
    assert "consent" in f"{after['note']} {after['builds'][0]['message']}".lower()
    answer = deployment.client.get(f"{deployment.url}/wheels/simple/parmesan/")
    assert "parmesan-1.0" not in answer.text
    petition = ask(deployment, "parmesan", TARGET)
    assert petition["is_petition"]
