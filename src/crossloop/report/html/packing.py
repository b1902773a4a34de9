"""Tables packed for JSON: the names of the fields once, and each text that several rows share once. Pure."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias, TypeVar, get_args, get_origin

from msgspec import Struct
from msgspec.structs import fields

_Item = TypeVar("_Item", bound=Struct)


class _SharedMark:
    """What marks a field whose texts are shared."""


Shared: TypeAlias = Annotated[str, _SharedMark]
"""Type of a field whose text many rows have: a row holds its index in `Document.texts`."""
SharedList: TypeAlias = Annotated[tuple[str, ...], _SharedMark]
"""Likewise of several texts: a row holds a list of indexes."""


class PackedTable(Struct, frozen=True):
    """Rows without the names of their fields."""

    fields: tuple[str, ...]
    shared: tuple[str, ...]
    """Fields that hold indexes in `Document.texts`, or lists of them."""
    rows: tuple[tuple[Any, ...], ...]
    """A value for each field, in the order of `fields`."""


class SharedTexts:
    """Texts in the order in which they are first used, each once."""

    def __init__(self) -> None:
        self._indexes: dict[str, int] = {}

    def index(self, text: str) -> int:
        """The index of *text*."""
        return self._indexes.setdefault(text, len(self._indexes))

    @property
    def texts(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._indexes)

    def table(self, kind: type[_Item], items: Sequence[_Item]) -> PackedTable:
        """Pack *items*, all of *kind*."""
        names = tuple(field.name for field in fields(kind))
        shared = tuple(name for name in names if _is_shared(kind, name))
        rows = tuple(
            tuple(self._packed(getattr(item, name), shared=name in shared) for name in names)
            for item in items
        )
        return PackedTable(names, shared, rows)

    def _packed(self, value: Any, *, shared: bool) -> Any:
        if not shared:
            return value
        return self.index(value) if isinstance(value, str) else tuple(map(self.index, value))


def _is_shared(kind: type[Struct], name: str) -> bool:
    annotation = next(field.type for field in fields(kind) if field.name == name)
    return get_origin(annotation) is Annotated and _SharedMark in get_args(annotation)
