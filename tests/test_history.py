"""The history of a binding: which builds are held against each other, which steps are marked, what is left out."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from crossloop.journal import (
    AdapterRecord,
    AnswerWord,
    BehaviourRecord,
    ComparisonRecord,
    EndRecord,
    Estimate,
    Figures,
    JournalWriter,
    Machine,
    Record,
)
from crossloop.report import Rendered, ScenarioTexts, render_history
from tests.journals import LINUX, adapter_record, estimate, figures, measured, run_record

ABOUT = {"tcp-echo": ScenarioTexts("TCP echo", unit="message")}
OTHER = msgspec.structs.replace(LINUX, cpu="Another CPU", cpus=8)
NEWER = msgspec.structs.replace(LINUX, python="CPython 3.14.0")


def build_record(name: str, version: str) -> AdapterRecord:
    """A build as its worker states itself."""
    record = adapter_record(name)
    return msgspec.structs.replace(record, facts={**record.facts, "binding_version": version})


def ratio_to_asyncio(
    ratio: float, *, spread: float = 0.004, builds: Mapping[str, float] | None = None
) -> Figures:
    """Figures of a row that takes *ratio* of asyncio's CPU per operation; *builds*: NEW ÷ OLD by OLD's name."""
    return msgspec.structs.replace(
        figures(10 * ratio, best_us=5.0, tier=2),
        to_baseline={"protocol": estimate(ratio, spread)},
        to_builds={name: estimate(step, 0.002) for name, step in (builds or {}).items()},
    )


def run_of(
    rows: Mapping[str, tuple[str, Figures]],
    *,
    machine: Machine = LINUX,
    floor: float | None = 0.01,
    asyncio: bool = True,
) -> list[Record]:
    """A run of TCP echo; *rows*: name → version and figures."""
    records: list[Record] = [run_record(machine, adapters=("asyncio", *rows), scenarios=("tcp-echo",))]
    if asyncio:
        records.append(msgspec.structs.replace(adapter_record("asyncio"), installed="standard library"))
    records += [build_record(name, version) for name, (version, _figures) in rows.items()]
    records.append(ComparisonRecord("tcp-echo", {"size": 64}, 90, 3, None, floor))
    if asyncio:
        base = figures(10.0, best_us=5.0, tier=3)
        records.append(measured("asyncio", "tcp-echo", base, style="protocol", size=64))
    records += [
        measured(name, "tcp-echo", values, style="protocol", size=64)
        for name, (_version, values) in rows.items()
    ]
    return [*records, EndRecord(elapsed_s=60, cells={"measured": len(rows) + 1})]


def history(**runs: list[Record]) -> Rendered:
    return render_history(list(runs.items()), ABOUT)


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next one of its level."""
    _before, heading_line, text = page.partition(f"\n## {heading}\n")
    assert heading_line, heading
    return text.partition("\n## ")[0].strip()


def test_builds_of_one_run_are_held_against_each_other_by_paired_ratios() -> None:
    """0.22 is 7 % cheaper than 0.21 and beyond the floor of 1 %; 0.23 differs from 0.22 by less than that."""
    page = history(
        one=run_of(
            {
                "uvloop@0.21.0": ("0.21.0", ratio_to_asyncio(0.86)),
                "uvloop@0.22.1": ("0.22.1", ratio_to_asyncio(0.80, builds={"uvloop@0.21.0": 0.93})),
                "uvloop": ("0.23.0", ratio_to_asyncio(0.80, builds={"uvloop@0.22.1": 1.004})),
            }
        )
    ).markdown
    assert page.startswith(
        "# crossloop: uvloop from build to build\n\n1 run on Linux 6.1 (x86_64): 3 builds of 1 binding. "
        "1 of 2 steps from a build to the next moved a ratio beyond the noise floor."
    )
    assert section(page, "What moved").splitlines()[-1] == (
        "| uvloop | 0.21.0 → 0.22.1 | TCP echo (protocol): size 64 B | 0.930 (0.928–0.932) ▼ | 1.0 % | paired |"
    )
    assert (
        "| TCP echo (protocol): size 64 B | 0.860 (0.857–0.863) | 0.800 (0.797–0.803) ▼ | 0.800 (0.797–0.803) | 1.0 % |"
    ) in section(page, "Each binding")


def test_versions_are_ordered_as_versions_and_not_as_text() -> None:
    rows = {
        name: (name.partition("@")[2], ratio_to_asyncio(0.8))
        for name in ("uvloop@0.9.1", "uvloop@0.17.0", "uvloop@0.10.0")
    }
    page = history(one=run_of(rows)).markdown
    assert "3 builds: 0.9.1, 0.10.0, 0.17.0." in page


