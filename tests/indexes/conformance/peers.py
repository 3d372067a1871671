"""`make conformance-peers`: the rules, run on every index of ours and on servers of others.

devpi-server and proxpi stand in front of the same upstream as we do, each as it is shipped and
in an environment of its own. Prints a table of rules, and writes `var/conformance.json`.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from indexes.upstream.fake import FakeUpstream
from tests import servers
from tests.environments import environment
from tests.indexes.conformance.corpus import DEMO, expected_upstream, fill_upstream, finish_upstream
from tests.indexes.conformance.kinds import FOREIGN, KINDS, Index


@contextmanager
def devpi(upstream: str) -> Iterator[str]:
    programs = environment("devpi")
    with servers.short_folder() as folder:
        url = f"http://127.0.0.1:{servers.free_port()}"
        data = ["--serverdir", str(folder / "data")]
        init = [programs / "devpi-init", *data, "--no-root-pypi", "--root-passwd", "x"]
        subprocess.run(init, check=True, capture_output=True)
        port = url.rpartition(":")[2]
        argv = [str(programs / "devpi-server"), *data, "--host", "127.0.0.1", "--port", port]
        with servers.running(argv, is_ready=lambda: servers.answers(f"{url}/+api")):
            login = httpx.post(f"{url}/+login", json={"user": "root", "password": "x"}).json()
            token = base64.b64encode(f"root:{login['result']['password']}".encode()).decode()
            made = httpx.put(
                f"{url}/root/mirror",
                json={"type": "mirror", "mirror_url": upstream},
                headers={"X-Devpi-Auth": token},
            )
            made.raise_for_status()
            yield f"{url}/root/mirror/+simple/"


@contextmanager
def proxpi(upstream: str) -> Iterator[str]:
    programs = environment("proxpi")
    address = f"127.0.0.1:{servers.free_port()}"
    argv = [str(programs / "gunicorn"), "--bind", address, "--threads", "4", "proxpi.server:app"]
    with servers.running(
        argv,
        is_ready=lambda: servers.answers(f"http://{address}/health"),
        environment={**os.environ, "PROXPI_INDEX_URL": upstream},
    ):
        yield f"http://{address}/index/"


PEERS = {"devpi": devpi, "proxpi": proxpi}


class Peers:
    """A plugin of pytest: gives the foreign indexes, and keeps what came of each rule."""

    names = tuple(PEERS)

    def __init__(self, indexes: dict[str, Index]) -> None:
        # By which the fixtures find it.
        self.__name__ = "peers"
        self.indexes = indexes
        self.outcomes: dict[str, dict[str, set[str]]] = {}
        self._rules: dict[str, tuple[str, str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
                rule = item.function.__name__.removeprefix("test_").replace("_", " ")
                self._rules[item.nodeid] = (rule, item.callspec.params["index_name"])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # A fixture that cannot find what a rule is about fails it as well.
        if report.when == "call" or report.outcome != "passed":
            rule, index = self._rules[report.nodeid]
            self.outcomes.setdefault(rule, {}).setdefault(index, set()).add(report.outcome)

    def table(self) -> dict[str, dict[str, str]]:
        """Of each rule, what came of it on each index: kept, broken, or empty: not about it."""
        return {
            rule: {name: _word(seen.get(name, set())) for name in (*KINDS, *self.names)}
            for rule, seen in self.outcomes.items()
        }


def _word(outcomes: set[str]) -> str:
    if "failed" in outcomes:
        return "broken"
    return "kept" if "passed" in outcomes else ""


def main() -> int:
    upstream = FakeUpstream()
    fill_upstream(upstream)
    finish_upstream(upstream)
    with ExitStack() as stack:
        url = stack.enter_context(upstream.serve())
        listed = expected_upstream(upstream, DEMO)
        indexes = {
            name: Index(stack.enter_context(start(url)), FOREIGN, listed, url)
            for name, start in PEERS.items()
        }
        peers = Peers(indexes)
        given = [str(Path(__file__).parent), "--quiet", "--tb=no", "--no-summary", *sys.argv[1:]]
        # One of pytest's plugins was imported by what starts the peers.
        given += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        pytest.main(given, plugins=[peers])
    table = peers.table()
    names = [*KINDS, *PEERS]
    print(f"\n{'rule':82}" + "".join(f"{name:>10}" for name in names))
    for rule, outcomes in sorted(table.items()):
        print(f"{rule:82}" + "".join(f"{outcomes[name] or '-':>10}" for name in names))
    for word in ("kept", "broken"):
        counts = [sum(outcomes[name] == word for outcomes in table.values()) for name in names]
        print(f"{word:82}" + "".join(f"{count:>10}" for count in counts))
    report = Path("var") / "conformance.json"
    report.parent.mkdir(exist_ok=True)
    report.write_text(json.dumps(table, indent=1) + "\n")
    return any(outcomes[name] == "broken" for outcomes in table.values() for name in KINDS)


if __name__ == "__main__":
    sys.exit(main())
