"""Whether the keys of one section are right, and what is wrong with each, in words for whoever wrote them."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bridge.config.section import Section
from bridge.config.words import wrong
from bridge.core.http_types import Secret

EXAMPLE = re.compile(r".*…|\.{3,}|<[^<>]+>|X{3,}")
"""What the guides have where a name, an id or an address of one's own belongs."""
PLACEHOLDER = "is an example's placeholder: put the real one here"
Problem = tuple[tuple[str, ...], str]
"""Where in the section, and what is wrong there."""


def checked(model: type[Section], table: Mapping[str, Any]) -> tuple[Section | None, list[Problem]]:
    """The section in `table`; None with every problem. No problem's text has a value in it."""
    examples: list[Problem] = [
        ((key,), PLACEHOLDER) for key, value in table.items() if _is_placeholder(model, key, value)
    ]
    try:
        found = model.model_validate(table)
    except ValidationError as error:
        problems = [_problem(one, model) for one in error.errors(include_url=False, include_input=False)]
        return None, [*problems, *(one for one in examples if one[0] not in {where for where, _ in problems})]
    return (None if examples else found), examples


def holds_secret(annotation: object) -> bool:
    """Whether values of this type are secrets."""
    return annotation is Secret or any(holds_secret(part) for part in get_args(annotation))


def _is_placeholder(model: type[Section], key: str, value: object) -> bool:
    field = model.model_fields.get(key)
    return field is not None and isinstance(value, str) and EXAMPLE.fullmatch(value.strip()) is not None


def _problem(problem: ErrorDetails, model: type[Section]) -> Problem:
    location = tuple(str(part) for part in problem["loc"])
    return location, _explain(problem, location, model)


def _explain(problem: ErrorDetails, location: tuple[str, ...], model: type[Section]) -> str:
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], model.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(sorted(model.model_fields))}"
        return f"unknown key; {hint}"
    field = model.model_fields.get(location[0]) if location else None
    help_text = f" ({field.description})" if field is not None and field.description else ""
    return f"{wrong(problem['type'], problem['msg'], problem.get('ctx', {}))}{help_text}"
