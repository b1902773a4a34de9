"""How the programs here answer: an object, or why there is none."""

from collections.abc import Callable


def answered(program: Callable[[], dict[str, object]]) -> dict[str, object]:
    """What *program* returns, or `{"error": …}` with what it raised."""
    try:
        return program()
    except Exception as error:  # whatever a binding raises is the answer
        return {"error": f"{type(error).__name__}: {error}"}
