"""The action on what co-owners object to, in a case of disputed ownership."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from portal.accounts.models import User
from portal.consent.facts import facts_of, hold_of
from portal.consent.listing import wheels_that_wait
from portal.consent.models import Consent, Suspension
from portal.consent.states import OVER, Facts, lists, state_of
from portal.consent.suspension import overrule, restore_objection, standing_objections
from portal.moderation.actions.base import Action, Effects, counted, decided_at
from portal.moderation.actions.names import ActionName
from portal.moderation.models import Case, Decision
from portal.moderation.people import owners_of
from portal.moderation.proceedings import CaseKind


class OverruleObjections(Action):
    """Objections end against the word of who made them.

    A second moderator approves it, although nothing is destroyed: wheels are built and listed
    again that somebody who proved to own the project said no to, and what was installed by then is
    not taken back by an appeal. Of the objections only those end that were there when it was
    decided: nobody has judged a later one.
    """

    name = ActionName.OVERRULE_OBJECTIONS
    way_back = (
        "Undo it, and the objections stand again: builds stop, and wheels leave the listings, as"
        " when they were made."
    )

    def fits(self, case: Case) -> bool:
        is_dispute = case.kind == CaseKind.DISPUTED_OWNERSHIP
        return is_dispute and not (case.file_id or case.account_id) and bool(_objections(case))

    def will(self, case: Case, *, at: datetime) -> list[str]:
        """Without names: who reported it reads this, too."""
        objections = _objections(case)
        by_consent = _by_consent(objections)
        left = {consent: _without(consent, ended) for consent, ended in by_consent}
        again = [consent for consent, facts in left.items() if lists(facts, at=at)]
        over = [
            consent
            for consent, facts in left.items()
            if consent not in again and state_of(facts, at=at) in OVER
        ]
        wheels = sum(wheels_that_wait(consent, at=at) for consent in again)
        sentences = [
            (
                f"{counted(len(objections), 'objection')} to"
                f" {counted(len(by_consent), 'consent')} for {case.project} will end. Who made one"
                " is told, cannot object to the same consent again while this stands, and can"
                " appeal."
            ),
        ]
        if again:
            sentences.append(
                f"{counted(len(again), 'consent')} will let wheels be listed again: up to"
                f" {counted(wheels, 'wheel')}. Where it is not paused, what was asked for is"
                " planned."
            )
        if over:
            sentences.append(
                f"{counted(len(over), 'consent')} ended meanwhile: where no other objection stands,"
                " a new one can be given."
            )
        if still := len(by_consent) - len(again) - len(over):
            sentences.append(f"{counted(still, 'consent')} will stay suspended for another reason.")
        return sentences

    def carry_out(self, decision: Decision, *, at: datetime) -> Effects:
        objections = _objections(decision.case)
        ended = [one.pk for one in objections if overrule(objection=one, at=at)]
        return {"suspensions": ended}

    def undo(self, decision: Decision, *, at: datetime) -> None:
        overruled = Suspension.objects.filter(pk__in=decision.effects["suspensions"])
        for one in overruled.select_related("by", "consent__project").order_by("pk"):
            restore_objection(objection=one, at=at)

    def told(self, case: Case, *, at: datetime) -> Collection[User]:
        """Who objects besides, an owner still or not."""
        objecting = [one.by for one in _objections(case) if one.by]
        return [*owners_of(case, at=at), *objecting]


def _objections(case: Case) -> Sequence[Suspension]:
    """To the case's consent, or to all of its project; once decided, only those of before."""
    found = standing_objections(case.project)
    if case.consent_id:
        found = found.filter(consent=case.consent_id)
    if decided := decided_at(case, ActionName.OVERRULE_OBJECTIONS):
        found = found.filter(suspended_at__lte=decided)
    return list(found)


def _by_consent(objections: Sequence[Suspension]) -> list[tuple[Consent, list[Suspension]]]:
    consents = {one.consent_id: one.consent for one in objections}
    return [
        (consent, [one for one in objections if one.consent_id == pk])
        for pk, consent in consents.items()
    ]


def _without(consent: Consent, ended: Sequence[Suspension]) -> Facts:
    facts = facts_of(consent)
    return replace(facts, holds=facts.holds - {hold_of(one) for one in ended})
