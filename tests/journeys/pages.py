"""Every page of the portal, by who reads it: the addresses, and what must be there for them.

A route that neither is here nor is said to be no page fails `test_pages`.
"""

from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from django.urls import reverse
from django.utils import timezone
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from builds.domain.recipes import draft_recipe
from builds.domain.states import AttemptState, BuildState
from builds.models import BuilderStop, LearntRule, Replay, Replayed
from builds.services.recipes import change_recipe
from indexes.domain.curation import Rules
from indexes.models import Project
from indexes.services.curated import Terms
from portal.accounts.models import User
from portal.accounts.services import issue_token
from portal.consent.delegation import delegate
from portal.consent.models import PauseLink
from portal.consent.pause_links import link_of
from portal.consent.suspension import object_to, pause
from portal.moderation.actions.names import ActionName
from portal.moderation.announcements import key_of
from portal.moderation.evidence import add_evidence
from portal.moderation.intake import open_case, receipt_of
from portal.moderation.models import Decision, Report
from portal.moderation.proceedings import CaseKind
from portal.notices.kinds import Kind
from portal.notices.models import Delivery
from portal.notices.services import add_webhook, notify, unsubscribe_token
from portal.organisations.services import (
    create_index,
    create_organisation,
    invite,
    issue_reader_token,
    revoke_reader_token,
)
from portal.ownership.models import Proof
from tests.portal.people import add_member, make_user
from tests.portal.web.scenes import STAGES, Farm, make_attempt, make_build

NOT_PAGES = {
    "acts, which answer with a page that is here": {
        "name-somebody", "end-naming", "threshold", "act-on-consent", "end-webhook",
        "replay-delivery", "revoke-token", "answer-invitation", "change-member", "drop-member",
        "revoke-invitation", "drop-index", "revoke-reader-token", "unyank", "case-take",
        "case-note", "case-evidence", "case-approve", "case-drop", "case-carry-out", "case-undo",
        "appeal-answer",
    },
    "parts of pages that are here": {"minor", "build-state", "build-log", "request-progress"},
    "files to keep, and feeds": {
        "ledger-feed", "ledger-of-all-feed", "export", "build-plain-log", "source", "evidence",
        "mfa_download_recovery_codes",
    },
    "ways to a provider and back": {
        "github_callback", "openid_connect_login", "openid_connect_callback",
    },
    "what no setting of ours leads to": {"account_confirm_login_code"},
    "a page on the way from a provider, which `test_people` looks at": {"socialaccount_signup"},
    "another address of a page that is here": {"account_set_password"},
}  # fmt: skip


