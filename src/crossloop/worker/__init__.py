"""The worker: a fresh interpreter with the standard library, this half of the engine, and one adapter.

Nothing of the supervisor (msgspec, rich, numpy, …) is imported here, so that what is measured is the
binding and not us.
"""
