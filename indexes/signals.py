"""What happens on this floor, for the floors above to hear.

Each is sent inside the transaction that makes it so: a receiver that raises undoes it, and what
a receiver writes is written with it.
"""

from django.dispatch import Signal

# file: File. It is published; when it is not to be listed, `standing_changed` follows.
file_published = Signal()
# file: File, before: Standing, after: Standing, reason: str
standing_changed = Signal()
# project: Project, filenames: Sequence[str], decision: Decision | None, reason: str,
# is_to_be_remade: bool. Ours, of files of ours; what it makes of their standings follows.
files_decided = Signal()
# project: Project, filenames: Sequence[str], reason: str. Ours are kept off the pages for now, or
# (no reason) no longer; what it makes of their standings follows.
files_withheld = Signal()
# file: File, is_reproducible: bool, by: str, at: datetime. It was compared with a second build.
file_compared = Signal()
# project: Project, version: str, reason: str. Also when only the reason changed.
release_yanked = Signal()
# project: Project, version: str
release_unyanked = Signal()
# project: Project, versions: tuple[str, ...]. Upstream has releases that it had not.
releases_added = Signal()
# project: Project, versions: tuple[str, ...]. Upstream has them no more.
releases_removed = Signal()
# project: Project, versions: tuple[str, ...]. Upstream names them and lists no file of theirs.
releases_quarantined = Signal()
# project: Project, versions: tuple[str, ...]. What was quarantined is listed again.
releases_cleared = Signal()
# project: Project, before: str, after: str. Upstream writes its name in another way.
project_renamed = Signal()
# project: Project, added: frozenset[Role], removed: frozenset[Role]; `indexes.domain.facts`.
roles_changed = Signal()
# project: Project, before: ProjectStatus, after: ProjectStatus
project_status_changed = Signal()
# project: Project. Upstream could not be checked for too long: our files are off its pages.
project_unverified = Signal()
# project: Project. Upstream answered again after that.
project_verified = Signal()
# project: Project, changes: tuple[indexes.domain.changes.Change, ...]; all that upstream changed.
upstream_changed = Signal()
