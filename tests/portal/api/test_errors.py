import importlib
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

import builds
import indexes
import portal
from builds.errors import BuildsError, SigningKeyMissing
from indexes.errors import IndexesError
from portal.api.errors import STATUS_OF, facts_of, handle
from portal.errors import ConsentEnded, PortalError, ProofNeeded

# Faults of ours, of builders, and of other doors than the API: an answer with 500 is right.
NOT_FOR_PEOPLE = {
    "builder-stopped",
    "builds-error",
    "bytes-differ",
    "bytes-missing",
    "cannot-link",
    "credentials-needed",
    "download-failed",
    "envelope-invalid",
    "file-not-served",
    "filename-taken",
    "indexes-error",
    "invalid-key",
    "invalid-page",
    "lease-gone",
    "mirror-unreachable",
    "no-such-index",
    "not-an-export",
    "not-publishable",
    "portal-error",
    "provenance-invalid",
    "range-not-satisfiable",
    "signing-key-invalid",
    "signing-key-missing",
    "storage-error",
    "system-package-missing",
    "unknown-index",
    "untrusted-file",
    "upload-refused",
    "upstream-error",
}


def modules() -> Iterator[str]:
    for package in (builds, indexes, portal):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".settings" not in module.name and ".migrations" not in module.name:
                yield module.name


def all_of(base: type) -> Iterator[type]:
    yield base
    for child in base.__subclasses__():
        yield from all_of(child)


def expected_codes() -> set[str]:
    for name in modules():
        importlib.import_module(name)
    bases = (IndexesError, BuildsError, PortalError)
    return {error.code for base in bases for error in all_of(base)}


def test_every_expected_error_has_its_place():
    assert expected_codes() == set(STATUS_OF) | NOT_FOR_PEOPLE


def test_an_expected_error_is_told_with_its_code_and_facts(settings):
    response = handle(ProofNeeded("docopt"), {})
    assert response.status_code == 403
    assert response.data == {
        "type": "http://testserver/api/v1/problems/proof-needed/",
        "title": "Proof needed",
        "status": 403,
        "detail": str(ProofNeeded("docopt")),
        "code": "proof-needed",
        "facts": {"project": "docopt", "have": [], "would_do": []},
    }


def test_facts_are_plain_values_only():
    class Odd(PortalError):
        code = "odd"

    error = Odd("x")
    error.count, error.names, error.at = 3, ["a"], datetime(2026, 1, 1, tzinfo=UTC)
    error.row, error.rows = object(), [object()]
    assert set(facts_of(error)) == {"count", "names", "at"}


def test_times_in_facts_are_told(anonymous):
    error = ConsentEnded("docopt", datetime(2026, 1, 1, tzinfo=UTC))
    assert handle(error, {}).data["facts"]["revoked_at"] == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_fault_of_ours_is_not_explained_to_strangers(tmp_path):
    assert handle(SigningKeyMissing(tmp_path), {}) is None


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/nowhere/", 404, "not-found"),
        ("/api/v1/", 404, "not-found"),
        ("/api/v1/builds/00000000-0000-0000-0000-000000000000/", 404, "not-found"),
        ("/api/v1/builds/?state=happy", 400, "invalid"),
        ("/api/v1/builds/?cursor=x", 404, "not-found"),
        ("/api/v1/builds/?project=-", 400, "invalid-project-name"),
        ("/api/v1/files/nothing.whl/", 404, "not-found"),
        ("/api/v1/problems/nothing/", 404, "not-found"),
        ("/api/v1/agreements/0123/", 404, "not-found"),
        ("/api/v1/me/", 401, "not-authenticated"),
    ],
)
@pytest.mark.django_db
def test_problems_are_problem_json(anonymous, path, status, code):
    response = anonymous.get(path)
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == code
    assert response.json()["status"] == status


def test_a_missing_slash_leads_to_the_address_with_one(anonymous):
    assert anonymous.get("/api/v1/builds").headers["Location"] == "/api/v1/builds/"


@pytest.mark.django_db
def test_a_bad_token_is_told_how_to_authenticate(anonymous):
    anonymous.credentials(HTTP_AUTHORIZATION="Bearer aff_wrong")
    response = anonymous.get("/api/v1/agreements/")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["code"] == "authentication-failed"


def test_a_validation_error_names_the_fields(as_ada):
    response = as_ada.post("/api/v1/requests/", {"targets": ["x" * 65]}, format="json")
    assert response.status_code == 400
    assert set(response.json()["errors"]) == {"project", "targets.0"}


def test_a_body_that_is_no_json_is_told_so(as_ada):
    response = as_ada.post("/api/v1/requests/", "{", content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, "parse-error")


def test_another_method_is_told_so(as_ada):
    response = as_ada.put("/api/v1/requests/", {}, format="json")
    assert (response.status_code, response.json()["code"]) == (405, "method-not-allowed")


def test_each_kind_of_problem_has_its_address(anonymous):
    kind = anonymous.get("/api/v1/problems/proof-needed/").json()
    assert kind == {"code": "proof-needed", "title": "Proof needed", "status": 403}
    assert kind in anonymous.get("/api/v1/problems/").json()["results"]
