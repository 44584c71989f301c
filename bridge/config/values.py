"""What a value in the settings may be, other than an address: secrets, lists of names, time zones, countries."""

import re
from collections.abc import Set
from functools import cache
from typing import Annotated, Literal
from zoneinfo import available_timezones

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, BeforeValidator, PlainValidator

from bridge.core import hide
from bridge.core.http_types import Secret
from bridge.core.reasons import reason
from bridge.core.text import trimmed

PLACEHOLDER = re.compile(
    r"(?:whsec_)?(?:(?-i:X[X\-_ ]{2,})|x{3,}(?:[\-_ ]x{3,})+|\*{3,}|\.{3,}|…|<[^<>]*>|\[[^\[\]]*\]|"
    r"\$?\{.*\}|change[-_ ]?(?:me|it|this).*|"
    r"(?:your|my|insert|enter|put)[-_ ].*(?:here|token|secret|code|key|password)|replace[-_ ]?(?:me|this|with).*|"
    r"(?:todo|tbd|fixme|placeholder)\b.*)",
    re.I,
)
"""What examples have where a secret belongs."""


def secret(value: object) -> Secret:
    """A text that may be a secret. Raises `ValueError` on what cannot be one, an example's placeholder for instance."""
    if isinstance(value, Secret):
        return value
    text = _secret_text(value)
    if not text.isprintable():
        raise ValueError(reason("value-secret-marks"))
    return Secret(text)


def secret_lines(value: object) -> Secret:
    """A secret of several lines, such as a PEM key, with `\\n` at their ends. On one line, as environment variables and
    JSON files have it, `\\n` may be written as two characters. Raises as `secret`."""
    if isinstance(value, Secret):
        return value
    text = _secret_text(value)
    lines = (text if "\n" in text else text.replace("\\n", "\n")).splitlines()
    if not all(line.isprintable() for line in lines):
        raise ValueError(reason("value-secret-lines"))
    return Secret("\n".join(line.strip() for line in lines) + "\n")


def _secret_text(value: object) -> str:
    text = trimmed(value) if isinstance(value, str) else ""
    if not text:
        raise ValueError(reason("value-secret-empty"))
    if PLACEHOLDER.fullmatch(text):
        raise ValueError(reason("value-placeholder"))
    return text


@cache
def _timezones() -> Set[str]:
    """The names there are; finding them takes 10 ms."""
    return available_timezones()


def _timezone(value: str) -> str:
    if value not in _timezones():
        raise ValueError(reason("value-timezone"))
    return value


def _region(value: str) -> str:
    if value not in SUPPORTED_REGIONS:
        raise ValueError(reason("value-region"))
    return value


def split_text(value: object) -> object:
    """An environment variable gives a list as text with commas, a file of secrets one per line."""
    return [part for each in re.split(r"[,\n]", value) if (part := trimmed(each))] if isinstance(value, str) else value


def _can_be_hidden(name: str) -> str:
    if not hide.is_name(name):
        raise ValueError(reason("value-hidden", names=list(hide.NAMES)))
    return name


SecretText = Annotated[Secret, PlainValidator(secret)]
SecretLines = Annotated[Secret, PlainValidator(secret_lines)]
Secrets = Annotated[tuple[SecretText, ...], BeforeValidator(split_text)]


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", value) or value == "rq":
        raise ValueError("must be letters, digits, '-', '_' and '.', 63 at most, and not 'rq'")
    return value


Prefix = Annotated[str, AfterValidator(_prefix)]
Supervisors = Annotated[tuple[Literal["supervisor", "admin"], ...], BeforeValidator(split_text)]
Names = Annotated[tuple[str, ...], BeforeValidator(split_text)]
Hidden = Annotated[tuple[Annotated[str, AfterValidator(_can_be_hidden)], ...], BeforeValidator(split_text)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Region = Annotated[str, AfterValidator(_region)]
