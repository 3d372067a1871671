"""The embedded deployment in one command: broker, web, control, watcher, scheduler and builder.

`python -m portal.supervisor` starts them all, shows their output prefixed and coloured, restarts
what dies, and stops everything on Ctrl-C. With `--then SCRIPT` it runs that Python script once the
portal answers, keeps the output of the services in `var/log/`, and ends with the script's exit
status (`--keep`: not before Ctrl-C).
"""

import argparse
import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent.parent
GRACE_SECONDS = 15.0
HEALTHY_AFTER_SECONDS = 20.0
LONGEST_PAUSE_SECONDS = 30.0
READY_WITHIN_SECONDS = 60.0
LINE_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Service:
    """A process to keep alive. Services are stopped in the reverse of the order of starting."""

    name: str
    colour: int
    """ANSI colour number (ECMA-48, 30 to 37, or 90 to 97 for the bright ones)."""
    argv: tuple[str, ...]


class CannotStartError(Exception):
    """The deployment cannot start; the message says what is in the way and what to do."""


def services(*, socket_path: Path, host: str, port: int) -> list[Service]:
    """What runs, in the order of starting. Raises `CannotStartError` without a redis-server."""
    bin_dir = Path(sys.executable).parent
    celery = (sys.executable, "-m", "celery")
    redis = shutil.which("redis-server", path=f"{bin_dir}{os.pathsep}{os.environ['PATH']}")
    if redis is None:
        message = (
            "There is no redis-server: install the `embedded` dependencies, or your system's redis."
        )
        raise CannotStartError(message)
    return [
        Service(
            "broker",
            36,
            (redis, "--port", "0", "--unixsocket", str(socket_path), "--unixsocketperm", "700")
            + ("--save", "", "--appendonly", "no", "--loglevel", "warning")
            + ("--dir", str(socket_path.parent)),
        ),
        Service(
            "web",
            32,
            (sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws")
            + ("--host", host, "--port", str(port), "--workers", "1")
            + ("--blocking-threads", "4", "--log-level", "warning", "portal.wsgi:application"),
        ),
        Service(
            "control",
            34,
            (*celery, "-A", "portal.celery", "worker", "--queues", "control,events,prompt")
            + ("--concurrency", "2", "--hostname", "control@%h", "--loglevel", "INFO")
            + ("--without-gossip", "--without-mingle"),
        ),
        Service(
            "prompt",
            33,
            (*celery, "-A", "portal.celery", "worker", "--queues", "prompt", "--pool", "solo")
            + ("--hostname", "prompt@%h", "--loglevel", "INFO")
            + ("--without-gossip", "--without-mingle"),
        ),
        Service("watcher", 95, (sys.executable, "manage.py", "watch")),
        Service("scheduler", 35, (*celery, "-A", "portal.celery", "beat", "--loglevel", "WARNING")),
        Service(
            "builder",
            33,
            (*celery, "-A", "builds.builder", "worker", "--queues", "builder")
            + ("--concurrency", os.environ.get("AFFINEUR_BUILDER_SLOTS", "2"))
            + ("--hostname", "builder@%h", "--loglevel", "INFO")
            + ("--without-gossip", "--without-mingle"),
        ),
    ]


def embedded_environment(*, data: Path, socket_path: Path, host: str, port: int) -> dict[str, str]:
    """What the services get: the caller's environment, completed; the caller's values win."""
    url = f"http://{host}:{port}"
    defaults = {
        "AFFINEUR_DATA_DIR": str(data),
        "AFFINEUR_PUBLIC_URL": url,
        "AFFINEUR_BROKER": f"redis+socket://{socket_path}",
        "AFFINEUR_BUILDER_ROOT": str(data / "builder"),
        "AFFINEUR_BUILDER_SLOTS": "2",
        "DJANGO_SETTINGS_MODULE": "portal.settings.dev",
        "PYTHONUNBUFFERED": "1",
    }
    return {**defaults, **os.environ}


BUILDER_SETTINGS = frozenset(
    {
        "AFFINEUR_BROKER",
        "AFFINEUR_BUILDER_CACHE",
        "AFFINEUR_BUILDER_NAME",
        "AFFINEUR_BUILDER_ROOT",
        "AFFINEUR_BUILDER_SLOTS",
        "AFFINEUR_CONTACT",
        "AFFINEUR_INTERPRETERS",
        "AFFINEUR_SMOKE_INTERPRETERS",
        "AFFINEUR_SLOT_UID",
        "AFFINEUR_SYSTEM_PACKAGES",
    }
)


def builder_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of the environment that a builder gets: none of the control side's settings."""
    return {
        name: value
        for name, value in environment.items()
        if name in BUILDER_SETTINGS or not name.startswith(("AFFINEUR_", "AWS_", "DJANGO_"))
    }


class Output:
    """Lines of the services: prefixed on the terminal, or plain in one file a service."""

    def __init__(self, *, folder: Path | None) -> None:
        self._files: dict[str, IO[str]] = {}
        self._folder = folder
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def show(self, service: Service, line: str) -> None:
        if self._folder is not None:
            if service.name not in self._files:
                path = self._folder / f"{service.name}.log"
                self._files[service.name] = path.open("a", buffering=1)
            self._files[service.name].write(f"{line}\n")
            return
        prefix = f"{service.name:>9} │"
        if self._coloured:
            prefix = f"\x1b[{service.colour}m{prefix}\x1b[0m"
        sys.stdout.write(f"{prefix} {line}\n")
        sys.stdout.flush()

    def close(self) -> None:
        for file in self._files.values():
            file.close()


class Supervisor:
    """Keeps services alive until it is told to stop."""

    def __init__(
        self, *, known: Sequence[Service], environment: Mapping[str, str], output: Output
    ) -> None:
        self._services = known
        self._environment = environment
        self._output = output
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        for service in self._services:
            self._tasks[service.name] = asyncio.create_task(self._keep_alive(service))

    async def stop(self) -> None:
        for service in reversed(self._services):
            self._tasks[service.name].cancel()
            await asyncio.gather(self._tasks[service.name], return_exceptions=True)
            process = self._processes.get(service.name)
            if process is not None:
                await self._end(process)

    async def _keep_alive(self, service: Service) -> None:
        pause = 1.0
        while True:
            started = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                *_tied_to_us(service.argv),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                stdin=asyncio.subprocess.DEVNULL,
                env=self._environment
                if service.name != "builder"
                else builder_environment(self._environment),
                cwd=HERE,
                start_new_session=True,
                limit=LINE_LIMIT,
            )
            self._processes[service.name] = process
            await self._relay(service, process)
            status = await process.wait()
            _signal_group(process.pid, signal.SIGKILL)
            if time.monotonic() - started > HEALTHY_AFTER_SECONDS:
                pause = 1.0
            self._output.show(
                service, f"ended with status {status}; starting it again in {pause:.0f} s"
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _relay(self, service: Service, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101  # asked for above
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                line = b"(a line too long to show)\n"
            if not line:
                return
            self._output.show(service, line.decode(errors="replace").rstrip("\n"))

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        drained = asyncio.create_task(_drain(process))
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE_SECONDS)
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()
        await drained


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Read on, so that a process that still has something to say can end."""
    assert process.stdout is not None  # noqa: S101  # asked for in `_keep_alive`
    while await process.stdout.read(65536):
        pass


def _tied_to_us(argv: Sequence[str]) -> Sequence[str]:
    """The command, ended by the kernel should this process die without stopping it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", *argv] if setpriv else argv


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


async def _answers(host: str, port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
    except OSError:
        return False
    return b" 200 " in line


async def _until_ready(host: str, port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not await _answers(host, port):
        if time.monotonic() > deadline:
            message = (
                f"The portal did not answer on {host}:{port} within {READY_WITHIN_SECONDS:.0f} s."
            )
            raise CannotStartError(message)
        await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def _stop_requested() -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def _run_script(
    script: str, environment: Mapping[str, str], url: str, stop: asyncio.Event
) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, "--portal", url, env=environment, cwd=HERE
    )
    stopped = asyncio.create_task(stop.wait())
    ended = asyncio.create_task(process.wait())
    await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    stopped.cancel()
    return await ended


async def _main(options: argparse.Namespace, data: Path) -> int:
    runtime = Path(tempfile.mkdtemp(prefix="affineur-"))  # short: a socket's path has 107 bytes
    socket_path = runtime / "redis.sock"
    environment = embedded_environment(
        data=data, socket_path=socket_path, host=options.host, port=options.port
    )
    url = environment["AFFINEUR_PUBLIC_URL"]
    output = Output(folder=data / "log" if options.then else None)
    supervisor = Supervisor(
        known=services(socket_path=socket_path, host=options.host, port=options.port),
        environment=environment,
        output=output,
    )
    status = 0
    async with _stop_requested() as stop:
        supervisor.start()
        try:
            ready = asyncio.create_task(_until_ready(options.host, options.port))
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({ready, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                ready.result()
                sys.stdout.write(f"Affineur is at {url} (Ctrl-C stops it).\n")
                sys.stdout.flush()
                if options.then:
                    status = await _run_script(options.then, environment, url, stop)
                if options.keep or not options.then:
                    await stopped
            ready.cancel()
            stopped.cancel()
        finally:
            await supervisor.stop()
            output.close()
            shutil.rmtree(runtime, ignore_errors=True)
    return status


def refuse_a_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = (
                f"Port {port} of {host} is taken ({error.strerror}): stop what uses it, or set "
                "AFFINEUR_PORT to another one."
            )
            raise CannotStartError(message) from error


@contextlib.contextmanager
def alone_with(data: Path) -> Iterator[None]:
    """Hold the data folder's lock: two deployments must not share one."""
    for folder in (data, data / "run", data / "static"):
        folder.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"Another Affineur runs with the data in {data}: stop it first."
            raise CannotStartError(message) from error
        yield


def _migrate(environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        env=environment,
        cwd=HERE,
        check=False,
    )
    if done.returncode:
        message = "The database could not be brought up to date; see above."
        raise CannotStartError(message)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m portal.supervisor", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("AFFINEUR_PORT", "8000")))
    parser.add_argument("--then", metavar="SCRIPT", help="a Python script to run once ready")
    parser.add_argument("--keep", action="store_true", help="stay after the script has ended")
    options = parser.parse_args()
    data = Path(os.environ.get("AFFINEUR_DATA_DIR", HERE / "var")).resolve()
    try:
        with alone_with(data):
            refuse_a_taken_port(options.host, options.port)
            _migrate({**os.environ, "AFFINEUR_DATA_DIR": str(data)})
            return asyncio.run(_main(options, data))
    except CannotStartError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
