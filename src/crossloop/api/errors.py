"""The two errors that content raises on purpose; everything else is a defect and becomes `Failed`."""


class UnsupportedError(Exception):
    """The library, the platform or the kernel cannot do what was asked; the message says why."""


class CheckFailedError(Exception):
    """A workload ran and its result is wrong: an answer lost, crossed, altered or not asked for."""
