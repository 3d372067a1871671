"""The ladder: which way of resolving and building is tried next.

A step is one way: requirements in today's versions or as of the release's date, with remedies
that earlier steps' diagnoses proposed. Cheap ones come first, what failed is never tried again,
and a diagnosis that says that nothing can help is the end.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from builds.domain.diagnosis import Diagnosis
from builds.domain.outcomes import FARM_FAULTS, Outcome
from builds.domain.remedies import (
    APPLICABLE,
    AddBuildRequirement,
    AsOfReleaseDate,
    CapBuildRequirement,
    CompilerFlags,
    HostToolchain,
    LendCApi,
    NotSupportedBySources,
    RegenerateCython,
    RelaxBuildRequirements,
    Remedy,
    ShimModule,
    SystemPackage,
    in_words,
    remedy_from_json,
    remedy_to_json,
)
from builds.domain.rules import DISTRIBUTIONS, FALLBACKS, RULES, Proposal
from builds.domain.ways import HOST, PORTABLE, Way

DECLARED = "declared"
"""The requirements that the project declares, in today's versions."""
AS_OF = "as-of-release"
"""The same, as if it were still the day after the release."""
REMEDIED = "remedied"
"""Either of them, with remedies."""

RUNGS = (DECLARED, AS_OF, REMEDIED)

MOST_ATTEMPTS = 6
"""Of one build; faults of the farm do not count."""
MOST_CPU_SECONDS = 6 * 3600
"""Spent on one release; what is spent beyond it is the last of a build's attempts."""

GRACE = timedelta(days=1)
"""What a release needs is often uploaded right after it."""

INTERPRETER_RELEASED: Mapping[int, datetime] = {
    6: datetime(2016, 12, 23, tzinfo=UTC),
    7: datetime(2018, 6, 27, tzinfo=UTC),
    8: datetime(2019, 10, 14, tzinfo=UTC),
    9: datetime(2020, 10, 5, tzinfo=UTC),
    10: datetime(2021, 10, 4, tzinfo=UTC),
    11: datetime(2022, 10, 24, tzinfo=UTC),
    12: datetime(2023, 10, 2, tzinfo=UTC),
    13: datetime(2024, 10, 7, tzinfo=UTC),
    14: datetime(2025, 10, 7, tzinfo=UTC),
}
"""When CPython 3.x was released (PEP 494, 537, 569, 596, 619, 664, 693, 719, 745).

Before its day nothing knows it; from then on there is a setuptools that does, and that has what
legacy sources get."""

CLIMBING = frozenset(
    {
        Outcome.REQUIREMENTS_UNRESOLVABLE,
        Outcome.BUILD_FAILED,
        Outcome.NO_WHEEL,
        Outcome.HOLLOW_WHEEL,
        Outcome.REPAIR_FAILED,
    }
)
"""Ends that requirements of another time may change, whatever their cause."""

COMPILERS_OWN = frozenset(
    {"common-symbols", "compile-error", "compiler-strictness", "link-error", "undefined-symbol"}
)
"""Codes of failures that another compiler may not have."""


