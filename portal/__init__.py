"""People and their say-so: accounts, proofs, consents, requests, the ledger, pages and API.

May import `builds` and `indexes`; nothing imports it.
"""

# Whoever sends a task by name, in whatever process, sends it through this application.
from portal.celery import app as celery_app

__all__ = ["celery_app"]
