"""Who gets what at every address: one table, and nothing that answers outside it.

`TABLE` has a line for every route, and in it a verb, a policy, and the status that whom the
policy lets through gets. A route or a verb that is not in it fails the test, as does a line
whose route is gone.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from django.core.cache import cache
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat
from django.http import HttpResponse, HttpResponseBase
from django.test import Client, TestCase
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver
from django.utils import timezone

from builds.models import Replay
from builds.services.provenance import public_key_pem
from indexes.domain.curation import Rules
from indexes.models import Project, UpstreamFile
from indexes.services.curated import Terms
from indexes.services.pages import render_pages_of
from indexes.storage import file_key, get_storage
from indexes.upstream.fake import FakeUpstream
from portal.accounts.services import issue_token
from portal.consent.agreements import BUILD_AND_EXECUTE, current
from portal.consent.delegation import delegate
from portal.moderation.actions.names import ActionName
from portal.moderation.evidence import add_evidence
from portal.moderation.intake import open_case, receipt_of
from portal.moderation.models import Appeal, Decision
from portal.moderation.proceedings import CaseKind
from portal.notices.kinds import Kind
from portal.notices.models import Delivery, Notice, Webhook
from portal.organisations.services import (
    create_index,
    create_organisation,
    invite,
    issue_reader_token,
)
from tests.portal.people import add_member, all_accepted, make_administrator, make_user
from tests.portal.web.scenes import TARGETS, busy_farm

ROLES = ["anonymous", "stranger", "viewer", "requester", "manager", "owner", "project", "staff"]
"""`stranger` has an organisation of their own and an invitation to the one that is asked for, to
which `viewer` to `owner` belong; `project` has proven the project, and its things are theirs;
`staff` has a second factor."""

# + gets what the line says; i is asked to sign in (401; on a page, sent there); x is refused
# (403); - finds nothing there (404); > is sent to prove that the project is theirs (302).
POLICIES = {
    "everybody": "+ + + + + + + +",
    "people   ": "i + + + + + + +",
    "members  ": "i - + + + + - -",
    "curators ": "i - x x + + - -",
    "owners   ": "i - x x x + - -",
    "project  ": "i x x x x x + x",
    "its      ": "i - - - - - + -",
    "hidden   ": "- - - - - - + -",
    "guarded  ": "i x x x x x + +",
    "invited  ": "i + - - - - - -",
    "provers  ": "i > > > > > + >",
    "nobody   ": "i x x x x x x x",
    "staff    ": "i x x x x x x +",
    "listeners": "- - + + + + - -",
}

TABLE = """
healthz                                              | GET everybody 200
simple/                                              | GET everybody 200
simple/<str:name>/                                   | GET everybody 200
simple/<str:name>                                    | GET everybody 301
wheels/simple/                                       | GET everybody 200
wheels/simple/<str:name>/                            | GET everybody 200
wheels/simple/<str:name>                             | GET everybody 301
projects/<str:name>/simple/                          | GET everybody 200
projects/<str:name>/simple                           | GET everybody 301
projects/<str:name>/simple/<str:listed>/             | GET everybody 200
projects/<str:name>/simple/<str:listed>              | GET everybody 301
platforms/<platform:platform>/simple/                | GET everybody 200
platforms/<platform:platform>/simple/<str:name>/     | GET everybody 200
platforms/<platform:platform>/simple/<str:name>      | GET everybody 301
as-of/<day:day>/simple/                              | GET everybody 200
as-of/<day:day>/simple/<str:name>/                   | GET everybody 200
as-of/<day:day>/simple/<str:name>                    | GET everybody 301
mirror/simple                                        | GET everybody 200
mirror/simple/                                       | GET everybody 200
mirror/pypi/<str:name>/json                          | GET everybody 200
packages/<sha256:sha256>/<filename:filename>.metadata | GET everybody 200
packages/<sha256:sha256>/<filename:filename>         | GET everybody 200
o/<slug:tenant>/<slug:index>/simple/                 | GET everybody 401
o/<slug:tenant>/<slug:index>/simple                  | GET everybody 401
o/<slug:tenant>/<slug:index>/simple/<str:name>/      | GET everybody 401
o/<slug:tenant>/<slug:index>/simple/<str:name>       | GET everybody 401
status/upstream.json                                 | GET everybody 200
files/<sha256:sha256>/<filename:filename>.metadata   | GET everybody 200
files/<sha256:sha256>/<filename:filename>.provenance | GET everybody 200
files/<sha256:sha256>/<filename:filename>            | GET everybody 200
builder/attempts/<uuid:attempt>/lease                | POST everybody 410
builder/attempts/<uuid:attempt>/wheel/<str:filename> | PUT everybody 410

