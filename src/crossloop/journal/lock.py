"""One writer a journal: a lock on a file beside it, which holds the writer's pid for people to read.

The lock is the system's, flock(2) or LockFile of Windows, and not the file: it ends with its holder, however that ends,
so that a file that was left behind bars nobody. On POSIX the holder removes its file while it still has the lock, and
who gets a lock looks whether the file is still the one at the path; otherwise two could each hold one of two files.
Windows lets nobody remove a file that another has open, which comes to the same. A file system that has no locks is
written without.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from crossloop.journal.errors import JournalError

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the journal at *path*. Its folder is made, and goes again if nothing stays in it.

    Raises `JournalError` where another process holds it, OSError where the folder cannot be written.
    """
    made = _make(path.parent)
    try:
        lock = path.with_name(f"{path.name}.lock")
        file = _locked(path, lock)
        try:
            os.ftruncate(file, 0)
            os.write(file, b"%d\n" % os.getpid())
            yield
        finally:
            _let_go(lock, file)
    finally:
        with contextlib.suppress(OSError):  # there is something in it now
            for folder in reversed(made):
                folder.rmdir()


def _make(folder: Path) -> list[Path]:
    """Make *folder*; returns what had to be made, outermost first."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _locked(path: Path, lock: Path) -> int:
    """The open file of a lock that was got. Raises `JournalError`."""
    while True:
        file = os.open(lock, _FLAGS, 0o644)
        try:
            taken = _lock(file)
            holder = b"" if taken else os.read(file, 20)
            there = _is_at(lock, file)
        except BaseException:
            os.close(file)
            raise
        if taken and there:
            return file
        os.close(file)
        if not taken:
            raise JournalError(
                f"{path}: {_described(holder)} is writing it; wait for its end, or choose another --out"
            )
        # Its holder has removed the file in the meantime.


def _described(content: bytes) -> str:
    """Who holds a lock, by what its file says."""
    return f"process {int(content)}" if content.strip().isdigit() else "another process"


def _is_at(lock: Path, file: int) -> bool:
    try:
        return os.path.samestat(lock.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    _BYTE = 1 << 20
    """Behind the pid, which others can then read: locks of Windows bar reading as well."""

    def _lock(file: int) -> bool:
        os.lseek(file, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EDEADLOCK}:
                raise
            return False
        finally:
            os.lseek(file, 0, os.SEEK_SET)
        return True

    def _let_go(lock: Path, file: int) -> None:
        os.close(file)
        with contextlib.suppress(OSError):  # another one has it open by now
            lock.unlink()
else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        return True

    def _let_go(lock: Path, file: int) -> None:
        with contextlib.suppress(OSError):
            if _is_at(lock, file):
                lock.unlink()
        os.close(file)
