"""The settings with the keys of the makes that they name. Light: what the sections configure is not imported here."""

import os
from collections.abc import Callable, Iterator, Mapping

from bridge.config import loader
from bridge.config.models import Section, Settings
from bridge.core.errors import SettingsError
from bridge.core.http_types import Secret
from bridge.crm import registry as crm_makes
from bridge.egress import reachable
from bridge.pbx import registry as pbx_makes
from bridge.pbx.contract import Connects, ReadsEvents


class _Kinds(Mapping[str, type[Section]]):
    """The model of each make's section, by its kind. A make is imported when it is asked for."""

    def __init__(self, packages: Mapping[str, str], model: Callable[[str], type[Section]]) -> None:
        self._packages, self._model = packages, model

    def __getitem__(self, kind: str) -> type[Section]:
        return self._model(kind)

    def __contains__(self, kind: object) -> bool:
        return kind in self._packages

    def __iter__(self) -> Iterator[str]:
        return iter(self._packages)

    def __len__(self) -> int:
        return len(self._packages)


def load_settings(
    option: str | None, environ: Mapping[str, str] = os.environ, also: loader.AlsoRead | None = None
) -> Settings:
    """The settings from the file named by option, environment or default. Raises `SettingsError`."""
    pbx_kinds = _Kinds(pbx_makes.packages(), lambda kind: pbx_makes.find(kind).account)
    crm_kinds = _Kinds(crm_makes.packages(), lambda kind: crm_makes.find(kind).account)
    file = loader.settings_file(option, environ)
    settings = loader.load(file, environ, pbx_kinds, crm_kinds, also)
    wrong = _problem_in(settings.audit.url) if settings.audit.url else None
    of_audit = [f"audit.url: {wrong}"] if wrong else []
    if found := [*of_audit, *reachable.problems(settings), *_ways_that_are_none(settings)]:
        raise SettingsError([f"{file}: {one}" for one in found])
    return settings


def _ways_that_are_none(settings: Settings) -> Iterator[str]:
    """Phone systems that are to tell of calls in a way that their make does not have."""
    for name, account in settings.pbx.items():
        adapter: object = pbx_makes.find(account.kind)
        ways = {"push": isinstance(adapter, ReadsEvents), "connect": isinstance(adapter, Connects)}
        if not ways.get(account.events, True):
            rest = " or ".join(f'"{way}"' for way in ("poll", *(way for way, is_there in ways.items() if is_there)))
            yield f'pbx.{name}.events: {pbx_makes.find(account.kind).title} has no "{account.events}"; use {rest}'


def _problem_in(audit_url: Secret) -> str | None:
    """A plain SQLite file needs no driver: SQLAlchemy, which takes a third of a second, is imported for others only."""
    if audit_url.reveal().startswith("sqlite:///") and "?" not in audit_url.reveal():
        return None
    from bridge.audit.database import problem_in

    return problem_in(audit_url)
