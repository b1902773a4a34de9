"""Parameter sets: their canonical form, by which all who read or write journals tell them apart."""

import json
from collections.abc import Mapping
from typing import TypeAlias

ParameterSet: TypeAlias = Mapping[str, int | float | bool | str]

_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def parameters_key(parameters: Mapping[str, object]) -> str:
    """The same for the same parameters in any order, and unlike for 1, 1.0 and true."""
    return _encoder.encode(parameters)
