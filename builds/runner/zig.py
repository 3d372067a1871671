"""Which compilers a builder has: the host's, and zig where it is installed."""

import hashlib
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

WRAPPERS = Path(__file__).parent / "inside" / "portable"
"""What builds call in zig's place."""
PROBE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Zig:
    """Zig on a builder. Below `kept` is what it has compiled for every build."""

    folder: Path
    version: str
    kept: Path

    @property
    def edition(self) -> str:
        """Changes with zig and with what it is called with."""
        digest = hashlib.sha256()
        for name in ("cc", "warm"):
            digest.update((WRAPPERS / name).read_bytes())
        return f"{self.version}-{digest.hexdigest()[:12]}"

    def cache(self, machine: str) -> Path:
        """What builds for `machine` begin with."""
        return self.kept / f"{self.edition}-{machine}"


def find_zig(folder: str, *, kept: Path) -> Zig | None:
    """Return the zig in `folder`, or else the one of the package `ziglang`; None without either.

    The program's own `lib` is beside it: builds are shown the whole folder.
    """
    if not folder:
        spec = find_spec("ziglang")
        if spec is None or spec.origin is None:
            return None
        folder = str(Path(spec.origin).parent)
    version = _first_line(Path(folder, "zig"), "version")
    return Zig(Path(folder), version, kept) if version else None


def host_compiler() -> str:
    """What the host's C compiler says that it is; empty where there is none."""
    return _first_line("cc", "--version")


def _first_line(program: str | Path, argument: str) -> str:
    try:
        answer = subprocess.run(
            [program, argument], capture_output=True, text=True, check=True, timeout=PROBE_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.partition("\n")[0].strip()
