"""`popbridge init`: from nothing to settings that work, by questions or by options; each answer is tested at once."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from bridge.cli import ask, init_accounts, init_agents
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.init_accounts import Given, Manner
from bridge.cli.next_steps import after_init, after_simulated
from bridge.cli.terminal import FAILURE, USAGE, fail
from bridge.config.checking import checked
from bridge.config.models import Server
from bridge.connect import files
from bridge.connect.draft import FOLDER
from bridge.connect.installation import Agent, Installation
from bridge.crm import registry as crms
from bridge.demo.set_up import free_port
from bridge.demo.simulated import FILE, PORT, Simulated
from bridge.egress.allowed_addresses import is_this_machine
from bridge.pbx import registry as pbxs

KEY = "KIND|KEY=VALUE"


@click.command()
@click.option("--pbx", multiple=True, metavar=KEY, help="Phone system: KIND, base_url=…, KEY_file=FILE; repeat.")
@click.option("--crm", multiple=True, metavar=KEY, help="CRM: the same; name=… is its name in /clicks/NAME.")
@click.option("--agent", multiple=True, metavar="CRM_USER,EXTENSION[,NAME]", help="An agent; repeat.")
@click.option("--public-url", help="How CRMs and browsers will reach popbridge.")
@click.option("--private-network", multiple=True, metavar="NETWORK", help="Where a name may lead: 10.0.0.0/8; repeat.")
@click.option("--simulate", is_flag=True, help="For a simulated phone system and CRM: `popbridge simulate` runs them.")
@click.option("--yes", is_flag=True, help="Ask nothing; what is missing is an error.")
@click.option("--no-test", is_flag=True, help="Do not test the accounts.")
@click.option("--force", is_flag=True, help="Replace files that exist.")
@with_settings
def init(
    chosen: Chosen, pbx: Sequence[str], crm: Sequence[str], agent: Sequence[str], public_url: str | None,
    private_network: Sequence[str], simulate: bool, yes: bool, no_test: bool, force: bool,
) -> None:  # fmt: skip
    """Set up popbridge: ask what is needed, test each answer, write the settings.

    Writes popbridge.toml (or the --config FILE), agents.csv and a file for each secret beside it, all at once at the
    end. Nothing that exists is replaced unless you say so.
    """
    manner = Manner(is_asking=not yes, is_testing=not no_test, networks=tuple(private_network))
    try:
        force = force or _may_replace(chosen.file, manner)
        if simulate:
            _write_simulated(chosen.file, Given.of(pbx), Given.of(crm), force)
            return
        installation = _installation(Given.of(pbx), Given.of(crm), agent, public_url, manner)
    except click.Abort:
        fail(["", "Nothing was written."], FAILURE)
    _write(installation.files(chosen.file), force)
    after_init(installation, chosen)


def _may_replace(settings: Path, manner: Manner) -> bool:
    """Whether files that exist may be replaced; told before the first question."""
    found = [path for path in (settings, settings.parent / "agents.csv") if path.exists()]
    if not found or not manner.is_asking:
        return False
    names = " and ".join(map(str, found))
    if not ask.yes(f"{names} exist{'s' * (len(found) == 1)}. Replace with new settings?", default=False):
        raise click.Abort
    return True


def _installation(
    pbx: Given, crm: Given, agents: Sequence[str], public_url: str | None, manner: Manner
) -> Installation:
    phone_system, trial, manner = init_accounts.settled("pbx", pbx, manner)
    crm_draft, _, manner = init_accounts.settled("crm", replace(crm, pbx=phone_system.name), manner)
    listed = {one.extension: one.name for one in (trial.extensions if trial else None) or ()}
    rows = [_agent(text) for text in agents]
    if manner.is_asking and not rows:
        rows = init_agents.asked(listed, crm_draft.name)
    url = _public_url(public_url, manner)
    return Installation(phone_system, crm_draft, tuple(rows), url, _port(url), private_networks=manner.networks)


def _port(public_url: str) -> int:
    """Where to listen: at the port of an address of this machine; a proxy is in front of any other."""
    parts, usual = urlsplit(public_url), int(Server.model_fields["port"].default)
    return parts.port or usual if is_this_machine(parts.hostname or "") else usual


def _agent(text: str) -> Agent:
    try:
        cells = [cell.strip() for cell in next(csv.reader([text]), [])]
    except csv.Error:
        cells = []
    if len(cells) not in (2, 3) or not all(cells[:2]):
        fail([f"--agent {text}: must be CRM_USER,EXTENSION or CRM_USER,EXTENSION,NAME"], USAGE)
    return Agent(*cells)


def _public_url(given: str | None, manner: Manner) -> str:
    """Where the bridge is for others; asked again until it is an address."""
    default = str(Server.model_fields["public_url"].default)
    while True:
        if given is None and manner.is_asking:
            click.echo("\n  How CRMs and browsers reach popbridge. A CRM in the cloud needs a public HTTPS address.")
            given = ask.text("  public_url", default)
        found, problems = checked(Server, {"public_url": given or default})
        if isinstance(found, Server):
            return found.public_url
        if not manner.is_asking:
            fail([f"--public-url: {problem}" for problem in problems], USAGE)
        ask.bullets(f"public_url: {problem}" for problem in problems)
        given = None


def _write_simulated(settings: Path, pbx: Given, crm: Given, force: bool) -> None:
    made = Simulated(port=free_port(PORT), bridge=f"http://127.0.0.1:{free_port(Server.model_fields['port'].default)}")
    made = replace(made, pbx=pbx.table.get("kind", made.pbx), crm=crm.table.get("kind", made.crm))
    for group, kind, makes in (("pbx", made.pbx, pbxs.packages()), ("crm", made.crm, crms.packages())):
        if kind not in makes:
            fail([f"--{group} {kind}: there is no such kind; there are: {', '.join(makes)}"], USAGE)
    if crms.simulator(made.crm).press is None:
        fail([f"--crm {made.crm}: has no button of its own; see ./dev demo --crm {made.crm}"], USAGE)
    address = f"http://127.0.0.1:{made.port}"
    installation = made.installation(address)
    _write({settings.parent / FOLDER / FILE: made.text(), **installation.files(settings)}, force)
    after_simulated(installation, address, Chosen(str(settings)))


def _write(wanted: dict[Path, str], force: bool) -> None:
    if not force and (found := files.there(wanted)):
        fail([*(f"{path} exists" for path in found), "Nothing was written; --force replaces them."], FAILURE)
    try:
        files.write(wanted, force)
    except OSError as error:
        fail([f"{error.filename or ''}: cannot be written: {error.strerror}".strip(": ")], FAILURE)
