"""What can be decided. Pure."""

from collections.abc import Mapping
from enum import StrEnum


class ActionName(StrEnum):
    DISMISS = "dismiss"
    YANK_FILE = "yank-file"
    WITHDRAW_FILE = "withdraw-file"
    QUARANTINE_FILE = "quarantine-file"
    WITHDRAW_ALL = "withdraw-all"
    RESTORE_FILES = "restore-files"
    SUSPEND_CONSENTS = "suspend-consents"
    RESTORE_CONSENTS = "restore-consents"
    OVERRULE_OBJECTIONS = "overrule-objections"
    BAN_ACCOUNT = "ban-account"
    REVEAL_REPORTER = "reveal-reporter"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS: Mapping[ActionName, str] = {
    ActionName.DISMISS: "Dismiss: nothing is wrong, or nothing is ours to do",
    ActionName.YANK_FILE: "Yank the file",
    ActionName.WITHDRAW_FILE: "Withdraw the file",
    ActionName.QUARANTINE_FILE: "Quarantine the file",
    ActionName.WITHDRAW_ALL: "Withdraw all files of the project",
    ActionName.RESTORE_FILES: "Restore files that moderators took",
    ActionName.SUSPEND_CONSENTS: "Suspend consents",
    ActionName.RESTORE_CONSENTS: "Restore consents that moderators suspended",
    ActionName.OVERRULE_OBJECTIONS: "Overrule objections to consents",
    ActionName.BAN_ACCOUNT: "Ban the account",
    ActionName.REVEAL_REPORTER: "Reveal who reported it to the project's owners",
}

DESTRUCTIVE = frozenset(
    {
        ActionName.WITHDRAW_ALL,
        ActionName.OVERRULE_OBJECTIONS,
        ActionName.BAN_ACCOUNT,
        ActionName.REVEAL_REPORTER,
    }
)
"""They need a second moderator. An objection is an owner's word: it is never one person's to end,
and what is built and installed meanwhile is out in the world, whoever is right in the end."""
IRREVERSIBLE = frozenset({ActionName.REVEAL_REPORTER})
