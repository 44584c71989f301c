"""`GET /api/connect`: the phone systems and CRMs of the settings, and every make with its keys."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.agents.access import Access
from bridge.config.keys import Group, keys_of
from bridge.config.models import CrmAccount, PbxAccount
from bridge.core.json_codec import as_json
from bridge.crm import registry as crms
from bridge.crm.contract import MakesButtons, Probes, ReadsClicks
from bridge.pbx import registry as pbxs
from bridge.services import Services
from bridge.store import keys as store_keys
from bridge.web.signin import admin

MOST_PEOPLE = 500


async def overview(request: Request) -> Response:
    """What is connected, without asking anybody."""
    access = await admin(request)
    services: Services = request.app.state.services
    used = await services.redis.hgetall(store_keys.PROOFS)
    circuits = services.lookup.circuits()
    told = {
        "public_url": access.settings.server.public_url,
        "agents_file": access.settings.agents.file.name,
        "all_crms": access.crms is None,
        "pbx": [
            {**_pbx(access, name, one), "circuit": str(circuits[name])}
            for name, one in access.settings.pbx.items()
            if access.sees_all_of(name)
        ],
        "crm": [_crm(access, name, one, used) for name, one in access.settings.crm.items() if access.sees_crm(name)],
    }
    return JSONResponse(as_json(told))


def _pbx(access: Access, name: str, account: PbxAccount) -> dict[str, Any]:
    agents = [one for one in access.directory.agents.values() if any(line.pbx == name for line in one.extensions)]
    return {
        "name": name, "kind": account.kind, "title": pbxs.find(account.kind).title, "address": account.base_url,
        "events": account.events, "agents": len(agents),
    }  # fmt: skip


def _crm(access: Access, name: str, account: CrmAccount, used: Mapping[str, str]) -> dict[str, Any]:
    adapter = crms.find(account.kind)
    agents = [one for one in access.directory.agents.values() if one.crm == name]
    return {
        "name": name, "kind": account.kind, "title": adapter.title, "pbx": access.settings.pbx_of(name),
        "agents": len(agents), "people": [{"crm_user": it.crm_user, "name": it.name} for it in agents[:MOST_PEOPLE]],
        "dry_run": account.dry_run, "takes_popups": account.takes_popups,
        "targets": access.settings.targets_of(name), "tests": isinstance(adapter, Probes),
        "reads_clicks": isinstance(adapter, ReadsClicks), "has_button": isinstance(adapter, MakesButtons),
        "click_url": f"{access.settings.server.public_url}/clicks/{name}",
        "proofs": [
            {"key": key, "used_at": used.get(f"{name} {fingerprint}")} for fingerprint, key in account.proofs()
        ],
    }  # fmt: skip


async def makes(request: Request) -> Response:
    """`GET /api/connect/kinds`: the makes, with their keys as questions."""
    await admin(request)
    return JSONResponse({"pbx": _kinds("pbx", pbxs.kinds()), "crm": _kinds("crm", crms.kinds())})


def _kinds(group: Group, kinds: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "title": it.title, "proven": str(it.proven), "keys": as_json(keys_of(group, it.account))}
        for kind, it in kinds.items()
    ]
