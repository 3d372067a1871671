import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from portal import supervisor
from portal.supervisor import CannotStartError, Output, Service, Supervisor
from tests.servers import free_port
from tests.waiting import wait_until


def script(folder: Path, name: str, code: str) -> Service:
    path = folder / f"{name}.py"
    path.write_text(code)
    return Service(name, 32, (sys.executable, str(path)))


def said(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted((folder / "log").iterdir()))


def supervise(folder: Path, *known: Service, until: Callable[[], bool]) -> None:
    """Supervise until something is so."""
    output = Output(folder=folder / "log")

    async def run() -> None:
        keeper = Supervisor(known=known, environment=dict(os.environ), output=output)
        keeper.start()
        try:
            await asyncio.to_thread(wait_until, until)
        finally:
            await keeper.stop()

    asyncio.run(run())
    output.close()


def test_a_service_that_dies_is_started_again(tmp_path: Path) -> None:
    mortal = script(tmp_path, "mortal", "print('alive', flush=True)\nraise SystemExit(3)\n")

    supervise(tmp_path, mortal, until=lambda: said(tmp_path).count("alive") > 1)

    assert "ended with status 3; starting it again in 1 s" in said(tmp_path)


def test_stopping_ends_children_that_do_not_want_to(tmp_path: Path) -> None:
    marker = tmp_path / "beat"
    child = script(
        tmp_path,
        "child",
        "import pathlib, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"while True: pathlib.Path({str(marker)!r}).touch(); time.sleep(0.05)\n",
    )
    parent = script(
        tmp_path,
        "parent",
        f"import subprocess, time\nsubprocess.Popen({child.argv!r})\ntime.sleep(60)\n",
    )

    supervise(tmp_path, parent, until=marker.exists)

    beat = marker.stat().st_mtime
    time.sleep(0.5)
    assert marker.stat().st_mtime == beat


def test_a_builder_gets_none_of_the_control_sides_settings() -> None:
    given = supervisor.builder_environment(
        {
            "PATH": "/bin",
            "AFFINEUR_BROKER": "redis://",
            "AFFINEUR_DATABASE": "postgresql://",
            "AFFINEUR_SECRET_KEY": "secret",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "DJANGO_SETTINGS_MODULE": "portal.settings.prod",
        }
    )

    assert given == {"PATH": "/bin", "AFFINEUR_BROKER": "redis://"}


def test_a_taken_port_is_told_before_anything_starts() -> None:
    import socket

    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(CannotStartError, match=f"Port {port} of 127.0.0.1 is taken"):
            supervisor.refuse_a_taken_port("127.0.0.1", port)


def test_two_deployments_do_not_share_data(tmp_path: Path) -> None:
    with (
        supervisor.alone_with(tmp_path),
        pytest.raises(CannotStartError, match="Another Affineur"),
        supervisor.alone_with(tmp_path),
    ):
        pass
