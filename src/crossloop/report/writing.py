"""Putting a rendered report into a folder, so that no reader ever finds half of it."""

from pathlib import Path

from crossloop.replacing import replace_file
from crossloop.report.page import Rendered

PAGE = "README.md"


def write(rendered: Rendered, folder: Path) -> Path:
    """Write the pictures, then the page that shows them; returns the page's path.

    Each file is moved into place whole. Makes *folder* if need be. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in rendered.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        replace_file(folder / name, content)
    page = folder / PAGE
    replace_file(page, rendered.markdown.encode("utf-8"))
    return page
