"""What one server does for one request, asked for some seconds; what it takes of the machine."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.index_bench.peers import Server

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    per_second: float
    p50: float
    """Milliseconds, as `p99`."""
    p99: float
    cpu: float
    """Microseconds of processor time of the server for a request."""


def ask(server: Server, path: str, headers: Mapping[str, str], *, seconds: int) -> Sample | None:
    """None when it does not answer, or with errors."""
    argv = ["wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", "--timeout", "20s"]
    for name, value in headers.items():
        argv += ["-H", f"{name}: {value}"]
    before = cpu_seconds(server)
    done = subprocess.run(
        [*argv, f"{server.url}{path}"], check=True, capture_output=True, text=True
    ).stdout
    spent = cpu_seconds(server) - before
    count = re.search(r"(\d+) requests in", done)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done)
    percentiles = dict(re.findall(r"(50|99)%\s+([\d.]+[a-z]+)", done))
    if count is None or rate is None or not int(count[1]) or "Non-2xx" in done:
        return None
    times = [_milliseconds(percentiles[percent]) for percent in ("50", "99")]
    return Sample(float(rate[1]), times[0], times[1], spent / int(count[1]) * 1e6)


def _milliseconds(value: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", value).groups()
    return float(number) * _UNITS[unit]


def install(server: Server, packages: tuple[str, ...]) -> float:
    """Seconds that `uv pip install` takes with an empty cache."""
    uv = Path(sys.executable).parent / "uv"
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        subprocess.run(
            [uv, "--no-config", "pip", "install", "--quiet", "--target", f"{folder}/site"]
            + ["--cache-dir", f"{folder}/cache", "--python", sys.executable]
            + ["--index-url", f"{server.url}{server.simple}", *packages],
            check=True,
            env={name: os.environ[name] for name in ("PATH", "HOME")},
        )
        return time.monotonic() - began


def processes(server: Server) -> list[int]:
    """The server's, with what they started."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except FileNotFoundError:
            continue
    found = [server.pid, *server.more]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_seconds(server: Server) -> float:
    total = 0
    for pid in processes(server):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def peak_megabytes(server: Server) -> float:
    """Of resident memory, each process at its highest."""
    kilobytes = 0
    for pid in processes(server):
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        kilobytes += int(found[1]) if found else 0
    return kilobytes / 1024
