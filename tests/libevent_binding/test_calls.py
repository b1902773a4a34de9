"""The part in C by which libevent calls Python: who takes it, and what it leaves behind."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from crossloop.bindings import libevent
from crossloop.bindings.libevent import PERSIST, READ, EventBase, IoEvent, calls, locate
from crossloop.installing.compiling import c_compiler
from crossloop.native import LIBEVENT_CALLS
from tests.libevent_binding.callbacks import DeliberateError, later

COMPILES = pytest.mark.skipif(
    sys.platform == "win32" or not c_compiler(), reason="needs a C compiler, on another system than Windows"
)
OTHER = {
    "another-version": f"int crossloop_calls_version(void) {{ return {calls.VERSION + 1}; }}",
    "not-the-part": "int other;",
    "no-library": "",
}


@COMPILES
@pytest.mark.parametrize("kind", OTHER)
def test_a_build_that_does_not_fit_is_left(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    folder = locate.setup_folder() / locate.NATIVE
    folder.mkdir(parents=True)
    build = folder / f"{LIBEVENT_CALLS.id}-0.so"
    if OTHER[kind]:
        (tmp_path / "part.c").write_text(OTHER[kind])
        command = [*c_compiler(), "-shared", "-fPIC", str(tmp_path / "part.c"), "-o", str(build)]
        subprocess.run(command, check=True, timeout=120)
    else:
        build.write_bytes(b"no library\n" * 100)
    library = libevent.load()
    assert calls.load_calls(library.ffi, library.lib) is None


@COMPILES
def test_a_build_of_the_present_source_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    path = LIBEVENT_CALLS.path
    path.parent.mkdir(parents=True)
    sources = [str(LIBEVENT_CALLS.folder / name) for name in LIBEVENT_CALLS.files]
    command = [*c_compiler(), "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", *sources]
    subprocess.run([*command, "-o", str(path)], check=True, timeout=120)
    library = libevent.load()
    assert calls.load_calls(library.ffi, library.lib) is not None


def test_a_thousand_calls_leave_every_object_as_it_was(
    base: EventBase, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    result = object()
    turns = iter(range(1000))

    def readable(_fd: int, _what: int) -> object:
        if next(turns, None) is None:
            base.loopbreak()
        return result

    event = IoEvent(base, left.fileno(), READ | PERSIST, readable)
    event.add()
    right.send(b"x")  # never received: it is readable in each round
    held = (event, readable, result, left.fileno())
    before = [sys.getrefcount(each) for each in held]
    base.run()
    assert [sys.getrefcount(each) for each in held] == before


def test_an_exception_is_held_by_nobody_once_it_was_raised(base: EventBase) -> None:
    error = DeliberateError()

    def fail(*_: object) -> None:
        raise error

    before = sys.getrefcount(error)
    for _ in range(100):
        later(base, fail)
        with pytest.raises(DeliberateError):
            base.loop()
        error.__traceback__ = None
    assert sys.getrefcount(error) == before
