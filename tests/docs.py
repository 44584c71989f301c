"""`./dev docs`: rewrites what is made from the program: the makes in README.md, the table in deploy/settings.md."""

import re
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from bridge.config.models import (
    Agents,
    Audit,
    Console,
    CrmAccount,
    Desktop,
    Log,
    Oidc,
    Outgoing,
    PbxAccount,
    Redis,
    Section,
    Server,
    Settings,
    Signin,
)
from bridge.crm import registry as crms
from bridge.crm.contract import CreatesContacts, Delivers, FindsContacts, LogsCalls, ReadsClicks
from bridge.pbx import registry as pbxs
from bridge.pbx.contract import Connects, Knows, ListsPeople, ListsQueues, ReadsEvents

ROOT = Path(__file__).parents[1]
README, SETTINGS = ROOT / "README.md", ROOT / "deploy" / "settings.md"
MAKES = re.compile(r"(<!-- makes: written by ./dev docs -->\n).*?(<!-- end of makes -->)", re.S)
SECTIONS: dict[str, type[Section]] = {
    "server": Server,
    "redis": Redis,
    "outgoing": Outgoing,
    "audit": Audit,
    "agents": Agents,
    "desktop": Desktop,
    "console": Console,
    "signin": Signin,
    "signin.oidc": Oidc,
    "log": Log,
    "pbx.NAME": PbxAccount,
    "crm.NAME": CrmAccount,
}
PBX_CAN = {
    ListsQueues: "callers waiting in queues",
    ListsPeople: "directory of users",
    ReadsEvents: "events sent to popbridge",
    Connects: "events on a connection",
}
YES, NO = "✓", "–"
CRM_CAN = {
    ReadsClicks: "button",
    Delivers: "popups",
    FindsContacts: "contacts",
    CreatesContacts: "new contacts",
    LogsCalls: "call history",
}


def makes() -> str:
    """The tables of makes, as Markdown."""
    crm = [_row(crms.packages()[kind], it, _can(it, CRM_CAN)) for kind, it in crms.kinds().items()]
    head = "| --- | --- | --- |"
    of_crm = "| CRM | proven against | what it can do |"
    return "\n".join([*phone_systems(), "", of_crm, head, *crm, ""])


def phone_systems() -> list[str]:
    """What each make of phone system tells, a column for each, from the adapters' own declarations."""
    found = pbxs.kinds()
    heads = [f"[{it.title}]({pbxs.packages()[kind].replace('.', '/')}/README.md)" for kind, it in found.items()]
    facts = [(str(fact), [fact in it.knows for it in found.values()]) for fact in Knows]
    more = [(word, [isinstance(it, can) for it in found.values()]) for can, word in PBX_CAN.items()]
    return [
        _cells(["phone system", *heads]),
        _cells(["---", *(":-:" for _ in heads)]),
        _cells(["proven against", *(str(it.proven) for it in found.values())]),
        _cells(["ringing, talking, direction, number", *(YES for _ in heads)]),
        *(_cells([word, *(YES if so else NO for so in told)]) for word, told in (*facts, *more)),
    ]


def _cells(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(package: str, adapter: Any, told: list[str]) -> str:
    return f"| [{adapter.title}]({package.replace('.', '/')}/README.md) | {adapter.proven} | {', '.join(told) or '–'} |"


def _can(adapter: object, words: dict[type, str]) -> list[str]:
    return [word for capability, word in words.items() if isinstance(adapter, capability)]


def default(field: FieldInfo) -> str:
    """What a key is where it is left out."""
    if field.is_required():
        return "required"
    return f"`{field.default}`" if field.default not in (None, (), "") else ""


def settings_rows() -> list[str]:
    """One row for each key that every make has, from the help that the program itself has."""
    rows = [f"| `data_dir` | `var` | {Settings.model_fields['data_dir'].description} |"]
    for section, model in SECTIONS.items():
        for name, field in model.model_fields.items():
            rows.append(f"| `{section}.{name}` | {default(field)} | {field.description} |")
    return [*rows, f"| `dids.NUMBER` |  | {Settings.model_fields['dids'].description} |"]


def readme() -> str:
    """README.md as it should be."""
    return MAKES.sub(lambda found: f"{found[1]}{makes()}{found[2]}", README.read_text(encoding="utf-8"))


def settings() -> str:
    """deploy/settings.md as it should be."""
    text = SETTINGS.read_text(encoding="utf-8")
    head, _, rest = text.partition("| --- | --- | --- |\n")
    after = re.sub(r"\A(\|.*\n)*", "", rest)
    return "\n".join([f"{head}| --- | --- | --- |", *settings_rows(), after])


def main() -> None:
    """Write both."""
    README.write_text(readme(), encoding="utf-8")
    SETTINGS.write_text(settings(), encoding="utf-8")


if __name__ == "__main__":
    main()
