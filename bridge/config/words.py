"""What is wrong with a value, as a reason for whoever wrote the settings; pure."""

from collections.abc import Mapping
from typing import Any

from bridge.core.reasons import Reason, reason

CODES = {
    "int_parsing": "value-whole-number",
    "int_type": "value-whole-number",
    "int_from_float": "value-whole-number",
    "int_parsing_size": "value-smaller-number",
    "float_parsing": "value-number",
    "float_type": "value-number",
    "finite_number": "value-number",
    "bool_parsing": "value-true-or-false",
    "bool_type": "value-true-or-false",
    "string_type": "value-text",
    "path_type": "value-text",
    "tuple_type": "value-list",
    "list_type": "value-list",
    "dict_type": "value-table",
    "mapping_type": "value-table",
    "model_type": "value-table",
    "model_attributes_type": "value-table",
    "greater_than_equal": "value-at-least",
    "greater_than": "value-more-than",
    "less_than_equal": "value-at-most",
    "less_than": "value-less-than",
    "string_too_short": "value-characters-at-least",
    "string_too_long": "value-characters-at-most",
    "string_pattern_mismatch": "value-pattern",
    "missing": "value-needed",
}
"""By pydantic's kind of error."""
LIMITS = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")


def wrong(kind: str, message: str, context: Mapping[str, Any]) -> Reason:
    """What is wrong: the validator's reason, our own for pydantic's kinds of error, else the message as it is."""
    (given, *_) = getattr(context.get("error"), "args", None) or (None,)
    if isinstance(given, Reason):
        return given
    if kind == "string_too_short" and context.get("min_length") == 1:
        return reason("value-empty")
    if kind in ("literal_error", "enum"):
        return reason("value-choice", expected=_either(str(context["expected"])))
    if kind in CODES:
        return Reason(CODES[kind], {name: context[name] for name in LIMITS if name in context})
    text = message.removeprefix("Value error, ")
    return reason("as-told", what=f"{text[:1].lower()}{text[1:]}")


def _either(expected: str) -> Reason | str:
    """Pydantic's `'a', 'b' or 'c'`."""
    first, has_more, last = expected.rpartition(" or ")
    return reason("value-either", first=first, last=last) if has_more else expected
