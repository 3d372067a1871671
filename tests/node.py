"""Real counterparts that are made for Node: found where `deploy/bootstrap test` puts them."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MODULES = Path(__file__).resolve().parent.parent / "var" / "npm" / "node_modules"


def needed(package: str) -> Path:
    """Where an npm package is; skips the test when it is not."""
    if shutil.which("node") is None:
        pytest.skip("there is no `node`: install Debian's nodejs and npm (deploy/bootstrap test)")
    path = MODULES / package
    if not path.is_dir():
        pytest.skip(f"{package} is not in var/npm: run deploy/bootstrap test")
    return path


@contextmanager
def node(*arguments: str | Path, port: int, seconds: float = 30) -> Iterator[str]:
    """`node` with a server that listens on `port` of the loopback; its address."""
    with subprocess.Popen(
        ["node", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            _wait(process, port, seconds)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(process: subprocess.Popen[str], port: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    process.kill()
    message = f"node did not listen on {port}: {process.stdout.read() if process.stdout else ''}"
    raise RuntimeError(message)
