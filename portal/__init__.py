"""People and their say-so: accounts, proofs, consents, requests, the ledger, pages and API.

May import `builds` and `indexes`; nothing imports it.
"""
