"""Each page in each state answers, with words, to who may see it and to nobody else."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.portal.web.scenes import Farm

PUBLIC = [
    ("home", None, "Wheels that PyPI does not have"),
    ("builds", None, "python-levenshtein 0.27.1"),
    ("status", None, "builder-1"),
    ("about", None, "Only with consent"),
    ("agreements", None, "Building and running your project"),
]


@pytest.mark.parametrize(("page", "argument", "words"), PUBLIC)
def test_anyone_can_read(client: Client, farm: Farm, page, argument, words):
    response = client.get(reverse(f"web:{page}", args=[argument] if argument else []))
    assert response.status_code == 200
    assert words in response.content.decode()
