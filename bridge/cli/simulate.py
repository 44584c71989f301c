"""`popbridge simulate`: a phone system and a CRM to try things on."""

from dataclasses import replace

import click

from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.terminal import FAILURE, USAGE, fail
from bridge.cli.up import run
from bridge.crm import registry as crms
from bridge.demo import simulate as simulation
from bridge.demo.cast import CRM_KIND, PBX_KIND
from bridge.demo.simulated import BRIDGE, Simulated, kept
from bridge.pbx import registry as pbxs
from bridge.web.server import listen


@click.command()
@click.option("--pbx", type=click.Choice([*pbxs.packages()]), help=f"Make of phone system; default: {PBX_KIND}.")
@click.option("--crm", type=click.Choice([*crms.packages()]), help=f"Make of CRM; default: {CRM_KIND}.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: 9509; 0: any free port.")
@click.option(
    "--every", type=click.FloatRange(0, 3600), default=10.0, show_default=True, help="Seconds between calls; 0: none."
)
@click.option("--bridge", help=f"Where popbridge will be, for clicks; default: {BRIDGE}.")
@with_settings
def simulate(
    chosen: Chosen, pbx: str | None, crm: str | None, host: str, port: int | None, every: float, bridge: str | None
) -> None:
    """Run a simulated phone system and CRM, and print settings for them.

    Beside settings of `popbridge init --simulate` it is what those settings lead to, and prints how to see a popup.
    Options change what they name; the secrets stay those of the settings, which accept the button's clicks then, too.
    """
    options = {"pbx": pbx, "crm": crm, "port": port, "bridge": bridge and bridge.rstrip("/")}
    given = {name: it for name, it in options.items() if it is not None}
    before = kept(chosen.file)
    simulated = replace(before or Simulated(), **given)  # type: ignore[arg-type]
    if crms.simulator(simulated.crm).press is None:
        fail([f"--crm {simulated.crm}: has no button of its own; see ./dev demo --crm {simulated.crm}"], USAGE)
    try:
        listening = listen(host, simulated.port)
    except OSError as error:
        fail([f"cannot listen on {host}:{simulated.port}: {error.strerror}; see --port"], FAILURE)

    def ready(address: str) -> None:
        told = simulation.commands(address) if simulated == before else simulation.printed(simulated, address)
        click.echo(f"{told}\n# running; Ctrl-C ends it")

    run(simulation.simulate(simulated, listening, every, ready))