@pytest.mark.parametrize(
    ("old", "new", "spread", "floor", "mark"),
    [
        pytest.param(0.80, 0.90, 0.004, 0.01, " ▲", id="dearer"),
        pytest.param(0.90, 0.80, 0.004, 0.01, " ▼", id="cheaper"),
        pytest.param(0.80, 0.81, 0.004, 0.03, "", id="within-the-floor"),
        pytest.param(0.80, 0.86, 0.05, 0.01, "", id="intervals-meet"),
        pytest.param(0.80, 0.90, 0.004, None, " ?", id="floor-unknown"),
    ],
)
def test_two_runs_are_held_against_each_other_by_their_ratios_to_asyncio(
    old: float, new: float, spread: float, floor: float | None, mark: str
) -> None:
    before = run_of({"uvloop": ("0.21.0", ratio_to_asyncio(old, spread=spread))}, floor=floor)
    after = run_of({"uvloop": ("0.22.0", ratio_to_asyncio(new, spread=spread))}, floor=0.005)
    page = history(before=before, after=after).markdown
    cells = re.search(
        r"\| TCP echo \(protocol\): size 64 B \| (.*) \|$", section(page, "Each binding"), re.MULTILINE
    )
    assert cells
    first, second, _floor = cells[1].split(" | ")
    assert second.endswith(f"){mark}"), second
    assert "▲" not in first + (second if not mark.strip("? ") else "")
    if mark == " ?":
        assert "1 not judged because no floor is known" in page
    assert ("| quotient |" in section(page, "What moved")) == (mark in {" ▲", " ▼"})


def test_the_larger_of_both_floors_counts() -> None:
    before = run_of({"uvloop": ("0.21.0", ratio_to_asyncio(0.80))}, floor=0.2)
    after = run_of({"uvloop": ("0.22.0", ratio_to_asyncio(0.90))}, floor=0.005)
    assert "No ratio moved" in section(history(before=before, after=after).markdown, "What moved")


def test_runs_of_unlike_machines_are_not_compared_and_the_page_says_so() -> None:
    before = run_of({"uvloop": ("0.21.0", ratio_to_asyncio(0.80))})
    after = run_of({"uvloop": ("0.22.0", ratio_to_asyncio(0.90))}, machine=OTHER)
    page = history(before=before, after=after).markdown
    assert "No binding has two builds that can be compared." in page
    assert "before and after ran on unlike machines, so their ratios are not compared: processor" in page
    assert "'Another CPU'; CPUs 2 and 8." in page


def test_one_version_under_two_pythons_is_a_series_of_its_own() -> None:
    before = run_of({"uvloop": ("0.22.0", ratio_to_asyncio(0.80))})
    after = run_of({"uvloop": ("0.22.0", ratio_to_asyncio(0.90))}, machine=NEWER)
    page = history(before=before, after=after).markdown
    assert "### uvloop over Pythons, 0.22.0\n\n2 builds: CPython 3.13.1, CPython 3.14.0." in page
    assert "over versions" not in page
    assert "a ratio to it may move for either reason" in section(page, "What is not compared")


def test_without_asyncio_the_newest_build_is_the_divisor() -> None:
    rows = {
        "uvloop@0.21.0": ("0.21.0", ratio_to_asyncio(0.8, builds={"uvloop@0.22.0": 1.07})),
        "uvloop@0.22.0": ("0.22.0", ratio_to_asyncio(0.8, builds={"uvloop@0.21.0": 0.935})),
    }
    page = history(one=run_of(rows, asyncio=False)).markdown
    assert "| 1.070 (1.068–1.072) | 1.000 (1.000–1.000) ▼ | 1.0 % |" in page
    assert "one measured no asyncio: its ratios are to the newest build" in section(
        page, "What is not compared"
    )


def test_the_picture_has_every_build_and_is_named_in_the_page() -> None:
    rendered = history(
        one=run_of(
            {
                "uvloop@0.21.0": ("0.21.0", ratio_to_asyncio(0.86)),
                "uvloop": ("0.22.1", ratio_to_asyncio(0.80, builds={"uvloop@0.21.0": 0.93})),
            }
        )
    )
    assert list(rendered.files) == ["uvloop-versions-1.svg"]
    picture = rendered.files["uvloop-versions-1.svg"].decode()
    for text in ("0.21.0", "0.22.1", "▼", "TCP echo: size 64 B", "protocol"):
        assert text in picture, text
    assert "](uvloop-versions-1.svg)" in rendered.markdown


