"""Proofs that an account controls a project upstream: one file per method, one interface."""