api/v1/agreements/                                   | GET everybody 200
api/v1/agreements/<slug:sha256>/                     | GET everybody 200
api/v1/builds/                                       | GET everybody 200
api/v1/builds/<uuid:pk>/                             | GET everybody 200
api/v1/builds/<uuid:pk>/log/                         | GET everybody 200
api/v1/cases/                                        | GET staff 200
api/v1/consents/<uuid:pk>/                           | GET everybody 200
api/v1/consents/<uuid:pk>/revocation/                | GET everybody 200 | POST project 201
api/v1/decisions/                                    | GET people 200
api/v1/decisions/<uuid:pk>/                          | GET its 200
api/v1/decisions/<uuid:pk>/appeal/                   | GET its 200 | POST its 409
api/v1/consents/<uuid:pk>/approval/                  | POST nobody 403
api/v1/consents/<uuid:pk>/objection/                 | POST nobody 403 | DELETE people 409
api/v1/consents/<uuid:pk>/pause/                     | POST project 200
api/v1/consents/<uuid:pk>/resume/                    | POST project 409
api/v1/consents/<uuid:pk>/scope/                     | POST project 201
api/v1/consents/<uuid:pk>/unlisting/                 | POST project 409
api/v1/delegations/<int:pk>/                         | DELETE project 204
api/v1/projects/<str:name>/delegations/              | GET project 200 | POST project 201
api/v1/projects/<str:name>/drafts/                   | GET everybody 200
api/v1/projects/<str:name>/licence/                  | GET everybody 200
api/v1/projects/<str:name>/pause-link/               | POST everybody 400
api/v1/projects/<str:name>/refusal/                  | \
GET everybody 404 | POST project 409 | DELETE people 404
api/v1/projects/<str:name>/siblings/                 | GET people 400 | POST people 400
api/v1/projects/<str:name>/threshold/                | GET everybody 200 | PUT project 200
api/v1/projects/<str:name>/wishes/                   | GET everybody 200
api/v1/files/                                        | GET everybody 200
api/v1/files/<str:filename>/                         | GET everybody 200
api/v1/files/<str:filename>/yank/                    | POST guarded 200 | DELETE guarded 409
api/v1/ledger/                                       | GET everybody 200
api/v1/ledger/checkpoints/                           | GET everybody 200
api/v1/invitations/                                  | GET people 200
api/v1/invitations/<uuid:pk>/                        | POST invited 201 | DELETE invited 204
api/v1/me/                                           | GET people 200
api/v1/organisations/                                | GET people 200 | POST people 201
api/v1/organisations/<slug:slug>/                    | GET members 200
api/v1/organisations/<slug:slug>/indexes/            | GET members 200 | POST curators 201
api/v1/organisations/<slug:slug>/indexes/<slug:index>/ | \
GET members 200 | PUT curators 200 | DELETE curators 204
api/v1/organisations/<slug:slug>/indexes/<slug:index>/left-out/ | GET members 200
api/v1/organisations/<slug:slug>/invitations/        | GET owners 200 | POST owners 201
api/v1/organisations/<slug:slug>/invitations/<uuid:pk>/ | DELETE owners 204
api/v1/organisations/<slug:slug>/ledger/             | GET curators 200
api/v1/organisations/<slug:slug>/members/            | GET members 200
api/v1/organisations/<slug:slug>/members/<str:username>/ | PUT owners 200 | DELETE owners 204
api/v1/organisations/<slug:slug>/tokens/             | GET curators 200 | POST curators 201
api/v1/organisations/<slug:slug>/tokens/<uuid:pk>/   | DELETE curators 204
api/v1/problems/                                     | GET everybody 200
api/v1/problems/<slug:code>/                         | GET everybody 200
api/v1/projects/<str:name>/                          | GET everybody 200
api/v1/projects/<str:name>/consents/                 | GET everybody 200 | POST project 201
api/v1/projects/<str:name>/coverage/                 | GET everybody 200
api/v1/projects/<str:name>/ledger/                   | GET guarded 200
api/v1/projects/<str:name>/plan/                     | GET everybody 200
api/v1/projects/<str:name>/proofs/                   | GET people 200 | POST people 201
api/v1/projects/<str:name>/recipe/                   | GET everybody 200 | POST guarded 201
api/v1/projects/<str:name>/recipe/edits/             | GET everybody 200
api/v1/projects/<str:name>/recipe/preview/           | POST guarded 200
api/v1/proof-methods/                                | GET everybody 200
api/v1/proofs/<uuid:pk>/                             | GET its 200
api/v1/proofs/<uuid:pk>/check/                       | POST its 200
api/v1/proofs/<uuid:pk>/token/                       | POST everybody 404
api/v1/provenance/key/                               | GET everybody 200
api/v1/register/                                     | GET everybody 200
api/v1/reports/                                      | GET everybody 200 | POST everybody 201
api/v1/reports/<uuid:pk>/                            | GET hidden 200
api/v1/requests/                                     | GET people 200 | POST people 201
api/v1/requests/<uuid:pk>/                           | GET its 200
api/v1/schema/                                       | GET everybody 200
api/v1/status/projects/                              | GET everybody 200
api/v1/status/upstream/                              | GET everybody 200
api/v1/tokens/                                       | GET people 200 | POST people 201
api/v1/tokens/<uuid:pk>/                             | DELETE its 204
api/v1/^(?:.*/)?$                                    | GET everybody 404 | POST everybody 404

