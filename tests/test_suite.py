"""Discovery of adapters and scenarios: ids, what is read of a file, what is left out, and selection."""

import select as select_module
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossloop.api.about import AdapterAbout, ScenarioAbout
from crossloop.plain_text import printable
from crossloop.suite import (
    AdapterEntry,
    SuiteError,
    content_id,
    load_suite,
    own_folder,
    read_declaration,
    select,
)

ADAPTER = 'ABOUT = AdapterAbout(family="x", library="none", binding="x", summary="{}")\n'
SCENARIO = """ABOUT = ScenarioAbout(
    levels=("Readiness",), drive="work", title="t", question="q", unit="u", sets=(("smoke", {"n": 1}),)
)
"""
SERVED = """ABOUT = ScenarioAbout(
    levels=("StreamServer",), drive="exchange", title="t", question="q", unit="u",
    sets=(("smoke", {"connections": 1, "size": 16}), ("quick", {"connections": 2, "size": 16})),
)
"""

STEMS = st.from_regex(r"[a-z][a-z0-9]{0,5}(_[a-z0-9]{1,5}){0,3}_{0,2}", fullmatch=True)
IDS = st.from_regex(r"[a-z][a-z0-9]{0,3}(-[a-z0-9]{1,3}){0,2}", fullmatch=True)


def entry(id_: str) -> AdapterEntry:
    about = AdapterAbout(family="x", library="none", binding="x", summary="x")
    return AdapterEntry(id_, f"adapters.{id_.replace('-', '_')}", Path(id_), about)


def known(ids: set[str]) -> dict[str, AdapterEntry]:
    return {id_: entry(id_) for id_ in sorted(ids)}


# Ids -------------------------------------------------------------------------------------------------


@given(STEMS)
def test_an_id_is_the_files_name_for_typing(stem: str) -> None:
    id_ = content_id(stem)
    assert set(id_) <= set(string.ascii_lowercase + string.digits + "-")
    assert id_.replace("-", "_") == stem.rstrip("_"), "the way back, but for what tells it from the library"
    assert content_id(stem + "_") == id_


@pytest.mark.parametrize(
    ("stem", "id_"),
    [("uvloop_", "uvloop"), ("gevent_libev_cffi", "gevent-libev-cffi"), ("tcp_echo", "tcp-echo")],
)
def test_ids_of_the_contract(stem: str, id_: str) -> None:
    assert content_id(stem) == id_


# The suite that comes with crossloop -----------------------------------------------------------------


def test_every_file_of_the_own_suite_is_read() -> None:
    suite = load_suite()
    assert suite.problems == ()
    for kind, entries in (("adapters", suite.adapters), ("scenarios", suite.scenarios)):
        files = {path for path in (own_folder() / kind).glob("*.py") if not path.name.startswith("_")}
        assert {entry.path for entry in entries.values()} >= files
    for id_, adapter in suite.adapters.items():
        assert adapter.module == f"adapters.{adapter.path.stem}"
        assert adapter.path.stem != adapter.about.binding, f"{id_}: a module is never named as what it wraps"


def test_the_own_suite_named_again_is_no_conflict() -> None:
    assert load_suite([own_folder(), own_folder() / "adapters" / ".."]) == load_suite()


def test_reading_the_suite_imports_none_of_it() -> None:
    program = (
        "import sys; from crossloop.suite import load_suite; load_suite();"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] in"
        "{'adapters', 'scenarios', 'uvloop', 'gevent', 'tornado', 'pyev', 'cffi', 'pycares', 'asyncio'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


# A suite of one's own --------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind in ("adapters", "scenarios"):
        (tmp_path / kind).mkdir()
    return tmp_path


def test_a_dropped_file_is_found(folder: Path) -> None:
    (folder / "adapters" / "my_loop.py").write_text(ADAPTER.format("mine"))
    (folder / "scenarios" / "my_work.py").write_text(SCENARIO)
    (folder / "adapters" / "_shared.py").write_text("not content")
    (folder / "adapters" / "notes.txt").write_text("not content")
    suite = load_suite([folder])
    mine = suite.adapters["my-loop"]
    assert (mine.module, mine.path, mine.about.summary) == (
        "adapters.my_loop", folder.resolve() / "adapters" / "my_loop.py", "mine",
    )  # fmt: skip
    assert suite.scenarios["my-work"].about.levels == ("Readiness",)
    assert suite.problems == ()
    assert suite.paths == (own_folder(), folder.resolve())


