"""The declarations of crossloop's own content, read once in a process: it takes 0.2 s, and 30 files ask about them."""

from crossloop.suite import load_suite

SUITE = load_suite()
"""Without folders of others. Nothing changes it."""