def check_run(version: str, answers: Mapping[str, tuple[AnswerWord, str]]) -> list[Record]:
    """A run of `check`, of one build."""
    run = msgspec.structs.replace(run_record(adapters=("uvloop",)), scenarios=[], profile="check")
    said = [
        BehaviourRecord("uvloop", behaviour, "timers", answer, how)
        for behaviour, (answer, how) in answers.items()
    ]
    return [run, build_record("uvloop", version), *said, EndRecord(elapsed_s=1, cells={})]


def test_behaviours_came_and_went() -> None:
    page = history(
        old=check_run(
            "0.21.0", {"gone": ("yes", ""), "new": ("no", "up to 2 ms early"), "same": ("yes", "")}
        ),
        mid=check_run(
            "0.22.0", {"gone": ("no", "it hangs"), "new": ("no", "1 ms early"), "same": ("yes", "")}
        ),
        now=check_run("0.23.0", {"gone": ("no", "it hangs"), "new": ("yes", ""), "same": ("yes", "")}),
    ).markdown
    assert section(page, "Behaviours that came and went").splitlines()[-3:] == [
        "| uvloop | 0.21.0 → 0.22.0 | **went** | gone | yes | no: it hangs |",
        "| uvloop | 0.22.0 → 0.23.0 | **came** | new | no: 1 ms early | yes |",
        "| uvloop | 0.21.0 → 0.22.0 | **changed** | new | no: up to 2 ms early | no: 1 ms early |",
    ]
    assert "| gone | yes | no: it hangs | no: it hangs |" in page
    assert "| same |" not in page
    assert section(page, "What moved") == "No ratio was measured in two builds."


def test_text_of_a_hostile_journal_is_shown_and_does_nothing() -> None:
    evil = "1.0 <script>alert(1)</script> | ](x) **b**"
    rows = {"uvloop": (evil, ratio_to_asyncio(0.8)), "uvloop@x": ("not a version", ratio_to_asyncio(0.9))}
    rendered = render_history([("<img src=x> | run", run_of(rows))])
    assert "<script" not in rendered.markdown
    assert "<img" not in rendered.markdown
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \\| \\](x) \\*\\*b\\*\\*" in rendered.markdown
    assert all(b"<script" not in picture for picture in rendered.files.values())
    lines = [line for line in rendered.markdown.splitlines() if line.startswith(("| tcp", "| uvloop"))]
    assert lines
    assert {line.replace("\\|", "").count("|") for line in lines} <= {5, 7}


def test_extreme_ratios_are_shown_without_failing() -> None:
    huge = msgspec.structs.replace(
        ratio_to_asyncio(0.8), to_baseline={"protocol": Estimate(1e60, 1e-60, 1e60, 90, 3)}
    )
    tiny = msgspec.structs.replace(
        ratio_to_asyncio(0.8), to_baseline={"protocol": Estimate(1e-60, 1e-60, 1e-60, 90, 3)}
    )
    page = history(
        one=run_of({"uvloop": ("1", huge)}),
        two=run_of({"uvloop": ("2", tiny)}),
        three=run_of({"uvloop": ("3", huge)}),
    ).markdown
    assert "| 1.00e+60" in page or "| 1.00e60" in page


def test_the_same_records_give_the_same_bytes() -> None:
    runs = {"one": run_of({"uvloop@1": ("1", ratio_to_asyncio(0.9)), "uvloop": ("2", ratio_to_asyncio(0.8))})}
    assert history(**runs) == history(**runs)


def test_labels_must_differ_and_runs_be_there() -> None:
    run = run_of({"uvloop": ("1", ratio_to_asyncio(0.9))})
    with pytest.raises(ValueError, match="unlike each other"):
        render_history([("a", run), ("a", run)])
    with pytest.raises(ValueError, match="unlike each other"):
        render_history([])


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "uvloop"
    folder.mkdir()
    with JournalWriter(folder / "run.jsonl") as journal:
        for record in run_of(
            {"uvloop@1": ("1", ratio_to_asyncio(0.9)), "uvloop": ("2", ratio_to_asyncio(0.8))}
        ):
            journal.write(record, sync=False)
    command = [
        sys.executable,
        "-m",
        "crossloop",
        "report",
        "--history",
        str(folder),
        "--out",
        str(tmp_path / "out"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done
    page = tmp_path / "out/README.md"
    assert done.stdout == f"{page}\n"
    assert "1 run on Linux" in page.read_text("utf-8")
    assert [path.suffix for path in (tmp_path / "out").iterdir() if path != page] == [".svg"]
    refused = subprocess.run(
        [*command, "--since", str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
