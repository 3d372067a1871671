"""`make bench-index`: this index against other servers of the same corpus, in one run.

Every case asks one server after the other, round after round; the table tells the median of the
rounds, and the median of the rounds' ratios to nginx, which serves the same bytes as files. Each
server has the same number of workers (devpi has threads instead), and one client with 16
connections on one thread asks. Processor time and memory are those of all of a server's
processes; of what stands behind a proxy as well. Writes `var/index-bench.json`.

`--only small,304` and `--peers nginx,affineur` measure a part; `--rounds` and `--seconds` say how
long. With neither, a run takes about ten minutes.
"""

import argparse
import base64
import json
import statistics
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import httpx

from indexes.domain.negotiation import HTML, JSON, PLAIN_HTML
from tests.index_bench.corpus import INSTALLED, TOKEN
from tests.index_bench.measure import Sample, ask, install, peak_megabytes
from tests.index_bench.peers import HEADERS, SERVERS, Corpus, Server, corpus

# As uv asks, without a coding: the very bytes of the file that nginx has.
ACCEPT = {**HEADERS, "Accept": f"{JSON}, {HTML};q=0.2, {PLAIN_HTML};q=0.1"}
PACKED = {**ACCEPT, "Accept-Encoding": "gzip"}
PAGES = {
    "small": ("small/", ACCEPT),
    "small gzip": ("small/", PACKED),
    "304": ("small/", ACCEPT),
    "large": ("large/", ACCEPT),
    "large gzip": ("large/", PACKED),
    "root": ("", ACCEPT),
}
# Organisations' indexes, of which only ours knows; their pages are the overlay's, byte for byte.
READER = base64.b64encode(f"__token__:{TOKEN}".encode()).decode()
CURATED = {
    "curated": ("/o/bench/open/simple/small/", ACCEPT),
    "private": ("/o/bench/closed/simple/small/", {**ACCEPT, "Authorization": f"Basic {READER}"}),
}
CASES = (*PAGES, *CURATED, "wheel", "metadata", "install")


def request_of(case: str, server: Server, wheel: str) -> tuple[str, dict[str, str]] | None:
    """The path and headers to ask with; None when the server has no such thing."""
    if case in PAGES:
        project, headers = PAGES[case]
        path = f"{server.simple}{project}{server.page}"
    elif case in CURATED:
        path, headers = CURATED[case]
        if server.name == "nginx":
            path, headers = f"{server.simple}small/{server.page}", ACCEPT
    else:
        ending = ".metadata" if case == "metadata" else ""
        path, headers = f"{file_of(server, wheel)}{ending}", dict(HEADERS)
    answer = httpx.get(f"{server.url}{path}", headers=headers, timeout=60)
    if not answer.is_success:
        return None
    if case == "304":
        etag = answer.headers.get("ETag")
        return (path, {**headers, "If-None-Match": etag}) if etag else None
    return path, dict(headers)


def file_of(server: Server, wheel: str) -> str:
    """Where the server's own page says that the wheel is."""
    if server.name in {"nginx", "affineur", "affineur+nginx"}:
        return wheel
    page = httpx.get(
        f"{server.url}{server.simple}{INSTALLED[0]}/", headers={"Accept": JSON}, timeout=60
    )
    href = (
        page.json()["files"][0]["url"]
        if "json" in page.headers["Content-Type"]
        else page.text.partition('href="')[2].partition('"')[0]
    )
    return str(page.url.join(href).copy_with(fragment=None).raw_path.decode())


def run(options: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    results: dict[str, dict[str, list[Sample | float]]] = {}
    made = corpus()
    wheel = json.loads((made.folder / "corpus.json").read_text())["wheel"]
    with ExitStack() as stack:
        running = [_start(stack, name, made, options.workers) for name in options.peers]
        for case in options.only:
            if case == "install":
                results[case] = _measure_installs(running, options.rounds * options.seconds)
            else:
                samples: dict[str, list[Sample | float]] = {server.name: [] for server in running}
                for _ in range(options.rounds):
                    for server in running:
                        samples[server.name] += _measure(case, server, wheel, options.seconds)
                results[case] = samples
            print(f"measured {case}", file=sys.stderr)
        memory = {server.name: peak_megabytes(server) for server in running}
    return {
        case: {
            name: {**_summary(found, samples.get("nginx", [])), "peak_mb": round(memory[name], 1)}
            if found
            else {}
            for name, found in samples.items()
        }
        for case, samples in results.items()
    }


def _start(stack: ExitStack, name: str, made: Corpus, workers: int) -> Server:
    return stack.enter_context(SERVERS[name](made, workers))


def _measure_installs(running: list[Server], seconds: int) -> dict[str, list[Sample | float]]:
    """One from each in turn, until each has had that time: an install is short, and varies much."""
    taken: dict[str, list[Sample | float]] = {server.name: [] for server in running}
    spent = dict.fromkeys(taken, 0.0)
    waiting = [server for server in running if server.is_for_clients]
    while waiting:
        for server in waiting:
            took = install(server, INSTALLED)
            taken[server.name].append(took)
            spent[server.name] += took
        waiting = [server for server in waiting if spent[server.name] < seconds]
    return taken


def _measure(case: str, server: Server, wheel: str, seconds: int) -> list[Sample]:
    wanted = request_of(case, server, wheel)
    found = None if wanted is None else ask(server, *wanted, seconds=seconds)
    return [] if found is None else [found]


def _summary(found: list[Sample | float], nginx: list[Sample | float]) -> dict[str, float]:
    if isinstance(found[0], float):
        figures = {"seconds": statistics.median(found)}
        ratios = [ours / theirs for ours, theirs in zip(found, nginx, strict=False)]
    else:
        rows = [asdict(sample) for sample in found]
        figures = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        ratios = [
            ours.per_second / theirs.per_second for ours, theirs in zip(found, nginx, strict=False)
        ]
    if ratios:
        figures["ratio_to_nginx"] = statistics.median(ratios)
    return {key: float(f"{value:.4g}") for key, value in figures.items()}


COLUMNS = {
    "per_second": "req/s",
    "seconds": "seconds",
    "ratio_to_nginx": "/ nginx",
    "p50": "p50 ms",
    "p99": "p99 ms",
    "cpu": "µs CPU",
    "peak_mb": "peak MB",
}


def table(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    lines = [f"{'':12}{'':16}" + "".join(f"{title:>11}" for title in COLUMNS.values())]
    for case, servers in results.items():
        for name, figures in servers.items():
            cells = (f"{figures[key]:>11g}" if key in figures else " " * 11 for key in COLUMNS)
            # It has no such thing, answers with errors, or takes longer than was waited.
            said = "".join(cells) if figures else f"{'none':>11}"
            lines.append(f"{case:12}{name:16}{said}")
    return "\n".join(lines)


def _listed(known: tuple[str, ...]):
    def parse(value: str) -> list[str]:
        given = value.split(",")
        unknown = set(given) - set(known)
        if unknown:
            message = f"{', '.join(unknown)}: choose of {', '.join(known)}"
            raise argparse.ArgumentTypeError(message)
        return given

    return parse


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.index_bench", description=__doc__)
    parser.add_argument("--only", type=_listed(CASES), default=CASES, metavar="CASE,…")
    parser.add_argument("--peers", type=_listed((*SERVERS,)), default=[*SERVERS], metavar="NAME,…")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    results = run(options)
    print(table(results))
    path = Path("var") / "index-bench.json"
    path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
