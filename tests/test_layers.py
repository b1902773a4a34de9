"""Who may import whom: the measured process holds the standard library, the worker half, and one adapter."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT

ENGINE = ROOT / "src" / "crossloop"
WORKER_HALF = ("api", "worker", "idioms", "bindings")
READERS = ("report", "compare", "claims", "export")
MAKERS = ("behaviours", "bench", "cli", "contract", "fleet", "load", "supervise", "suite")
BINDINGS_OF = {
    "idioms/eventlet_names.py": {"eventlet"},
    "idioms/gevent_.py": {"gevent"},
    "idioms/gevent_names.py": {"gevent"},
    "idioms/http_aiohttp.py": {"aiohttp"},
    "idioms/http_aiohttp_client.py": {"aiohttp"},
    "idioms/http_eventlet.py": {"eventlet"},
    "idioms/http_gevent.py": {"gevent"},
    "idioms/http_hypercorn.py": {"h11", "hypercorn"},
    "idioms/http_tornado.py": {"tornado"},
    "idioms/http_twisted.py": {"twisted"},
    "idioms/http_uvicorn.py": {"uvicorn"},
    "idioms/tornado_.py": {"tornado"},
    "idioms/twisted_names.py": {"twisted"},
    "bindings/gevent_libevent/__init__.py": {"gevent"},
    "bindings/gevent_libevent/core.py": {"gevent", "zope"},
    "bindings/gevent_libevent/forking.py": {"gevent"},
    "bindings/gevent_libevent/io_watcher.py": {"gevent"},
    "bindings/libevent/_abi.py": {"_cffi_backend"},
    "bindings/libevent/declarations.py": {"cffi"},
}
"""Files of the worker half that import something to be installed: the library that they are about, no other."""
LOADED = """
import json, sys
before = set(sys.modules)  # a development environment's .pth files bring modules of their own
import crossloop.api, crossloop.worker.__main__, crossloop.worker.serving, crossloop.worker.working
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
halves = {name.split(".")[1] for name in sys.modules if name.startswith("crossloop.")}
print(json.dumps([sorted(tops - set(sys.stdlib_module_names)), sorted(halves)]))
"""


def imported(path: Path) -> set[str]:
    """Modules that a file imports anywhere in it."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "crossloop":
            modules |= {f"crossloop.{name.name}" for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return modules


def test_a_worker_loads_the_standard_library_and_its_own_half() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOADED], capture_output=True, text=True, timeout=60, check=True
    )
    foreign, halves = json.loads(done.stdout)
    assert foreign == ["crossloop"]
    assert set(halves) == {"api", "worker"}


@pytest.mark.parametrize("half", WORKER_HALF)
def test_the_worker_half_imports_nothing_of_the_supervisors(half: str) -> None:
    for path in (ENGINE / half).rglob("*.py"):
        engine = {name.split(".")[1] for name in imported(path) if name.startswith("crossloop.")}
        assert engine <= set(WORKER_HALF), path.name


def test_a_behaviour_knows_the_api_and_the_library_that_it_asks() -> None:
    room = ENGINE / "behaviours"
    known = {"api", "behaviours", "bindings"}
    for path in (*room.glob("*/*.py"), room / "behaviour.py", room / "families.py", room / "frames.py"):
        engine = {name.split(".")[1] for name in imported(path) if name.startswith("crossloop.")}
        assert engine <= known, path.name
        assert not {"crossloop.behaviours.asking", "crossloop.behaviours.catalogue"} & imported(path), (
            path.name
        )


def test_a_probe_holds_nothing_but_the_library_that_it_asks() -> None:
    for path in (ENGINE / "probes").rglob("*.py"):
        engine = {name.split(".")[1] for name in imported(path) if name.startswith("crossloop.")}
        assert engine <= {*WORKER_HALF, "probes"}, path.name


def test_a_test_of_cpython_shares_its_process_with_the_worker_half_alone() -> None:
    for name in ("binding.py", "process.py"):
        modules = imported(ENGINE / "dropin" / name)
        assert {module.split(".")[1] for module in modules if module.startswith("crossloop.")} <= {
            *WORKER_HALF,
            "dropin",
        }
        assert {module for module in modules if module.startswith("crossloop.dropin")} <= {
            "crossloop.dropin.binding"
        }


def test_the_worker_half_imports_the_standard_library_and_what_it_is_about() -> None:
    by_file = {}
    for half in WORKER_HALF:
        for path in (ENGINE / half).rglob("*.py"):
            tops = {name.partition(".")[0] for name in imported(path)}
            if foreign := tops - set(sys.stdlib_module_names) - {"crossloop"}:
                by_file[path.relative_to(ENGINE).as_posix()] = foreign
    assert by_file == BINDINGS_OF


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_of_journals_knows_no_other_and_nothing_of_how_they_are_made(reader: str) -> None:
    for path in (ENGINE / reader).rglob("*.py"):
        engine = {name.split(".")[1] for name in imported(path) if name.startswith("crossloop.")}
        assert not engine & {*READERS, *MAKERS} - {reader}, path.name


def test_the_engine_imports_no_content() -> None:
    for path in ENGINE.rglob("*.py"):
        assert not {name.partition(".")[0] for name in imported(path)} & {"adapters", "scenarios"}, path.name


@pytest.mark.parametrize("kind", ["adapters", "scenarios"])
def test_content_does_not_import_content(kind: str) -> None:
    for path in (ROOT / kind).glob("*.py"):
        assert not {name.partition(".")[0] for name in imported(path)} & {"adapters", "scenarios"}, path.name
