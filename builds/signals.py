"""What happens on this floor, told to the floor above inside the same transaction."""

from django.dispatch import Signal

build_queued = Signal()
"""`build`: waits to be claimed, for the first time or again."""

build_started = Signal()
"""`build`, `attempt`: a builder took it."""

build_ended = Signal()
"""`build`, `outcome`: published, failed, cancelled or covered; `build.state` says which."""

permit_issued = Signal()
"""`permit`."""

permit_revoked = Signal()
"""`permit`, `reason`."""
