"""Parts in C: built by the system's compiler, found again, and never taken for another version's."""

import ctypes
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from crossloop.bench.loading import LoadEngine, engine_warning
from crossloop.installing.compiling import bring_native, c_compiler
from crossloop.installing.results import AlreadyThere, Built, InstallFailed, NotForThisPlatform
from crossloop.load import LoadUsageError, native
from crossloop.load.engines import choose_engine
from crossloop.native import LOAD_ENGINE, NativePart, NotBuiltError, build_of

COMPILES = pytest.mark.skipif(
    sys.platform == "win32" or not c_compiler(), reason="needs a C compiler, on another system than Windows"
)


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NativePart:
    """A small library of two files, to be built into an environment of its own."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    (tmp_path / "answer.c").write_text('#include "answer.h"\nint answer(void) { return ANSWER; }\n')
    (tmp_path / "answer.h").write_text("#define ANSWER 42\n")
    return NativePart("answer", tmp_path, ("answer.c", "answer.h"), "library", "it is not for Windows")


@COMPILES
def test_a_library_is_built_once_and_again_when_a_header_changes(part: NativePart) -> None:
    with pytest.raises(NotBuiltError, match="answer is not built; `crossloop setup answer` makes it"):
        build_of(part)
    built = bring_native(part)
    assert isinstance(built, Built)
    first = build_of(part)
    assert ctypes.CDLL(str(first)).answer() == 42
    assert bring_native(part) == AlreadyThere(built.detail)
    (part.folder / "answer.h").write_text("#define ANSWER 43\n")
    with pytest.raises(NotBuiltError, match="the build of answer is of another version"):
        build_of(part)
    assert isinstance(bring_native(part), Built)
    assert ctypes.CDLL(str(build_of(part))).answer() == 43
    assert list(first.parent.iterdir()) == [build_of(part)], "neither the old build nor a temporary is left"


@COMPILES
@pytest.mark.skipif(sys.platform == "darwin", reason="the loader of macOS refuses it itself")
@pytest.mark.parametrize("share", [0.0, 0.003, 0.3, 0.999])
def test_a_build_that_is_cut_off_is_none(part: NativePart, share: float) -> None:
    """To load one is a SIGBUS, or an error of the loader, by where it ends."""
    bring_native(part)
    whole = build_of(part).read_bytes()
    part.path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(
        NotBuiltError, match="the build of answer is cut off; `crossloop setup answer` makes it"
    ):
        build_of(part)
    assert isinstance(bring_native(part), Built)
    assert build_of(part).read_bytes() == whole


@COMPILES
def test_the_reason_of_a_fallback_names_no_folder(tmp_path: Path) -> None:
    done = _asked_beside(tmp_path, "int nothing;\n")
    assert "does not load: …/load-engine-" in done.stdout
    assert str(tmp_path) not in done.stdout


ASK = "from crossloop.bench.loading import ask_load_engine; print(ask_load_engine())"


@COMPILES
def test_an_engine_that_ends_its_process_is_left_for_pythons(tmp_path: Path) -> None:
    done = _asked_beside(
        tmp_path, "__attribute__((constructor)) static void end(void) { __builtin_trap(); }\n"
    )
    assert "name='python'" in done.stdout
    assert "ended by SIG" in done.stdout


def _asked_beside(tmp_path: Path, code: str) -> "subprocess.CompletedProcess[str]":
    """Ask for the engine in an environment of its own, whose build is made of *code*."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True, timeout=120)
    build = tmp_path / "lib" / "crossloop" / "native" / LOAD_ENGINE.path.name
    build.parent.mkdir(parents=True)
    source = tmp_path / "end.c"
    source.write_text(code)
    subprocess.run([*c_compiler(), "-shared", "-fPIC", source, "-o", build], check=True, timeout=120)
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [tmp_path / "bin" / "python", "-c", ASK], env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


@COMPILES
def test_a_program_is_built_with_headers_and_libraries_from_elsewhere(part: NativePart) -> None:
    (part.folder / "answer.c").write_text(
        '#include <math.h>\n#include <stdio.h>\n#include "elsewhere.h"\n'
        'int main(int count, char **words) { (void)words; printf("%.0f", pow(COUNT, count)); return 0; }\n'
    )
    (part.folder / "include").mkdir()
    (part.folder / "include" / "elsewhere.h").write_text("#define COUNT 7\n")
    program = replace(part, kind="program")
    made = bring_native(program, include_folders=[part.folder / "include"], libraries=["-lm"])
    assert isinstance(made, Built)
    assert subprocess.run([build_of(program), "x"], capture_output=True, check=True).stdout == b"49"


