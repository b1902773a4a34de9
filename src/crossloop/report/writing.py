"""Putting a rendered report into a folder, so that no reader ever finds half of it."""

import os
from pathlib import Path

from crossloop.report.page import Rendered

PAGE = "README.md"


def write(rendered: Rendered, folder: Path) -> Path:
    """Write the pictures, then the page that shows them; returns the page's path.

    Each file is written under a temporary name and moved into place (`os.replace`, atomic within a
    folder). Makes *folder* if need be. Raises OSError; then the temporary file is gone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in rendered.files.items():
        _replace(folder / name, content)
    page = folder / PAGE
    _replace(page, rendered.markdown.encode("utf-8"))
    return page


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
