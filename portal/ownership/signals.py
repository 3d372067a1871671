"""What is announced about proofs, in the transaction in which it happens."""

from django.dispatch import Signal

ground_changed = Signal()
"""The proofs that count for a project are others now. Arguments: project, at."""

announced = Signal()
"""Something that people have to be told. Argument: announcement (`announcements`)."""
