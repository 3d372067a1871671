"""What is recorded, told in the transaction that records it."""

from django.dispatch import Signal

recorded = Signal()
"""`entries`: a sequence of those just written, not yet chained."""