def test_a_suite_may_hold_one_kind_only(folder: Path) -> None:
    (folder / "scenarios").rmdir()
    (folder / "adapters" / "mine.py").write_text(ADAPTER.format("mine"))
    assert "mine" in load_suite([folder]).adapters


def test_a_folder_without_content_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"--suite .*: expected a folder that holds adapters/ or scenarios/"):
        load_suite([tmp_path])


HOSTILE: dict[str, tuple[str | bytes, str]] = {
    "syntax.py": ("def (", "cannot be read as Python: invalid syntax"),
    "bytes.py": (b"\xff\xfe\x00", "cannot be read as Python"),
    "zeros.py": (b"x = 1\0", "cannot be read as Python"),
    "deep.py": ("x = " + "(" * 100_000, "cannot be read as Python"),
    "deeper.py": ("x = " + "-" * 100_000 + "1", "cannot be read as Python"),
    "digits.py": ("x = " + "9" * 50_000, "cannot be read as Python"),
    "huge.py": (b"#" * ((1 << 20) + 1), "larger than 1,048,576 bytes"),
    "nothing.py": ("x = 1", "expected `ABOUT = AdapterAbout(…)` at the top level"),
    "other.py": (SCENARIO, "expected `ABOUT = AdapterAbout(…)`"),
    "inner.py": ("if True:\n    " + ADAPTER, "expected `ABOUT = AdapterAbout(…)` at the top level"),
    "positional.py": ('ABOUT = AdapterAbout("x")', "expected `ABOUT = AdapterAbout(…)`"),
    "code.py": ("ABOUT = AdapterAbout(\n    family=open('/etc/passwd').read())", "line 2: family of ABOUT must be"),
    "formatted.py": ('ABOUT = AdapterAbout(family=f"{1}")', "line 1: family of ABOUT must be a literal"),
    "unhashable.py": ("ABOUT = AdapterAbout(family={[]: 1})", "family of ABOUT must be a literal"),
    "stars.py": ('ABOUT = AdapterAbout(**{"family": "x"})', "'**' of ABOUT is not one of family"),
    "unknown.py": ('ABOUT = AdapterAbout(famly="x")', "'famly' of ABOUT is not one of family, library"),
    "types.py": ('ABOUT = AdapterAbout(family=1, library="n", binding="x", summary="x")', "Expected `str`, got `int`"),
    "short.py": ('ABOUT = AdapterAbout(family="x")', "missing required field `library`"),
    "a,b.py": (ADAPTER, "'a,b' cannot be an id"),
    "a.b.py": (ADAPTER, "'a.b' cannot be an id"),
    "a b.py": (ADAPTER, "'a b' cannot be an id"),
    "import.py": (ADAPTER, "'import' cannot be an id"),
    "größe.py": (ADAPTER, "'größe' cannot be an id"),
    f"{'x' * 81}.py": (ADAPTER, "has 81 characters; expected at most 60"),
    "family.py": (ADAPTER.replace('family="x"', f'family="{"x" * 41}"'), "expected one line of at most 40"),
    "surrogate.py": (ADAPTER.replace("{}", "caf\\udce9"), "summary is 'caf\\udce9'"),
    "twice.py": (ADAPTER.replace(")", ", platforms=('linux', 'linux'))"), "platforms is ('linux', 'linux')"),
    "new\nline\x1b[2J.py": (ADAPTER, "cannot be an id"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_only_itself(folder: Path, name: str) -> None:
    content, wanted = HOSTILE[name]
    try:
        (folder / "adapters" / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError:
        pytest.skip("no file of this name can be made here")
    (folder / "adapters" / "good.py").write_text(ADAPTER.format("good"))
    suite = load_suite([folder])
    (problem,) = suite.problems
    assert wanted in problem
    assert problem.isprintable(), "one line, and nothing that a terminal would obey"
    assert set(suite.adapters) == {*load_suite().adapters, "good"}


def with_set(text: str) -> str:
    """A scenario whose sets are *text*, of profile `smoke`."""
    return SCENARIO.replace(
        '("smoke", {"n": 1}),', "".join(f"('smoke', {values})," for values in text.split("; "))
    )


def with_fields(old: str, new: str) -> str:
    """`SERVED`, with *new* for *old*."""
    assert old in SERVED
    return SERVED.replace(old, new)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (SCENARIO.replace('("Readiness",)', "()"), "levels is empty"),
        (
            SCENARIO.replace('("Readiness",)', "('Readines',)"),
            "level 'Readines' is unknown; expected one or more of",
        ),
        (SCENARIO.replace('(("smoke", {"n": 1}),)', "3"), "sets is 3: Expected `array`, got `int`"),
        (SCENARIO.replace('(("smoke", {"n": 1}),)', "()"), "sets: there are 0, expected 1 to 1000"),
        (SCENARIO.replace('"smoke"', "'brief'"), "sets: profile 'brief' is unknown; expected one of smoke, quick"),
        (SCENARIO.replace("sets=", "profiles="), "'profiles' of ABOUT is not one of "),
        (with_set("{'a': {1}}"), "'a' is {1}"),
        (with_set("{'a': [1]}"), "'a' is [1]"),
        (with_set("{'a': None}"), "'a' is None"),
        (with_set(f"{{'a': '{'x' * 300}'}}"), "'a' is 'xxx"),
        (with_set("{'a b': 1}"), "'a b' is 1"),
        (with_set("{'connections': 'x'}"), "connections is 'x', expected a whole number"),
        (with_set("{'connections': 0}"), "connections is 0, expected 1 to 1e+06"),
        (with_set("{'a': 1e999}"), "'a' is inf"),
        (with_set("{'a': 9}").replace("sets=", "limits={'a': (1, 5)}, sets="), "'a' is 9, expected 1 to 5"),
        (with_set("{'a': 1}; {'a': 1}"), "sets: {'a': 1} is there twice"),
        (with_set("{'a': 1}; {'b': 1}"), "sets: {'b': 1} has other names than the first: ['a']"),
        (with_fields('"connections": 1, ', ""), "connections is None, expected a whole number"),
        (with_fields('"exchange"', '"pull"'), "drive is 'pull': expected one of 'work', 'exchange', 'connect', 'push'"),
        (with_fields('"exchange"', "3"), "drive is 3: expected one of 'work', 'exchange', 'connect', 'push'"),
        (with_fields('drive="exchange", ', ""), "missing required field `drive`"),
        (with_fields('("StreamServer",)', '("StreamServer", "Tasks")'),
         "level is 'Tasks', expected StreamServer or TlsServer or HttpServer or Datagrams where"),
        (with_fields('"StreamServer"', '"Tasks"'),
         "level is 'Tasks', expected StreamServer or TlsServer or HttpServer or Datagrams where drive is 'exchange'"),
        (with_fields('"StreamServer",)', '"StreamServer",), brief_first_styles=("HttpServer",)'),
         "brief_first_styles has 'HttpServer', expected one of the scenario's levels"),
        (with_fields('"StreamServer",)', '"StreamServer",), style_requires={"a b": ("c",)}'),
         "style_requires names 'a b', expected a style"),
        (with_fields('"StreamServer",)', '"StreamServer",), style_requires={"a": ("",)}'),
         "style_requires[a] holds an empty text"),
        (with_fields('"StreamServer"', '"PushServer"'), "level is 'PushServer', expected StreamServer"),
        (with_fields('"exchange"', '"push"'), "level is 'StreamServer', expected PushServer where drive is 'push'"),
        (with_fields("title=", 'transport="sctp", title='),
         "transport is 'sctp': expected one of 'tcp', 'unix', 'tls', 'udp'"),
        (with_fields("title=", 'transport="udp", title='),
         "transport is 'udp', expected 'tcp' or 'unix' where the level is 'StreamServer'"),
        (with_fields('"StreamServer"', '"TlsServer"'),
         "transport is 'tcp', expected 'tls' where the level is 'TlsServer'"),
        (with_fields('("StreamServer",), drive="exchange"', '("Datagrams",), drive="connect", transport="udp"'),
         "drive is 'connect', expected 'exchange' over 'udp'"),
        (with_fields("title=", 'serves="http", title='), "serves is 'http', expected 'echo', or ''"),
        (with_fields("title=", 'server_parameters=("sise",), title='),
         "server_parameters has 'sise', expected names of the sets: ['connections', 'size']"),
        (with_fields("title=", "companion=True, title="), "companion is True, expected False where drive is 'exch"),
        (SCENARIO.replace("title=", 'transport="tls", title='), "transport is 'tls', expected none where drive is"),
        (SCENARIO.replace("title=", 'serves="echo", title='), "serves is 'echo', expected none where drive is 'work'"),
        (SCENARIO.replace('title="t"', 'title="a\\x1b[2J"'), "title is 'a\\x1b[2J'"),
        (SCENARIO.replace('unit="u"', 'unit="caf\\udce9"'), "unit is 'caf\\udce9'"),
    ],
)  # fmt: skip
def test_a_scenario_no_plan_can_be_made_of(folder: Path, text: str, wanted: str) -> None:
    (folder / "scenarios" / "bad.py").write_text(text)
    suite = load_suite([folder])
    assert wanted in suite.problems[0]
    assert "bad" not in suite.scenarios


@pytest.mark.parametrize(
    ("level", "drive", "transport"),
    [
        ("StreamServer", "exchange", "tcp"),
        ("StreamServer", "connect", "unix"),
        ("TlsServer", "exchange", "tls"),
        ("TlsServer", "connect", "tls"),
        ("HttpServer", "exchange", "tcp"),
        ("PushServer", "push", "tcp"),
        ("PushServer", "push", "unix"),
        ("Datagrams", "exchange", "udp"),
    ],
)  # fmt: skip
def test_what_fits_together_is_read(tmp_path: Path, level: str, drive: str, transport: str) -> None:
    text = with_fields(
        '("StreamServer",), drive="exchange"', f'("{level}",), drive="{drive}", transport="{transport}"'
    )
    (tmp_path / "s.py").write_text(
        text.replace("title=", 'server_parameters=("size",), serves="echo", title=')
    )
    about = read_declaration(tmp_path / "s.py", ScenarioAbout)
    assert (about.levels, about.drive, about.transport) == ((level,), drive, transport)


def test_files_that_are_none(folder: Path) -> None:
    (folder / "adapters" / "folder.py").mkdir()
    try:
        (folder / "adapters" / "dangling.py").symlink_to("nowhere")
        (folder / "adapters" / "device.py").symlink_to("/dev/zero")
    except OSError:
        pytest.skip("no symbolic links here")
    suite = load_suite([folder])
    assert len(suite.problems) == 3
    assert all(problem.endswith("expected a file") for problem in suite.problems)


def test_the_first_of_an_id_wins_and_the_second_is_said(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "adapters").mkdir()
    (folder / "adapters" / "mine.py").write_text(ADAPTER.format("first"))
    (folder / "adapters" / "mine_.py").write_text(ADAPTER.format("second"))
    (folder / "adapters" / "asyncio.py").write_text(ADAPTER.format("not the standard library's"))
    (other / "adapters" / "mine.py").write_text(ADAPTER.format("third"))
    suite = load_suite([folder, other])
    assert suite.adapters["mine"].about.summary == "first"
    assert suite.adapters["asyncio"] == load_suite().adapters["asyncio"]
    assert [problem.partition(": ")[2].partition(" is that of ")[0] for problem in suite.problems] == [
        "the id 'asyncio'", "the id 'mine'", "the id 'mine'",
    ]  # fmt: skip


def test_a_warning_of_the_parser_stays_its_authors(folder: Path, recwarn: pytest.WarningsRecorder) -> None:
    file = folder / "adapters" / "slashes.py"
    file.write_text(ADAPTER.format(r"back\slash"))
    assert read_declaration(file, AdapterAbout).summary == r"back\slash"
    assert not list(recwarn)


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).map(printable)


