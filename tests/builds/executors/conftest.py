"""Sandboxes for tests: each test process has a user of its own, and says what it left."""

import contextlib
import os
import sys
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from builds.domain.limits import MEBIBYTE, Limits
from builds.executors.base import Command, Mount, Status
from builds.executors.groups import find_hierarchy
from builds.executors.sandbox import SandboxExecutor, group_name, remove_tree
from builds.executors.usage import all_processes, processes_of

IS_ROOT = os.geteuid() == 0
FIRST_UID = 200_000
SLOTS = 4
MARK = "AFFINEUR_MARK"


def slot_uid(slot=0):
    """A user that neither a builder nor another test process has; None for an ordinary user."""
    return FIRST_UID + SLOTS * os.getpid() + slot if IS_ROOT else None


def python_mounts():
    prefix = Path(sys.base_prefix)
    return () if prefix.is_relative_to("/usr") else (Mount(prefix, prefix),)


PYTHON = str(Path(sys.executable).resolve())


@dataclass(frozen=True)
class Result:
    text: str
    status: Status


class Sandbox:
    """An executor, a work folder, and what a test wants to ask of them."""

    def __init__(self, root, hierarchy, slot=0):
        self.root = root
        self.slot = slot
        self.work = root / f"work-{slot}"
        self.work.mkdir()
        self.uid = slot_uid(slot)
        self.hierarchy = hierarchy
        self.mark = f"{MARK}={uuid.uuid4()}"
        self.executor = SandboxExecutor(root, slot, self.uid, find_hierarchy=lambda: hierarchy)

    def start(self, argv, *, mounts=(), index_socket=None, system=None, environment=None, **limits):
        name, _, value = self.mark.partition("=")
        return self.executor.start(
            Command(
                argv=argv,
                work=self.work,
                environment={"PATH": "/usr/bin:/bin", name: value} | (environment or {}),
                mounts=mounts,
                index_socket=index_socket,
                system=system,
                limits=small_limits(**limits),
            )
        )

    def run(self, argv, **options):
        handle = self.start(argv, **options)
        text = b"".join(handle.output()).decode(errors="replace")
        return Result(text, handle.wait())

    def start_python(self, code, *, mounts=(), **options):
        argv = [PYTHON, "-I", "-S", "-u", "-c", code]
        return self.start(argv, mounts=(*python_mounts(), *mounts), **options)

    def python(self, code, **options):
        handle = self.start_python(code, **options)
        text = b"".join(handle.output()).decode(errors="replace")
        return Result(text, handle.wait())

    def shell(self, script, **options):
        return self.run(["/bin/sh", "-c", script], **options)

    def processes(self):
        """What is alive of this sandbox, by its user and by the mark in its environment."""
        found = set(processes_of(self.uid)) if self.uid else set()
        for pid in all_processes():
            with contextlib.suppress(OSError):
                if self.mark.encode() in Path(f"/proc/{pid}/environ").read_bytes():
                    found.add(pid)
        return sorted(found)

    def groups(self):
        parents = self.hierarchy.parents.values() if self.hierarchy else ()
        name = group_name(self.root, self.slot)
        return [str(group) for parent in parents if (group := Path(parent, name)).exists()]


def small_limits(**changes):
    """Limits that a test reaches within a second; those it does not mean are out of the way."""
    return Limits(
        **{
            "wall_seconds": 20,
            "cpu_seconds": 20,
            "silence_seconds": 20,
            "memory": 256 * MEBIBYTE,
            "processes": 64,
            "disk": 64 * MEBIBYTE,
            "inodes": 5000,
            "log": MEBIBYTE,
            "log_flood": 16 * MEBIBYTE,
        }
        | changes
    )


def mounts_of_the_host():
    return Path("/proc/self/mountinfo").read_text()


@pytest.fixture
def open_folder():
    """A folder that anybody may enter, as pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="affineur-test-"))
    folder.chmod(0o755)
    yield folder
    remove_tree(folder)


@pytest.fixture(params=["grouped", "polled"])
def hierarchy(request):
    """Limits by control groups, and by what there is without any."""
    if request.param == "polled":
        return None
    found = find_hierarchy()
    if found is None:
        pytest.skip("no control group can be made here: limits are polled")
    return found


@pytest.fixture
def sandbox(open_folder, hierarchy):
    """A sandbox of which nothing may be left when the test is over."""
    root = open_folder / "builder"
    root.mkdir()
    made = Sandbox(root, hierarchy)
    yield made
    assert made.processes() == []
    assert made.groups() == []
    assert str(root) not in mounts_of_the_host()
