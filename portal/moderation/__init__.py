"""What goes wrong between people, and what people decide about it.

Cases, decisions, takedowns, appeals. It uses accounts, ownership, consents and the ledger; those
do not know it: new consents to what moderators suspended are refused by listening to them.
"""