def addresses_of_owner(farm: Farm) -> dict[str, str]:
    """For somebody with two projects and an organisation: a name for the picture, the address."""
    name = farm.project.name
    return {
        "home": reverse("web:home"),
        "search": reverse("web:search") + f"?q={name}%0Adocopt%3D%3D0.6.2%0Aunheard-of%0A%21%21",
        "project": reverse("web:project", args=[name]),
        "project-plain": reverse("web:project", args=["docopt"]),
        "project-unknown": reverse("web:project", args=["unheard-of"]),
        "release": reverse("web:release", args=[name, "0.27.1"]),
        "release-yanked": reverse("web:release", args=[name, "0.26.0"]),
        "ledger": reverse("web:ledger", args=[name]),
        "ledger-redacted": reverse("web:ledger", args=["docopt"]),
        "ledger-of-all": reverse("web:ledger-of-all"),
        "register": reverse("web:register", args=[name]),
        "register-of-all": reverse("web:register-of-all"),
        "recipe": reverse("web:recipe", args=[name]),
        "recipe-none": reverse("web:recipe", args=["docopt"]),
        "ask": reverse("web:ask", args=[name]),
        "petition-form": reverse("web:ask", args=["docopt"]),
        "request": reverse("web:request", args=[farm.asked.pk]),
        "petition": reverse("web:request", args=[farm.petition.pk]),
        "build-published": reverse("web:build", args=[farm.published.pk]),
        "build-failed": reverse("web:build", args=[farm.failed.pk]),
        "build-running": reverse("web:build", args=[farm.running.pk]),
        "build-queued": reverse("web:build", args=[farm.queued.pk]),
        "build-cancelled": reverse("web:build", args=[farm.cancelled.pk]),
        "builds": reverse("web:builds"),
        "status": reverse("web:status"),
        "status-upstream": reverse("web:upstream"),
        "about": reverse("web:about"),
        "agreements": reverse("web:agreements"),
        "agreement": reverse("web:agreement", args=["build-and-execute", "1"]),
        "mine": reverse("web:mine"),
        "tokens": reverse("web:tokens"),
        "notices": reverse("web:notices"),
        "notice-settings": reverse("web:notice-settings"),
        "webhook": reverse("web:webhook", args=[farm.owner.webhooks.get().pk]),
        "unsubscribe": reverse(
            "web:unsubscribe", args=[unsubscribe_token(farm.owner, Kind.BUILD_FAILED)]
        ),
        "prove": reverse("web:prove", args=["docopt"]),
        "proof": reverse("web:proof", args=[farm.proof.pk]),
        "proof-pending": reverse("web:proof", args=[farm.pending.pk]),
        "consent-form": reverse("web:give-consent", args=[name]),
        "consent": reverse("web:consent", args=[farm.consent.pk]),
        "revoke": reverse("web:revoke", args=[farm.consent.pk]),
        "yank": reverse("web:yank", args=[farm.file.filename]),
        "organisations": reverse("web:organisations"),
        "organisation": reverse("web:organisation", args=["acme"]),
        "organisation-ledger": reverse("web:organisation-ledger", args=["acme"]),
        "new-index": reverse("web:new-index", args=["acme"]),
        "curated-index": reverse("web:curated-index", args=["acme", "tools"]),
        "left-out": reverse("web:left-out", args=["acme", "tools", name]),
        "reader-tokens": reverse("web:reader-tokens", args=["acme"]),
        "use-curated": reverse("web:use-curated", args=["acme", "tools"]),
        "decisions": reverse("web:decisions"),
        "decision": reverse("web:decision", args=[Decision.objects.get().pk]),
        "account-factors": reverse("mfa_index"),
        "account-totp": reverse("mfa_activate_totp"),
        "account-connections": reverse("socialaccount_connections"),
        "account-email": reverse("account_email"),
        "account-password": reverse("account_change_password"),
        "sign-out": reverse("account_logout"),
        "nowhere": NOWHERE,
        "not-for-you": reverse("web:failures"),
        "button-alone": reverse("web:retire-rule", args=[1]),
    }


def addresses_when_held_back(farm: Farm) -> dict[str, str]:
    """For the same person once their consent is paused and objected to."""
    name = farm.project.name
    link = PauseLink.objects.create(
        project=farm.plain, address="a@x.example", sent_at=timezone.now()
    )
    return {
        "consent-form-plain": reverse("web:give-consent", args=["docopt"]),
        "consent-form-objected": reverse("web:give-consent", args=[name]),
        "consent-held": reverse("web:consent", args=[farm.consent.pk]),
        "scope": reverse("web:scope", args=[farm.consent.pk]),
        "owners": reverse("web:owners", args=[name]),
        "no": reverse("web:no", args=["docopt"]),
        "no-consented": reverse("web:no", args=[name]),
        "carry": reverse("web:carry", args=["docopt"]),
        "consent-organisation": reverse("web:consent-organisation", args=["docopt"]),
        "ask-to-pause": reverse("web:ask-to-pause", args=[name]),
        "pause-by-link": link_of(link).removeprefix("http://testserver"),
        "project-held": reverse("web:project", args=[name]),
        "mine-wanted": reverse("web:mine"),
    }


def addresses_of_staff(farm: Farm) -> dict[str, str]:
    """For an operator who moderates too, and has a second factor of every kind."""
    case = Report.objects.get().case
    key = Authenticator.objects.get(type=Authenticator.Type.WEBAUTHN)
    return {
        "failures": reverse("web:failures"),
        "failure": f"{reverse('web:failure')}?{urlencode({'cause': farm.failed.cause})}",
        "replay": reverse("web:replay", args=[Replay.objects.get().pk]),
        "status-stopped": reverse("web:status"),
        "cases": reverse("web:cases"),
        "case": reverse("web:case", args=[case.pk]),
        "case-decide": reverse("web:case-decide", args=[case.pk]),
        "case-new": reverse("web:case-open"),
        "account-factors-all": reverse("mfa_index"),
        "account-totp-off": reverse("mfa_deactivate_totp"),
        "account-codes": reverse("mfa_view_recovery_codes"),
        "account-codes-new": reverse("mfa_generate_recovery_codes"),
        "account-keys": reverse("mfa_list_webauthn"),
        "account-key-new": reverse("mfa_add_webauthn"),
        "account-key-edit": reverse("mfa_edit_webauthn", args=[key.pk]),
        "account-key-remove": reverse("mfa_remove_webauthn", args=[key.pk]),
        "account-again": reverse("account_reauthenticate"),
        "account-again-code": reverse("mfa_reauthenticate"),
        "account-again-key": reverse("mfa_reauthenticate_webauthn"),
    }


