"""The journal's JSON Schema (draft 2020-12), made from the records: `python -m crossloop.journal.schema`."""

import json
from typing import Any

import msgspec

from crossloop.journal.records import SCHEMA_VERSION, Record


def journal_schema() -> dict[str, Any]:
    """Schema of one line of a journal."""
    schema: dict[str, Any] = _without_listed_names(msgspec.json.schema(Record))
    # What the types cannot say: figures are there exactly when the outcome is `measured`.
    schema["$defs"]["CellRecord"]["if"] = {"properties": {"outcome": {"const": "measured"}}}
    schema["$defs"]["CellRecord"]["then"] = {
        "properties": {"figures": {"$ref": "#/$defs/Figures"}},
        "required": ["figures"],
    }
    schema["$defs"]["CellRecord"]["else"] = {"properties": {"figures": {"type": "null"}}}
    schema["$defs"]["RunRecord"]["properties"]["schema"] = {"const": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"One line of a crossloop journal, schema {SCHEMA_VERSION}",
        **schema,
    }


def _without_listed_names(schema: Any) -> Any:
    """The schema without lists of the names that a mapping's keys may have (`propertyNames`, `enum`).

    msgspec writes them from 0.23 on. The committed file is to be the same with older ones.
    """
    if isinstance(schema, list):
        return [_without_listed_names(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_listed_names(value)
        for key, value in schema.items()
        if not (key == "propertyNames" and "enum" in value)
    }


def schema_text() -> str:
    """The schema as the file `docs/journal.schema.json` holds it."""
    return json.dumps(journal_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
