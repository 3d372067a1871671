"""Tenants: organisations, who belongs to them as what, and the indexes that they curate.

What an organisation is ends here: the index floor knows an index by its address and its rules.
"""
