"""What exists, and what we serve: projects and files upstream, our files, the index pages.

Imports neither `builds` nor `portal`.
"""
