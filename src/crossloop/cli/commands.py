"""The commands and their options; what they do lives in the modules beside this one."""

import difflib
import errno
import itertools
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

import crossloop
from crossloop.cli import streams
from crossloop.cli.exits import BAD_INPUT, DONE, INTERRUPTED, UNFORESEEN, StopError, unforeseen

_Command = TypeVar("_Command", bound=Callable[..., Any] | click.Command)
_FOLDER = click.Path(path_type=Path, file_okay=False)


def main() -> int:
    """Run the command line; returns the exit status. Whatever goes wrong is one line on stderr."""
    streams.set_up()
    try:
        status = _status()
        sys.stdout.flush()
    except OSError as error:  # the disk is full, descriptors ran out: the machine's matter
        return _refused(_machine_refused(error))
    except Exception as error:
        if (why := _too_little(error)) is not None:
            return _refused(why)
        return _refused(unforeseen(error), UNFORESEEN)
    return status


def _status() -> int:
    """Run it, with what is foreseen turned into its status."""
    try:
        status = cli.main(prog_name="crossloop", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return DONE
    except click.ClickException as error:
        return _refused(_one_line(error), error.status if isinstance(error, StopError) else BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except SystemExit as error:  # click makes one of any EPIPE; that of our own output ends in `streams`
        raise RuntimeError(f"something ended crossloop: {error.__context__!r}") from error.__context__
    return status if isinstance(status, int) else DONE


def _refused(text: str, status: int = BAD_INPUT) -> int:
    click.echo(f"crossloop: {text}", err=True)
    return status


def _one_line(error: click.ClickException) -> str:
    """The message on one line; where click wrote it, with the command that says what was expected."""
    text = " ".join(error.format_message().split())
    if not isinstance(error, click.UsageError):
        return text
    path = error.ctx.command_path if error.ctx is not None else "crossloop"
    return f"{text if text.endswith('?') else text.rstrip('.') + ';'} `{path} --help` says what is expected"


def _machine_refused(error: OSError) -> str:
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return (
            "too few file descriptors; `ulimit -n 1024` or more, and `crossloop doctor` says what is allowed"
        )
    name = f" {error.filename!r}" if error.filename is not None else ""
    return f"{error.strerror or error}{name}; `crossloop doctor` looks at this machine"


def _too_little(error: Exception) -> str | None:
    """What the machine has too little of, where an error that is no OSError says so; None where it does not."""
    text = str(error)
    if isinstance(error, MemoryError) or (isinstance(error, ImportError) and "failed to map" in text):
        return "too little memory; `ulimit -v unlimited`, and `crossloop doctor` says how much there is"
    if isinstance(error, RuntimeError) and "can't start new thread" in text:
        return "no thread can be started; a larger `ulimit -u` or `ulimit -v` allows more"
    return None


class _Commands(click.Group):
    """A group that suggests the nearest command, whichever click is installed, and takes no empty word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse an empty value: an empty list would be "all", an empty folder the one in which one stands."""
        for before, word in itertools.pairwise(["", *args]):
            if not word or (word.startswith("--") and word.endswith("=")):
                where = word or (f"after {before}" if before else "in front")
                raise StopError(
                    f"an empty value {where}: expected one, or nothing; `crossloop --help` shows all"
                )
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            near = difflib.get_close_matches(args[0], self.commands, n=1, cutoff=0.0)[0]
            raise StopError(
                f"unknown command {args[0]!r}; did you mean {near!r}? `crossloop --help` shows them all"
            )
        return super().resolve_command(ctx, args)


class _Finite(click.FloatRange):
    """A range of numbers; "nan" is in none, though it is neither too small nor too large."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class _Numbers(click.IntRange):
    """Whole numbers in a range, with commas between them; each once, the lowest first."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):  # the default
            return value
        numbers: list[Any] = value.split(",")
        return tuple(sorted({super(_Numbers, self).convert(number, param, ctx) for number in numbers}))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(crossloop.__version__, prog_name="crossloop")
@click.option(
    "--suite",
    "suites",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with adapters/ or scenarios/ of your own; may be given several times.",
)
@click.pass_context
def cli(context: click.Context, suites: tuple[Path, ...]) -> None:
    """The same workloads through every event library a Python programmer can choose."""
    context.obj = suites


_ADAPTERS_AND_BUILDS = click.option(
    "--adapters",
    metavar="A,B@VERSION",
    help="Ids or prefixes, or an id with a build of its binding; default: all.",
)
_CACHE = click.option(
    "--cache", type=_FOLDER, help="Builds: where they are kept; default: a temporary folder."
)
_LOOPS = click.option(
    "--loop",
    "loops",
    multiple=True,
    metavar="NAME=module:factory",
    help="A loop with asyncio's API as an adapter of that name; may be given several times.",
)
_SCENARIOS = click.option("--scenarios", metavar="X,Y", help="Ids or prefixes; default: all.")
_SEED = click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
_ENGINE = click.option(
    "--engine",
    type=click.Choice(["native", "python"]),
    help="Of the load generator; default: native where `crossloop setup` has built it.",
)
_SET = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the scenario; default: as in its first set. May be given several times.",
)


_SSH_CONFIG = click.option(
    "--ssh-config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What ssh reads instead of your own configuration (ssh -F).",
)


def _out(help_: str, **more: Any) -> Callable[[_Command], _Command]:
    return click.option("--out", type=_FOLDER, help=help_, **more)


def _resume(what: str) -> Callable[[_Command], _Command]:
    return click.option("--resume", is_flag=True, help=f"Go on with the interrupted {what} in the folder.")


def _profile(default: str) -> Callable[[_Command], _Command]:
    names = ("smoke", "quick", "standard", "full")
    return click.option("--profile", type=click.Choice(names), default=default, show_default=True)


@cli.command("list")
@_JSON
@click.pass_obj
def list_(suites: tuple[Path, ...], as_json: bool) -> int:
    """Adapters, scenarios, and what is usable here."""
    from crossloop.cli import listing

    return listing.run(suites, as_json=as_json)


@cli.command()
@click.argument("wanted", nargs=-1, metavar="[ADAPTER|PART]...")
@click.pass_obj
def setup(suites: tuple[Path, ...], wanted: tuple[str, ...]) -> int:
    """Install bindings and native parts one by one and record the outcome of each."""
    from crossloop.cli import installing

    return installing.setup(suites, wanted)


@cli.command()
@_JSON
def doctor(as_json: bool) -> int:
    """What this machine allows: limits, noise, kernel features, what is missing."""
    from crossloop.cli import installing

    return installing.doctor(as_json=as_json)


@cli.command()
@_SCENARIOS
@_ADAPTERS_AND_BUILDS
@_LOOPS
@_profile("quick")
@_out("Folder of the report; default: reports/<platform>.")
@_resume("run")
@click.option("--dry-run", is_flag=True, help="Print the plan and its estimated time; measure nothing.")
@_SEED
@click.option(
    "--limit",
    type=_Finite(1, 3600),
    default=40.0,
    show_default=True,
    metavar="SECONDS",
    help="A worker that needs longer for one slice is ended.",
)
@click.option(
    "--memory",
    type=click.IntRange(64, 1 << 20),
    default=2048,
    show_default=True,
    metavar="MIB",
    help="A worker that uses more is ended.",
)
@click.option(
    "--objective",
    type=_Finite(0, 60_000, min_open=True),
    metavar="MS",
    help="p99 that ends a climb on a ladder (c10k); default: the scenario's.",
)
@click.option(
    "--rungs",
    metavar="N,M",
    help="Of a ladder (c10k: connections), in place of the profile's; up to 1,000,000, where the machine allows it.",
)
@click.option(
    "--references/--no-references",
    default=True,
    show_default=True,
    help="Measure the native echo servers in C as well, for any --adapters.",
)
@click.option(
    "--processes",
    type=_Numbers(2, 256),
    default=(),
    metavar="N[,M…]",
    help="Each server over TCP also in N processes on one port (SO_REUSEPORT), beside the one of a single process.",
)
@_ENGINE
@click.option(
    "--budget",
    type=_Finite(0, 10_000, min_open=True),
    metavar="MINUTES",
    help="Time for measuring: rounds are cut to fit, or go on until --precision. Default: the profile's.",
)
@click.option(
    "--precision",
    type=_Finite(0, 100, min_open=True),
    metavar="PERCENT",
    help="Rounds end when each ratio to the leanest has an interval of ± this. Default: the profile's.",
)
@click.option(
    "--evidence/--no-evidence",
    default=True,
    help="System calls, memory, import and warm-up of each row, after the measurement and beyond its --budget. "
    "Default: yes.",
)
@click.option(
    "--load-from",
    metavar="HOST,HOST…",
    help="Hosts that the load comes from together, by ssh: [USER@]HOST[=PYTHON][#CPU]; localhost is a process here.",
)
@click.option(
    "--listen",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address of this machine that servers listen on, for load from other hosts.",
)
@_SSH_CONFIG
@_CACHE
@click.pass_obj
def bench(suites: tuple[Path, ...], /, **options: Any) -> int:
    """Measure, and write README.md, plots and run.jsonl into a folder."""
    from crossloop.cli import benching

    return benching.run(benching.Request(**options, suites=suites))


@cli.command()
@click.option("--comparisons", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.option(
    "--adapters",
    metavar="ID",
    help="The adapter to slow; default: the first of epoll, kqueue and asyncio that this platform has.",
)
@click.option(
    "--seconds",
    type=_Finite(0, 600, min_open=True),
    default=5.0,
    show_default=True,
    help="Measuring time of each row in each comparison.",
)
@_out("For selftest.jsonl.", default="reports/selftest", show_default=True)
@_resume("self-test")
@_SEED
@click.pass_obj
def selftest(suites: tuple[Path, ...], /, **options: Any) -> int:
    """Slow an adapter by known amounts, and count how often each difference is found."""
    from crossloop.cli import selftesting

    return selftesting.run(suites, selftesting.Request(**options))


@cli.command()
@_ADAPTERS_AND_BUILDS
@_LOOPS
@_out("Folder for checks.jsonl and behaviours.jsonl; default: print only.")
@click.option(
    "--expectations",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File of further known limits, beside adapters/_expectations.py of each suite.",
)
@click.option(
    "--only",
    type=click.Choice(["contract", "behaviours"]),
    help="One half of the questions; default: both.",
)
@click.option(
    "--first-styles",
    is_flag=True,
    help="The contract of the first style of each level only, in half the time.",
)
@click.option("--behaviours", metavar="A,B", help="Only these behaviours, by id or prefix; no contract.")
@_CACHE
@click.pass_obj
def check(suites: tuple[Path, ...], /, **options: Any) -> int:
    """The contract: does each adapter keep it? Then the behaviours: what does each library do?"""
    from crossloop.cli import checking

    return checking.run(suites, checking.Request(**options))


@cli.command()
@click.argument("wanted", nargs=-1, metavar="LOOP...")
@_LOOPS
@click.option("--tests", metavar="X,Y", help="Ids or prefixes, as test_sock_lowlevel; default: all.")
@_JSON
@_out("Folder for dropin.jsonl; default: print only.")
@click.pass_obj
def dropin(suites: tuple[Path, ...], /, **options: Any) -> int:
    """CPython's own tests of loops, on other loops: adapters of asyncio's family, or module:factory."""
    from crossloop.cli import dropping_in

    return dropping_in.run(suites, dropping_in.Request(**options))


@cli.command()
@click.argument("file", metavar="FILE.toml", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("command", nargs=-1, metavar="-- COMMAND...", type=click.UNPROCESSED)
@_out("Folder for the hosts' journals and their report.", default="reports/fleet", show_default=True)
@click.option("--hosts", metavar="A,B", help="Only these hosts of the file; default: all.")
@click.option("--again", is_flag=True, help="Ask anew, also who has answered.")
@_SSH_CONFIG
@click.pass_obj
def fleet(suites: tuple[Path, ...], /, **options: Any) -> int:
    """Run bench, check or dropin on several hosts by ssh, and bring their journals back."""
    from crossloop.cli import fleets

    return fleets.run(suites, fleets.Request(**options))


@cli.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@_out("Where to write; default: the folder itself.")
@click.option(
    "--since",
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR",
    help="An earlier run: show first what changed in the libraries since.",
)
@click.option(
    "--baseline",
    default="",
    metavar="ADAPTER",
    help="Whose leanest row the first page divides by; default: the leanest row of each scenario.",
)
@click.option(
    "--history",
    is_flag=True,
    help="Show how ratios and behaviours moved from build to build; --out is reports/history without one.",
)
@click.option(
    "--html", is_flag=True, help="Write report.html too: one run in one file that sorts and filters."
)
@click.pass_obj
def report(suites: tuple[Path, ...], /, **options: Any) -> int:
    """Render a run again; several runs become one matrix, with differences first."""
    from crossloop.cli import reporting

    return reporting.run(suites, reporting.Request(**options))


@cli.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1, metavar="[TABLE]...")
@click.option(
    "--baseline", default="", metavar="ADAPTER", help="What ratios are divided by; default: the leanest."
)
@click.pass_obj
def show(suites: tuple[Path, ...], folder: Path, names: tuple[str, ...], baseline: str) -> int:
    """Tables of a run on the terminal, by name or prefix; without a TABLE, the list of names."""
    from crossloop.cli import showing

    return showing.run(suites, folder, names, baseline)


@cli.command()
@click.argument("base", required=False, type=click.Path(path_type=Path))
@click.argument("new", required=False, type=click.Path(path_type=Path))
@click.option(
    "--threshold",
    "threshold_percent",
    type=_Finite(0, 1000),
    default=3.0,
    show_default=True,
    metavar="PERCENT",
    help="A difference within it is a tie; never below the noise floor of either run.",
)
@_out("Folder for compare.md and compare.json; default: print only.")
@click.option(
    "--anchor", metavar="ROW", help="Runs: the row that is the reference, as uvloop or uvloop/streams."
)
@click.option("--anyway", is_flag=True, help="Runs: compare even those of different machines.")
@click.option(
    "--adapters",
    metavar="ID@A,ID@B",
    help="Instead of two runs: two builds of one binding (a version, a wheel, a folder), measured now.",
)
@_LOOPS
@click.option(
    "--scenarios", default="tcp-echo", show_default=True, metavar="X,Y", help="Builds: ids or prefixes."
)
@_profile("standard")
@_CACHE
@_SEED
@click.pass_obj
def compare(suites: tuple[Path, ...], /, **options: Any) -> int:
    """Two runs, or two builds of one binding, cell by cell; exit 1 on a regression."""
    base, new, anchor, anyway = (options.pop(name) for name in ("base", "new", "anchor", "anyway"))
    if options["adapters"] is not None:
        if base is not None or anchor or anyway:
            raise StopError("--adapters measures two builds now: leave out BASE, NEW, --anchor and --anyway")
        from crossloop.cli import comparing_builds

        return comparing_builds.run(suites, comparing_builds.Request(**options))
    if base is None or new is None:
        raise StopError(
            "expected two runs, as `crossloop compare BASE NEW`, or --adapters ID@A,ID@B; "
            "`crossloop bench --out DIR` makes a run"
        )
    from crossloop.cli import comparing

    return comparing.run(
        base,
        new,
        threshold_percent=options["threshold_percent"],
        anchor=anchor,
        out=options["out"],
        anyway=anyway,
    )


@cli.command()
@click.argument("format_name", type=click.Choice(["journal", "pyperf", "github-action-benchmark"]))
@click.argument("source", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("target", metavar="[FILE]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def export(suites: tuple[Path, ...], format_name: str, source: Path, target: Path | None) -> int:
    """A run in another tool's format, or its journal without slices; to stdout without a FILE."""
    from crossloop.cli import exporting

    return exporting.run(suites, format_name, source, target)


@cli.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--from",
    "source",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="An earlier run; default: measure now.",
)
@_out("Folder for claims.md and run.jsonl; default: print only.")
@click.option(
    "--budget",
    "budget_min",
    type=_Finite(0, 600, min_open=True),
    default=5.0,
    show_default=True,
    metavar="MINUTES",
    help="The largest profile that fits is taken.",
)
@_SEED
@click.pass_obj
def claims(suites: tuple[Path, ...], /, **options: Any) -> int:
    """Published claims about event libraries, tested here: each with its verdict."""
    from crossloop.cli import claiming

    return claiming.run(suites, **options)


@cli.group(cls=_Commands)
def new() -> None:
    """A first version of an adapter or a scenario that works as it stands, with its test."""


_NEW_FOLDER = _out("Folder for --suite; default: that of --suite, or the checkout one stands in, or ./mine.")


@new.command("adapter")
@click.argument("name")
@click.option(
    "--loop",
    metavar="module:factory",
    help="A loop with asyncio's API that the adapter is for; default: a stream server on selectors.",
)
@_NEW_FOLDER
@click.pass_obj
def new_adapter(suites: tuple[Path, ...], name: str, loop: str | None, out: Path | None) -> int:
    """Write adapters/NAME.py and tests/test_NAME.py."""
    from crossloop.cli import creating

    return creating.new_adapter(suites, name, loop, out)


@new.command("scenario")
@click.argument("name")
@click.option(
    "--drive",
    type=click.Choice(["exchange", "work"]),
    default="exchange",
    show_default=True,
    help="Who makes the operations: the load, by requests and answers, or the measured process itself.",
)
@_NEW_FOLDER
@click.pass_obj
def new_scenario(
    suites: tuple[Path, ...], name: str, drive: Literal["exchange", "work"], out: Path | None
) -> int:
    """Write scenarios/NAME.py and tests/test_NAME.py."""
    from crossloop.cli import creating

    return creating.new_scenario(suites, name, drive, out)


@cli.command()
@click.argument("adapter")
@click.argument("scenario")
@_LOOPS
@click.option("--style", help="One of the adapter's styles; default: its first.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback unless you say otherwise.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0: a free one.")
@click.option("--path", default="", help="Of a unix socket; default: one in a folder of its own.")
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="So many servers on one TCP port (SO_REUSEPORT).",
)
@_SET
@click.pass_obj
def serve(suites: tuple[Path, ...], /, **options: Any) -> int:
    """One server, for any client; ends on SIGTERM."""
    from crossloop.cli import serving

    return serving.run(suites, **options)


@cli.command()
@click.argument("scenario")
@click.option(
    "--connect", required=True, metavar="HOST:PORT|PATH", help="A path where the transport is unix."
)
@click.option(
    "--connections", type=click.IntRange(1, 1_000_000), help="Default: as in the scenario's first set."
)
@click.option("--size", type=click.IntRange(16, 16 * 1024 * 1024), help="As --set size=BYTES.")
@_SET
@click.option(
    "--ca", default="", metavar="FILE", help="The authority that signed the TLS server's certificate (PEM)."
)
@click.option("--rate", type=_Finite(0, 10_000_000, min_open=True), help="Open loop; default: closed.")
@click.option("--duration", type=_Finite(0, 3600, min_open=True), default=5.0, show_default=True)
@click.option("--from", "hosts", metavar="HOST,HOST…", help="As --load-from of bench.")
@_SSH_CONFIG
@_ENGINE
@_JSON
@click.pass_obj
def load(suites: tuple[Path, ...], /, **options: Any) -> int:
    """The load generator alone, against any server that answers as the scenario's does."""
    from crossloop.cli import serving

    return serving.load(suites, **options)