@given(TEXTS, st.lists(TEXTS, max_size=3, unique=True).map(tuple))
def test_what_is_declared_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, text: str, more: tuple[str, ...]
) -> None:
    file = tmp_path_factory.mktemp("any") / "any.py"
    about = AdapterAbout(family="x", library="none", binding="x", summary=text, requires=more)
    file.write_bytes(f"from crossloop.api import AdapterAbout\n\nABOUT = {about!r}\n".encode())
    assert read_declaration(file, AdapterAbout) == about


def test_a_scenario_is_read_with_its_parameters(tmp_path: Path) -> None:
    about = ScenarioAbout(
        levels=("Readiness", "Tasks"), drive="work", title="t", question="q", unit="u",
        sets=[("smoke", {"connections": 1, "size": 16, "mode": "x", "deep": True})], limits={"size": (1, 16.5)},
        companion=True,
    )  # fmt: skip
    (tmp_path / "s.py").write_text(f"ABOUT = {about!r}\n")
    assert read_declaration(tmp_path / "s.py", ScenarioAbout) == about


# Selection -------------------------------------------------------------------------------------------


@given(st.sets(IDS, min_size=1, max_size=8))
def test_nothing_wanted_is_everything(ids: set[str]) -> None:
    assert select("adapter", known(ids), None) == known(ids)


