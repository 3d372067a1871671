"""What failures of different projects have in common: a cause that nothing solves yet."""

from builds.domain.diagnosis import Diagnosis, fingerprint
from builds.domain.outcomes import FARM_FAULTS, Outcome
from builds.domain.remedies import SystemPackage

LONGEST = 400
"""Letters of a cause."""


def cause_of(diagnosis: Diagnosis, *, stage: str, outcome: Outcome) -> str:
    """Return what a failure is clustered by; empty for faults of the farm.

    One that no rule explains goes by its fingerprint. Another goes by its code and the file that
    it misses; without one, by its code and what its line has in common with others.

    >>> from builds.domain.diagnosis import diagnose
    >>> line, failed = "a.c:1:10: fatal error: foo.h: No such file or directory", "build-failed"
    >>> cause_of(diagnose(line, stage="build", outcome=Outcome(failed)), stage="build",
    ...          outcome=Outcome(failed))
    'missing-header: foo.h'
    """
    if outcome in FARM_FAULTS:
        return ""
    if diagnosis.fingerprint:
        return diagnosis.fingerprint[:LONGEST]
    missing = [
        remedy.owns
        for proposal in diagnosis.proposals
        for remedy in proposal.remedies
        if isinstance(remedy, SystemPackage)
    ]
    common = missing[0] if missing else fingerprint(diagnosis.evidence, stage, outcome)
    return f"{diagnosis.code}: {common}"[:LONGEST]
