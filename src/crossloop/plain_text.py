"""Text from elsewhere, made fit for people: nothing that a terminal obeys, no folder of this machine.

Reasons, facts and error output hold whatever a library printed. Standard library only.
"""

import re
import unicodedata

MAX_SHOWN = 120

# Format characters turn the direction of text around or hide it; surrogates cannot be encoded at all.
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

# The folders before a file's name, absolute, as tracebacks and the loader name them; not those of an address.
_FOLDERS = re.compile(r"(?<![\w.<:/\\])(?:/|[A-Za-z]:\\)(?:[^/\\\s\"'<>]+[/\\])+")


def printable(text: str, *, kept: str = "") -> str:
    """Show control, direction-changing and unassigned characters as escapes, such as `\\x1b`; but those in *kept*."""
    if text.isprintable():
        return text
    return "".join(character if character in kept else _visible(character) for character in text)


def without_folders(text: str) -> str:
    """Replace the folders of each absolute path by `…/`: the name of the file stays."""
    return _FOLDERS.sub("…/", text)


def shown(value: object) -> str:
    """A value in a message: its repr, on one line and of at most `MAX_SHOWN` characters."""
    try:
        text = printable(repr(value))
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of thousands of digits
        text = f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _visible(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) not in _UNSEEN_CATEGORIES:
        return character
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"
