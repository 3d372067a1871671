"""Who gives workflows their tokens: one made here, and a certified OpenID provider."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.portal.ownership.answers import Answers
from tests.portal.people import AT


class Issuer(Protocol):
    """Gives tokens, as GitHub Actions does: for an audience, with claims of the run."""

    url: str

    def token(self, audience: str, claims: dict[str, Any]) -> str: ...


class OwnIssuer:
    """Signs with a key that it publishes; can sign what no honest issuer would."""

    def __init__(self, answers: Answers) -> None:
        self.url = f"{answers.url}/issuer"
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        published = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        answers.put(
            "/issuer/.well-known/openid-configuration",
            {"issuer": self.url, "jwks_uri": f"{answers.url}/issuer/keys"},
        )
        answers.put("/issuer/keys", {"keys": [published | {"kid": "one", "use": "sig"}]})

    def token(self, audience: Any, claims: dict[str, Any], **changes: Any) -> str:
        standard = {
            "iss": self.url,
            "aud": audience,
            "iat": int(AT.timestamp()),
            "exp": int((AT + timedelta(hours=2)).timestamp()),
            "jti": str(uuid4()),
        }
        payload = {name: value for name, value in (standard | claims | changes).items() if value}
        return jwt.encode(payload, self.key, algorithm="RS256", headers={"kid": "one"})


class CertifiedIssuer:
    """oidc-provider, running (issuer.mjs)."""

    def __init__(self, url: str) -> None:
        self.url = url

    def token(self, audience: str, claims: dict[str, Any]) -> str:
        response = httpx.post(
            f"{self.url}/token",
            auth=("runner", "secret"),
            data={"grant_type": "client_credentials", "resource": audience},
            headers={"X-Claims": json.dumps(claims)},
        )
        return str(response.json()["access_token"])


SCRIPT = Path(__file__).with_name("issuer.mjs")
