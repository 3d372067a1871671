"""The only writer of accounts and tokens."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.urls import NoReverseMatch, reverse

from portal.accounts.models import ApiToken, User
from portal.accounts.scopes import Scope
from portal.errors import (
    DevelopmentOnly,
    InvalidToken,
    InvalidUsername,
    UnknownScope,
    UsernameTaken,
)
from portal.ledger.services import record

TOKEN_PREFIX = "aff_"  # noqa: S105  # the mark that secret scanners look for, no secret
_SHOWN = len(TOKEN_PREFIX) + 6
_USE_WRITTEN_EVERY = timedelta(minutes=1)
_NAME_LENGTH = 80
DEVELOPMENT = "development"
"""The way in of a development deployment, which is a page of our own."""


@dataclass(frozen=True, slots=True)
class SignInMethod:
    """A way in, or why it is closed. `url` is None exactly when it is."""

    id: str
    name: str
    url: str | None
    available: bool
    explanation: str

    @property
    def is_elsewhere(self) -> bool:
        """Whether somebody else asks who one is: it is begun by a form, and goes there at once."""
        return self.id != DEVELOPMENT


@transaction.atomic
def issue_token(
    *, user: User, name: str, scopes: Sequence[str], expires_at: datetime | None, at: datetime
) -> tuple[ApiToken, str]:
    """A new token, and its secret: the only time it is known. Scopes are `Scope` values."""
    known = [scope.value for scope in Scope]
    unknown = [scope for scope in scopes if scope not in known]
    if unknown or not scopes:
        raise UnknownScope(unknown, known)
    name = name.strip()
    if not name or len(name) > _NAME_LENGTH:
        raise InvalidToken(f"it needs a name of at most {_NAME_LENGTH} characters")
    if expires_at is not None and expires_at <= at:
        raise InvalidToken("it would expire before it could be used; choose a later time")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        prefix=secret[:_SHOWN],
        token_hash=_hash(secret),
        scopes=[scope for scope in known if scope in scopes],
        created_at=at,
        expires_at=expires_at,
    )
    facts = {
        "token": str(token.pk),
        "scopes": token.scopes,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }
    record(actor=user.username, verb="token-issued", project="", facts=facts, at=at)
    return token, secret


@transaction.atomic
def revoke_token(*, token: ApiToken, by: User, at: datetime) -> None:
    """End a token at once; a second time changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=at):
        facts = {"token": str(token.pk)}
        record(actor=by.username, verb="token-revoked", project="", facts=facts, at=at)
    token.refresh_from_db(fields=["revoked_at"])


def authenticate_token(*, secret: str, at: datetime) -> ApiToken | None:
    """The live token of that secret, whose user may act; writes its use once a minute at most."""
    token = (
        ApiToken.objects.select_related("user")
        .filter(token_hash=_hash(secret), revoked_at=None)
        .filter(Q(expires_at=None) | Q(expires_at__gt=at))
        .first()
    )
    if token is None or not may_act(token.user):
        return None
    if token.user.is_staff and not has_mfa(token.user):
        return None
    if token.last_used_at is None or token.last_used_at <= at - _USE_WRITTEN_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=at)
        token.last_used_at = at
    return token


@transaction.atomic
def development_sign_in(*, username: str, at: datetime) -> User:
    """The development user of that name, made on first sight; never somebody else's account."""
    if not settings.AFFINEUR_DEVELOPMENT:
        raise DevelopmentOnly("Signing in by name alone")
    user = User.objects.filter(username=username).first()
    if user is None:
        if username.lower() in settings.ACCOUNT_USERNAME_BLACKLIST:
            raise UsernameTaken(username)
        user = User(username=username, signed_in_for_development=True, date_joined=at)
        user.set_unusable_password()
        try:
            user.clean_fields()
        except ValidationError as error:
            raise InvalidUsername(username) from error
        user.save()
    if not user.signed_in_for_development or user.is_staff or not user.is_active:
        raise UsernameTaken(username)
    return user


def may_act(user: User) -> bool:
    """Whether this account may sign in or be acted for, on this deployment."""
    is_of_this_deployment = settings.AFFINEUR_DEVELOPMENT or not user.signed_in_for_development
    return user.is_active and is_of_this_deployment


def has_mfa(user: User | AnonymousUser) -> bool:
    """Whether a second factor is set up; recovery codes alone are none."""
    factors = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return bool(get_mfa_adapter().is_mfa_enabled(user, types=factors))


def is_administrator(user: User) -> bool:
    """Staff that may act, with a second factor."""
    return user.is_staff and may_act(user) and has_mfa(user)


def sign_in_methods() -> list[SignInMethod]:
    """Every way in, those that are closed with the reason; development's only where it is."""
    methods = [_github(), _pypi()]
    if settings.AFFINEUR_OIDC_SERVER:
        methods.append(_operator())
    if settings.AFFINEUR_DEVELOPMENT:
        methods.append(_development())
    return methods


def _github() -> SignInMethod:
    if not settings.AFFINEUR_GITHUB_CLIENT_ID:
        return _closed(
            "github", "GitHub", "The operator of this deployment has not set up GitHub sign-in."
        )
    return _open("github", "GitHub", reverse("github_login"), "We learn your GitHub name only.")


def _pypi() -> SignInMethod:
    if not settings.AFFINEUR_PYPI_OIDC_SERVER:
        return _closed(
            "pypi",
            "PyPI",
            "PyPI does not sign people in elsewhere today, so this is switched off. Sign in another"
            " way; that you own a project on PyPI you show by a release challenge.",
        )
    url = reverse("openid_connect_login", kwargs={"provider_id": "pypi"})
    return _open("pypi", "PyPI", url, "We learn your PyPI name only.")


def _operator() -> SignInMethod:
    url = reverse("openid_connect_login", kwargs={"provider_id": "operator"})
    name = settings.AFFINEUR_OIDC_NAME
    return _open("operator", name, url, f"We learn your name at {name} only.")


def _development() -> SignInMethod:
    name = "A name, for development"
    try:
        url = reverse("development-sign-in")
    except NoReverseMatch:
        return _closed(DEVELOPMENT, name, "The addresses were read before the setting changed.")
    return _open(
        DEVELOPMENT,
        name,
        url,
        "Anyone can be anyone here. What is done this way is marked so for ever.",
    )


def _open(method: str, name: str, url: str, explanation: str) -> SignInMethod:
    return SignInMethod(id=method, name=name, url=url, available=True, explanation=explanation)


def _closed(method: str, name: str, explanation: str) -> SignInMethod:
    return SignInMethod(id=method, name=name, url=None, available=False, explanation=explanation)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
