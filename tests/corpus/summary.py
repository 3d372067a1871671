"""What a run over a corpus comes to."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from builds.domain.diagnosis import UNKNOWN


def summarise(told: Mapping[str, Mapping[str, Any]], *, peer: str) -> dict[str, Any]:
    """Return counts and shares of releases, and how long their first wheels took.

    `peer` is the tag of the interpreter that `pip wheel` ran on.
    """
    releases = [release for release in told.values() if "missing" not in release]
    targets = [target for release in releases for target in release["targets"].values()]
    built = [release for release in releases if first_wheel(release)]
    on_peer = [r for r in releases if r["targets"].get(peer, {}).get("wheel")]
    by_pip = [r for r in releases if r["pip"] and r["pip"]["wheel"]]
    hollow = [r for r in by_pip if is_hollow(r, peer)]
    ratios = [
        seconds_of(release["targets"][peer]) / release["pip"]["seconds"]
        for release in on_peer
        if release in by_pip and release not in hollow
    ]
    again = [target for target in targets if "again" in target]
    return {
        "releases": len(releases),
        "missing upstream": len(told) - len(releases),
        "with a wheel": len(built),
        "with a wheel, share": _share(len(built), len(releases)),
        f"with a wheel on {peer}": len(on_peer),
        f"with a wheel on {peer}, share": _share(len(on_peer), len(releases)),
        "pip wheel exits 0 with a wheel": len(by_pip),
        "of these hollow": len(hollow),
        "failures without a diagnosis": sum(t.get("diagnosis") == UNKNOWN for t in targets),
        "both build": len(ratios),
        "median of our time / pip wheel's": round(median(ratios), 2) if ratios else None,
        "attempts": sum(len(target["attempts"]) for target in targets),
        "built again": len(again),
        "with other bytes": sum(t["again"]["sha256"] != t["wheel"]["sha256"] for t in again),
    }


def first_wheel(release: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return the tag and the result of the interpreter that gave a wheel."""
    return next(((tag, t) for tag, t in release["targets"].items() if t.get("wheel")), None)


def is_hollow(release: Mapping[str, Any], peer: str) -> bool:
    """Whether the wheel of `pip wheel` lacks an extension that ours for the same Python has."""
    ours = release["targets"].get(peer, {}).get("wheel") or {}
    return not set(ours.get("extensions", ())) <= set(release["pip"].get("extensions", ()))


def seconds_of(target: Mapping[str, Any]) -> float:
    """Of all attempts at a target, failed ones included."""
    return float(sum(attempt["seconds"] for attempt in target["attempts"]))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None
