"""The makes there are: every folder here, and those that other packages bring by the entry point `popbridge.crm`."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

import bridge.crm
from bridge.crm.contract import CrmAdapter
from bridge.crm.simulation import SimulatedCrm

GROUP = "popbridge.crm"


@cache
def packages() -> Mapping[str, str]:
    """The package of each make, by its kind. A folder of this program outweighs a package from elsewhere."""
    folders = {
        module.name: f"bridge.crm.{module.name}" for module in pkgutil.iter_modules(bridge.crm.__path__) if module.ispkg
    }
    elsewhere = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return dict(sorted({**elsewhere, **folders}.items()))


@cache
def find(kind: str) -> CrmAdapter:
    """The make called `kind`. Raises `KeyError`."""
    adapter: CrmAdapter = importlib.import_module(packages()[kind]).ADAPTER
    return adapter


@cache
def can(kind: str, capability: type) -> bool:
    """Whether the make called `kind` does what this protocol of the contract asks: looked at once, as a delivery asks
    four times."""
    return isinstance(find(kind), capability)


def kinds() -> Mapping[str, CrmAdapter]:
    """Every make, by its kind."""
    return {kind: find(kind) for kind in packages()}


@cache
def simulator(kind: str) -> SimulatedCrm:
    """How the make called `kind` is simulated. Raises `KeyError`."""
    simulated: SimulatedCrm = importlib.import_module(f"{packages()[kind]}.simulator").SIMULATED
    return simulated
