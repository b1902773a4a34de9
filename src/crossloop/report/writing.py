"""Putting a rendered report into a folder: whole files, and nothing that an older rendering left."""

import re
from collections.abc import Iterator
from pathlib import Path

from crossloop.replacing import replace_file
from crossloop.report.page import Rendered
from crossloop.report.places import FIRST

MARK = "<!-- written by crossloop report; the next rendering replaces or removes this file -->\n"
"""The last line of every file that is written: valid in markdown, SVG and HTML, and shown in none."""
_HEAD_BYTES = 4096
_FOLDERS = ("", "adapters", "behaviours", "libraries", "scenarios")
_NAME = re.compile(r"(?:[a-z0-9-]+\.(?:md|svg|html)|README\.md)")
_BEFORE_THE_MARK = (
    (re.compile(r"[a-z0-9-]+-(?:cpu|curves|latency|memory|tax)\.svg"), b'<g id="figure_1">'),
    (re.compile(r"[a-z0-9-]+-[0-9]+\.md"), b": further parameter sets\n"),
    (re.compile(r"libraries/[a-z0-9-]+\.md"), b": what it does\n"),
)
"""Files of renderings that wrote no mark: name, and what stands in the first 4 KiB."""


def write(rendered: Rendered, folder: Path) -> Path:
    """Write pictures and pages, the first page last; then remove what an older rendering left. Returns the first page.

    Each file is moved into place whole. Makes *folder* if need be. Only files with the mark of this module are removed.
    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in rendered.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        replace_file(folder / name, content + MARK.encode())
    first = folder / FIRST
    replace_file(first, f"{rendered.markdown}{MARK}".encode())
    _remove_stale(folder, {FIRST, *rendered.files})
    return first


def _remove_stale(folder: Path, current: set[str]) -> None:
    for file in list(_candidates(folder)):
        if file.relative_to(folder).as_posix() not in current and _is_ours(file, folder):
            file.unlink()
    for name in filter(None, _FOLDERS):
        place = folder / name
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()


def _candidates(folder: Path) -> Iterator[Path]:
    """Files with a name that a rendering gives; links are followed nowhere."""
    for name in _FOLDERS:
        place = folder / name
        if place.is_dir() and not place.is_symlink():
            for file in place.iterdir():
                if _NAME.fullmatch(file.name) and file.is_file() and not file.is_symlink():
                    yield file


def _is_ours(file: Path, folder: Path) -> bool:
    content = file.read_bytes()
    if content.endswith(MARK.encode()):
        return True
    name = file.relative_to(folder).as_posix()
    return any(
        pattern.fullmatch(name) and sign in content[:_HEAD_BYTES] for pattern, sign in _BEFORE_THE_MARK
    )
