"""What happens on this floor, told to the floor above inside the same transaction.

What can happen to thousands at once is told at once, so that hearing it takes few queries.
"""

from django.dispatch import Signal

builds_queued = Signal()
"""`builds`: they wait to be claimed, for the first time or again."""

build_started = Signal()
"""`build`, `attempt`: a builder took it."""

builds_ended = Signal()
"""`builds`, `outcome`: published, failed, cancelled or covered; `build.state` says which."""

permit_issued = Signal()
"""`permit`."""

permits_revoked = Signal()
"""`permits`, `reason`."""

rule_added = Signal()
"""`rule`: of diagnosis, by staff."""

rule_retired = Signal()
"""`code`, `by`."""

failures_replayed = Signal()
"""`replay`, `builds`: those that it queued."""
