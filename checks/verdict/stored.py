"""Stored reports: which form their JSON has, and records made of it again.

`report.schema.json` beside this file describes the form. Fields may be added to it; whatever
changes or goes makes another version of it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, get_args

SCHEMA = "urn:geartrain:report:1"

Record = TypeVar("Record")


def schema() -> dict[str, Any]:
    """The JSON Schema of a report."""
    text = Path(__file__).with_name("report.schema.json").read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


def require_form(found: object) -> dict[str, Any]:
    """The fields of a stored report.

    Raises
    ------
    ValueError
        Where it is none, or one of another version.
    """
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        got = found.get("schema", "none") if isinstance(found, dict) else type(found).__name__
        raise ValueError(
            f"report: expected an object with schema {SCHEMA}, as Report.to_json() writes it, got"
            f" {got}; write the report again"
        )
    return found


def record(kind: type[Record], found: Any) -> Record:
    """A frozen record of plain values: lists become tuples, and null a number that is not finite.

    Raises
    ------
    ValueError
        Where a field is missing, or holds something else than it is for.
    """
    made: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]  # a dataclass
        if not isinstance(found, Mapping) or field.name not in found:
            if field.default is MISSING and field.default_factory is MISSING:
                raise ValueError(f"report: expected the field {field.name!r} in {kind.__name__}")
            continue
        value = found[field.name]
        if isinstance(value, list):
            value = tuple(value)
        made[field.name] = math.nan if value is None and field.type == "float" else value
        words = get_args(getattr(sys.modules[kind.__module__], str(field.type), None))  # a Literal
        if not (made[field.name] in words if words else _fits(made[field.name], str(field.type))):
            raise ValueError(
                f"report: expected {field.type} for {field.name!r} in {kind.__name__}, got"
                f" {type(value).__name__}; write the report again"
            )
    return kind(**made)


_PLAIN: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float)}


def _fits(value: Any, form: str) -> bool:
    """Whether a value is what the text of an annotation says."""
    if " | " in form:
        return any(_fits(value, each) for each in form.split(" | "))
    if form in _PLAIN:
        return isinstance(value, _PLAIN[form]) and not isinstance(value, bool)
    if form.startswith("tuple["):
        inner = form[6:-1].removesuffix(", ...")
        return isinstance(value, tuple) and all(_fits(each, inner) for each in value)
    if form.startswith("dict["):
        inner = form[5:-1].partition(", ")[2]
        return isinstance(value, dict) and all(_fits(each, inner) for each in value.values())
    return form == "Any" or (value is None if form == "None" else type(value).__name__ == form)


def records(kind: type[Any], found: Any) -> Any:
    """A record of an object, a list of them of a list, None of null."""
    if isinstance(found, list):
        return [record(kind, each) for each in found]
    return None if found is None else record(kind, found)
