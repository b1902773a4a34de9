"""A protocol that is told to pause, for the programs about backpressure."""

from crossloop.behaviours.recorder import Recorder

CHUNK = b"x" * 65536
AT_MOST = 1024
"""Chunks (64 MiB): far more than the kernel and any sensible limit hold."""


class Paused(Recorder):
    """Knows whether it is told to pause, and how often it was told what."""

    def __init__(self) -> None:
        super().__init__()
        self.paused = False

    def pause_writing(self) -> None:
        self.paused = True
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.paused = False
        self.calls.append("resume")
