"""An account on its way into the settings: what somebody typed, checked as the settings are, and its section's text."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bridge.config.checking import Problem, checked, holds_secret
from bridge.config.keys import Group
from bridge.config.models import CrmAccount, PbxAccount, Section
from bridge.config.values import split_text
from bridge.config.writing import table_text
from bridge.core.reasons import reason
from bridge.crm import registry as crms
from bridge.pbx import registry as pbxs

FOLDER = "secrets"
"""Beside the settings file: one file for each secret."""


def kinds(group: Group) -> Mapping[str, str]:
    """The makes there are and what their users call them."""
    found: Mapping[str, Any] = pbxs.kinds() if group == "pbx" else crms.kinds()
    return {kind: adapter.title for kind, adapter in found.items()}


def model_of(group: Group, kind: str) -> type[Section]:
    """The keys of that make. Raises `KeyError`."""
    return pbxs.find(kind).account if group == "pbx" else crms.find(kind).account


@dataclass(frozen=True, slots=True)
class Draft:
    """`[group.name]` as it was typed: texts by key, `kind` among them. `named` are files that hold secrets already, by
    the key of each."""

    group: Group
    name: str
    table: Mapping[str, Any]
    named: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Which make."""
        return str(self.table.get("kind", ""))

    def problems(self) -> list[Problem]:
        """What is wrong with its keys; nothing where it can be used."""
        return _checked(self)[1]

    def account(self) -> PbxAccount | CrmAccount:
        """The account. Only for a draft without problems."""
        found, problems = _checked(self)
        if found is None or problems or not isinstance(found, PbxAccount | CrmAccount):
            raise ValueError("the draft has problems")
        return found

    def secrets(self) -> dict[str, str]:
        """Its secrets by key, each as its file has it: several one below the other."""
        model = model_of(self.group, self.kind)
        found = {key: it for key, it in self.table.items() if _goes_into_a_file(model, key, it)}
        return {key: "\n".join(value) if isinstance(value, list | tuple) else value for key, value in found.items()}

    def section(self, folder: str = FOLDER) -> str:
        """The text for the settings: each secret is named by its file, and stands nowhere."""
        hidden = self.secrets()
        plain = {key: _typed(self, key, value) for key, value in self.table.items() if key not in hidden}
        files = {f"{key}_file": self.named.get(key) or os.path.join(folder, self.file_of(key)) for key in hidden}
        return table_text(f"{self.group}.{self.name}", {**plain, **files})

    def in_full(self) -> str:
        """The text for the settings with the secrets in it."""
        return table_text(f"{self.group}.{self.name}", {key: _typed(self, key, it) for key, it in self.table.items()})

    def file_of(self, key: str) -> str:
        """The name of the file for this secret."""
        return f"{self.group}.{self.name}.{key}"


def _goes_into_a_file(model: type[Section], key: str, value: object) -> bool:
    field = model.model_fields.get(key)
    is_text = isinstance(value, str) or (isinstance(value, list | tuple) and all(isinstance(one, str) for one in value))
    return field is not None and is_text and holds_secret(field.annotation)


def _checked(draft: Draft) -> tuple[Section | None, list[Problem]]:
    try:
        model = model_of(draft.group, draft.kind)
    except KeyError:
        return None, [Problem(("kind",), reason("value-one-of", choices=list(kinds(draft.group))))]
    found, problems = checked(model, draft.table)
    problems = [one if one.where else replace(one, where=("kind",)) for one in problems]
    if isinstance(found, CrmAccount):
        problems += [Problem((key,), why) for key, why in found.problems()]
    return found, problems


def _typed(draft: Draft, key: str, value: object) -> object:
    """Numbers, flags and lists as the settings write them; the text itself for anything else."""
    if not isinstance(value, str):
        return value
    found = getattr(_checked(draft)[0], key, value)
    if isinstance(found, bool | int | float):
        return found
    return split_text(value) if isinstance(found, tuple) else value


def secret_files(drafts: Iterable[Draft]) -> dict[str, str]:
    """Every secret of these drafts that is in no file yet, by the name of its file."""
    every = ((draft, key, text) for draft in drafts for key, text in draft.secrets().items())
    return {draft.file_of(key): text for draft, key, text in every if key not in draft.named}
