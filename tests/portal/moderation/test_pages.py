"""Pages of reports, cases and appeals: what they show, to whom, and to whom they do not."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.moderation import services
from portal.moderation.announcements import key_of
from portal.moderation.evidence import MAX_FILE, add_evidence
from portal.moderation.intake import receipt_of
from portal.moderation.models import Case, Evidence, Report
from portal.moderation.proceedings import CaseKind
from tests.portal.moderation.conftest import make_moderator
from tests.portal.people import AT, consent, make_user

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def words_of(response) -> str:
    return " ".join(response.content.decode().split())


def client_of(user=None, **options) -> Client:
    client = Client(**options)
    if user is not None:
        client.force_login(user, backend="portal.accounts.backends.AccountBackend")
    return client


def decided(case: Case, by, action: str, second=None):
    now = timezone.now()
    services.decide(case=case, by=by, action=action, reason="We looked at it.", at=now)
    if second:
        services.approve(case=case, by=second, at=now)
    return services.carry_out(case=case, by=by, at=now)


# Reporting.


@pytest.fixture
def report_paths(files, docopt, maintainer, proof) -> list[str]:
    given = consent(maintainer, docopt)
    return [
        reverse("web:report-file", args=[files[0].filename]),
        reverse("web:report-consent", args=[given.pk]),
        reverse("web:report-project", args=["docopt"]),
    ]


WISH = {"kind": "suspicious-content", "text": "It phones home."}


def test_anybody_can_report_and_confirms_when_signed_out(report_paths, client):
    for path in report_paths:
        assert client.get(path).status_code == 200
        page = client.post(path, WISH)
        assert "Nothing was sent yet" in words_of(page)
        assert "It phones home." in words_of(page)
        sent = client.post(path, WISH | {"confirm": "1"})
        assert "It is the moderators' turn" in words_of(client.get(sent.headers["Location"]))
    assert Report.objects.filter(reporter=None).count() == 3
    assert {case.subject for case in Case.objects.all()} >= {"docopt", "a consent for docopt"}


def test_who_is_signed_in_is_told_of_their_own_reports_only(report_paths, stranger, maintainer):
    reporter, other = client_of(stranger), client_of(maintainer)
    sent = reporter.post(report_paths[0], WISH)
    assert Report.objects.get().reporter == stranger
    assert sent.headers["Location"] in words_of(reporter.get(reverse("web:decisions")))
    assert "suspicious" not in words_of(other.get(reverse("web:decisions"))).lower()


def test_a_receipt_shows_one_report_and_a_forged_one_nothing(case_about, files, client):
    case = case_about(files[0])
    receipt = receipt_of(case.reports.get())
    page = words_of(client.get(reverse("web:report-sent", args=[receipt])))
    assert "Abuse report" in page
    assert "stranger" not in page
    assert "It is odd." not in page
    for forged in (f"{UNKNOWN}{receipt[36:]}", receipt[:-1], "x", f"x:{receipt}"):
        assert client.get(reverse("web:report-sent", args=[forged])).status_code == 404


def test_a_report_needs_its_words_and_csrf(report_paths):
    page = client_of().post(report_paths[0], {"kind": "quota", "text": ""})
    assert page.status_code == 400
    assert not Report.objects.exists()
    strict = client_of(enforce_csrf_checks=True)
    assert strict.post(report_paths[0], WISH | {"confirm": "1"}).status_code == 403


def test_too_many_reports_are_refused_in_words(report_paths, client, settings):
    settings.AFFINEUR_REPORTS_OF_VISITORS_PER_HOUR = 0
    page = client.post(report_paths[0], WISH | {"confirm": "1"})
    assert page.status_code == 429
    assert "too many within this hour" in words_of(page)


@pytest.mark.parametrize(
    "path",
    [
        "/report/file/nothing.whl/",
        f"/report/consent/{UNKNOWN}/",
        "/report/project/unheard-of/",
        "/report/project/-/",
    ],
)
def test_what_is_not_there_cannot_be_reported(client, db, path):
    assert client.get(path).status_code == 404


def test_pages_lead_to_the_report(report_paths, client, files):
    release = words_of(client.get(reverse("web:release", args=["docopt", "0.6.2"])))
    project = words_of(client.get(reverse("web:project", args=["docopt"])))
    build = words_of(client.get(reverse("web:build", args=[files[0].build_id])))
    assert report_paths[0] in release
    assert report_paths[0] in build
    assert report_paths[1] in project
    assert report_paths[2] in project


# Moderators' pages.


@pytest.fixture
def moderators_paths(case_about, files, ann, maintainer) -> list[tuple[str, str]]:
    """Every page and act of moderators."""
    case = case_about(files[0])
    piece = add_evidence(
        case=case, by=ann, kind="file", title="x", text="", content=b"<script>", at=AT
    )
    made = decided(case, ann, "dismiss")
    appeal = services.appeal(decision=made, by=case.reports.get().reporter, text="No.", at=AT)
    other = case_about(files[1])
    acts = ["take", "note", "evidence", "approve", "drop", "carry-out", "undo"]
    return [
        ("get", reverse("web:cases")),
        ("get", reverse("web:case-open")),
        ("post", reverse("web:case-open")),
        ("get", reverse("web:case", args=[case.pk])),
        ("get", reverse("web:case-decide", args=[other.pk])),
        ("post", reverse("web:case-decide", args=[other.pk])),
        ("get", reverse("web:evidence", args=[piece.pk])),
        ("post", reverse("web:appeal-answer", args=[appeal.pk])),
        *(("post", reverse(f"web:case-{act}", args=[case.pk])) for act in acts),
    ]


def test_pages_of_moderators_are_for_them_alone(
    moderators_paths, maintainer, stranger, ann, administrator
):
    plain = make_user("plain", is_staff=True)
    factorless = make_user("factorless", is_staff=True)
    factorless.groups.set(ann.groups.all())
    for method, path in moderators_paths:
        anonymous = getattr(client_of(), method)(path)
        assert anonymous.headers["Location"].startswith(reverse("account_login")), path
        for person in (maintainer, stranger):
            assert getattr(client_of(person), method)(path).status_code == 403, path
        for person in (plain, factorless):
            # The middleware sends staff without a second factor to set one up.
            assert getattr(client_of(person), method)(path).status_code in {302, 403}, path
            assert not Case.objects.filter(assignee=person).exists()
    for path in [path for method, path in moderators_paths if method == "get"]:
        assert client_of(ann).get(path).status_code == 200


def test_a_case_from_the_queue_to_the_answer(case_about, *, files, ann, ben, cat, maintainer):
    case = case_about(files[0])
    first, second, third = client_of(ann), client_of(ben), client_of(cat)
    owner = client_of(maintainer)
    path = reverse("web:case", args=[case.pk])
    assert path in words_of(first.get(reverse("web:cases")))
    first.post(reverse("web:case-take", args=[case.pk]))
    assert path in words_of(first.get(reverse("web:cases") + "?mine=1"))
    assert path not in words_of(second.get(reverse("web:cases") + "?mine=1"))

    choices = words_of(first.get(reverse("web:case-decide", args=[case.pk])))
    assert "2 wheels will be withdrawn" in choices
    assert "Another moderator has to approve it first" in choices
    wish = {"action": "withdraw-all", "reason": "They carry a miner."}
    first.post(reverse("web:case-decide", args=[case.pk]), wish)
    assert "until another moderator approves it" in words_of(first.get(path))
    refused = first.post(reverse("web:case-approve", args=[case.pk]))
    assert refused.status_code == 403
    assert "Approve, as the second moderator" in words_of(second.get(path))
    second.post(reverse("web:case-approve", args=[case.pk]))
    assert "2 wheels will be withdrawn" in words_of(first.get(path))
    first.post(reverse("web:case-carry-out", args=[case.pk]))

    (link,) = re.findall(r"/decision/[^/]+/", words_of(owner.get(reverse("web:decisions"))))
    assert "They carry a miner." in words_of(owner.get(link))
    owner.post(link, {"text": "They do not."})
    assert "had no part in the decision" in words_of(owner.get(link))
    appeal = Case.objects.get(pk=case.pk).decisions.get().appeals.get()
    answer = reverse("web:appeal-answer", args=[appeal.pk])
    assert first.post(answer, {"grant": "1", "answer": "x"}).status_code == 403
    third.post(answer, {"grant": "1", "answer": "You are right."})
    assert "You are right." in words_of(owner.get(link))
    assert "You are right." in words_of(first.get(path))


def test_a_decision_without_words_is_asked_again(case_about, ann):
    case = case_about()
    path = reverse("web:case-decide", args=[case.pk])
    for wish in ({}, {"action": "explode", "reason": "x"}, {"action": "dismiss", "reason": ""}):
        assert client_of(ann).post(path, wish).status_code == 400
    client_of(ann).post(path, {"action": "dismiss", "reason": "It is fine."})
    late = client_of(ann).post(path, {"action": "dismiss", "reason": "It is fine."})
    assert late.status_code == 409


def test_drop_and_undo_from_the_page(case_about, files, ann, ben):
    case, client = case_about(files[0]), client_of(ann)
    services.decide(case=case, by=ann, action="yank-file", reason="x", at=AT)
    client.post(reverse("web:case-drop", args=[case.pk]), {"reason": "No."})
    assert "dropped" in words_of(client.get(reverse("web:case", args=[case.pk])))
    decided(case, ann, "yank-file")
    client.post(reverse("web:case-undo", args=[case.pk]), {"reason": "No."})
    assert "undone" in words_of(client.get(reverse("web:case", args=[case.pk])))


def test_reporters_are_not_named_to_moderators_until_revealed(
    case_about, files, ann, ben, maintainer
):
    case = case_about(files[0])
    page = reverse("web:case", args=[case.pk])
    assert "stranger" not in words_of(client_of(ann).get(page))
    made = decided(case, ann, "reveal-reporter", second=ben)
    assert "by stranger, revealed" in words_of(client_of(ann).get(page))
    link = reverse("web:decision", args=[made.pk])
    assert "stranger" in words_of(client_of(maintainer).get(link))


def test_a_moderator_opens_a_case_of_their_own(files, ann, maintainer):
    path = reverse("web:case-open")
    client = client_of(ann)
    for wish in (
        {},
        {"project": "unheard-of"},
        {"filename": "nothing.whl"},
        {"username": "maintainer"},
        {"filename": files[0].filename, "username": "maintainer"},
    ):
        assert client.post(path, {"kind": "quota", "text": "x"} | wish).status_code == 400
    for wish in (
        {"project": "docopt"},
        {"filename": files[0].filename},
        {"project": "docopt", "username": "maintainer"},
    ):
        made = client.post(path, {"kind": "quota", "text": "x"} | wish)
        assert client.get(made.headers["Location"]).status_code == 200
    assert Case.objects.count() == 3


def test_evidence_is_saved_and_never_shown(case_about, ann):
    case, client = case_about(), client_of(ann)
    upload = SimpleUploadedFile("x.html", b"<script>alert(1)</script>", "text/html")
    add = reverse("web:case-evidence", args=[case.pk])
    client.post(add, {"kind": "file", "title": "<b>A page</b>", "file": upload})
    client.post(add, {"kind": "text", "title": "T", "text": "<script>x()</script>"})
    client.post(add, {"kind": "link", "title": "L", "text": "https://elsewhere.example/x"})
    page = words_of(client.get(reverse("web:case", args=[case.pk])))
    assert "<b>A page" not in page
    assert "<script>x()" not in page
    assert 'href="https://elsewhere.example/x" rel="noopener noreferrer nofollow' in page
    saved = client.get(reverse("web:evidence", args=[Evidence.objects.get(kind="file").pk]))
    assert saved.content == b"<script>alert(1)</script>"
    assert saved.headers["Content-Type"] == "application/octet-stream"
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in saved.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "wish",
    [
        {"kind": "link", "title": "L", "text": "javascript:alert(1)"},
        {"kind": "file", "title": "F", "file": b"x" * (MAX_FILE + 1)},
        {"kind": "file", "title": "F"},
    ],
)
def test_refused_evidence_says_why_beside_the_form(case_about, ann, wish):
    case = case_about()
    if "file" in wish:
        wish = wish | {"file": SimpleUploadedFile("x", wish["file"])}
    page = client_of(ann).post(reverse("web:case-evidence", args=[case.pk]), wish)
    assert page.status_code == 400
    assert not Evidence.objects.exists()


def test_notes_are_kept(case_about, ann):
    case, client = case_about(), client_of(ann)
    path = reverse("web:case-note", args=[case.pk])
    assert client.post(path, {"text": ""}).status_code == 400
    client.post(path, {"text": "I asked upstream."})
    assert "I asked upstream." in words_of(client.get(reverse("web:case", args=[case.pk])))


# Decisions, for who was told.


def test_a_decision_is_for_who_was_told(case_about, files, ann, maintainer, stranger):
    made = decided(case_about(files[0]), ann, "withdraw-file")
    bare = reverse("web:decision", args=[made.pk])
    other = make_user("other")
    for client in (client_of(), client_of(other), client_of(ann)):
        assert client.get(bare).status_code == 404
        assert client.post(bare, {"text": "x"}).status_code == 404
        for key in ("x", key_of(made, other), key_of(made, maintainer)[:-1]):
            path = reverse("web:decision-by-key", args=[made.pk, key])
            assert client.get(path).status_code == 404
    for person in (maintainer, stranger):
        assert client_of(person).get(bare).status_code == 200
    reporters = words_of(client_of(maintainer).get(bare))
    assert "stranger" not in reporters


def test_who_is_banned_appeals_by_the_key(case_about, maintainer, ann, ben, client):
    made = decided(case_about(maintainer), ann, "ban-account", second=ben)
    path = reverse("web:decision-by-key", args=[made.pk, key_of(made, maintainer)])
    assert "Ban the account" in words_of(client.get(path))
    assert client.post(path, {"text": ""}).status_code == 400
    client.post(path, {"text": "It was not me."})
    assert made.appeals.get().by == maintainer
    assert client_of(maintainer).get(reverse("web:decisions")).status_code == 302


def test_the_queue_costs_the_same_however_long(
    case_about, files, docopt, ann, django_assert_max_num_queries
):
    client = client_of(ann)
    for kind in (CaseKind.ABUSE_REPORT, CaseKind.LICENCE_UNCLEAR, CaseKind.SUSPICIOUS_CONTENT):
        for about in (None, *files):
            case_about(about, kind=kind)
    with django_assert_max_num_queries(14):
        client.get(reverse("web:cases"))


def test_cases_are_in_the_menu_of_moderators_only(ann, maintainer):
    assert reverse("web:cases") in words_of(client_of(ann).get("/"))
    assert reverse("web:cases") not in words_of(client_of(maintainer).get("/"))
    assert make_moderator("dan").has_perm("moderation.moderate")