def addresses_of_anybody(farm: Farm) -> dict[str, str]:
    """For who has not signed in."""
    name = farm.project.name
    decision = Decision.objects.get()
    return {
        "sign-in": reverse("account_login"),
        "sign-in-elsewhere": reverse("github_login"),
        "sign-up-closed": reverse("account_signup"),
        "sign-in-cancelled": reverse("socialaccount_login_cancelled"),
        "sign-in-failed": reverse("socialaccount_login_error"),
        "account-inactive": reverse("account_inactive"),
        "password-reset": reverse("account_reset_password"),
        "password-reset-sent": reverse("account_reset_password_done"),
        "password-reset-link": reverse("account_reset_password_from_key", args=["1", "set-x"]),
        "password-reset-done": reverse("account_reset_password_from_key_done"),
        "email-confirm": reverse("account_confirm_email", args=["x"]),
        "email-sent": reverse("account_email_verification_sent"),
        "project-signed-out": reverse("web:project", args=[name]),
        "report-file": reverse("web:report-file", args=[farm.file.filename]),
        "report-consent": reverse("web:report-consent", args=[farm.consent.pk]),
        "report-project": reverse("web:report-project", args=[name]),
        "report-sent": reverse("web:report-sent", args=[receipt_of(Report.objects.get())]),
        "decision-by-key": reverse(
            "web:decision-by-key", args=[decision.pk, key_of(decision, farm.owner)]
        ),
        "use-it": reverse("web:use-it"),
        "use-overlay": reverse("web:use-overlay"),
        "use-wheels": reverse("web:use-wheels"),
        "use-project": reverse("web:use-project", args=[name]),
        "use-platform": reverse("web:use-platform", args=["manylinux_2_28_x86_64"]),
        "use-day": reverse("web:use-day", args=[timezone.now().date()]),
    }


NOWHERE = "/nowhere/"
NOT_OK = {"nowhere", "project-unknown", "not-for-you", "button-alone", "sign-in-failed"}
"""Pages of errors, whose status says so."""
BROKEN = ("400.html", "403_csrf.html", "500.html")
"""Templates of what no address shows at will."""


def furnish(farm: Farm, staff: User) -> None:
    """Let there be one of everything that a page can show."""
    tell(farm)
    curate(farm)
    mend(farm)
    report(farm, staff)
    add_factors(staff)
    SocialAccount.objects.create(
        user=farm.owner, provider="github", uid="1", extra_data={"login": "ada"}
    )
    issue_token(user=farm.owner, name="CI", scopes=["read"], expires_at=None, at=timezone.now())
    delegate(
        user=farm.owner,
        project=farm.project,
        username="stranger",
        tasks=["pause"],
        at=timezone.now(),
    )


def tell(farm: Farm) -> None:
    """A notice of each kind, and a webhook that no longer answers."""
    address = "https://hook.example/one/that/is/told/of/everything/that/happens/here"
    add_webhook(person=farm.owner, url=address, at=timezone.now())
    for kind in Kind:
        about = {"version": "0.27.0", "target": farm.failed.target, "until": "2030-01-01"}
        notify(kind=kind, project=farm.project, about=about, people=[farm.owner])
    Delivery.objects.filter(channel="webhook").update(
        state="given-up", log=[{"at": timezone.now().isoformat(), "said": "Answered 500."}]
    )


def curate(farm: Farm) -> None:
    """An organisation of the farm's owner: one index, two tokens; invited into it, and out."""
    at = timezone.now()
    Project.objects.filter(pk=farm.project.pk).update(upstream_digest="0" * 64)
    acme = create_organisation(user=farm.owner, slug="acme", name="Acme Ltd", at=at)
    add_member(by=farm.owner, organisation=acme, username="stranger", role="viewer", at=at)
    terms = Terms(
        [farm.project.name, "docopt"],
        is_private=True,
        rules=Rules(min_age_days=30, reproducible_only=True),
    )
    create_index(by=farm.owner, organisation=acme, slug="tools", terms=terms, at=at)
    for name in ("CI", "Laptop"):
        token, _ = issue_reader_token(
            by=farm.owner, organisation=acme, name=name, expires_at=None, at=at
        )
    revoke_reader_token(by=farm.owner, organisation=acme, token_id=token.pk, at=at)
    founder = make_user("founder")
    invite(by=farm.owner, organisation=acme, whom="founder", role="manager", at=at)
    other = create_organisation(user=founder, slug="dairy", name="The Dairy", at=at)
    invite(by=founder, organisation=other, whom=farm.owner.username, role="requester", at=at)


