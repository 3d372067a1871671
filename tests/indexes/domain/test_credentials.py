import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.domain.credentials import token_of


def basic(user, secret):
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_the_password_of_the_token_user_is_the_token(secret):
    assert token_of(basic("__token__", secret)) == secret


@pytest.mark.parametrize("header", ["Bearer affr_x", "bearer  affr_x "])
def test_a_bearer_is_the_token(header):
    assert token_of(header) == "affr_x"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ???",
        "Bearer",
        "Digest x",
        basic("ada", "x"),
        basic("__token__", ""),
    ]
    + ["Basic " + base64.b64encode(b"\xff:\xff").decode()],
)
def test_anything_else_is_no_token(header):
    assert token_of(header) is None
