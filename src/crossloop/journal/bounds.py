"""What a record has to keep beside its types, and the one place where what is to be written is made to keep it all.

Strings that only people read are cut to their bound (`records.CUT` says at which end), and what no UTF-8 can hold in
them is escaped. All else that breaks a bound is refused with `UnfitRecordError`: a name that is too long, a number
that is infinite, NaN or beyond 64 bits, a value of another type. Nothing that is written is then other than what was
measured.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import inspect

from crossloop.journal.errors import UnfitRecordError
from crossloop.journal.records import CUT, EVIDENCE, CellRecord, EvidenceRecord

_Struct = TypeVar("_Struct", bound=msgspec.Struct)
_Cutter: TypeAlias = Callable[[Any], Any]
MARK = "…"
"""Stands where something was cut."""


def fitted(record: _Struct) -> _Struct:
    """*record* within every bound of its type. Raises `UnfitRecordError`."""
    try:
        plain = msgspec.to_builtins(record)
        cut: _Struct = msgspec.convert(_cutter(type(record))(plain), type(record))
    except (msgspec.ValidationError, TypeError, RecursionError) as error:
        raise UnfitRecordError(f"{_name(record)}: {one_line(error)}") from error
    if (wrong := contradiction(cut)) is not None:
        raise UnfitRecordError(f"{_name(record)}: {wrong}")
    return cut


def contradiction(record: object) -> str | None:
    """What two fields of a record say against each other, which no type can see; None for nothing."""
    match record:
        case CellRecord(outcome=outcome, figures=figures) if (outcome == "measured") != (figures is not None):
            has = "no figures" if figures is None else "figures"
            return f"outcome {outcome!r} with {has}; they go together"
        case EvidenceRecord():
            for name, field in EVIDENCE.items():
                if (getattr(record, field) is None) != (name in record.missing):
                    return f"{field}, and a reason {name!r} why it is null: expected one of the two"
    return None


def one_line(error: Exception) -> str:
    """What a decoder says of foreign data, without its newlines and not longer than a line."""
    return " ".join(str(error).split())[:300]


def _name(record: msgspec.Struct) -> str:
    """The kind of a record, and the row that it is of."""
    kind = record.__struct_config__.tag or type(record).__name__
    row = [ascii(getattr(record, field, ""))[1:-1][:80] for field in ("adapter", "style", "scenario")]
    return " ".join(filter(None, (f"record of kind {kind!r}", *row)))


@cache
def _cutter(type_: type[msgspec.Struct]) -> _Cutter:
    return _cut_of(inspect.type_info(type_), None)


def _cut_of(info: inspect.Type, side: str | None) -> _Cutter:
    """What cuts a plain value of a type; of what it does not know it changes nothing, `convert` refuses that."""
    cutter: _Cutter = _unchanged
    match info:
        case inspect.Metadata(type=inner, extra=extra):
            cutter = _cut_of(inner, (extra or {}).get(CUT))
        case inspect.StrType(max_length=int(bound)) if side is not None:
            cutter = partial(_cut, bound, side)
        case inspect.StructType(fields=fields):
            parts = {field.encode_name: _cut_of(field.type, None) for field in fields}
            parts = {name: part for name, part in parts.items() if part is not _unchanged}
            cutter = partial(_in_struct, parts) if parts else _unchanged
        case inspect.DictType(key_type=key_type, value_type=value_type):
            key, part = _cut_of(key_type, None), _cut_of(value_type, None)
            cutter = _unchanged if key is part is _unchanged else partial(_in_dict, key, part)
        case inspect.ListType(item_type=item_type):
            item = _cut_of(item_type, None)
            cutter = _unchanged if item is _unchanged else partial(_in_list, item)
        case inspect.UnionType(types=types):
            # No union here has two kinds of strings, structs, dicts or lists: the one that cuts is the value's.
            each = [_cut_of(member, None) for member in types]
            cutter = next((candidate for candidate in each if candidate is not _unchanged), _unchanged)
    return cutter


def _unchanged(value: Any) -> Any:
    return value


def _in_struct(parts: Mapping[str, _Cutter], value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: parts.get(name, _unchanged)(part) for name, part in value.items()}


def _in_dict(key: _Cutter, part: _Cutter, value: Any) -> Any:
    return {key(name): part(member) for name, member in value.items()} if isinstance(value, dict) else value


def _in_list(item: _Cutter, value: Any) -> Any:
    return list(map(item, value)) if isinstance(value, list | tuple) else value


def _cut(bound: int, side: str, text: Any) -> Any:
    if not isinstance(text, str):
        return text
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= bound:
        return text
    return text[: bound - 1] + MARK if side == "end" else MARK + text[1 - bound :]
