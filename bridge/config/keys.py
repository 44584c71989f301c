"""The keys of a section as questions: what each is called, what its help says, whether it is needed or secret."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from bridge.config.checking import holds_secret
from bridge.config.models import CrmAccount, PbxAccount, Section
from bridge.core.reasons import FALLBACK, languages

Form = Literal["text", "secret", "choice", "flag", "number", "list", "table"]
Group = Literal["pbx", "crm"]
BASES: Mapping[Group, type[Section]] = {"pbx": PbxAccount, "crm": CrmAccount}
LINKED = frozenset({"kind", "pbx", "targets"})
"""Keys that are asked for as something else."""

PLACES = frozenset({"base_url", "timezone", "region"})
"""Defaults that depend on where a system is."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `is_needed`: there is no default. `is_usual`: worth a question; the other keys' defaults suit most.

    `is_secret`: its value goes into a file of its own. `default` is as it would be written, "" for none. `help` is the
    model's own English; `help_in` has it in other languages, by code.
    """

    name: str
    help: str
    help_in: Mapping[str, str]
    form: Form
    is_needed: bool
    is_usual: bool
    is_secret: bool
    choices: tuple[str, ...] = ()
    default: str = ""


def keys_of(group: Group, model: type[Section]) -> tuple[Key, ...]:
    """The keys of this make's section, those that are needed first, then its own, then what every make has."""
    base = BASES[group].model_fields
    fields = {name: it for name, it in model.model_fields.items() if name not in LINKED}
    found = [_key(name, it, base, _translated(path_of(group, model, name))) for name, it in fields.items()]
    return tuple(sorted(found, key=lambda key: (not key.is_needed, not key.is_usual)))


def path_of(group: Group, model: type[Section], name: str) -> str:
    """Where the words for this key stand in the languages: `setting.GROUP.KEY` for what every make of the group has,
    `setting.KIND.KEY` for what is the make's own, or means something of its own there."""
    shared = BASES[group].model_fields.get(name)
    is_own = shared is None or shared.description != model.model_fields[name].description
    (kind,) = get_args(model.model_fields["kind"].annotation) if is_own else (group,)
    return f"setting.{kind}.{name}"


def _translated(path: str) -> dict[str, str]:
    return {code: words[path] for code, words in languages().items() if code != FALLBACK and path in words}


def _key(name: str, field: FieldInfo, base: Collection[str], help_in: Mapping[str, str]) -> Key:
    types = _types(field.annotation)
    default = "" if field.is_required() or field.default in (None, ()) else _written(field.default)
    is_secret = holds_secret(field.annotation)
    form = "secret" if is_secret else _form(types)
    is_own = name not in base and not default and form in ("text", "secret", "choice")
    is_own = is_own and not name.startswith("event_")  # of use to who wants events pushed, which is a step of its own
    is_usual = field.is_required() or is_own or name in PLACES
    return Key(
        name, field.description or "", help_in, form, field.is_required(), is_usual, is_secret, _choices(types), default
    )


def _types(annotation: Any) -> tuple[Any, ...]:
    """What a value may be, without None."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, type(int | str)) else (annotation,)
    return tuple(part for part in parts if part is not NoneType)


def _form(types: tuple[Any, ...]) -> Form:
    first = types[0]
    origin = get_origin(first) or first
    if origin is Literal:
        return "choice"
    if origin is bool:
        return "flag"
    if origin in (int, float):
        return "number"
    if isinstance(origin, type) and issubclass(origin, str):
        return "text"
    if origin is tuple:
        return "list"
    return "table" if isinstance(origin, type) and issubclass(origin, Mapping) else "text"


def _choices(types: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(str(one) for part in types if get_origin(part) is Literal for one in get_args(part))


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
