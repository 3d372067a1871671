"""Real pip and uv with an organisation's private index, and with upstream's pages proxied."""

import pytest

from indexes.domain.curation import Rules
from indexes.services.curated import Terms, add_reader_token, create_index
from tests.indexes.conftest import NOW
from tests.indexes.test_clients import CLIENTS, make_wheel, site

__all__ = ["site"]
SECRET = "affr_secret"


@pytest.fixture
def private(site):
    """A private index of the site, by its address with the token and without."""
    terms = Terms(["demo"], is_private=True, rules=Rules(without_superseded=True))
    create_index(tenant="acme", slug="tools", terms=terms, at=NOW)
    add_reader_token(
        tenant="acme", name="ci", prefix="affr_s", secret=SECRET, expires_at=None, at=NOW
    )
    address = f"{site}/o/acme/tools/simple/"
    return address, address.replace("://", f"://__token__:{SECRET}@")


@CLIENTS
def test_a_client_with_a_token_installs_from_a_private_index(private, tmp_path, install):
    _, with_token = private
    done = install(with_token, tmp_path / "target", "demo")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / "demo.py").read_text() == "made_by = 'affineur'\n"


@CLIENTS
def test_without_one_it_is_turned_away(private, tmp_path, install):
    without, _ = private
    for address in (without, without.replace("://", "://__token__:affr_wrong@")):
        done = install(address, tmp_path / "target", "demo")
        assert done.returncode != 0
        assert not (tmp_path / "target" / "demo.py").exists()


@CLIENTS
def test_a_client_installs_what_is_proxied(site, upstream, settings, tmp_path, install):
    settings.AFFINEUR_OVERLAY_UNKNOWN = "proxy"
    upstream.add_file("gift", "gift-1.0-py3-none-any.whl", make_wheel(tmp_path, "gift"))
    done = install(f"{site}/simple/", tmp_path / "target", "gift")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / "gift.py").exists()
