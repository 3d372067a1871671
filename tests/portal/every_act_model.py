"""What `test_every_act` holds the portal to: who said what, and no more than that.

It knows no permit, no row and no service. People are known by their names, time is an argument.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from indexes.domain.status import ProjectStatus

PAUSE = "a pause"
APPROVAL = "too few owners"
PROOF = "no proof"


def objection_of(person: str) -> str:
    return f"an objection of {person}"


@dataclass
class Yes:
    """A consent. `held` says what holds it back."""

    id: UUID
    by: str
    project: str
    versions: frozenset[str]
    targets: frozenset[str]
    publishes: bool
    given_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None
    is_kept: bool = False
    """Whether its wheels stay by the word of who took it back, which nobody has ended."""
    replaced_by: UUID | None = None
    held: set[str] = field(default_factory=set)
    overruled: set[str] = field(default_factory=set)
    """Objections that moderators ended, and nobody can make again meanwhile."""
    approved_by: set[str] = field(default_factory=set)

    def is_live(self, now: datetime) -> bool:
        return not self.held and self.is_unended(now)

    def is_unended(self, now: datetime) -> bool:
        is_expired = self.expires_at is not None and self.expires_at <= now
        return not (self.revoked_at or self.replaced_by or is_expired)

    def is_about(self, version: str, target: str) -> bool:
        return version in self.versions and target in self.targets


def may_be_listed(consent: Yes, now: datetime) -> bool:
    """Whether what a consent covers may be on the pages.

    While it holds or is paused, which is a consent still; and while the word stands with which it
    was taken back. Nothing else is a leave.
    """
    is_leave = consent.is_kept or consent.is_unended(now)
    return consent.publishes and is_leave and consent.held <= {PAUSE}


@dataclass
class Told:
    """What upstream said of a project when it was last asked."""

    versions: frozenset[str] = frozenset()
    yanked: frozenset[str] = frozenset()
    status: ProjectStatus = ProjectStatus.ACTIVE


@dataclass
class Done:
    """A decision of moderators that stands."""

    action: str
    project: str
    files: list[str]
    lifted: list[tuple[Yes | None, str]] = field(default_factory=list)
    """Of a restoring one: what it let go, and by which decision that had been held."""
    overruled: list[tuple[Yes, str]] = field(default_factory=list)
    """Objections that it ended."""


@dataclass
class Model:
    consents: list[Yes] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)
    published: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Of each file: project, version, target."""
    hands: dict[str, str] = field(default_factory=dict)
    """In whose a project was upstream when that was last looked at."""
    proofs: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """Of (person, project): in whose hands it was when they proved it."""
    wishes: dict[tuple[str, str], int] = field(default_factory=dict)
    named: dict[tuple[str, str, str], frozenset[str]] = field(default_factory=dict)
    """What (owner, person) of a project left to somebody."""
    noes: set[tuple[str, str]] = field(default_factory=set)
    said_no: set[str] = field(default_factory=set)
    """Projects of which an owner ever said no."""
    letters: dict[str, datetime] = field(default_factory=dict)
    banned: set[str] = field(default_factory=set)
    closed: dict[str, set[str]] = field(default_factory=dict)
    """Projects for which no consent is taken, by which decisions."""
    done: dict[str, Done] = field(default_factory=dict)

    def of(self, project: str) -> list[Yes]:
        return [yes for yes in self.consents if yes.project == project]

    def covering(self, project: str, version: str, target: str, now: datetime) -> list[Yes]:
        return [
            yes for yes in self.of(project) if yes.is_about(version, target) and yes.is_live(now)
        ]

    def may_list(self, filename: str, now: datetime) -> bool:
        project, version, target = self.published[filename]
        covering = [yes for yes in self.of(project) if yes.is_about(version, target)]
        return any(may_be_listed(yes, now) for yes in covering)

    # Who may do what

    def owns(self, person: str, project: str) -> bool:
        return self.hands[project] in self.proofs.get((person, project), set())

    def owners(self, project: str) -> set[str]:
        proven = {person for person, of in self.proofs if of == project}
        return {person for person in proven - self.banned if self.owns(person, project)}

    def tasks(self, person: str, project: str) -> set[str]:
        return {
            task
            for (owner, named, of), tasks in self.named.items()
            if (named, of) == (person, project) and self.owns(owner, project)
            for task in tasks
        }

    def may(self, person: str, yes: Yes, task: str) -> bool:
        """Whether they gave it, own the project, or were named for it by who does."""
        is_theirs = person == yes.by or self.owns(person, yes.project)
        return is_theirs or task in self.tasks(person, yes.project)

    def may_consent(self, person: str, project: str) -> bool:
        others_no = any(of == project and said != person for said, of in self.noes)
        return self.owns(person, project) and not others_no

    def objections(self, project: str) -> list[tuple[Yes, str]]:
        """Those that stand, to consents that are over, too: nothing new holds meanwhile."""
        known = {objection_of(each): each for each in self.owners_ever(project)}
        return [(yes, each) for yes in self.of(project) for each in sorted(yes.held & set(known))]

    def owners_ever(self, project: str) -> set[str]:
        return {person for person, of in self.proofs if of == project}

    # What follows

    def wanted(self, project: str) -> int:
        owners = self.owners(project)
        wishes = [
            wish for (who, of), wish in self.wishes.items() if of == project and who in owners
        ]
        wanted = len(owners) if 0 in wishes else max(wishes, default=1)
        return max(1, min(wanted, len(owners)))

    def settle(self, project: str, now: datetime) -> None:
        """What has the yes of enough owners holds, where none of them objects to anything."""
        if self.objections(project):
            return
        for yes in self._unended(project, now):
            agreeing = (yes.approved_by | {yes.by}) & self.owners(project)
            if len(agreeing) >= self.wanted(project):
                yes.held.discard(APPROVAL)

    def hold_to_proofs(self, project: str, now: datetime) -> None:
        for yes in self._unended(project, now):
            if self.owns(yes.by, project):
                yes.held.discard(PROOF)
            else:
                yes.held.add(PROOF)
        self.settle(project, now)

    def _unended(self, project: str, now: datetime) -> Iterator[Yes]:
        return (yes for yes in self.of(project) if yes.is_unended(now))

    # Moderators

    def carry_out(
        self, decision: str, done: Done, about: UUID | None, account: str, now: datetime
    ) -> None:
        """`about` is the consent that the case is about, if it is about one."""
        self.done[decision] = done
        match done.action:
            case "suspend-consents":
                self._hold(
                    decision, [yes for yes in self.of(done.project) if about in {None, yes.id}]
                )
                if about is None:
                    self.closed.setdefault(done.project, set()).add(decision)
            case "ban-account":
                self.banned.add(account)
                self._hold(decision, [yes for yes in self.consents if yes.by == account])
            case "restore-consents":
                done.lifted = list(self._lift(done.project, about))
            case "overrule-objections":
                for yes, objection in done.overruled:
                    yes.held.remove(objection)
                    yes.overruled.add(objection)
                self.settle(done.project, now)

    def take_back(self, decision: str, account: str, now: datetime) -> None:
        """A decision ended after it was carried out."""
        done = self.done.pop(decision)
        match done.action:
            case "suspend-consents" | "ban-account":
                for yes in self.consents:
                    yes.held.discard(decision)
                for decisions in self.closed.values():
                    decisions.discard(decision)
                if done.action == "ban-account":
                    self.banned.discard(account)
            case "restore-consents":
                for yes, by in done.lifted:
                    if by in self.done and yes is None:
                        self.closed[done.project].add(by)
                    elif by in self.done and yes and yes.is_unended(now):
                        yes.held.add(by)
        for yes, objection in done.overruled:
            self._object_again(yes, objection)

    def _object_again(self, yes: Yes, objection: str) -> None:
        """To what took the consent's place, where something did."""
        now = yes
        while now.replaced_by:
            now = next(each for each in self.consents if each.id == now.replaced_by)
        if objection not in now.held:
            yes.overruled.discard(objection)
            now.held.add(objection)

    def _hold(self, decision: str, consents: list[Yes]) -> None:
        for yes in consents:
            if not yes.revoked_at:
                yes.held.add(decision)

    def _lift(self, project: str, about: UUID | None) -> Iterator[tuple[Yes | None, str]]:
        suspending = [key for key, done in self.done.items() if done.action == "suspend-consents"]
        for decision in suspending:
            for yes in self.of(project):
                if about in {None, yes.id} and decision in yes.held:
                    yes.held.remove(decision)
                    yield yes, decision
            if about is None and decision in self.closed.get(project, set()):
                self.closed[project].discard(decision)
                yield None, decision

    def is_hidden(self, filename: str) -> bool:
        """Whether what moderators decided last of a file, and stands, keeps it off the pages."""
        is_hidden = False
        for done in self.done.values():
            if filename in done.files and done.action != "yank-file":
                is_hidden = done.action != "restore-files"
        return is_hidden
