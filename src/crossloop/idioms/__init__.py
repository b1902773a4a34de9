"""What several adapters share because their libraries share an API: one module per such API.

An idiom is written against an API (asyncio's, tornado's), never against one library, and probes what
the loop at hand can do. The adapters that use it stay small and tell what differs underneath.
"""
