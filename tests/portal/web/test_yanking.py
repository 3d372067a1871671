"""The button that yanks one bad wheel, and the one that takes it back."""

import pytest
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from tests.portal.web.scenes import Farm
from tests.portal.web.test_every_page import words_of


@pytest.fixture
def release(farm: Farm) -> str:
    return reverse("web:release", args=[farm.project.name, farm.file.version])


@pytest.fixture
def path(farm: Farm) -> str:
    return reverse("web:yank", args=[farm.file.filename])


def test_an_owner_yanks_from_the_releases_page_and_takes_it_back(
    owner_client: Client, farm: Farm, release, path
):
    assert path in owner_client.get(release).content.decode()
    assert "What will happen, at once" in words_of(owner_client.get(path))
    told = owner_client.post(path, {"reason": "It crashes.", "rebuild": "on"}, follow=True)
    assert "is yanked" in words_of(told)
    assert "It crashes." in words_of(owner_client.get(release))
    assert "Take the yank back" in words_of(owner_client.get(path))
    farm.file.refresh_from_db()
    assert farm.file.is_to_be_remade
    owner_client.post(reverse("web:unyank", args=[farm.file.filename]))
    farm.file.refresh_from_db()
    assert farm.file.decision == ""


def test_it_takes_a_reason(owner_client: Client, path):
    assert owner_client.post(path, {"reason": " "}).status_code == 400


def test_others_see_no_button_and_are_told_why(stranger: User, client: Client, release, path):
    assert path not in client.get(release).content.decode()
    assert client.get(path)["Location"].startswith(reverse("account_login"))
    client.force_login(stranger, backend="portal.accounts.backends.AccountBackend")
    assert path not in client.get(release).content.decode()
    for response in (client.get(path), client.post(path, {"reason": "x"})):
        assert response.status_code == 403
        assert "prove it first" in words_of(response)
