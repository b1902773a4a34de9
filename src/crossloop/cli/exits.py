"""Exit status, and the one way in which a command ends early: one line, and the status that fits."""

import click

DONE = 0
FALSE = 1
BAD_INPUT = 2
NOTHING_MEASURED = 3
INTERRUPTED = 130
STATUSES = frozenset({DONE, FALSE, BAD_INPUT, NOTHING_MEASURED, INTERRUPTED})


class StopError(click.ClickException):
    """Ends a command with one line on stderr: what failed, the values that disagree, the next command."""

    def __init__(self, message: str, status: int = BAD_INPUT):
        super().__init__(message)
        self.status = status
