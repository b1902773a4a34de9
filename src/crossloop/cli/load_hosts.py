"""Where the load comes from, as commands are told: hosts, and the address that servers are to listen on for them."""

import ipaddress
from pathlib import Path

from crossloop.bench.site import LOOPBACK
from crossloop.cli.exits import StopError
from crossloop.supervise.hosts import LoadHost, parse_hosts


def hosts_or_stop(option: str, text: str | None) -> tuple[LoadHost, ...]:
    """The hosts that *option* names; none where it was not given. Raises `StopError`."""
    if text is None:
        return ()
    try:
        return parse_hosts(text)
    except ValueError as error:
        raise StopError(f"{option}: {error}") from error


def listening_or_stop(listen: str, hosts: tuple[LoadHost, ...]) -> str:
    """The address that servers listen on, which all *hosts* have to reach. Raises `StopError`."""
    try:
        address = ipaddress.ip_address(listen)
    except ValueError as error:
        raise StopError(
            f"--listen {listen!r}: expected an address of this machine, such as {LOOPBACK}"
        ) from error
    if address.is_unspecified:
        raise StopError(
            f"--listen {listen}: expected one address, by which the load hosts reach this machine"
        )
    remote = [host.name for host in hosts if not host.local]
    if address.is_loopback and remote:
        raise StopError(
            f"--load-from {remote[0]}: servers listen on {listen}, which no other host reaches; "
            "--listen ADDRESS names an address of this machine that it does"
        )
    return listen


def config_or_stop(path: Path | None) -> str:
    """The file of `--ssh-config`; empty where none was given. Raises `StopError`."""
    if path is None:
        return ""
    if not path.is_file():
        raise StopError(f"--ssh-config {str(path)!r}: expected a file")
    return str(path.resolve())
