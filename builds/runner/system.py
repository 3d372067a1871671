"""What a build needs of the distribution: packages, for this build alone, seen only by it.

They are named by the files that a build missed (`Way.system`), by themselves (`Way.packages`), or
by the sources (PEP 725, `[external]`). Nothing of the project runs while they are got, and nothing
of the packages either: they are unpacked, not installed.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from builds.domain.outcomes import Outcome
from builds.runner.attempt import Attempt
from builds.runner.origins import Packages, UnpackedPackages
from builds.runner.packages import Found, MirrorError, NotInstallableError, Root, SystemPackages

_GENERIC = re.compile(r"(dep|pkg):generic/(?P<name>[A-Za-z0-9][\w.+-]*)([@?#; ].*)?", re.ASCII)
_VIRTUAL = re.compile(r"(dep|pkg):virtual/|virtual:")


@dataclass(frozen=True, slots=True)
class System:
    """What a build is shown and told of system packages: `folder` as `Command.system`."""

    folder: Path | None = None
    flags: tuple[str, ...] = ()
    origins: tuple[Packages, ...] = ()
    """What the folder's libraries come from."""


HOST_ALONE = System()


def provide(
    attempt: Attempt, external: Sequence[str], distribution: SystemPackages | None
) -> System:
    """Get what the way asks for, and of what the sources name what the distribution has."""
    way = attempt.job.way
    named = (*way.system, *way.packages)
    if not named and not external:
        return HOST_ALONE
    if distribution is None:
        if named:
            raise attempt.problem(
                Outcome.REQUIREMENTS_UNRESOLVABLE,
                f"this builder installs no system packages, and the build needs {named[0]}",
            )
        attempt.journal.say(f"the sources name {', '.join(external)}; nothing is added here")
        return HOST_ALONE
    try:
        return _provided(attempt, distribution, external)
    except MirrorError as error:
        raise attempt.problem(Outcome.UPSTREAM_UNREACHABLE, str(error)) from error
    except NotInstallableError as error:
        raise attempt.problem(Outcome.REQUIREMENTS_UNRESOLVABLE, str(error)) from error


def _provided(attempt: Attempt, distribution: SystemPackages, external: Sequence[str]) -> System:
    way, say = attempt.job.way, attempt.journal.say
    found: list[Found] = []
    for file in way.system:
        owned = distribution.find(file, is_live=attempt.is_live)
        if owned is None:
            raise NotInstallableError(f"no package of {distribution.name} owns {file}")
        found.append(owned)
    packages = [*way.packages]
    for url in external:
        named = _mapped(distribution, url, attempt.is_live)
        if isinstance(named, Found):
            found.append(named)
        elif named:
            packages.append(named)
        elif not _VIRTUAL.match(url):
            say(f"{distribution.name} has nothing by the name of {url}")
    for owned in found:
        say(_told(owned))
    packages += [owned.packages[0] for owned in found if owned.packages]
    root = distribution.unpack(packages, is_live=attempt.is_live) if packages else Root()
    attempt.report["system"] = {
        "distribution": distribution.label,
        "files": [asdict(owned) for owned in found],
        "packages": [asdict(package) for package in root.packages],
    }
    versions = (f"{package.name} {package.version}" for package in root.packages)
    say(f"system packages: {', '.join(versions) or 'none that are not here already'}")
    # After all other folders: a header in there must not hide another of the same name.
    folders = dict.fromkeys(owned.folder for owned in found if owned.folder)
    return System(
        root.folder,
        tuple(f"-idirafter/{folder}" for folder in folders),
        (UnpackedPackages(root.folder, root.packages, distribution.label),) if root.folder else (),
    )


def _told(found: Found) -> str:
    if not found.packages:
        return f"{found.file} is on this builder already: /{found.path}"
    chosen, *others = found.packages
    besides = f"; {', '.join(others)} would have it too" if others else ""
    return f"{found.file} is /{found.path} of {chosen}{besides}"


def _mapped(
    distribution: SystemPackages, url: str, is_live: Callable[[], bool]
) -> Found | str | None:
    """What a dependency of PEP 725 is here: a file's owner, or else a package of that name.

    Compilers and the like (`dep:virtual/…`) are the host's.
    """
    match = _GENERIC.fullmatch(url)
    if match is None:
        return None
    name = match["name"].lower()
    for file in (f"{name}.pc", f"lib{name}.pc", name):
        if (found := distribution.find(file, is_live=is_live)) is not None:
            return found
    known = distribution.known([f"lib{name}-dev", f"{name}-dev", name], is_live=is_live)
    return known[0] if known else None
