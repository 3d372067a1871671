"""Consent → build → install, with every part a process of its own and the real pip and uv."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from uv import find_uv_bin

from indexes.upstream.fake import FakeUpstream
from tests import servers
from tests.journeys.deployment import Deployment, deployed
from tests.journeys.projects import TARGET, all_ended, ask, builds_of, consent

pytestmark = [pytest.mark.journey, pytest.mark.sandbox, pytest.mark.timeout(600)]


@contextlib.contextmanager
def embedded() -> Iterator[dict[str, str]]:
    yield {}


@contextlib.contextmanager
def production_parts() -> Iterator[dict[str, str]]:
    with servers.postgresql() as database, servers.rabbitmq() as broker, servers.s3() as storage:
        yield {"AFFINEUR_DATABASE": database, "AFFINEUR_BROKER": broker, **storage}


@pytest.fixture(params=[embedded, production_parts], ids=["embedded", "production parts"])
def deployment(request: pytest.FixtureRequest, upstream: FakeUpstream) -> Iterator[Deployment]:
    with (
        request.param() as environment,
        deployed(upstream=f"{upstream.url}/simple/", environment=environment) as deployment,
    ):
        token = deployment.post("development/sign-in/", {"username": "maintainer"})["token"]
        deployment.client.headers["Authorization"] = f"Bearer {token}"
        yield deployment


def install(deployment: Deployment, folder: Path, *command: str) -> None:
    """Install with one command from the overlay alone, in a new environment, and import."""
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    target = [find_uv_bin(), "pip", "install", "--python", str(python), "--no-cache"]
    if command[0] == "pip":
        target = [str(python), "-m", "pip", "--isolated", "install", "--no-cache-dir"]
    subprocess.run(
        [
            *target,
            "--only-binary",
            ":all:",
            "--index-url",
            f"{deployment.url}/simple/",
            *command[1:],
        ],
        check=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )
    shown = subprocess.run(
        [python, "-c", "import cheddar, gouda; print(cheddar.AGE, gouda.age())"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert shown.stdout.split() == ["24", "18"]
    shutil.rmtree(folder)


def test_a_consent_becomes_wheels_that_pip_and_uv_install(
    deployment: Deployment, tmp_path: Path
) -> None:
    petition = ask(deployment, "cheddar")
    assert petition["is_petition"]
    assert petition["builds"] == []

    requests = []
    for project in ("cheddar", "gouda"):
        consent(deployment, project)
        requests.append(ask(deployment, project))
    for request in requests:
        builds = deployment.until(lambda request=request: builds_of(deployment, request), all_ended)
        ends = [(build["state"], build["message"], build["evidence"]) for build in builds]
        assert [state for state, *_ in ends] == ["published"], (ends, deployment.logs())

    install(deployment, tmp_path / "pip", "pip", "cheddar", "gouda")
    install(deployment, tmp_path / "uv", "uv", "cheddar", "gouda")

    again = [ask(deployment, project) for project in ("cheddar", "gouda")]
    served = [item for request in again for item in request["already_served"]]
    assert [item["target"] for item in served] == [TARGET, TARGET]
    assert len(deployment.get("builds/")["results"]) == 2
