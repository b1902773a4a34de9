"""The examples in the documentation, as the files that they show."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_EXAMPLE = re.compile(r"^<!-- example: (\S+) -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples_of(page: str) -> dict[str, str]:
    """Path → source of every example of a page of this repository that is marked as a whole file."""
    return dict(_EXAMPLE.findall((ROOT / page).read_text("utf-8")))


def write_examples(page: str, folder: Path) -> list[str]:
    """Put the examples of *page* into *folder*, as a user would; returns their paths in it."""
    examples = examples_of(page)
    for path, source in examples.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source, "utf-8")
    return list(examples)