/                                                    | GET everybody 200
search/                                              | GET everybody 200 | POST everybody 302
project/<str:name>/                                  | GET everybody 200
project/<str:name>/minor/<str:label>/                | GET everybody 200
project/<str:name>/release/<str:version>/            | GET everybody 200
project/<str:name>/ledger/                           | GET everybody 200
project/<str:name>/ledger/feed/                      | GET everybody 200
project/<str:name>/register/                         | GET everybody 200
project/<str:name>/ask/                              | GET people 200 | POST people 302
project/<str:name>/prove/                            | GET people 200 | POST people 302
project/<str:name>/consent/                          | GET provers 200 | POST provers 400
project/<str:name>/recipe/                           | GET everybody 200 | POST guarded 302
request/<uuid:request_id>/                           | GET everybody 200
request/<uuid:request_id>/progress/                  | GET everybody 200
proof/<uuid:proof_id>/                               | GET its 200 | POST its 302
consent/<uuid:consent_id>/                           | GET guarded 200
consent/<uuid:consent_id>/revoke/                    | GET guarded 200 | POST project 302
build/<uuid:build_id>/                               | GET everybody 200
build/<uuid:build_id>/state/                         | GET everybody 200
build/<uuid:build_id>/log/                           | GET everybody 200
build/<uuid:build_id>/log.txt                        | GET everybody 200
builds/                                              | GET everybody 200
project/<str:name>/owners/                           | GET provers 200
project/<str:name>/owners/name/                      | POST project 302
project/<str:name>/owners/name/<int:delegation_id>/end/ | POST project 302
project/<str:name>/owners/threshold/                 | POST project 302
project/<str:name>/no/                               | GET provers 200 | POST provers 409
project/<str:name>/organisation/                     | GET people 400 | POST people 400
project/<str:name>/pause/                            | GET everybody 200 | POST everybody 400
project/<str:name>/carry/                            | GET everybody 200
project/<slug:name>/sources/<filename:filename>      | GET everybody 404
pause/<str:token>/                                   | GET everybody 400 | POST everybody 400
consent/<uuid:consent_id>/act/                       | POST project 302
consent/<uuid:consent_id>/scope/                     | GET guarded 200 | POST project 302
failures/                                            | GET staff 200
failures/one/                                        | GET staff 200 | POST staff 302
rules/<slug:code>/retire/                            | POST staff 404
replay/<uuid:replay_id>/                             | GET staff 200
ledger/                                              | GET everybody 200
ledger/feed/                                         | GET everybody 200
register/                                            | GET everybody 200
export/                                              | GET people 200
notices/                                             | GET people 200 | POST people 302
notices/settings/                                    | GET people 200 | POST people 302
notices/webhook/<uuid:webhook_id>/                   | GET its 200
notices/webhook/<uuid:webhook_id>/end/               | POST its 302
notices/delivery/<uuid:delivery_id>/replay/          | POST its 302
notices/unsubscribe/<str:token>/                     | GET everybody 400 | POST everybody 400
mine/                                                | GET people 200 | POST people 302
tokens/                                              | GET people 200 | POST people 200
tokens/<uuid:token_id>/revoke/                       | POST its 302
invitations/<uuid:invitation_id>/                    | POST invited 302
organisations/                                       | GET people 200 | POST people 302
organisations/<slug:slug>/                           | GET members 200 | POST owners 302
organisations/<slug:slug>/members/<str:username>/    | POST owners 302
organisations/<slug:slug>/members/<str:username>/remove/ | POST owners 302
organisations/<slug:slug>/invitations/<uuid:invitation_id>/revoke/ | POST owners 302
organisations/<slug:slug>/indexes/                   | GET curators 200 | POST curators 302
organisations/<slug:slug>/indexes/<slug:name>/       | GET members 200 | POST curators 302
organisations/<slug:slug>/indexes/<slug:name>/delete/ | POST curators 302
organisations/<slug:slug>/indexes/<slug:name>/left-out/<str:project>/ | GET members 200
organisations/<slug:slug>/ledger/                    | GET curators 200
organisations/<slug:slug>/tokens/                    | GET curators 200 | POST curators 200
organisations/<slug:slug>/tokens/<uuid:token_id>/revoke/ | POST curators 302
use/                                                 | GET everybody 200
use/overlay/                                         | GET everybody 200
use/wheels/                                          | GET everybody 200
use/project/<str:name>/                              | GET everybody 200
use/platform/<platform:platform>/                    | GET everybody 200
use/as-of/<day:day>/                                 | GET everybody 200
use/o/<slug:organisation>/<slug:index>/              | GET listeners 200
file/<filename:filename>/yank/                       | GET guarded 200 | POST guarded 302
file/<filename:filename>/unyank/                     | POST guarded 409
cases/                                               | GET staff 200
cases/open/                                          | GET staff 200 | POST staff 302
case/<uuid:case_id>/                                 | GET staff 200
case/<uuid:case_id>/take/                            | POST staff 302
case/<uuid:case_id>/note/                            | POST staff 302
case/<uuid:case_id>/evidence/                        | POST staff 302
case/<uuid:case_id>/decide/                          | GET staff 200 | POST staff 400
case/<uuid:case_id>/approve/                         | POST staff 409
case/<uuid:case_id>/drop/                            | POST staff 409
case/<uuid:case_id>/carry-out/                       | POST staff 409
case/<uuid:case_id>/undo/                            | POST staff 409
evidence/<uuid:evidence_id>/                         | GET staff 200
appeal/<uuid:appeal_id>/answer/                      | POST staff 400
report/file/<filename:filename>/                     | GET everybody 200 | POST everybody 302
report/consent/<uuid:consent_id>/                    | GET everybody 200 | POST everybody 302
report/project/<str:name>/                           | GET everybody 200 | POST everybody 302
report/sent/<str:receipt>/                           | GET everybody 200
decision/<uuid:decision_id>/                         | GET hidden 200 | POST hidden 409
decision/<uuid:decision_id>/<str:key>/               | GET everybody 404 | POST everybody 404
decisions/                                           | GET people 200
status/                                              | GET everybody 200
status/upstream/                                     | GET everybody 200
about/                                               | GET everybody 200
agreements/                                          | GET everybody 200
agreements/<str:name>/<str:version>/                 | GET everybody 200
"""

TERMS = {"projects": ["docopt"], "is_private": True}
TERMS_FORM = {"projects": "docopt", "min_age_days": "0"}
WHEEL = b"its bytes"
RECIPE = """schema = 1
project = "python-levenshtein"
version = 1
reason = "A flag."
reviewer = "ME"
flags = ["-DFOO"]
"""
CAUSE = "removed-c-api: smoke/import-failed: undefined symbol: PyUnicode_AS_UNICODE"
RULE = {
    "code": "frobnicator-missing",
    "pattern": "the frobnicator '{name}' is not installed",
    "stage": "build",
    "turn": "farm",
    "explanation": "The build needs {name}, which is not on the builder.",
}
REPORT = {"kind": "abuse-report", "text": "Odd.", "confirm": "1"}
BODIES: dict[str, dict[str, Any]] = {
    "POST api/v1/consents/<uuid:pk>/revocation/": {"afterwards": "keep"},
    "POST api/v1/files/<str:filename>/yank/": {"reason": "Broken."},
    "POST api/v1/organisations/": {"slug": "new", "name": "New"},
    "POST api/v1/organisations/<slug:slug>/indexes/": {"slug": "new", **TERMS},
    "PUT api/v1/organisations/<slug:slug>/indexes/<slug:index>/": TERMS,
    "POST api/v1/organisations/<slug:slug>/invitations/": {"whom": "project-1", "role": "viewer"},
    "PUT api/v1/organisations/<slug:slug>/members/<str:username>/": {"role": "manager"},
    "POST api/v1/organisations/<slug:slug>/tokens/": {"name": "CI"},
    "POST api/v1/projects/<str:name>/consents/": {
        "capacity": "owner",
        "accepted": all_accepted(),
        "licence_expression": "MIT",
        "licence_seen_in": "LICENSE",
    },
    "POST api/v1/projects/<str:name>/proofs/": {"method": "release-challenge"},
    "POST api/v1/projects/<str:name>/recipe/": {"text": RECIPE, "reason": "It fails."},
    "POST api/v1/projects/<str:name>/recipe/preview/": {"text": RECIPE},
    "POST api/v1/requests/": {"project": "docopt"},
    "POST api/v1/proofs/<uuid:pk>/token/": {"token": "x.y.z"},
    "POST api/v1/tokens/": {"name": "new", "scopes": ["read"]},
    "POST project/<str:name>/ask/": {"targets": TARGETS[:1], "send": "1"},
    "POST api/v1/decisions/<uuid:pk>/appeal/": {"text": "It is."},
    "POST api/v1/reports/": {"kind": "abuse-report", "project": "docopt", "text": "Odd."},
    "POST report/file/<filename:filename>/": REPORT,
    "POST report/consent/<uuid:consent_id>/": REPORT,
    "POST report/project/<str:name>/": REPORT,
    "POST decision/<uuid:decision_id>/": {"text": "It is."},
    "POST cases/open/": {"kind": "abuse-report", "project": "docopt", "text": "Odd."},
    "POST case/<uuid:case_id>/drop/": {"reason": "Not needed."},
    "POST case/<uuid:case_id>/undo/": {"reason": "Not needed."},
    "POST case/<uuid:case_id>/note/": {"text": "Odd."},
    "POST case/<uuid:case_id>/evidence/": {"kind": "text", "title": "Seen", "text": "It is."},
    "POST api/v1/projects/<str:name>/delegations/": {"username": "member", "tasks": ["pause"]},
    "PUT api/v1/projects/<str:name>/threshold/": {"owners": 1},
    "POST project/<str:name>/owners/name/": {"username": "member", "tasks": ["pause"]},
    "POST project/<str:name>/owners/threshold/": {"owners": "1"},
    "POST consent/<uuid:consent_id>/act/": {"act": "pause"},
    "POST search/": {"q": "docopt"},
    "POST failures/one/": {**RULE, "add": "1"},
    "POST project/<str:name>/recipe/": {"text": RECIPE, "reason": "It fails.", "save": "1"},
    "POST project/<str:name>/prove/": {"method": "release-challenge"},
    "POST consent/<uuid:consent_id>/revoke/": {"afterwards": "keep"},
    "POST mine/": {"name": "docopt"},
    "POST tokens/": {"name": "new", "scopes": ["read"], "days": "30"},
    "POST organisations/": {"slug": "new", "name": "New"},
    "POST organisations/<slug:slug>/": {"whom": "project-1", "role": "viewer"},
    "POST organisations/<slug:slug>/members/<str:username>/": {"role": "manager"},
    "POST organisations/<slug:slug>/indexes/": {"slug": "new", **TERMS_FORM},
    "POST organisations/<slug:slug>/indexes/<slug:name>/": TERMS_FORM,
    "POST organisations/<slug:slug>/tokens/": {"name": "CI", "days": "30"},
    "POST file/<filename:filename>/yank/": {"reason": "Broken."},
}
QUERIES = {
    "GET build/<uuid:build_id>/log/": "?attempt=1",
    "GET build/<uuid:build_id>/log.txt": "?attempt=1",
    "GET failures/one/": f"?{urlencode({'cause': CAUSE})}",
    "GET search/": "?q=docopt",
    "GET api/v1/organisations/<slug:slug>/indexes/<slug:index>/left-out/": "?project=docopt",
}

ADDRESSES = {"api/v1/^(?:.*/)?$": "api/v1/nothing/"}
"""Of routes that are no addresses even without their arguments."""

GROUP = re.compile(r"\(\?P<\w+>(?:(\w+)\|)?[^)]*\)")
"""A named group of a pattern that is a regular expression."""

BY_ONE_RULE = ("account/", "admin/")
PAGES_VERBS = ("GET", "POST")


@dataclass(frozen=True, slots=True)
class Line:
    """What a verb at a route is for whom; `policy` names one of `POLICIES`."""

    policy: str
    status: int


def read_table(text: str) -> dict[str, dict[str, Line]]:
    """Route → verb → line."""
    table = {}
    for row in filter(None, text.splitlines()):
        route, *cells = (cell.strip() for cell in row.split("|"))
        parted = (cell.split() for cell in cells)
        table[route] = {verb: Line(policy, int(status)) for verb, policy, status in parted}
    return table


ANSWERS = {
    "i": HTTPStatus.UNAUTHORIZED,
    "x": HTTPStatus.FORBIDDEN,
    "-": HTTPStatus.NOT_FOUND,
    ">": HTTPStatus.FOUND,
}


def read_policies(texts: dict[str, str]) -> dict[str, dict[str, str]]:
    """Policy → role → mark."""
    return {
        name.strip(): dict(zip(ROLES, marks.split(), strict=True)) for name, marks in texts.items()
    }


def routes(resolver: Any = None, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern, with the whole of its route; the page at the root is `/`."""
    for each in (resolver or get_resolver()).url_patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from routes(each, route)
        else:
            yield route or "/", each


