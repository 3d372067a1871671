import json
from io import StringIO
from pathlib import Path

from django.core.management import call_command

import portal.api

COMMITTED = Path(portal.api.__path__[0]) / "openapi.json"


def generated(settings) -> dict:
    settings.ROOT_URLCONF = "portal.urls"
    out = StringIO()
    call_command(
        "spectacular", "--format", "openapi-json", "--validate", "--fail-on-warn", stdout=out
    )
    return json.loads(out.getvalue())


def test_the_committed_schema_is_the_one_that_the_code_has(settings):
    assert json.loads(COMMITTED.read_text()) == generated(settings), "run `make schema`"


def test_every_operation_says_what_its_errors_look_like():
    schema = json.loads(COMMITTED.read_text())
    shapes = {
        json.dumps(operation["responses"]["default"]["content"])
        for methods in schema["paths"].values()
        for operation in methods.values()
    }
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    assert shapes == {json.dumps({"application/problem+json": problem})}


def test_development_sign_in_is_no_part_of_the_public_api():
    assert not [path for path in json.loads(COMMITTED.read_text())["paths"] if "develop" in path]


def test_the_schema_is_served(anonymous):
    answer = anonymous.get("/api/v1/schema/")
    assert answer["Content-Type"] == "application/vnd.oai.openapi+json"
    assert answer.content == COMMITTED.read_bytes()
