"""`popbridge init`: a phone system and a CRM, asked for key by key and tested."""

import asyncio
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import click

from bridge.cli import ask
from bridge.cli.terminal import FAILURE, USAGE, fail, readable
from bridge.config.addresses import named_networks
from bridge.config.checking import Problem
from bridge.config.keys import Group, Key, keys_of
from bridge.config.loader import NAME
from bridge.config.sources import secret_in
from bridge.connect import tries
from bridge.connect.draft import Draft, kinds, model_of
from bridge.connect.folders import guide_of
from bridge.connect.trial import Trial
from bridge.core.clock import Clock
from bridge.core.finding import Grade, worst
from bridge.crm import registry as crms
from bridge.crm.contract import ReadsClicks
from bridge.egress.allowed_addresses import Reach, named_by
from bridge.egress.client import open_client

TITLES: Mapping[Group, str] = {"pbx": "Phone system", "crm": "CRM"}
NAMES: Mapping[Group, str] = {"pbx": "main", "crm": "acme"}
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8")
REFUSED = "private_networks"
NAME_IS = "must be small letters, digits, - and _, such as acme"


@dataclass(frozen=True, slots=True)
class Manner:
    """How init goes about it. `networks`: where names of phone systems and CRMs may lead, beside public addresses."""

    is_asking: bool
    is_testing: bool
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What options say of an account. `pbx` is the phone system that a CRM belongs to."""

    table: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    pbx: str = ""

    @classmethod
    def of(cls, options: Iterable[str]) -> "Given":
        """From `KEY=VALUE` options; a word alone is the kind, and `KEY_file=FILE` names a file that holds a secret."""
        table: dict[str, str] = {}
        named: dict[str, str] = {}
        for option in options:
            key, is_pair, value = option.partition("=")
            if not key:
                fail(["an option begins with =: must be KIND or KEY=VALUE"], USAGE)  # no value: it may be a secret
            if not is_pair:
                key, value = "kind", key
            if key.endswith("_file") and key != "ca_file":
                named[key.removesuffix("_file")] = str(Path(value).resolve())
                table[key.removesuffix("_file")] = _read(key, Path(value))
            else:
                table[key] = value
        return cls(table, named, table.pop("name", ""))


def _read(key: str, file: Path) -> str:
    try:
        return secret_in(file)
    except (OSError, ValueError) as error:
        fail([f"{key}: {file} cannot be read: {getattr(error, 'strerror', None) or error}"], USAGE)


def settled(group: Group, given: Given, manner: Manner) -> tuple[Draft, Trial | None, Manner]:
    """The account, without problems and tested, and what the test showed."""
    draft, asked = _first(group, given, manner), False
    while True:
        keys = keys_of(group, model_of(group, draft.kind))
        if manner.is_asking and not asked:
            draft, asked = _asked(draft, [key for key in keys if key.is_usual and key.name not in draft.table]), True
        if problems := draft.problems():
            draft = _mended(draft, keys, problems, manner)
            continue
        if not manner.is_testing:
            return draft, None, manner
        trial = _tried(draft, manner)
        if worst(trial.findings) is not Grade.FAIL:
            return draft, trial, manner
        draft, keep, manner = _after_failure(draft, keys, trial, manner)
        if keep:
            return draft, trial, manner


def _first(group: Group, given: Given, manner: Manner) -> Draft:
    """Make and name."""
    table, every = dict(given.table), kinds(group)
    if "kind" not in table or table["kind"] not in every:
        if not manner.is_asking:
            fail([f"--{group} kind=…: must be one of: {', '.join(every)}"], USAGE)
        if "kind" in table:
            click.echo(f"  there is no kind {table['kind']!r}")
        table["kind"] = ask.kind(TITLES[group], _with_button(group, every))
    name = given.name or NAMES[group]
    if manner.is_asking and (guide := guide_of(table["kind"])):
        click.echo(f"\n  What to set up on the vendor's side: {_near(guide)}")
    if group == "crm":
        table["pbx"] = given.pbx
        if manner.is_asking and not given.name:
            click.echo("\n  What this CRM is called in /clicks/NAME and in agents.csv")
            name = _name(name)
        _make_token(table)
    if not NAME.fullmatch(name):
        fail([f"--{group} name: {NAME_IS}"], USAGE)
    return Draft(group, name, {"kind": table.pop("kind"), **table}, given.named)


def _name(usual: str) -> str:
    while not NAME.fullmatch(found := ask.text("  name", usual)):
        click.echo(f"  name: {NAME_IS}")
    return found


def _with_button(group: Group, every: Mapping[str, str]) -> Mapping[str, str]:
    """The makes that can be set up alone: a CRM that shows popups, but sends no clicks, comes beside another one."""
    if group == "pbx":
        return every
    return {kind: title for kind, title in every.items() if isinstance(crms.find(kind), ReadsClicks)}


def _near(file: Path) -> str:
    """As it is called from here."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _make_token(table: dict[str, str]) -> None:
    """The button's token is made up here: nobody has to."""
    if "click_token" in model_of("crm", table["kind"]).model_fields:
        table.setdefault("click_token", secrets.token_urlsafe(24))


