"""The binding's library: found, loaded late, checked, and declared as committed."""

import contextlib
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crossloop.bindings import libevent
from crossloop.bindings.libevent import (
    LibraryNotFoundError,
    declarations,
    locate,
)
from crossloop.bindings.libevent.library import _open
from tests.libevent_binding.callbacks import LIMIT_S


def test_committed_abi_is_what_the_declarations_compile_to(tmp_path: Path) -> None:
    """Compared as cffi sees it, so that another release of cffi may write the file differently."""
    pytest.importorskip("pycparser")
    from crossloop.bindings.libevent import _abi

    fresh: dict[str, Any] = {}
    exec(declarations.generate(tmp_path / "fresh.py").read_text(), fresh)
    assert _described(_abi.ffi) == _described(fresh["ffi"])


def _described(ffi: Any) -> dict[str, str]:
    """Functions of core and extra, where both are there, and the types."""
    core = libevent.load().name
    libs = []
    for name in (core, *locate.extra_candidates(core)):
        with contextlib.suppress(OSError):
            libs.append(ffi.dlopen(name))
    typeof = ffi.typeof
    fields = typeof("struct timeval").fields
    return {
        **{name: str(typeof(function)) for lib in libs for name, function in _functions(ffi, lib)},
        **{
            name: str(typeof(name))
            for name in ("event_callback", "evhttp_callback", "bufferevent_event_callback")
        },
        **{f"timeval.{name}": f"{field.type} at {field.offset}" for name, field in fields},
    }


def _functions(ffi: Any, lib: Any) -> Iterator[tuple[str, Any]]:
    """Those of the declared functions that are in a library."""
    for name in dir(lib):
        with contextlib.suppress(AttributeError, ffi.error):
            yield name, getattr(lib, name)


def test_importing_loads_no_library() -> None:
    script = (
        "import sys; from crossloop.bindings import libevent; library = libevent.library; "
        "print(bool(library._loaded), '_cffi_backend' in sys.modules); "
        "libevent.load(); print(bool(library._loaded), '_cffi_backend' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=LIMIT_S
    )
    assert done.stdout.split() == ["False", "False", "True", "True"]


def test_library_says_what_it_is() -> None:
    library = libevent.load()
    assert library.version.startswith("2.")
    assert libevent.libevent_version() == library.version
    assert "event_core" in Path(library.path).name
    assert library.ffi.sizeof(library.event_memory) >= library.lib.event_get_struct_event_size()


def test_missing_library_says_what_was_tried_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(locate.ENVIRONMENT_VARIABLE, str(tmp_path / "nowhere.so"))
    with pytest.raises(ImportError) as caught:
        _open(libevent.load().ffi)
    assert isinstance(caught.value, LibraryNotFoundError)
    for part in (str(tmp_path / "nowhere.so"), locate.ENVIRONMENT_VARIABLE, "crossloop setup libevent"):
        assert part in str(caught.value)


def test_a_library_that_is_not_libevent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = importlib.import_module("_cffi_backend").__file__  # some shared object that is certainly there
    monkeypatch.setenv(locate.ENVIRONMENT_VARIABLE, str(other))
    with pytest.raises(LibraryNotFoundError, match="event_get_version_number"):
        _open(libevent.load().ffi)


def test_search_goes_from_setup_to_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(locate.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    folder = tmp_path / "lib" / "crossloop" / "libevent" / "usr" / "lib"
    folder.mkdir(parents=True)
    real = folder / "libevent_core-2.1.so.7.0.1"
    real.touch()
    (folder / "libevent_core-2.1.so.7").symlink_to(real)
    (folder / "libevent-2.1.so.7").touch()
    candidates = list(locate.candidates())
    assert candidates[0].startswith(str(folder / "libevent_core-2.1.so.7"))
    assert [name for name in candidates if name.startswith(str(tmp_path))] == candidates[:1]
    assert tuple(candidates[-len(locate.names()) :]) == locate.names()
