"""What is told about consents, in the transaction in which it happens."""

from django.dispatch import Signal

consent_giving = Signal()
"""A consent is about to be put in force; who hears it may raise. Argument: consent, not saved."""
pause_requested = Signal()
"""The address in a project's metadata asked to pause. Arguments: project, address, paused (how
many consents), at."""
