"""Known limits: the expectations that a suite brings, read from their file without running it.

A suite folder may hold `adapters/_expectations.py`, and a distribution may announce such a module by the entry-point
group `crossloop.expectations`. The file is Python for its editor and its reader, and data for us: constants of text,
and `EXPECTATIONS = (Expectation(…), …)`, whose arguments are literals, such constants, and the conditions of
`crossloop.contract.expectations`. It is a stranger's file as an adapter is, and it is read in the supervisor, so
nothing in it is called but what `_CALLS` names.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from crossloop.contract import expectations
from crossloop.contract.expectations import Condition, Expectation
from crossloop.suite import Suite, SuiteError, parsed_file

NAME = "EXPECTATIONS"
_CONDITIONS: Mapping[str, Any] = {
    name: value for name, value in vars(expectations).items() if isinstance(value, Condition)
}
_CALLS: Mapping[str, Callable[..., Any]] = {
    "Expectation": Expectation,
    "python_before": expectations.python_before,
    "binding_before": expectations.binding_before,
    "library_before": expectations.library_before,
}


def known_limits(suite: Suite, further: Iterable[Path] = ()) -> tuple[Expectation, ...]:
    """Expectations of the suite's files, then of *further* ones. Raises SuiteError."""
    return tuple(
        expectation for path in (*suite.expectations, *further) for expectation in read_expectations(path)
    )


def read_expectations(path: Path) -> tuple[Expectation, ...]:
    """The expectations of one file. Raises SuiteError that names file, line, and what was expected."""
    names = dict(_CONDITIONS)
    for node in parsed_file(path).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                names[name] = _value(path, value, names)
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                pass  # for the editor, and for the reader
            case _:
                raise _refused(path, node, ast.unparse(node))
    if NAME not in names:
        raise SuiteError(f"{path}: expected `{NAME} = (Expectation(…), …)` at the top level")
    expectations = names[NAME]
    if not isinstance(expectations, tuple):
        raise SuiteError(f"{path}: {NAME} is {expectations!r}, expected a tuple of Expectation(…)")
    for expectation in expectations:
        if not isinstance(expectation, Expectation):
            raise SuiteError(f"{path}: {expectation!r} is no Expectation")
    return expectations


def _value(path: Path, node: ast.expr, names: Mapping[str, Any]) -> Any:
    """What an expression of data stands for. Raises SuiteError at the first part that is none."""
    match node:
        case ast.Constant(value=str() | int() as value):
            return value
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Tuple(elts=parts):
            return tuple(_value(path, part, names) for part in parts)
        case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr() as operator, right=right):
            first, second = (_condition(path, side, names) for side in (left, right))
            return first & second if isinstance(operator, ast.BitAnd) else first | second
        case ast.UnaryOp(op=ast.Invert(), operand=operand):
            return ~_condition(path, operand, names)
        case ast.Call(func=ast.Name(id=name), args=given, keywords=keywords) if name in _CALLS:
            positional = [_value(path, part, names) for part in given]
            named = {keyword.arg or "**": _value(path, keyword.value, names) for keyword in keywords}
            try:
                return _CALLS[name](*positional, **named)
            except (TypeError, ValueError) as error:
                raise _refused(path, node, str(error)) from error
        case _:
            raise _refused(path, node, ast.unparse(node))


def _condition(path: Path, node: ast.expr, names: Mapping[str, Any]) -> Condition:
    value = _value(path, node, names)
    if not isinstance(value, Condition):
        raise _refused(path, node, repr(value))
    return value


def _refused(path: Path, node: ast.stmt | ast.expr, what: str) -> SuiteError:
    return SuiteError(
        f"{path}: line {node.lineno}: {what[:200]}: expected data, as in "
        f"`{NAME} = (Expectation('adapter', 'promise', ALWAYS, 'reason', 'https://…'),)`; it is read, not run"
    )
