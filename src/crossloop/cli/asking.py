"""The behaviours of `crossloop check`: what each library does, asked in its own words."""

import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import click

from crossloop.behaviours.asking import ask, questions
from crossloop.behaviours.catalogue import Entry, catalogue
from crossloop.cli.builds import Target, probe_target
from crossloop.cli.choosing import chosen
from crossloop.cli.measuring import adapter_record
from crossloop.cli.progress import ProgressView
from crossloop.installing import recorded_setup
from crossloop.journal import AdapterRecord, BehaviourRecord
from crossloop.supervise.family import kill_all

AT_A_TIME = 6
"""Questions that are asked at a time, over all adapters: most of them wait more than they compute."""


def wanted_behaviours(text: str | None) -> Collection[str]:
    """Ids by ids or prefixes; all for None. Raises `StopError`."""
    return chosen("behaviour", catalogue(), text)


def answers_of(
    adapters: Mapping[str, Target], wanted: Collection[str]
) -> Iterator[tuple[AdapterRecord, list[BehaviourRecord]]]:
    """Each adapter with its answers, in order; none from one that is not usable here. Raises `StopError`."""
    with ThreadPoolExecutor(max_workers=AT_A_TIME) as pool:
        try:
            installed = recorded_setup()
            probed = list(pool.map(partial(probe_target, scenarios={}), adapters.values()))
            asking = [questions(adapter.entry, wanted) if adapter.usable else [] for adapter in probed]
            with ProgressView(sum(map(len, asking)), unit="questions") as view:
                guard = threading.Lock()

                def put(target: Target, question: Entry) -> BehaviourRecord:
                    record = ask(target.suite, target.entry, question, label=target.label)
                    with guard:
                        view.advance(f"{target.label}: {question.id}", 1)
                    return record

                answers = [
                    [pool.submit(put, target, question) for question in entries]
                    for target, entries in zip(adapters.values(), asking, strict=True)
                ]
                for target, adapter, pending in zip(adapters.values(), probed, answers, strict=True):
                    how = "" if target.brought else installed.get(adapter.entry.id, "")
                    yield adapter_record(adapter, how, target.first), [answer.result() for answer in pending]
        except BaseException:  # interrupted: the threads wait for answers that nobody wants any more
            pool.shutdown(wait=False, cancel_futures=True)
            kill_all()
            raise


def show(adapter: AdapterRecord, answers: Sequence[BehaviourRecord]) -> None:
    """One line for an adapter, then one for each answer that is not yes."""
    if not answers:
        click.echo(f"{adapter.adapter}: not asked: {adapter.reason or 'no behaviour is asked in its words'}")
        return
    counts = Counter(record.answer for record in answers)
    tally = ", ".join(f"{count} {word.replace('-', ' ')}" for word, count in counts.most_common())
    click.echo(f"{adapter.adapter}: {len(answers)} behaviours: {tally}")
    for record in answers:
        if record.answer != "yes":
            how = ": ".join(filter(None, (record.answer.replace("-", " "), record.how)))
            click.echo(
                f"  {record.behaviour}: {how}"
                + (f" ({record.seen.partition(chr(10))[0]})" if record.seen else "")
            )
