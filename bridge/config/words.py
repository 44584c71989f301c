"""What is wrong with a value, in words for whoever wrote the settings; pure."""

from collections.abc import Mapping
from typing import Any

WORDS = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "path_type": "must be a text",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "mapping_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "missing": "is needed",
}
"""By pydantic's kind of error."""
EMPTY = "must not be empty"


def wrong(kind: str, message: str, context: Mapping[str, Any]) -> str:
    """What is wrong: our own words for pydantic's kinds of error, else the validator's message."""
    if kind == "string_too_short" and context.get("min_length") == 1:
        return EMPTY
    if kind in WORDS:
        return WORDS[kind].format_map({name: _number(value) for name, value in context.items()})
    text = message.removeprefix("Value error, ")
    return f"{text[:1].lower()}{text[1:]}"


def _number(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) else value