def mend(farm: Farm) -> None:
    """What operators and owners did: a recipe's two versions, a rule, a replay, a stop."""
    at = timezone.now()
    for version, flag in ((1, "-DFOO"), (2, "-DBAR")):
        text = draft_recipe(farm.project.name, version=version, reviewer="maintainer")
        text = text.replace('reason = ""', 'reason = "It needs a flag."') + f'flags = ["{flag}"]'
        change_recipe(
            project=farm.project, text=text, by="maintainer", reason="It did not build.", at=at
        )
    LearntRule.objects.create(
        code="frobnicator-missing",
        pattern="the frobnicator '{name}' is not installed",
        stage="build",
        turn="farm",
        explanation="It needs {name}.",
        remedy="system",
        argument="{name}",
        by="root",
        created_at=at,
    )
    BuilderStop.objects.create(
        builder="builder-1", reason="5 of the last 6 attempts failed.", stopped_at=at, until=at
    )
    made = Replay.objects.create(
        cause="rule", subject="frobnicator-missing", by="root", created_at=at
    )
    Replayed.objects.create(replay=made, build=farm.failed, before="unknown")
    # The recipe had the other failure built again.
    again = make_build(
        farm.project,
        "0.24.0",
        farm.failed.target,
        at=at,
        state=BuildState.FAILED,
        outcome="import-failed",
        cause=farm.failed.cause,
        message=farm.failed.message,
        ended_at=at,
    )
    make_attempt(again, at=at, state=AttemptState.FAILED, stages=STAGES[:7], evidence="ImportError")


def report(farm: Farm, staff: User) -> None:
    """A case that the farm's owner reported, with evidence, and what was decided of it."""
    at = timezone.now()
    made = open_case(
        kind=CaseKind.SUSPICIOUS_CONTENT,
        project=farm.project,
        about=farm.file,
        reported_by=farm.owner,
        text="Importing it opens a connection.",
        at=at,
    )
    address = "https://elsewhere.example/thread/1"
    add_evidence(
        case=made.case,
        by=staff,
        kind="link",
        title="Seen by others",
        text=address,
        content=b"",
        at=at,
    )
    decision = Decision.objects.create(
        case=made.case,
        action=ActionName.DISMISS,
        reason="It asks whether there is an update, and says so in its documentation.",
        decided_by=staff,
        decided_at=at,
        carried_out_at=at,
        appeal_until=at + timedelta(days=14),
    )
    decision.told.add(farm.owner)


def add_factors(staff: User) -> None:
    """Recovery codes and a security key, beside the authenticator app that they have."""
    RecoveryCodes.activate(staff)
    Authenticator.objects.create(
        user=staff,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": "The blue key", "passwordless": False, "credential": _credential()},
    )


def _credential() -> dict[str, object]:
    """What a security key says when it is added (WebAuthn, `RegistrationResponseJSON`)."""
    public_key = ES256.from_cryptography_key(generate_private_key(SECP256R1()).public_key())
    known = AttestedCredentialData.create(Aaguid.NONE, b"blue", public_key)
    said = AuthenticatorData.create(sha256(b"localhost").digest(), 0x41, 0, known)
    return {
        "id": websafe_encode(b"blue"),
        "rawId": websafe_encode(b"blue"),
        "type": "public-key",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": websafe_encode(
                CollectedClientData.create("webauthn.create", b"x", "https://localhost")
            ),
            "attestationObject": websafe_encode(AttestationObject.create("none", said, {})),
        },
    }


def hold_back(farm: Farm) -> None:
    """The consent is paused by its owner and objected to by another; docopt is proven too."""
    now = timezone.now()
    snapshot = {"upstream": {"organization": "cheese", "roles": {"ada": "Owner"}}}
    Proof.objects.filter(pk=farm.pending.pk).update(state="proven", proven_at=now, expires_at=None)
    Proof.objects.all().update(evidence=snapshot)
    other = make_user("co-owner")
    Proof.objects.create(
        user=other,
        project=farm.project,
        method="staff-review",
        state="proven",
        created_at=now,
        proven_at=now,
    )
    pause(consent=farm.consent, user=farm.owner, reason="On holiday.", at=now)
    object_to(consent=farm.consent, user=other, reason="We never agreed on it.", at=now)
