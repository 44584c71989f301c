"""Whether the keys of one section are right, and what is wrong with each, for whoever wrote them."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bridge.config.section import Section
from bridge.config.words import wrong
from bridge.core.http_types import Secret
from bridge.core.reasons import Reason, reason

EXAMPLE = re.compile(r".*…|\.{3,}|<[^<>]+>|X{3,}")
"""What the guides have where a name, an id or an address of one's own belongs."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a value. `where` it is in the section; `help`: what its key means, in English, where that may
    not be plain from the reason."""

    where: tuple[str, ...]
    reason: Reason
    help: str = ""

    def __str__(self) -> str:
        """In English."""
        return f"{self.reason} ({self.help})" if self.help else str(self.reason)


def checked(model: type[Section], table: Mapping[str, Any]) -> tuple[Section | None, list[Problem]]:
    """The section in `table`; None with every problem. No problem's text has a value in it."""
    placeholders = [key for key, value in table.items() if _is_placeholder(model, key, value)]
    examples = [Problem((key,), reason("value-placeholder")) for key in placeholders]
    try:
        found = model.model_validate(table)
    except ValidationError as error:
        problems = [_problem(one, model) for one in error.errors(include_url=False, include_input=False)]
        told = {problem.where for problem in problems}
        return None, [*problems, *(one for one in examples if one.where not in told)]
    return (None if examples else found), examples


def holds_secret(annotation: object) -> bool:
    """Whether values of this type are secrets."""
    return annotation is Secret or any(holds_secret(part) for part in get_args(annotation))


def _is_placeholder(model: type[Section], key: str, value: object) -> bool:
    field = model.model_fields.get(key)
    return field is not None and isinstance(value, str) and EXAMPLE.fullmatch(value.strip()) is not None


def _problem(problem: ErrorDetails, model: type[Section]) -> Problem:
    where = tuple(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return Problem(where, _unknown(where[-1], model))
    field = model.model_fields.get(where[0]) if where else None
    told = wrong(problem["type"], problem["msg"], problem.get("ctx", {}))
    return Problem(where, told, (field.description or "") if field else "")


def _unknown(key: str, model: type[Section]) -> Reason:
    near = difflib.get_close_matches(key, model.model_fields, n=1)
    if near:
        return reason("value-unknown-key-near", near=near[0])
    return reason("value-unknown-key", known=sorted(model.model_fields))
