"""Every action by its name."""

from collections.abc import Mapping

from portal.moderation.actions.accounts import BanAccount
from portal.moderation.actions.base import Action
from portal.moderation.actions.consents import RestoreConsents, SuspendConsents
from portal.moderation.actions.files import (
    QuarantineFile,
    RestoreFiles,
    WithdrawAll,
    WithdrawFile,
    YankFile,
)
from portal.moderation.actions.names import ActionName
from portal.moderation.actions.objections import OverruleObjections
from portal.moderation.actions.reports import Dismiss, RevealReporter
from portal.moderation.models import Case

ACTIONS: Mapping[ActionName, Action] = {
    action.name: action
    for action in (
        Dismiss(),
        YankFile(),
        WithdrawFile(),
        QuarantineFile(),
        WithdrawAll(),
        RestoreFiles(),
        SuspendConsents(),
        RestoreConsents(),
        OverruleObjections(),
        BanAccount(),
        RevealReporter(),
    )
}


def action_named(name: str) -> Action:
    return ACTIONS[ActionName(name)]


def fitting(case: Case) -> list[Action]:
    """Those that can be decided in a case, mildest first."""
    return [action for action in ACTIONS.values() if action.fits(case)]
