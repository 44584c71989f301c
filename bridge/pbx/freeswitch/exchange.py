"""A switchboard's calls as FreeSWITCH's commands list them, for the simulator; pure.

A call from outside is an a-leg without a user and one b-leg for each phone that it rings on; one that an agent placed
is that agent's a-leg and the b-leg of whoever was called. The a-leg's uuid is the switchboard's id of the call.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bridge.core.model import Call, CallerKind, CallState
from bridge.pbx.switchboard import Extension, Switchboard

COLUMNS = (
    "uuid", "direction", "created", "created_epoch", "name", "state", "cid_name", "cid_num", "ip_addr", "dest",
    "application", "application_data", "dialplan", "context", "read_codec", "read_rate", "read_bit_rate", "write_codec",
    "write_rate", "write_bit_rate", "secure", "hostname", "presence_id", "presence_data", "accountcode", "callstate",
    "callee_name", "callee_num", "callee_direction", "call_uuid", "sent_callee_name", "sent_callee_num",
    "initial_cid_name", "initial_cid_num", "initial_ip_addr", "initial_dest", "initial_dialplan", "initial_context",
)  # fmt: skip
"""The vendor's names, in its order. Every value is a text."""
SAME_EVERYWHERE = {
    "read_codec": "PCMA", "read_rate": "8000", "read_bit_rate": "64000", "write_codec": "PCMA", "write_rate": "8000",
    "write_bit_rate": "64000", "ip_addr": "192.0.2.60", "dialplan": "XML", "hostname": "fs1",
}  # fmt: skip
USER_COLUMNS = "userid|context|domain|group|contact|callgroup|effective_caller_id_name|effective_caller_id_number"
STATE = {CallState.TALKING: "ACTIVE", CallState.HOLD: "HELD", CallState.UNKNOWN: "TRANSFERRING"}
WITHHELD = "anonymous"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One phone system with all its users in one domain."""

    board: Switchboard
    domain: str

    def channels(self) -> str:
        """`show channels as json`."""
        return as_rows([row for call in self._calls() for row in self._legs(call)])

    def registrations(self) -> str:
        """`show registrations as json`."""
        logged_in = (one for one in self.board.extensions.values() if one.logged_in)
        return as_rows([{"reg_user": one.code, "realm": self.domain, "hostname": "fs1"} for one in logged_in])

    def users(self, domain: str | None) -> str:
        """`list_users`."""
        listed = self.board.extensions.values() if domain in (None, self.domain) else ()
        return "\n".join([USER_COLUMNS, *(self._user(one) for one in listed), "", "+OK\n"])

    def variables(self, uuid: str) -> str:
        """`uuid_dump UUID json`."""
        call = next((call for call in self._calls() if call.ivrid == uuid), None)
        if call is None:
            return "-ERR No such channel!\n"
        held = {f"variable_{name}": value for name, value in call.customdata.items()}
        return json.dumps({"Event-Name": "CHANNEL_DATA", "Unique-ID": uuid, **held}, ensure_ascii=False)

    def _user(self, one: Extension) -> str:
        contact = f"sofia/internal/sip:{one.code}@192.0.2.77:5060" if one.logged_in else "error/user_not_registered"
        return "|".join([one.code, "default", self.domain, "default", contact, "sales", one.name, one.code])

    def _calls(self) -> Iterator[Call]:
        """Each call once: as whoever placed it sees it, or the first who is called."""
        seen: set[str] = set()
        for call in self.board.all_calls():
            if call.ivrid not in seen and self.board.placed_by(call.ivrid) in (None, call.extension):
                seen.add(call.ivrid)
                yield call

    def _legs(self, call: Call) -> Iterator[Mapping[str, str]]:
        phones = [leg for leg in self.board.all_calls() if leg.ivrid == call.ivrid]
        if self.board.placed_by(call.ivrid) is None:
            yield self._from_outside(call)
            yield from (self._to_phone(leg, *_shown(call)) for leg in phones)
            return
        placing = self.board.extensions[call.extension]
        yield self._placed(call)
        called = [leg for leg in phones if leg.extension != call.extension]
        yield from (self._to_phone(leg, placing.code, placing.name) for leg in called)
        if not called:
            yield self._to_outside(call, placing)

    def _from_outside(self, call: Call) -> Mapping[str, str]:
        number, name = _shown(call)
        dialled = call.did or call.extension
        waits = call.state is CallState.RINGING
        own = {"name": f"sofia/external/{number}@carrier.example", "callstate": "EARLY" if waits else "ACTIVE"}
        shown = {"cid_num": number, "cid_name": name, "dest": call.extension, "initial_dest": dialled}
        return _leg(call, "inbound", call.ivrid, {**own, **shown, "context": "public", "application": "bridge"})

    def _to_phone(self, leg: Call, number: str, name: str) -> Mapping[str, str]:
        callee = {"callee_num": leg.extension, "callee_name": self.board.extensions[leg.extension].name}
        own = {"name": f"sofia/internal/{leg.extension}@192.0.2.77:5060", "callstate": STATE.get(leg.state, "RINGING")}
        shown = {"cid_num": number, "cid_name": name, "dest": leg.extension, "initial_dest": leg.extension}
        user = {"presence_id": f"{leg.extension}@{self.domain}", "context": "default"}
        return _leg(leg, "outbound", f"{leg.ivrid}-{leg.extension}", {**own, **shown, **callee, **user})

    def _placed(self, call: Call) -> Mapping[str, str]:
        one, dialled = self.board.extensions[call.extension], _number(call)
        own = {"name": f"sofia/internal/{one.code}@{self.domain}", "callstate": STATE.get(call.state, "RINGING")}
        shown = {"cid_num": one.code, "cid_name": one.name, "dest": dialled, "initial_dest": dialled}
        user = {"presence_id": f"{one.code}@{self.domain}", "context": "default", "application": "bridge"}
        return _leg(call, "inbound", call.ivrid, {**own, **shown, **user})

    def _to_outside(self, call: Call, placing: Extension) -> Mapping[str, str]:
        number = _number(call)
        waits = call.state is CallState.DIALING
        own = {"name": f"sofia/gateway/carrier/{number}", "callstate": "RINGING" if waits else "ACTIVE"}
        shown = {"cid_num": placing.code, "cid_name": placing.name, "dest": number, "initial_dest": number}
        callee = {"callee_num": number, "callee_name": "Outbound Call", "context": "default"}
        return _leg(call, "outbound", f"{call.ivrid}-b", {**own, **shown, **callee})


def as_rows(rows: list[Mapping[str, str]]) -> str:
    """The vendor's envelope: without rows there is no `rows`."""
    found: dict[str, object] = {"row_count": len(rows)}
    return json.dumps({**found, "rows": rows} if rows else found, ensure_ascii=False, separators=(",", ":"))


def _leg(call: Call, direction: str, uuid: str, own: Mapping[str, str]) -> Mapping[str, str]:
    """An a-leg has no `call_uuid` until somebody answers."""
    started = call.started_at
    waits = call.state in (CallState.RINGING, CallState.DIALING)
    times = {"created": f"{started:%F %T}", "created_epoch": str(int(started.timestamp()))} if started else {}
    first = {name: own.get(name.removeprefix("initial_"), "") for name in COLUMNS if name.startswith("initial_")}
    call_uuid = "" if waits and uuid == call.ivrid else call.ivrid
    state = {"state": "CS_EXECUTE" if direction == "inbound" else "CS_EXCHANGE_MEDIA", "direction": direction}
    said = {**SAME_EVERYWHERE, **first, **times, **state, **own, "uuid": uuid, "call_uuid": call_uuid}
    return {name: said.get(name, "") for name in COLUMNS}


def _number(call: Call) -> str:
    return WITHHELD if call.caller.kind is CallerKind.WITHHELD else call.caller.number


def _shown(call: Call) -> tuple[str, str]:
    return _number(call), call.caller.name or _number(call)
