"""Decisions of people about files of ours. It uses ownership and the ledger, and writes neither."""
