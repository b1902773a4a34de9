"""Bindings of our own to C libraries that have none for Python 3.

They are part of the engine's distribution and of no measurement: a program may use them by themselves.
Importing one loads no C library; that happens at the first use, so that a machine without the library
can still import, list and explain.
"""
