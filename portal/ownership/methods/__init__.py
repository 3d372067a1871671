"""The ways to prove ownership, by name.

Another way is another module here: a class with what `base.ProofMethod` asks for, and its
instance in this tuple. Services, pages and the API read the rest from there.
"""

from portal.errors import UnknownProofMethod
from portal.ownership.methods.actions_token import ActionsToken
from portal.ownership.methods.attestation import Attestation
from portal.ownership.methods.attested_repository import AttestedRepository
from portal.ownership.methods.base import ProofMethod
from portal.ownership.methods.consent_as_code import ConsentAsCode
from portal.ownership.methods.release_challenge import ReleaseChallenge
from portal.ownership.methods.repository_file import RepositoryFile
from portal.ownership.methods.staff_review import StaffReview
from portal.ownership.methods.upstream_roles import UpstreamRoles
from portal.ownership.methods.upstream_sign_in import UpstreamSignIn

METHODS: tuple[ProofMethod, ...] = (
    ActionsToken(),
    ReleaseChallenge(),
    UpstreamSignIn(),
    StaffReview(),
    AttestedRepository(),
    UpstreamRoles(),
    RepositoryFile(),
    ConsentAsCode(),
    Attestation(),
)
"""The easiest of the sufficient ones first, then what counts beside another."""


def method_named(name: str) -> ProofMethod:
    """Raises `UnknownProofMethod`."""
    for method in METHODS:
        if method.name == name:
            return method
    raise UnknownProofMethod(name, [method.name for method in METHODS])
