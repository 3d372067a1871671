from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.ownership.announcements import Announcement
from portal.ownership.signals import announced
from tests.node import MODULES, free_port, needed, node
from tests.portal.ownership.answers import Answers
from tests.portal.ownership.issuers import SCRIPT, CertifiedIssuer
from tests.portal.ownership.sigstore_kit import SigstoreKit

CALLBACK = "http://testserver/account/oidc/operator/login/callback/"


@pytest.fixture
def answers(settings) -> Iterator[Answers]:
    """GitHub's API and upstream's roles, as a test puts them there."""
    with Answers().serve() as served:
        settings.AFFINEUR_GITHUB_API = served.url
        settings.AFFINEUR_GITHUB_URL = "https://github.example"
        settings.AFFINEUR_UPSTREAM_ROLES = f"{served.url}/pypi/{{name}}/json"
        yield served


@pytest.fixture(scope="session")
def kit() -> SigstoreKit:
    return SigstoreKit()


@pytest.fixture(scope="session")
def trusted_root(kit, tmp_path_factory) -> Path:
    return kit.write_root(tmp_path_factory.mktemp("sigstore") / "trusted_root.json")


@pytest.fixture
def sigstore(kit, trusted_root, settings) -> SigstoreKit:
    settings.AFFINEUR_SIGSTORE_ROOT = str(trusted_root)
    return kit


@pytest.fixture(scope="session")
def certified() -> Iterator[CertifiedIssuer]:
    needed("oidc-provider")
    port = free_port()
    with node(SCRIPT, MODULES, str(port), CALLBACK, port=port) as url:
        yield CertifiedIssuer(url)


@pytest.fixture
def told() -> Iterator[list[Announcement]]:
    """What people were told, in order."""
    heard: list[Announcement] = []

    def hear(announcement: Announcement, **_kwargs: object) -> None:
        heard.append(announcement)

    announced.connect(hear, weak=False)
    yield heard
    announced.disconnect(hear)
