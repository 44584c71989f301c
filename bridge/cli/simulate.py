"""`popbridge simulate`: a phone system to try things on."""

import click

from bridge.cli.terminal import FAILURE, fail
from bridge.cli.up import run
from bridge.demo import simulate as simulation
from bridge.demo.cast import PBX_KIND
from bridge.pbx import registry
from bridge.web.server import listen


@click.command()
@click.option(
    "--pbx", type=click.Choice([*registry.packages()]), default=PBX_KIND, show_default=True, help="Which make."
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=9509, show_default=True, help="0: any free port.")
@click.option(
    "--every", type=click.FloatRange(0, 3600), default=10.0, show_default=True, help="Seconds between calls; 0: none."
)
def simulate(pbx: str, host: str, port: int, every: float) -> None:
    """Run a simulated phone system, and print the settings that connect to it."""
    try:
        listening = listen(host, port)
    except OSError as error:
        fail([f"cannot listen on {host}:{port}: {error.strerror}; see --port"], FAILURE)
    run(simulation.simulate(pbx, listening, every, click.echo))