@COMPILES
def test_what_does_not_compile_is_said_with_its_line_and_leaves_nothing(part: NativePart) -> None:
    (part.folder / "answer.c").write_text("int answer(void) { return 4 2; }\n")
    failed = bring_native(part)
    assert isinstance(failed, InstallFailed)
    assert failed.why.startswith("…/answer.c:1:")
    assert "error: " in failed.why
    assert list(part.path.parent.iterdir()) == []


@COMPILES
def test_a_header_that_is_missing_and_a_library_that_does_not_load_are_failures(part: NativePart) -> None:
    (part.folder / "answer.c").write_text('#include "nowhere.h"\n')
    failed = bring_native(part)
    assert isinstance(failed, InstallFailed)
    assert "nowhere.h" in failed.why
    (part.folder / "answer.c").write_text("int nowhere(void); int answer(void) { return nowhere(); }\n")
    failed = bring_native(part, libraries=["-Wl,-z,now"] if sys.platform == "linux" else ())
    assert isinstance(failed, InstallFailed)
    assert "nowhere" in failed.why


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is compiled on Windows")
def test_a_missing_compiler_is_a_reason_with_a_remedy(
    part: NativePart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(part.folder))
    monkeypatch.setenv("CC", "no-such-compiler")
    failed = bring_native(part)
    assert isinstance(failed, InstallFailed)
    assert failed.why == "no C compiler"
    assert failed.remedy


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is compiled on Windows")
def test_a_compiler_that_does_not_end_is_ended(part: NativePart, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = part.folder / "slow-cc"
    slow.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    slow.chmod(0o755)
    monkeypatch.setenv("CC", str(slow))
    failed = bring_native(part, limit_s=0.3)
    assert isinstance(failed, InstallFailed)
    assert "ended after the limit" in failed.why


@pytest.mark.skipif(sys.platform != "win32", reason="Windows alone does without")
def test_windows_does_without(part: NativePart) -> None:
    assert bring_native(part) == NotForThisPlatform("it is not for Windows")
    with pytest.raises(NotBuiltError, match="it is not for Windows"):
        build_of(part)


@COMPILES
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("int crossloop_load_version(void) { return VERSION + 1; }\n", "has version "),
        ("int crossloop_load_version(void) { return VERSION; }\n", "not this Python's perf_counter"),
        ("", "does not load: "),
    ],
    ids=["version", "clock", "nothing"],
)
def test_a_library_that_is_not_the_engine_of_this_python_is_refused(
    part: NativePart, source: str, reason: str
) -> None:
    rest = "const char *crossloop_load_mechanism(void) { return MECHANISM; }\n#include <stdint.h>\n"
    rest += "int64_t crossloop_load_now(void) { return 0; }\n"
    (part.folder / "answer.c").write_text('#include "answer.h"\n' + source + (rest if source else ""))
    (part.folder / "answer.h").write_text(f'#define VERSION {native.VERSION}\n#define MECHANISM "epoll"\n')
    assert isinstance(bring_native(part), Built)
    with pytest.raises(NotBuiltError, match=reason):
        native.NativeEngine(build_of(part))


def test_without_a_build_the_engine_is_pythons_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    chosen = choose_engine()
    assert chosen.engine.name == "python"
    assert re.match(
        r"load-engine is not built; `crossloop setup|the native engine needs epoll", chosen.reason
    )
    assert choose_engine("python").reason == ""
    with pytest.raises(LoadUsageError, match=re.escape(f"engine 'native': {chosen.reason}")):
        choose_engine("native")


def test_the_warning_of_a_run_names_what_setup_met_with() -> None:
    assert engine_warning(LoadEngine("native"), "built from source in 1 s") is None
    warning = engine_warning(LoadEngine("python", "load-engine is not built"), "failed: no C compiler")
    assert warning is not None
    assert warning.cause.endswith(
        "its engine in Python: load-engine is not built; the last setup: failed: no C compiler."
    )


@COMPILES
@pytest.mark.parametrize(
    "options", [[], ["-DCROSSLOOP_LOAD_POLL"], ["-O0"]], ids=["as built", "poll", "plain"]
)
def test_the_sources_compile_without_a_warning(options: list[str], tmp_path: Path) -> None:
    sources = [str(LOAD_ENGINE.folder / name) for name in LOAD_ENGINE.files if name.endswith(".c")]
    build = [*c_compiler(), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", *options]
    run = subprocess.run(
        [*build, *sources, "-o", str(tmp_path / "engine.so")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
