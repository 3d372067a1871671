"""Every expected error as HTTP: one table, one shape (RFC 9457, problem details)."""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any

from django.conf import settings
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from builds.errors import BuildsError
from indexes.errors import IndexesError
from portal.errors import PortalError

MEDIA_TYPE = "application/problem+json"

STATUS_OF: Mapping[str, HTTPStatus] = {
    # What was sent cannot be used.
    "evidence-refused": HTTPStatus.BAD_REQUEST,
    "invalid-appeal": HTTPStatus.BAD_REQUEST,
    "invalid-consent": HTTPStatus.BAD_REQUEST,
    "invalid-index": HTTPStatus.BAD_REQUEST,
    "invalid-organisation": HTTPStatus.BAD_REQUEST,
    "invalid-decision": HTTPStatus.BAD_REQUEST,
    "invalid-delegation": HTTPStatus.BAD_REQUEST,
    "invalid-threshold": HTTPStatus.BAD_REQUEST,
    "link-invalid": HTTPStatus.BAD_REQUEST,
    "invalid-project-name": HTTPStatus.BAD_REQUEST,
    "invalid-report": HTTPStatus.BAD_REQUEST,
    "invalid-specifiers": HTTPStatus.BAD_REQUEST,
    "invalid-token": HTTPStatus.BAD_REQUEST,
    "invalid-username": HTTPStatus.BAD_REQUEST,
    "invalid-version": HTTPStatus.BAD_REQUEST,
    "invalid-webhook": HTTPStatus.BAD_REQUEST,
    "licence-needed": HTTPStatus.BAD_REQUEST,
    "not-one-licence": HTTPStatus.BAD_REQUEST,
    "licence-refused": HTTPStatus.BAD_REQUEST,
    "no-address": HTTPStatus.BAD_REQUEST,
    "no-organisation": HTTPStatus.BAD_REQUEST,
    "proof-fact-missing": HTTPStatus.BAD_REQUEST,
    "reason-needed": HTTPStatus.BAD_REQUEST,
    "recipe-invalid": HTTPStatus.BAD_REQUEST,
    "rule-invalid": HTTPStatus.BAD_REQUEST,
    "unknown-agreement": HTTPStatus.BAD_REQUEST,
    "unknown-channel": HTTPStatus.BAD_REQUEST,
    "unknown-member": HTTPStatus.BAD_REQUEST,
    "unknown-proof-method": HTTPStatus.BAD_REQUEST,
    "unknown-role": HTTPStatus.BAD_REQUEST,
    "unknown-scope": HTTPStatus.BAD_REQUEST,
    "unknown-target": HTTPStatus.BAD_REQUEST,
    "unsubscribe-invalid": HTTPStatus.BAD_REQUEST,
    # Somebody else's turn, or another step first.
    "administrator-needed": HTTPStatus.FORBIDDEN,
    "another-administrator-needed": HTTPStatus.FORBIDDEN,
    "another-moderator-needed": HTTPStatus.FORBIDDEN,
    "consent-needed": HTTPStatus.FORBIDDEN,
    "development-only": HTTPStatus.FORBIDDEN,
    "moderator-needed": HTTPStatus.FORBIDDEN,
    "not-impartial": HTTPStatus.FORBIDDEN,
    "modification-not-accepted": HTTPStatus.FORBIDDEN,
    "not-your-consent": HTTPStatus.FORBIDDEN,
    "not-yours-to-appeal": HTTPStatus.FORBIDDEN,
    "proof-needed": HTTPStatus.FORBIDDEN,
    "role-needed": HTTPStatus.FORBIDDEN,
    "unknown-project": HTTPStatus.NOT_FOUND,
    # The world is not what the sender took it for.
    "agreement-changed": HTTPStatus.CONFLICT,
    "agreement-not-accepted": HTTPStatus.CONFLICT,
    "append-only": HTTPStatus.CONFLICT,
    "appeal-too-late": HTTPStatus.CONFLICT,
    "appealed-already": HTTPStatus.CONFLICT,
    "cannot-be-undone": HTTPStatus.CONFLICT,
    "case-not-ready": HTTPStatus.CONFLICT,
    "consent-ended": HTTPStatus.CONFLICT,
    "consent-objected": HTTPStatus.CONFLICT,
    "nothing-kept": HTTPStatus.CONFLICT,
    "nothing-to-replay": HTTPStatus.CONFLICT,
    "index-name-taken": HTTPStatus.CONFLICT,
    "invitation-over": HTTPStatus.CONFLICT,
    "last-owner": HTTPStatus.CONFLICT,
    "member-already": HTTPStatus.CONFLICT,
    "not-yanked-here": HTTPStatus.CONFLICT,
    "not-yankable": HTTPStatus.CONFLICT,
    "objection-overruled": HTTPStatus.CONFLICT,
    "organisation-taken": HTTPStatus.CONFLICT,
    "consent-state": HTTPStatus.CONFLICT,
    "refusal-stands": HTTPStatus.CONFLICT,
    "proof-method-closed": HTTPStatus.CONFLICT,
    "consents-suspended": HTTPStatus.CONFLICT,
    "username-taken": HTTPStatus.CONFLICT,
    "yanked-by-moderators": HTTPStatus.CONFLICT,
    # Later, or slower.
    "checked-just-now": HTTPStatus.TOO_MANY_REQUESTS,
    "link-sent-just-now": HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-invitations": HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-lookups": HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-reports": HTTPStatus.TOO_MANY_REQUESTS,
    # Upstream, storage, and whom we ask for evidence.
    "upstream-doubtful": HTTPStatus.BAD_GATEWAY,
    "upstream-invalid": HTTPStatus.BAD_GATEWAY,
    "evidence-unreachable": HTTPStatus.SERVICE_UNAVAILABLE,
    "letter-not-sent": HTTPStatus.SERVICE_UNAVAILABLE,
    "storage-unreachable": HTTPStatus.SERVICE_UNAVAILABLE,
    "upstream-unreachable": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""By the `code` of an expected error of any floor; any other is a fault of ours (500)."""

type ExpectedError = IndexesError | BuildsError | PortalError


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Django REST framework's exception handler; what is not expected stays a server error."""
    if isinstance(error, IndexesError | BuildsError | PortalError):
        if error.code not in STATUS_OF:
            return None
        return _problem(
            status=status_of(error), code=error.code, detail=str(error), facts=facts_of(error)
        )
    response = exception_handler(error, context)
    if response is None:
        return None
    problem = _problem_of_framework(error, response)
    for name, value in response.items():
        problem.headers.setdefault(name, value)
    return problem


def status_of(error: ExpectedError) -> HTTPStatus:
    return STATUS_OF.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)


