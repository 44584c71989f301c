"""The makes there are: every folder here, and those that other packages bring by the entry point `popbridge.pbx`."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

import bridge.pbx
from bridge.pbx.contract import PbxAdapter
from bridge.pbx.simulation import SimulatedPbx

GROUP = "popbridge.pbx"


@cache
def packages() -> Mapping[str, str]:
    """The package of each make, by its kind. A folder of this program outweighs a package from elsewhere.

    A folder has the name of its kind; with an underscore before it where that begins with a digit.
    """
    found = (module.name for module in pkgutil.iter_modules(bridge.pbx.__path__) if module.ispkg)
    folders = {name.removeprefix("_"): f"bridge.pbx.{name}" for name in found}
    elsewhere = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return dict(sorted({**elsewhere, **folders}.items()))


@cache
def find(kind: str) -> PbxAdapter:
    """The make called `kind`. Raises `KeyError`."""
    adapter: PbxAdapter = importlib.import_module(packages()[kind]).ADAPTER
    return adapter


def kinds() -> Mapping[str, PbxAdapter]:
    """Every make, by its kind."""
    return {kind: find(kind) for kind in packages()}


@cache
def simulator(kind: str) -> SimulatedPbx:
    """How the make called `kind` is simulated. Raises `KeyError`."""
    simulated: SimulatedPbx = importlib.import_module(f"{packages()[kind]}.simulator").SIMULATED
    return simulated
