"""Writing a whole file in place of another, so that no reader ever finds half of it. Standard library only."""

import os
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Write *content* beside *path* and move it there (`os.replace`, atomic within a folder).

    A link at *path* is replaced and never written through. Raises OSError; then nothing has changed.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.unlink(missing_ok=True)
        with temporary.open(
            "xb"
        ) as file:  # (O_EXCL: whatever has been put there meanwhile is not followed either)
            file.write(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
