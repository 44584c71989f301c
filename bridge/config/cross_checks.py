"""Rules between sections of the settings, and the names that one section gives another."""

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.config.models import CrmAccount, Signin, split_text
from bridge.config.unchecked import Unchecked
from bridge.core.delivery import DESKTOP


def check_between_sections(unchecked: Unchecked) -> None:
    """Add a problem for each that is broken. Naming a section that has a problem of its own is not a second one."""
    pbxes, crms = unchecked.declared["pbx"], unchecked.declared["crm"]
    _check_oidc(unchecked)
    for name, table in crms.items():
        if isinstance(table, dict):
            _check_crm(unchecked, name, table, pbxes)
    for name, table in pbxes.items():
        for crm in _names_in(table, "agents_for"):
            if crm not in crms:
                unchecked.problem(("pbx", name, "agents_for"), f"no [crm.{crm}]; known: {_listed(crms)}")


def _check_oidc(unchecked: Unchecked) -> None:
    signin = unchecked.values.get("signin")
    if isinstance(signin, Signin) and signin.oidc is not None:
        crms = unchecked.declared["crm"]
        for path, crm in signin.oidc.crms_named():
            if crm not in crms:
                unchecked.problem(("signin", "oidc", *path), f"no [crm.{crm}]; known: {_listed(crms)}")


def _check_crm(unchecked: Unchecked, name: str, table: Mapping[str, Any], pbxes: Mapping[str, Any]) -> None:
    pbx = table.get("pbx")
    if isinstance(pbx, str) and pbx not in pbxes:
        unchecked.problem(("crm", name, "pbx"), f"no [pbx.{pbx}]; known: {_listed(pbxes)}")
    elif pbx is None and len(pbxes) != 1:
        unchecked.problem(("crm", name, "pbx"), "is needed unless there is exactly one [pbx.NAME]")
    for target in _names_in(table, "targets"):
        if not _may_take_popups(unchecked, target):
            unchecked.problem(("crm", name, "targets"), f"'{target}' is neither desktop nor a CRM with a popup_url")


def _names_in(table: object, key: str) -> list[str]:
    """The names in a list of names; what is wrong with a list itself is told where it is read."""
    names = split_text(table.get(key)) if isinstance(table, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _may_take_popups(unchecked: Unchecked, target: str) -> bool:
    if target == DESKTOP:
        return True
    account = unchecked.values["crm"].get(target)
    return account.takes_popups if isinstance(account, CrmAccount) else target in unchecked.declared["crm"]
