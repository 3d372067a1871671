"""Says what a wheel of the stable ABI uses beyond it. Runs inside the sandbox, on our own Python.

`stable_abi.py WHEEL`: abi3audit compares its extensions with the version that its tag names
(PEP 384); exits with 1, and a line for each that uses more.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


def report_on(wheel: str) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-I", "-m", "abi3audit", "--strict", "--report"]
        # Its status tells nothing that the report does not.
        subprocess.run([*command, "--output", str(report), wheel], check=False)
        told: dict[str, Any] = json.loads(report.read_text())
        return told


def excesses(report: dict[str, Any]) -> Iterator[str]:
    for spec in report["specs"].values():
        for extension in spec["wheel"]:
            result = extension["result"]
            beyond = [*result["non_abi3_symbols"], *result["future_abi3_objects"]]
            if not (result["is_abi3"] and result["is_abi3_baseline_compatible"]):
                yield (
                    f"error: {extension['name']} is not of the stable ABI of CPython"
                    f" {result['baseline']}: it uses {', '.join(sorted(beyond))}"
                )


def main(wheel: str) -> int:
    found = list(excesses(report_on(wheel)))
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
