"""Actions on wheels of ours: standings are decided by `indexes`, which changes the pages too."""

from collections import defaultdict
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q

from indexes.domain.status import Decision as Standing
from indexes.models import File
from indexes.models.file import FileQuerySet
from indexes.services.standing import decide
from portal.moderation.actions.base import Action, Effects, counted
from portal.moderation.actions.names import ActionName
from portal.moderation.files import BY_MODERATORS, yank_in_case
from portal.moderation.models import Case, Decision

_STILL = {
    Standing.YANKED: "installed by nobody who does not name its version",
    Standing.WITHDRAWN: "off the index; lock files that name it still resolve",
    Standing.QUARANTINED: "off the index and not downloadable; lock files that name it fail",
}
_WEAKER = {
    standing: [each.value for each in list(Standing)[: list(Standing).index(standing)]]
    for standing in Standing
}


class _TakeFiles(Action):
    standing: ClassVar[Standing]
    way_back = "Undo it, and the files stand as they did before."

    def files(self, case: Case) -> FileQuerySet:
        """Those it would change: what is decided more strongly already stays so."""
        return _of_case(case).filter(Q(decision="") | Q(decision__in=_WEAKER[self.standing]))

    def will(self, case: Case, *, at: datetime) -> list[str]:  # noqa: ARG002  # others need the time
        files = self.files(case)
        listed = files.on_pages().count()
        return [
            f"{counted(files.count(), 'wheel')} will be {self.standing}: {_STILL[self.standing]}.",
            f"On index pages now: {counted(listed, 'wheel')} of that.",
        ]

    def carry_out(self, decision: Decision, *, at: datetime) -> Effects:
        before = _standings(self.files(decision.case))
        decide(
            files=_named(before),
            decision=self.standing,
            reason=_reason(decision),
            at=at,
        )
        return {"files": before}

    def undo(self, decision: Decision, *, at: datetime) -> None:
        _put_back(decision, only=Q(decision_reason=_reason(decision)), at=at)


class _TakeFile(_TakeFiles):
    def fits(self, case: Case) -> bool:
        return case.file is not None and self.files(case).exists()


class YankFile(_TakeFile):
    name = ActionName.YANK_FILE
    standing = Standing.YANKED

    def carry_out(self, decision: Decision, *, at: datetime) -> Effects:
        """Raises what `yank_in_case` raises."""
        file, by = decision.case.file, decision.carried_out_by
        assert file is not None  # noqa: S101  # it fits
        assert by is not None  # noqa: S101  # it is being carried out
        before = _standings(self.files(decision.case))
        yank_in_case(user=by, file=file, reason=_reason(decision), at=at)
        return {"files": before}


class WithdrawFile(_TakeFile):
    name = ActionName.WITHDRAW_FILE
    standing = Standing.WITHDRAWN


class QuarantineFile(_TakeFile):
    name = ActionName.QUARANTINE_FILE
    standing = Standing.QUARANTINED


class WithdrawAll(_TakeFiles):
    name = ActionName.WITHDRAW_ALL
    standing = Standing.WITHDRAWN

    def fits(self, case: Case) -> bool:
        return self.files(case).exists()

    def files(self, case: Case) -> FileQuerySet:
        of_project = File.objects.filter(project=case.project)
        return of_project.filter(Q(decision="") | Q(decision__in=_WEAKER[self.standing]))


class RestoreFiles(Action):
    name = ActionName.RESTORE_FILES
    way_back = "Undo it, and what moderators had decided of the files stands again."

    def fits(self, case: Case) -> bool:
        return self._files(case).exists()

    def will(self, case: Case, *, at: datetime) -> list[str]:  # noqa: ARG002  # others need the time
        number = self._files(case).count()
        return [
            (
                f"What moderators decided of {counted(number, 'wheel')} is taken back. What"
                " upstream or the project's owners decided stays."
            )
        ]

    def carry_out(self, decision: Decision, *, at: datetime) -> Effects:
        before = _standings(self._files(decision.case))
        decide(files=_named(before), decision=None, reason="", at=at)
        return {"files": before}

    def undo(self, decision: Decision, *, at: datetime) -> None:
        _put_back(decision, only=Q(decision=""), at=at)

    def _files(self, case: Case) -> FileQuerySet:
        return _of_case(case).filter(decision_reason__startswith=BY_MODERATORS)


def _of_case(case: Case) -> FileQuerySet:
    files = File.objects.filter(project=case.project)
    return files.filter(pk=case.file_id) if case.file_id else files


type _Row = list[Any]
type _Standings = list[_Row]
"""[filename, decision, reason, whether another build may take its place] of each."""


def _standings(files: FileQuerySet) -> _Standings:
    columns = ("filename", "decision", "decision_reason", "is_to_be_remade")
    rows = files.order_by("filename").values_list(*columns)
    return [list(row) for row in rows]


def _named(standings: _Standings) -> FileQuerySet:
    return File.objects.filter(filename__in=[filename for filename, *_ in standings])


def _put_back(decision: Decision, *, only: Q, at: datetime) -> None:
    """As they stood before; `only` are those that nobody has decided about since."""
    over = _over(decision)
    alike: dict[tuple[str, str, bool], _Standings] = defaultdict(list)
    for found in decision.effects["files"]:
        row = _without(found, over)
        alike[row[1], row[2], row[3]].append(row)
    for (standing, reason, is_to_be_remade), rows in alike.items():
        decide(
            files=_named(rows).filter(only),
            decision=Standing(standing) if standing else None,
            reason=reason,
            at=at,
            is_to_be_remade=is_to_be_remade,
        )


def _over(decision: Decision) -> dict[str, _Standings]:
    """By their reasons, what other decisions found that were undone since."""
    others = Decision.objects.filter(case__project=decision.case.project_id)
    others = others.exclude(pk=decision.pk).filter(effects__has_key="files")
    of_files = [each for each in others if each.action != ActionName.RESTORE_FILES]
    stand = {_reason(each) for each in of_files if each.ended_at is None}
    found = {_reason(each): each.effects["files"] for each in of_files}
    return {reason: before for reason, before in found.items() if reason not in stand}


def _without(row: _Row, over: dict[str, _Standings]) -> _Row:
    """How a file would have stood if those decisions had never been."""
    left = dict(over)
    while found := [before for before in left.pop(row[2], []) if before[0] == row[0]]:
        row = found[0]
    return row


def _reason(decision: Decision) -> str:
    """What installers and the file's page show."""
    return f"{BY_MODERATORS}, case {str(decision.case_id)[:8]}: {decision.reason}"
