"""The load generator: verified exchanges, in closed and open loops, from a process of its own."""

from crossloop.load.errors import (
    ConnectionLostError,
    DescriptorsError,
    LoadError,
    LoadUsageError,
    SilentServerError,
    VerificationError,
)
from crossloop.load.loops import Hooks, Stretch, closed_loop, open_loop
from crossloop.load.target import Target
