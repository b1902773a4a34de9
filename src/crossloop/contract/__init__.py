"""The contract of each level, as checks that run against real adapters and real sockets.

Two halves. `promise`, `promises`, `peer` and `process` run in the process of the adapter and import
the standard library, the API and the worker's half alone; `checking` and `expectations` are the
supervisor's. This module imports neither.
"""
