"""Whether two machines are of one kind: whether their ratios may be held against each other. Pure."""

from collections.abc import Callable, Mapping

from crossloop.journal.records import Machine

_KIND: Mapping[str, Callable[[Machine], object]] = {
    "platform": lambda machine: machine.platform,
    "system": lambda machine: machine.system,
    "architecture": lambda machine: machine.architecture,
    "processor": lambda machine: machine.cpu,
    "CPUs": lambda machine: machine.cpus,
    "virtualisation": lambda machine: machine.virtual,
}


def machine_differences(machine: Machine, other: Machine) -> list[str]:
    """What makes two machines unlike, with both values; empty for machines of one kind."""
    return [
        f"{what} {value(machine)!r} and {value(other)!r}"
        for what, value in _KIND.items()
        if value(machine) != value(other)
    ]


def machine_key(machine: Machine) -> tuple[object, ...]:
    """The same for machines that `machine_differences` finds alike."""
    return tuple(value(machine) for value in _KIND.values())
