"""The JSON Schema (draft 2020-12) of compare.json, made from the records: `python -m crossloop.compare.schema`."""

import json

import msgspec

from crossloop.compare.records import COMPARE_VERSION, CompareDocument


def schema_text() -> str:
    """The schema as the file `docs/compare.schema.json` holds it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"What `crossloop compare` says of two runs, schema {COMPARE_VERSION}",
        **msgspec.json.schema(CompareDocument),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