def answer_of(response: HttpResponseBase) -> int:
    """Its status; being sent to sign in is 401, as the API says it."""
    is_sent_there = response.headers.get("Location", "").startswith(reverse("account_login"))
    return HTTPStatus.UNAUTHORIZED if is_sent_there else response.status_code


def text_of(response: HttpResponseBase) -> str:
    return response.content.decode() if isinstance(response, HttpResponse) else ""


def called(role: str) -> str:
    """The username of who has the role: no word that a page has anyway."""
    return f"{role}-1"


def _without_regex(route: str) -> str:
    """An address that a regular expression matches: of a group its first alternative, or `1`."""
    return GROUP.sub(lambda group: group[1] or "1", route).translate(
        {ord("^"): None, ord("$"): None}
    )


class World:
    """One of everything that an address can name, and the people of `ROLES`."""

    def __init__(self) -> None:
        at = timezone.now()
        self.people = {role: make_user(called(role)) for role in ROLES[1:-1]}
        self.people["staff"] = make_administrator(called("staff"))
        people = self.people
        farm = busy_farm(owner=people["project"], stranger=people["stranger"], at=at)
        create_organisation(user=people["stranger"], slug="other", name="Other", at=at)
        acme = create_organisation(user=people["owner"], slug="acme", name="Acme", at=at)
        make_user("member")
        for role in ("viewer", "requester", "manager"):
            add_member(
                by=people["owner"], organisation=acme, username=called(role), role=role, at=at
            )
        add_member(by=people["owner"], organisation=acme, username="member", role="viewer", at=at)
        delegation = delegate(
            user=people["project"],
            project=farm.project,
            username="member",
            tasks=["pause"],
            at=at,
        )
        invitation = invite(
            by=people["owner"], organisation=acme, whom=called("stranger"), role="viewer", at=at
        )
        terms = Terms(projects=["docopt"], is_private=True, rules=Rules())
        create_index(by=people["owner"], organisation=acme, slug="tools", terms=terms, at=at)
        reader, _ = issue_reader_token(
            by=people["owner"], organisation=acme, name="CI", expires_at=None, at=at
        )
        token, _ = issue_token(
            user=people["project"], name="mine", scopes=["read"], expires_at=None, at=at
        )
        webhook = Webhook.objects.create(
            person=people["project"], url="https://hooks.example/", created_at=at
        )
        notice = Notice.objects.create(
            person=people["project"],
            project=farm.project,
            kind=Kind.CONSENT_GIVEN,
            event="1",
            about={},
            created_at=at,
        )
        delivery = Delivery.objects.create(
            webhook=webhook, notice=notice, channel="webhook", state="sent", next_at=at
        )
        replay = Replay.objects.create(cause="rule", subject="x", by="staff", created_at=at)
        report = open_case(
            kind=CaseKind.ABUSE_REPORT,
            project=farm.project,
            about=None,
            reported_by=people["project"],
            text="It is odd.",
            at=at,
        )
        evidence = add_evidence(
            case=report.case,
            by=people["staff"],
            kind="file",
            title="Seen",
            text="",
            content=b"It is.",
            at=at,
        )
        decision = Decision.objects.create(
            case=report.case,
            action=ActionName.DISMISS,
            reason="It is not.",
            decided_by=people["staff"],
            decided_at=at,
            carried_out_at=at,
            appeal_until=at + timedelta(days=1),
        )
        decision.told.add(people["project"])
        appeal = Appeal.objects.create(
            decision=decision,
            by=people["project"],
            text="It is.",
            made_at=at,
            decided_by=people["staff"],
        )
        attempt = farm.running.attempts.get()
        self.file = farm.file
        self.file.sha256 = hashlib.sha256(WHEEL).hexdigest()
        self.file.size = len(WHEEL)
        self.file.save(update_fields=["sha256", "size"])
        self.arguments: dict[str, object] = {
            "name": farm.project.name,
            "listed": farm.project.name,
            "project": "docopt",
            "label": "0.27",
            "version": farm.published.version,
            "platform": "manylinux_2_28_x86_64",
            "delegation_id": delegation.pk,
            "app_label": "auth",
            "object_id": "1",
            "content_type_id": "1",
            "pk": 1,
            "day": at.date(),
            "id": "1",
            "sha256": farm.file.sha256,
            "filename": farm.file.filename,
            "tenant": "acme",
            "organisation": "acme",
            "slug": "acme",
            "index": "tools",
            "username": "member",
            "attempt": attempt.pk,
            "request_id": farm.asked.pk,
            "invitation_id": invitation.pk,
            "proof_id": farm.pending.pk,
            "consent_id": farm.consent.pk,
            "build_id": farm.published.pk,
            "replay_id": replay.pk,
            "webhook_id": webhook.pk,
            "delivery_id": delivery.pk,
            "token_id": token.pk,
            "token": "nobody's",
            "case_id": report.case_id,
            "evidence_id": evidence.pk,
            "appeal_id": appeal.pk,
            "decision_id": decision.pk,
            "key": "nobody's",
            "receipt": receipt_of(report),
            "code": "last-owner",
        }
        Project.objects.update(is_enrolled=True, upstream_digest="x")
        render_pages_of(projects=Project.objects.all(), at=at)
        self.elsewhere: dict[str, dict[str, object]] = {
            "agreements/": {"name": BUILD_AND_EXECUTE, "version": "1"},
            "api/v1/agreements/": {"sha256": current(BUILD_AND_EXECUTE).sha256},
            "api/v1/builds/": {"pk": farm.published.pk},
            "api/v1/consents/": {"pk": farm.consent.pk},
            "api/v1/decisions/": {"pk": decision.pk},
            "api/v1/reports/": {"pk": report.pk},
            "api/v1/delegations/": {"pk": delegation.pk},
            "api/v1/invitations/": {"pk": invitation.pk},
            "api/v1/organisations/<slug:slug>/invitations/": {"pk": invitation.pk},
            "api/v1/organisations/": {"pk": reader.pk},
            "api/v1/proofs/": {"pk": farm.pending.pk},
            "api/v1/requests/": {"pk": farm.asked.pk},
            "api/v1/tokens/": {"pk": token.pk},
            "organisations/": {"name": "tools", "token_id": reader.pk},
        }
        """By how a route begins: what its arguments are there."""

    def path(self, route: str, pattern: URLPattern) -> str:
        """An address of the route, of things that there are."""
        arguments = self.arguments | next(
            (given for begin, given in self.elsewhere.items() if route.startswith(begin)), {}
        )
        path = ADDRESSES.get(route) or _without_regex(route)
        for name, converter in pattern.pattern.converters.items():
            start = path.index("<")
            end = path.index(">", start) + 1
            assert path[start:end].rpartition(":")[2].strip("<>") == name
            path = path[:start] + converter.to_url(arguments[name]) + path[end:]
        return f"/{path.lstrip('/')}"


