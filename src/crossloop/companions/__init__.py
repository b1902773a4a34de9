"""Companions: servers that a scenario talks to, each in a process of its own.

A scenario that needs one says `companion=True`, and its module has a function `companion(ready, stop)` that
calls one of these. They are real servers on loopback, quick enough not to be what is measured.
"""