def facts_of(error: Exception) -> dict[str, Any]:
    """The attributes of an error that read as plain JSON; rows and the like stay inside."""
    return {name: value for name, value in vars(error).items() if _is_plain(value)}


def title_of(code: str) -> str:
    return code.replace("-", " ").capitalize()


def _is_plain(value: object) -> bool:
    match value:
        case None | bool() | int() | float() | str() | date():
            return True
        case list() | tuple():
            return all(_is_plain(item) for item in value)
        case dict():
            return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
        case _:
            return False


def _problem_of_framework(error: Exception, response: Response) -> Response:
    status = HTTPStatus(response.status_code)
    if isinstance(error, ValidationError):
        return _problem(
            status=status,
            code="invalid",
            detail="Some of what was sent cannot be used; `errors` says which, and why.",
            errors=_by_field(error.detail),
        )
    codes = error.get_codes() if isinstance(error, APIException) else None
    code = codes if isinstance(codes, str) else status.phrase.lower().replace(" ", "-")
    return _problem(
        status=status,
        code=code.replace("_", "-"),
        detail=str(response.data.get("detail", status.description)),
    )


def _by_field(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """Nested complaints as `field.subfield` → messages; "" is the whole body."""
    if isinstance(detail, dict):
        nested = [(str(key), value) for key, value in detail.items()]
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        nested = [(str(index), value) for index, value in enumerate(detail)]
    else:
        messages = detail if isinstance(detail, list) else [detail]
        return {prefix: [str(message) for message in messages]}
    found: dict[str, list[str]] = {}
    for key, value in nested:
        name = "" if key == "non_field_errors" else key
        found |= _by_field(value, ".".join(part for part in (prefix, name) if part))
    return {name: messages for name, messages in found.items() if messages}


def _problem(
    *,
    status: HTTPStatus,
    code: str,
    detail: str,
    facts: dict[str, Any] | None = None,
    errors: dict[str, list[str]] | None = None,
) -> Response:
    body: dict[str, Any] = {
        "type": f"{settings.AFFINEUR_PUBLIC_URL}/api/v1/problems/{code}/",
        "title": title_of(code),
        "status": status.value,
        "detail": detail,
        "code": code,
    }
    if facts:
        body["facts"] = facts
    if errors:
        body["errors"] = errors
    return Response(body, status=status.value, content_type=MEDIA_TYPE)
