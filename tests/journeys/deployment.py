"""A whole deployment as processes, for journeys: started, killed and stopped by name."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from portal.supervisor import HERE, Service, builder_environment, embedded_environment, services
from tests.servers import answers, free_port, short_folder

PATIENCE_SECONDS = 180.0


@dataclass
class Deployment:
    """Processes of one deployment and an HTTP client that is signed in to it."""

    url: str
    folder: Path
    environment: dict[str, str]
    known: dict[str, Service]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    client: httpx.Client = field(default_factory=httpx.Client)

    def start(self, name: str) -> None:
        environment = self.environment
        if name == "builder":
            environment = builder_environment(environment)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.known[name].argv,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=HERE,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """SIGKILL to the whole process group, as when a machine goes away."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        self.client.close()
        for name in reversed(list(self.processes)):
            process = self.processes[name]
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            self.kill(name)

    def manage(self, *arguments: str) -> str:
        """Run a management command of the deployment; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=self.environment,
            cwd=HERE,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def logs(self) -> str:
        """The end of every process's log, for the message of a failed test."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}"
            for path in sorted(self.folder.glob("*.log"))
        )

    def get(self, path: str, **options: Any) -> Any:
        return self._call("GET", path, **options)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("POST", path, json=body)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        answer = self.client.request(method, f"{self.url}/api/v1/{path}", timeout=60, **options)
        if not answer.is_success:
            message = f"{method} {path}: {answer.status_code} {answer.text}\n{self.logs()}"
            raise AssertionError(message)
        return answer.json() if answer.content else None

    def until[T](self, ask: Callable[[], T], satisfied: Callable[[T], bool]) -> T:
        """Ask again until the answer satisfies; fails with the logs when patience ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not satisfied(value := ask()):
            if time.monotonic() > deadline:
                message = f"still {value!r} after {PATIENCE_SECONDS:.0f} s\n{self.logs()}"
                raise AssertionError(message)
            time.sleep(0.2)
        return value


@functools.cache
def _migrated() -> bytes:
    """A migrated database in a file, made once for all deployments of this process."""
    with short_folder() as folder:
        settings = {
            "AFFINEUR_DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "portal.settings.dev",
        }
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            env={**os.environ, **settings},
            cwd=HERE,
            check=True,
        )
        return (folder / "affineur.sqlite3").read_bytes()


@contextlib.contextmanager
def deployed(
    *, upstream: str, environment: Mapping[str, str] | None = None, builder: bool = True
) -> Iterator[Deployment]:
    """Start everything; an AFFINEUR_BROKER in `environment` takes the embedded broker's place."""
    with short_folder() as folder:
        port = free_port()
        own = {
            "AFFINEUR_DATA_DIR": str(folder / "data"),
            "AFFINEUR_BUILDER_ROOT": str(folder / "builder"),
            "AFFINEUR_BUILDER_SLOTS": "2",
            "AFFINEUR_SYSTEM_PACKAGES": "none",
            "AFFINEUR_UPSTREAM": upstream,
            "AFFINEUR_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "DJANGO_SETTINGS_MODULE": "portal.settings.dev",
            **(environment or {}),
        }
        socket_path = folder / "redis.sock"
        inherited = embedded_environment(
            data=folder / "data", socket_path=socket_path, host="127.0.0.1", port=port
        )
        given = {
            name: value
            for name, value in inherited.items()
            if not name.startswith("AFFINEUR_")
            or name in {"AFFINEUR_INTERPRETERS", "AFFINEUR_BROKER"}
        }
        given["AFFINEUR_BROKER"] = f"redis+socket://{socket_path}"
        known = {
            service.name: service
            for service in services(socket_path=socket_path, host="127.0.0.1", port=port)
        }
        deployment = Deployment(
            url=f"http://127.0.0.1:{port}",
            folder=folder,
            environment={**given, **own},
            known=known,
        )
        for name in ("run", "static"):
            (folder / "data" / name).mkdir(parents=True)
        if "AFFINEUR_DATABASE" in own:
            deployment.manage("migrate", "--verbosity", "0")
        else:
            (folder / "data" / "affineur.sqlite3").write_bytes(_migrated())
        try:
            if "AFFINEUR_BROKER" not in own:
                deployment.start("broker")
            for name in ("web", "control", "watcher", "scheduler"):
                deployment.start(name)
            if builder:
                deployment.start("builder")
            deployment.until(lambda: answers(f"{deployment.url}/healthz"), bool)
            yield deployment
        finally:
            deployment.stop()