@given(st.sets(IDS, min_size=1, max_size=8), st.data())
def test_ids_choose_themselves_in_the_listings_order(ids: set[str], data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.sampled_from(sorted(ids)), min_size=1, max_size=6))
    chosen = select("adapter", known(ids), " , ".join(wanted))
    assert list(chosen) == sorted(set(wanted)), "each once, and an exact id never as a prefix of another"


# Where an adapter is for


@pytest.mark.parametrize(
    ("platform", "platforms", "here"),
    [
        ("linux", ("linux",), True),
        ("freebsd14", ("linux", "darwin"), False),
        ("freebsd14", ("freebsd",), True),
        ("openbsd7", ("freebsd",), False),
        *((system, ("bsd",), True) for system in ("freebsd14", "openbsd7", "netbsd10", "dragonfly6")),
        ("win32", ("bsd",), False),
        ("netbsd10", AdapterAbout.platforms, True),
    ],
)
def test_a_platform_is_told_by_what_its_name_begins_with(
    platform: str, platforms: tuple[str, ...], here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = AdapterAbout(
        family="x", library="none", binding="x", summary="x", platforms=platforms, elsewhere="use y"
    )
    monkeypatch.setattr(sys, "platform", platform)
    assert about.why_not_here() == ("" if here else "use y")


@pytest.mark.parametrize("name", ["kqueue", "poll", "epoll", "asyncio-poll"])
def test_a_mechanism_is_asked_of_python_and_not_of_the_platforms_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = load_suite().adapters[name].about
    monkeypatch.setattr(sys, "platform", "plan9")
    monkeypatch.setattr(select_module, about.mechanism, object, raising=False)
    assert about.why_not_here() == ""
    monkeypatch.delattr(select_module, about.mechanism)
    assert about.why_not_here() == about.elsewhere


@given(st.sets(IDS, min_size=1, max_size=8), st.data())
def test_a_prefix_chooses_all_that_begin_so(ids: set[str], data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(sorted(ids)))
    prefix = whole[: data.draw(st.integers(1, len(whole)))]
    expected = {prefix} if prefix in ids else {id_ for id_ in ids if id_.startswith(prefix)}
    assert set(select("adapter", known(ids), prefix)) == expected


@given(st.sets(IDS, min_size=1, max_size=8), st.text(max_size=8).filter(lambda text: "," not in text))
def test_what_is_neither_is_refused_with_a_hint(ids: set[str], word: str) -> None:
    stripped = word.strip()
    if stripped and any(id_.startswith(stripped) for id_ in ids):
        assert select("adapter", known(ids), word)
        return
    with pytest.raises(SuiteError) as caught:
        select("adapter", known(ids), word)
    text = str(caught.value)
    assert repr(stripped) in text
    assert "`crossloop list`" in text
    assert any(id_ in text for id_ in ids)


def test_the_nearest_is_suggested() -> None:
    adapters = load_suite().adapters
    for word, nearest in (("uvlop", "uvloop"), ("libeven_t", "libevent"), ("gevent_libuv", "gevent-libuv")):
        with pytest.raises(SuiteError, match=f"unknown adapter '{word}'; did you mean '{nearest}'"):
            select("adapter", adapters, word)
