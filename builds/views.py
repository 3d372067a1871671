"""What builders call, with the lease of their attempt as a bearer token: no session, no CSRF."""

from collections.abc import Iterator
from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from builds.errors import BuilderStopped, BuildsError, LeaseGone, UploadRefused
from builds.services.lease import show_lease
from builds.services.staging import stage_upload

CHUNK = 1024 * 1024
BUILDER_HEADER = "X-Affineur-Builder"
BUILDER_LENGTH = 128


@csrf_exempt
@require_POST
def lease(request: HttpRequest, attempt: UUID) -> HttpResponse:
    try:
        is_live = show_lease(
            attempt_id=attempt,
            token=_token(request),
            builder=request.headers.get(BUILDER_HEADER, "")[:BUILDER_LENGTH],
            at=timezone.now(),
        )
    except BuilderStopped as error:
        response = _problem(error, HTTPStatus.CONFLICT)
        response["Retry-After"] = str(error.seconds)
        return response
    return JsonResponse({"live": is_live}, status=HTTPStatus.OK if is_live else HTTPStatus.GONE)


@csrf_exempt
@require_http_methods(["PUT"])
def wheel(request: HttpRequest, attempt: UUID, filename: str) -> HttpResponse:
    try:
        sha256 = stage_upload(
            attempt_id=attempt, token=_token(request), filename=filename, chunks=_body(request)
        )
    except LeaseGone as error:
        return _problem(error, HTTPStatus.GONE)
    except UploadRefused as error:
        return _problem(error, HTTPStatus.UNPROCESSABLE_ENTITY)
    return JsonResponse({"sha256": sha256}, status=HTTPStatus.CREATED)


def _token(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _body(request: HttpRequest) -> Iterator[bytes]:
    """Yield the body as it comes; raises `UploadRefused` when it breaks off."""
    taken = 0
    while chunk := request.read(CHUNK):
        taken += len(chunk)
        yield chunk
    announced = request.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) != taken:
        raise UploadRefused(f"The upload broke off: {taken} bytes came, of {announced}.")


def _problem(error: BuildsError, status: HTTPStatus) -> JsonResponse:
    return JsonResponse({"code": error.code, "detail": str(error)}, status=status)
