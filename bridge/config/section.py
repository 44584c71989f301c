"""One table of the settings, and the secrets in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from bridge.core.http_types import Secret
from bridge.core.text import trimmed


class Section(BaseModel):
    """One table of the settings: frozen, and a key it does not know is a problem."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _trim(cls, values: Any) -> Any:
        """Texts without what editors, shells and spreadsheets leave at their ends."""
        return _trimmed(values)


def _trimmed(value: Any) -> Any:
    if isinstance(value, str):
        return trimmed(value)
    if isinstance(value, dict):
        return {_trimmed(key): _trimmed(inner) for key, inner in value.items()}
    return [_trimmed(inner) for inner in value] if isinstance(value, list) else value


def secrets_of(section: Section) -> Iterator[Secret]:
    """Every secret in a section, those in lists and tables too."""
    for value in dict(section).values():
        every = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else (value,)
        yield from (one for one in every if isinstance(one, Secret))