@dataclass(frozen=True, slots=True)
class Step:
    """One way of resolving and building. With a `cutoff`, what was uploaded later is hidden."""

    cutoff: datetime | None = None
    remedies: tuple[Remedy, ...] = ()

    @property
    def rung(self) -> str:
        if self.remedies:
            return REMEDIED
        return DECLARED if self.cutoff is None else AS_OF

    def in_words(self) -> str:
        """Say which way it is, for people.

        >>> Step(None, (AddBuildRequirement("cython<3"),)).in_words()
        'as declared, with cython<3 added'
        """
        time = f"as of {self.cutoff:%Y-%m-%d}" if self.cutoff else "as declared"
        remedies = ", ".join(in_words(remedy) for remedy in self.remedies)
        return f"{time}, with {remedies}" if remedies else time

    @property
    def identity(self) -> tuple[bool, frozenset[Remedy]]:
        """What makes it another step than others."""
        return self.cutoff is not None, frozenset(self.remedies)

    def way_with(self, toolchain: str) -> Way:
        """What a builder is told, where `toolchain` is the farm's own choice.

        Libraries of the distribution's are newer than the systems that the portable toolchain is
        for, so what is linked with them is compiled on the host.
        """
        chosen = toolchain
        if any(isinstance(remedy, HostToolchain | SystemPackage) for remedy in self.remedies):
            chosen = HOST
        return Way(
            rung=self.rung,
            cutoff=self.cutoff.isoformat() if self.cutoff else None,
            requirements=tuple(r.spec for r in self.remedies if isinstance(r, AddBuildRequirement)),
            constraints=tuple(r.spec for r in self.remedies if isinstance(r, CapBuildRequirement)),
            is_relaxed=RelaxBuildRequirements() in self.remedies,
            flags=tuple(
                flag
                for remedy in self.remedies
                if isinstance(remedy, CompilerFlags)
                for flag in remedy.flags.split()
            ),
            shims=tuple(r.name for r in self.remedies if isinstance(r, ShimModule)),
            lends_c_api=LendCApi() in self.remedies,
            cython=next((r.spec for r in self.remedies if isinstance(r, RegenerateCython)), ""),
            system=tuple(r.owns for r in self.remedies if isinstance(r, SystemPackage)),
            toolchain=chosen,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "rung": self.rung,
            "cutoff": self.cutoff.isoformat() if self.cutoff else None,
            "remedies": [remedy_to_json(remedy) for remedy in self.remedies],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` wrote; the first step for an attempt that holds none."""
        cutoff = value.get("cutoff")
        return cls(
            datetime.fromisoformat(cutoff) if cutoff else None,
            tuple(remedy_from_json(remedy) for remedy in value.get("remedies", [])),
        )


FIRST = Step()


@dataclass(frozen=True, slots=True)
class Tried:
    """A step that was taken, and how it ended."""

    step: Step
    outcome: Outcome
    diagnosis: Diagnosis
    toolchain: str = HOST
    """What has compiled, as the builder tells."""

    @property
    def may_do_better_on_the_host(self) -> bool:
        """Whether the portable toolchain may be what failed."""
        is_unknown = not self.diagnosis.is_known and self.outcome in CLIMBING | {
            Outcome.IMPORT_FAILED
        }
        return self.toolchain == PORTABLE and (is_unknown or self.diagnosis.code in COMPILERS_OWN)


@dataclass(frozen=True, slots=True)
class Won:
    """A step that gave a wheel on CPython 3.`minor`."""

    step: Step
    minor: int


@dataclass(frozen=True, slots=True)
class Sources:
    """What the ladder knows of a release and its target."""

    minor: int
    """Of the target's CPython 3."""
    uploaded_at: datetime | None = None
    has_pyx: bool = False
    """Whether there are Cython sources."""
    cpu_seconds: float = 0
    """Spent on the release, on all of its targets."""

    def as_of(self, at: datetime) -> datetime | None:
        """The release's own time, as seen at `at`; None where that is no other than today."""
        released = INTERPRETER_RELEASED.get(self.minor)
        if self.uploaded_at is None or released is None:
            return None
        cutoff = max(self.uploaded_at + GRACE, released)
        return cutoff if cutoff < at else None


def next_step(
    history: Sequence[Tried], *, sources: Sources, at: datetime, won: Sequence[Won] = ()
) -> Step | None:
    """Return the step to take next, or `None` when nothing is left that could help.

    `won` has what gave wheels of the release's other targets, or of its neighbours, the nearest
    kin first: that is tried first. A fault of the farm says nothing: its step is taken again.
    """
    told = [tried for tried in history if tried.outcome not in FARM_FAULTS]
    taken = {tried.step.identity for tried in told}
    if len(told) >= MOST_ATTEMPTS or (told and sources.cpu_seconds > MOST_CPU_SECONDS):
        return None
    if not told:
        return _inherited(won, sources, at) or FIRST
    if FIRST.identity not in taken:
        return FIRST
    if _is_final(told[-1], sources):
        return None
    # Deeper from the last one; when it leads nowhere, what earlier ones proposed besides.
    for tried in reversed(told):
        for step in _proposed(tried, sources, at):
            if step.identity not in taken:
                return step
    return None


def proof_against(history: Sequence[Tried], *, sources: Sources) -> Tried | None:
    """Return the step that proves that these sources cannot work on the target, if one does.

    To be asked once nothing is left to try.
    """
    for tried in history:
        for proposal in _useful(tried.diagnosis, sources):
            if isinstance(proposal.remedies[0], NotSupportedBySources):
                return tried
    return None


def _inherited(won: Iterable[Won], sources: Sources, at: datetime) -> Step | None:
    for winner in won:
        step = winner.step
        if not all(_helps_on(remedy, sources.minor) for remedy in step.remedies):
            continue
        if step.cutoff is not None:
            cutoff = sources.as_of(at)
            if cutoff is None:
                continue
            # Each interpreter, and each release, has a time of its own.
            step = replace(step, cutoff=cutoff)
        return step
    return None


def _helps_on(remedy: Remedy, minor: int) -> bool:
    proposals = [proposal for rule in (*RULES, *FALLBACKS) for proposal in rule.proposals]
    proposals += [proposal for known in DISTRIBUTIONS.values() for proposal in known]
    naming = [proposal for proposal in proposals if remedy in proposal.remedies]
    # What a log line named stands in no rule by itself.
    return not naming or any(proposal.oldest <= minor <= proposal.newest for proposal in naming)


def _is_final(tried: Tried, sources: Sources) -> bool:
    """Whether no other way of building can change how this one ended."""
    if tried.may_do_better_on_the_host:
        return False
    if not tried.diagnosis.is_known:
        return tried.outcome not in CLIMBING
    useful = _useful(tried.diagnosis, sources)
    if not useful:
        # A remedy that leads nowhere says nothing of the other ones.
        return not tried.step.remedies
    return isinstance(useful[0].remedies[0], NotSupportedBySources)


def _useful(diagnosis: Diagnosis, sources: Sources) -> list[Proposal]:
    """Proposals that can be followed here, up to the one that says to stop."""
    useful: list[Proposal] = []
    for proposal in diagnosis.proposals:
        if not proposal.helps(minor=sources.minor, has_pyx=sources.has_pyx):
            continue
        kinds = (*APPLICABLE, AsOfReleaseDate)
        is_end = isinstance(proposal.remedies[0], NotSupportedBySources)
        if is_end or all(isinstance(remedy, kinds) for remedy in proposal.remedies):
            useful.append(proposal)
        if is_end:
            break
    return useful


def _proposed(tried: Tried, sources: Sources, at: datetime) -> Iterator[Step]:
    if tried.may_do_better_on_the_host:
        yield replace(tried.step, remedies=(*tried.step.remedies, HostToolchain()))
    if not tried.diagnosis.is_known:
        proposals = [Proposal((AsOfReleaseDate(),), 0.5)] if tried.outcome in CLIMBING else []
    else:
        proposals = _useful(tried.diagnosis, sources)
    for proposal in proposals:
        if isinstance(proposal.remedies[0], NotSupportedBySources):
            return
        step = _with(tried.step, proposal, sources, at)
        if step is not None:
            yield step


def _with(step: Step, proposal: Proposal, sources: Sources, at: datetime) -> Step | None:
    cutoff, remedies = step.cutoff, list(step.remedies)
    for remedy in proposal.remedies:
        match remedy:
            case AsOfReleaseDate():
                cutoff = sources.as_of(at)
                if cutoff is None:
                    return None
            case RegenerateCython():
                # One Cython writes the sources.
                remedies = [r for r in remedies if not isinstance(r, RegenerateCython)]
                remedies.append(remedy)
            case _ if remedy not in remedies:
                remedies.append(remedy)
            case _:
                pass
    return Step(cutoff, tuple(remedies))
