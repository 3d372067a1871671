"""A worker that dies at any moment costs time, never a build, and never publishes twice."""

from collections.abc import Iterator

import pytest

from indexes.upstream.fake import FakeUpstream
from tests.journeys.deployment import Deployment, deployed
from tests.journeys.projects import BACKEND, all_ended, ask, builds_of, consent

pytestmark = [pytest.mark.journey, pytest.mark.sandbox, pytest.mark.timeout(600)]

SLOW_AT_FIRST = {
    "pyproject.toml": BACKEND,
    "setup.py": "import time\n"
    "for second in range(8):\n"
    "    print('ripening', second, flush=True)\n"
    "    time.sleep(1)\n"
    "from setuptools import setup\n"
    "setup(name='brie', version='1.0', py_modules=['brie'])\n",
    "brie.py": "AGE = 1\n",
}


@pytest.fixture
def deployment(upstream: FakeUpstream) -> Iterator[Deployment]:
    upstream.add_sdist("brie", "1.0", files=SLOW_AT_FIRST)
    with deployed(
        upstream=f"{upstream.url}/simple/",
        environment={"AFFINEUR_LEASE_SECONDS": "6"},
    ) as deployment:
        token = deployment.post("development/sign-in/", {"username": "maintainer"})["token"]
        deployment.client.headers["Authorization"] = f"Bearer {token}"
        yield deployment


def published_files(deployment: Deployment, project: str) -> list[str]:
    answer = deployment.client.get(
        f"{deployment.url}/wheels/simple/{project}/",
        headers={"Accept": "application/vnd.pypi.simple.v1+json"},
    )
    return [file["filename"] for file in answer.json()["files"]]


def test_a_builder_killed_in_mid_build_costs_only_time(deployment: Deployment) -> None:
    consent(deployment, "brie")
    request = ask(deployment, "brie")
    build = builds_of(deployment, request)[0]
    deployment.until(
        lambda: deployment.get(f"builds/{build['id']}/log/")["chunks"],
        lambda chunks: any("ripening" in chunk["text"] for chunk in chunks),
    )

    deployment.kill("builder")
    deployment.start("builder")
    builds = deployment.until(lambda: builds_of(deployment, request), all_ended)

    assert [b["state"] for b in builds] == ["published"]
    attempts = deployment.get(f"builds/{build['id']}/")["attempts"]
    assert [attempt["state"] for attempt in attempts] == ["lost", "succeeded"]
    assert len(published_files(deployment, "brie")) == 1


def test_a_control_worker_killed_while_publishing_publishes_once(deployment: Deployment) -> None:
    consent(deployment, "brie")
    request = ask(deployment, "brie")
    deployment.until(
        lambda: builds_of(deployment, request),
        lambda builds: builds[0]["state"] in {"judging", "published"},
    )

    deployment.kill("control")
    deployment.start("control")
    builds = deployment.until(lambda: builds_of(deployment, request), all_ended)

    assert [b["state"] for b in builds] == ["published"]
    assert published_files(deployment, "brie") == ["brie-1.0-1affineur-py3-none-any.whl"]
