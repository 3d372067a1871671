"""The settings that proofs read, as one typed value."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urljoin

from django.conf import settings


@dataclass(frozen=True, slots=True)
class OwnershipConfig:
    public_url: str
    is_development: bool
    actions_issuer: str
    """AFFINEUR_ACTIONS_ISSUER: the issuer of GitHub Actions' tokens, and of the identities in
    the certificates of attestations."""
    sigstore_root: Path | None
    """AFFINEUR_SIGSTORE_ROOT: a trusted root to use instead of Sigstore's own, kept by TUF."""
    github_url: str
    """AFFINEUR_GITHUB_URL: where GitHub's people look."""
    github_api: str
    """AFFINEUR_GITHUB_API"""
    roles_url: str
    """AFFINEUR_UPSTREAM_ROLES: where upstream says who has which role, with `{name}` in it."""
    upstream_providers: frozenset[str]
    """AFFINEUR_UPSTREAM_PROVIDERS: identity providers whose accounts are upstream's accounts."""
    recheck_every: timedelta
    """AFFINEUR_PROOF_RECHECK_SECONDS"""
    contact: str

    def roles_of(self, name: str) -> str:
        return self.roles_url.replace("{name}", quote(name))


def ownership_config() -> OwnershipConfig:
    root = settings.AFFINEUR_SIGSTORE_ROOT
    return OwnershipConfig(
        public_url=settings.AFFINEUR_PUBLIC_URL.rstrip("/"),
        is_development=settings.AFFINEUR_DEVELOPMENT,
        actions_issuer=settings.AFFINEUR_ACTIONS_ISSUER.rstrip("/"),
        sigstore_root=Path(root) if root else None,
        github_url=settings.AFFINEUR_GITHUB_URL.rstrip("/"),
        github_api=settings.AFFINEUR_GITHUB_API.rstrip("/"),
        roles_url=settings.AFFINEUR_UPSTREAM_ROLES
        or urljoin(settings.AFFINEUR_UPSTREAM, "/pypi/{name}/json"),
        upstream_providers=frozenset(settings.AFFINEUR_UPSTREAM_PROVIDERS),
        recheck_every=timedelta(seconds=settings.AFFINEUR_PROOF_RECHECK_SECONDS),
        contact=settings.AFFINEUR_CONTACT,
    )
