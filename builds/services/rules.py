"""Rules of diagnosis, built in and added by staff: the only writer of the latter."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from builds.domain.learnt import RuleInvalid, learnt_rule
from builds.domain.rules import RULES, Rule
from builds.models import LearntRule
from builds.signals import rule_added, rule_retired

_FACTS = ("code", "pattern", "stage", "turn", "explanation", "remedy", "argument")


def current_rules() -> Sequence[Rule]:
    """The rules that failures are judged by now, in one query."""
    learnt = LearntRule.objects.filter(retired_at=None).order_by("created_at", "pk")
    return _with_learnt(tuple(learnt.values_list(*_FACTS)))


@transaction.atomic
def add_rule(
    *,
    code: str,
    pattern: str,
    stage: str,
    turn: str,
    explanation: str,
    remedy: str,
    argument: str,
    by: str,
    at: datetime,
) -> LearntRule:
    """Have failures judged by one rule more. Raises `RuleInvalid`.

    What failed before stays as it is until it is replayed.
    """
    facts = (code, pattern, stage, turn, explanation, remedy, argument)
    learnt_rule(**dict(zip(_FACTS, facts, strict=True)))
    rule = LearntRule(**dict(zip(_FACTS, facts, strict=True)), by=by, created_at=at)
    try:
        with transaction.atomic():
            rule.save(force_insert=True)
    except IntegrityError as error:
        raise RuleInvalid("code", f"{code} is another rule's already: choose another.") from error
    rule_added.send(LearntRule, rule=rule)
    return rule


def learnt_rules() -> QuerySet[LearntRule]:
    """Those in use, the newest first."""
    return LearntRule.objects.filter(retired_at=None).order_by("-created_at", "-pk")


@transaction.atomic
def retire_rule(*, code: str, by: str, at: datetime) -> bool:
    """Judge by this rule no longer; False when nothing was. Its code is not used again."""
    is_retired = bool(LearntRule.objects.filter(code=code, retired_at=None).update(retired_at=at))
    if is_retired:
        rule_retired.send(LearntRule, code=code, by=by)
    return is_retired


# The rows are few and rarely change; their patterns are compiled once.
@lru_cache(maxsize=4)
def _with_learnt(rows: tuple[tuple[str, ...], ...]) -> tuple[Rule, ...]:
    return (*RULES, *(learnt_rule(**dict(zip(_FACTS, row, strict=True))) for row in rows))
