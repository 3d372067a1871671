"""What folders and processes take, read from outside the sandbox.

Standard library only, and cheap to import: the supervisor starts with it.
"""

import contextlib
import os

BLOCK = 512
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


class FolderUsage:
    """Bytes on disk and number of files of a folder."""

    def __init__(self) -> None:
        self.size = 0
        self.files = 0

    def exceeds(self, size: int, files: int) -> bool:
        return self.size > size or self.files > files


def folder_usage(folder: str, *, size: int, files: int) -> FolderUsage:
    """What the folder takes; stops counting once it is over `size` bytes or `files` files.

    A tree too deep for a path to name counts as too many files: only an attack makes one.
    """
    usage = FolderUsage()
    seen: set[tuple[int, int]] = set()
    folders = [folder]
    while folders and not usage.exceeds(size, files):
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    facts = entry.stat(follow_symlinks=False)
                    usage.files += 1
                    if facts.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                        if (facts.st_dev, facts.st_ino) in seen:
                            continue
                        seen.add((facts.st_dev, facts.st_ino))
                    usage.size += facts.st_blocks * BLOCK
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    if usage.exceeds(size, files):
                        break
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue  # gone meanwhile, or closed by the command to its own user
        except OSError:
            usage.files = files + 1
    return usage


def deleted_size(pids: list[int], device: int) -> int:
    """Bytes of files on `device` that have no name any more and are held open by `pids`."""
    held: dict[int, int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    facts = os.stat(f"/proc/{pid}/fd/{name}")
                    if facts.st_nlink == 0 and facts.st_dev == device:
                        held[facts.st_ino] = facts.st_blocks * BLOCK
    return sum(held.values())


def hand_over(folder: str, uid: int) -> None:
    """Make `uid` the owner of the folder and of all in it; links are not followed."""
    _own(folder, os.lstat(folder), uid)
    folders = [folder]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                _own(entry.path, entry.stat(follow_symlinks=False), uid)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _own(path: str, facts: os.stat_result, uid: int) -> None:
    if (facts.st_uid, facts.st_gid) != (uid, uid):
        os.lchown(path, uid, uid)


class ProcessUsage:
    """What a list of processes takes together, as far as /proc tells."""

    def __init__(self, pids: list[int]) -> None:
        self.cpu_seconds = 0.0
        """With that of children that were waited for."""
        self.memory = 0
        self.threads = 0
        for pid in pids:
            with contextlib.suppress(OSError):
                fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
                self.cpu_seconds += sum(map(int, fields[11:15])) / TICKS
                self.threads += int(fields[17])
                resident, shared = _read(f"/proc/{pid}/statm").split()[1:3]
                self.memory += (int(resident) - int(shared)) * PAGE


def processes_in(namespace: str) -> list[int]:
    """Processes of a pid namespace, given as `/proc/<pid>/ns/pid` reads."""
    found = []
    for pid in all_processes():
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/ns/pid") == namespace:
                found.append(pid)
    return found


def processes_of(uid: int) -> list[int]:
    """Processes whose real user is `uid`."""
    found = []
    for pid in all_processes():
        with contextlib.suppress(OSError):
            status = _read(f"/proc/{pid}/status")
            if int(status.partition("\nUid:")[2].split(maxsplit=1)[0]) == uid:
                found.append(pid)
    return found


def all_processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
