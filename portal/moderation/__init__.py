"""What goes wrong between people, and what people decide about it.

Cases, decisions, takedowns, appeals. It uses accounts, ownership, consents and the ledger; those
do not know it: what moderators suspended is kept so by listening to the floor below.
"""