class IsolationTests(TestCase):
    world: World
    table = read_table(TABLE)
    policies = read_policies(POLICIES)

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        logging.disable(logging.ERROR)
        self.addCleanup(logging.disable, logging.NOTSET)
        upstream = FakeUpstream()
        upstream.add_sdist("docopt", "0.6.2")
        url = self.enterContext(upstream.serve())
        folder = Path(self.enterContext(TemporaryDirectory()))
        self.enterContext(
            self.settings(
                AFFINEUR_UPSTREAM=url,
                AFFINEUR_TARGETS=TARGETS,
                AFFINEUR_SIGNING_KEY=folder / "key.pem",
            )
        )
        wheel = folder / "wheel"
        wheel.write_bytes(WHEEL)
        sha256 = self.world.file.sha256
        get_storage().put(file_key(sha256), wheel, sha256=sha256)
        with self.settings(AFFINEUR_DEVELOPMENT=True):
            public_key_pem()  # makes the key
        # Where nothing is: an address that answers at once, unlike one that nobody has.
        UpstreamFile.objects.update(url=Concat(Value(url), "filename"))
        self.clients = {role: self._client(role) for role in ROLES}

    def test_every_route_and_verb_is_in_the_table(self) -> None:
        found = {
            route: {verb.upper() for verb in getattr(pattern.callback, "actions", ())} - {"HEAD"}
            for route, pattern in routes()
            if not route.startswith(BY_ONE_RULE)
        }
        assert set(self.table) - set(found) == set(), "The table names what is gone."
        assert set(found) - set(self.table) == set(), "These are not in the table."
        verbs = {route: set(self.table[route]) for route, actions in found.items() if actions}
        assert verbs == {route: actions for route, actions in found.items() if actions}

    def test_everybody_gets_what_the_table_says(self) -> None:
        surprises, count, asked = [], 0, 0
        for route, pattern in routes():
            if route.startswith(BY_ONE_RULE):
                continue
            count += 1
            path = self.world.path(route, pattern)
            for verb, line in self._verbs(route):
                for role, mark in self.policies[line.policy].items():
                    asked += 1
                    expected = ANSWERS.get(mark, line.status)
                    answer = answer_of(self._ask(role, verb, route, path))
                    if answer != expected:
                        surprises.append(f"{verb} {path} {role}: {answer}, not {expected:d}")
        print(f"{count} routes x {len(ROLES)} roles, {asked} requests, {len(surprises)} surprises")
        assert not surprises, "\n".join(surprises)

    def _verbs(self, route: str) -> Iterator[tuple[str, Line]]:
        """Those of the table; of a page, reading and posting are tried in any case."""
        lines = self.table[route]
        yield from lines.items()
        if not route.startswith("api/"):
            closed = Line("everybody", HTTPStatus.METHOD_NOT_ALLOWED)
            yield from ((verb, closed) for verb in PAGES_VERBS if verb not in lines)

    def test_what_has_one_rule_keeps_it(self) -> None:
        """The admin is for staff; a page of one's account names nobody else."""
        surprises, count, names = [], 0, set(self.world.people)
        for route, pattern in routes():
            if not route.startswith(BY_ONE_RULE):
                continue
            count += 1
            for role in ROLES:
                path = self.world.path(route, pattern)
                response = self._ask(role, "GET", route, path)
                others = {name for name in names - {role} if called(name) in text_of(response)}
                is_admin = route.startswith("admin/")
                is_shown = response.status_code == HTTPStatus.OK
                if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or (
                    (is_shown and role != "staff") if is_admin else others
                ):
                    surprises.append(f"{path} {role}: {response.status_code} {others or ''}")
        print(f"{count} routes x {len(ROLES)} roles by one rule each")
        assert not surprises, "\n".join(surprises)

    def _client(self, role: str) -> Client:
        client = Client(raise_request_exception=False)
        if user := self.world.people.get(role):
            client.force_login(user, backend="portal.accounts.backends.AccountBackend")
        return client

    def _ask(self, role: str, verb: str, route: str, path: str) -> HttpResponseBase:
        """As the role, in a savepoint: what it does is undone."""
        text = json.dumps(BODIES.get(f"{verb} {route}", {})).replace("ME", called(role))
        body = json.loads(text)
        given: dict[str, Any] = {}
        if route.startswith("api/"):
            given = {"data": text, "content_type": "application/json"}
        elif verb == "POST":
            given = {"data": body}
        query = QUERIES.get(f"{verb} {route}", "")
        cache.clear()
        with transaction.atomic():
            method = getattr(self.clients[role], verb.lower())
            response: HttpResponseBase = method(path + query, **({} if verb == "GET" else given))
            transaction.set_rollback(True)
        response.close()
        return response
