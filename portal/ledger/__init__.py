"""The hash-chained record of every act on somebody's project.

Imports nothing else of the portal but its errors; every other room may record here.
"""
