"""The agreements, who accepted them for which project, and how that ends.

A consent issues permits (`builds`); what it said stays on record for ever.
"""