def _asked(draft: Draft, keys: Iterable[Key], wrong: Collection[str] = ()) -> Draft:
    """With the answers to these questions. What was `wrong` before is not offered again."""
    table = dict(draft.table)
    for key in keys:
        value = ask.key(key, "" if key.is_secret or key.name in wrong else str(table.get(key.name, "")))
        if value and value != key.default:
            table[key.name] = value
        else:
            table.pop(key.name, None)
    return replace(draft, table=table, named={name: it for name, it in draft.named.items() if name in table})


def _mended(draft: Draft, keys: tuple[Key, ...], problems: list[Problem], manner: Manner) -> Draft:
    """Asked again for what is wrong."""
    told = [f"{'.'.join(problem.where)}: {problem}" for problem in problems]
    if not manner.is_asking:
        fail([f"--{draft.group} {line}" for line in told], USAGE)
    click.echo()
    ask.bullets(told)
    wrong = {problem.where[0] for problem in problems}
    unknown = {key for key in wrong if key not in {one.name for one in keys}} - {"kind"}
    draft = replace(draft, table={key: it for key, it in draft.table.items() if key not in unknown})
    again = [key for key in keys if key.name in wrong]
    if unknown and not again:
        return draft
    return _asked(draft, again or [key for key in keys if key.is_usual], wrong)


def _tried(draft: Draft, manner: Manner) -> Trial:
    click.echo(f"\nTesting [{draft.group}.{draft.name}] …")
    trial = asyncio.run(_try(draft, manner.networks))
    ask.bullets(readable(str(finding)).replace("\n", "\n  ") for finding in trial.findings)
    return trial


async def _try(draft: Draft, networks: Iterable[str]) -> Trial:
    reach = Reach([*named_networks(networks), *named_by(draft.account().addresses())])
    async with open_client(reach) as client:
        return await tries.run(draft, client, Clock())


def _after_failure(draft: Draft, keys: tuple[Key, ...], trial: Trial, manner: Manner) -> tuple[Draft, bool, Manner]:
    """What to do about a test that failed: the draft, whether it is kept as it is, and how to go on."""
    if not manner.is_asking:
        _give_up(draft)
    is_private = not manner.networks and any(REFUSED in finding.fix for finding in trial.findings)
    if is_private and ask.yes(f"Its name leads to a private address. Allow {', '.join(PRIVATE)}?"):
        return draft, False, replace(manner, networks=PRIVATE)
    choice = click.prompt(
        "Test again, change the answers, keep them as they are, or quit",
        type=click.Choice(["again", "change", "keep", "quit"]),
        default="change",
    )
    if choice == "quit":
        raise click.Abort
    if choice == "change":
        draft = _asked(draft, [key for key in keys if key.is_usual and key.name != "click_token"])
    return draft, choice == "keep", manner


def _give_up(draft: Draft) -> NoReturn:
    fail(
        [f"[{draft.group}.{draft.name}] failed its test. Nothing was written; --no-test writes it all the same."],
        FAILURE,
    )
