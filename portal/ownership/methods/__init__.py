"""The ways to prove ownership, by name.

Another way is another module here: a class with what `base.ProofMethod` asks for, and its
instance in this tuple. Services, pages and the API read the rest from there.
"""

from portal.errors import UnknownProofMethod
from portal.ownership.methods.attestation import Attestation
from portal.ownership.methods.base import ProofMethod
from portal.ownership.methods.release_challenge import ReleaseChallenge

METHODS: tuple[ProofMethod, ...] = (ReleaseChallenge(), Attestation())


def method_named(name: str) -> ProofMethod:
    """Raises `UnknownProofMethod`."""
    for method in METHODS:
        if method.name == name:
            return method
    raise UnknownProofMethod(name, [method.name for method in METHODS])
