"""Conformance: what each level promises, as behaviours that run against real adapters and real sockets.

Two halves. `behaviour`, `behaviours`, `peer` and `process` run in the process of the adapter and import
the standard library, the API and the worker's half alone; `checking` and `expectations` are the
supervisor's. This module imports neither.
"""
