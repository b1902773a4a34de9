"""What a command finds out about its surroundings before it changes anything: folder, loopback, descriptors."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from crossloop.cli.exits import StopError
from crossloop.journal import JournalError, JournalWriter, RunRecord, begin_journal, held
from crossloop.worker.process import raise_descriptor_limit


def probe_writable(folder: Path) -> None:
    """Write into *folder* and leave it as it was, absent if it was. Raises `StopError`."""
    made: list[Path] = []
    try:
        for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
            missing.mkdir()
            made.append(missing)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        for parent in reversed(made):
            parent.rmdir()


@contextlib.contextmanager
def holding(journal: Path) -> Iterator[None]:
    """Keep every other crossloop from writing *journal*.

    Raises `StopError` where one does, where nothing can be written, and where it cannot be written on.
    """
    with contextlib.ExitStack() as stack:
        try:
            try:
                _refuse_link(journal)
                stack.enter_context(held(journal))
            except OSError as error:
                raise unwritable(journal.parent, error) from error
            yield
        except JournalError as error:
            raise StopError(str(error)) from error


def _refuse_link(journal: Path) -> None:
    """Raises `StopError`, and OSError where the folder may not even be looked into."""
    if journal.is_symlink():
        raise StopError(
            f"{journal} is a symbolic link, which is never followed; remove it, or choose another --out"
        )


def begun(path: Path, header: RunRecord) -> JournalWriter:
    """A new journal, in place of what was there. Raises `StopError`."""
    try:
        return begin_journal(path, header)
    except OSError as error:
        raise unwritable(path.parent, error) from error


def unwritable(folder: Path, error: OSError) -> StopError:
    """The one line for a folder that cannot be written."""
    return StopError(f"cannot write into {str(folder)!r}: {error.strerror}; choose another folder with --out")


def require_loopback(what: str, otherwise: str) -> None:
    """Raises `StopError` where no connection of this machine reaches the machine itself."""
    from crossloop.machine.probes_surroundings import loopback_ipv4

    loopback = loopback_ipv4()
    if loopback.status == "problem":
        raise StopError(
            f"{what} needs the loopback interface: {loopback.detail}; `{loopback.remedy}`, or {otherwise}"
        )


def require_ports(what: str, wanted: int) -> None:
    """Raises `StopError` where this machine has fewer than *wanted* ports to connect from."""
    from crossloop.load.connecting import ports_of_an_address

    ports = ports_of_an_address()
    if wanted > ports:
        raise StopError(
            f"{what} needs about {wanted} ports to connect from, this machine has {ports} "
            "(net.ipv4.ip_local_port_range); `crossloop doctor` says how to have more"
        )


def require_descriptors(what: str, wanted: int) -> None:
    """Raises `StopError` where a process may not open *wanted* descriptors, the limit raised as far as it goes."""
    limit = raise_descriptor_limit()
    if limit and wanted > limit:
        raise StopError(
            f"{what} needs about {wanted} descriptors, the limit is {limit}; "
            f"`ulimit -n {wanted}` as an administrator allows it"
        )
