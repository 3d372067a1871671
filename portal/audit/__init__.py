"""What every room's tables say, read together; writes nothing.

Proves that they say what the ledger says, gives a person all that is recorded about them, and
the public the register of consents. May import every room; none but api and web imports it.
"""
