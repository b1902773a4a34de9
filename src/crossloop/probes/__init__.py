"""Small programs, each run in a process of its own, that answer one question about a library with one JSON object.

They are apart from what asks them, so that the process holds nothing but the library: a numeric library's threads, say,
would be among those that are counted.
"""

from collections.abc import Callable


def answered(program: Callable[[], dict[str, object]]) -> dict[str, object]:
    """What *program* returns, or `{"error": …}` with what it raised."""
    try:
        return program()
    except Exception as error:  # whatever a binding raises is the answer
        return {"error": f"{type(error).__name__}: {error}"}
