"""What is asked by AMI, and its answers as nouns; pure. Source: recordings of Asterisk 22, its pages on AMI actions."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from bridge.core.errors import PbxUnintelligible
from bridge.core.http_types import Reply
from bridge.core.model import Caller, YesNo
from bridge.core.reasons import reason
from bridge.pbx.asterisk import ami
from bridge.pbx.asterisk.ami import Access, Block
from bridge.pbx.asterisk.calls import Rules, read_calls
from bridge.pbx.asterisk.legs import (
    ANSWERED,
    NAME_CHARACTERS,
    NUMBER_CHARACTERS,
    ONHOLD,
    Leg,
    moment,
    unquoted,
    value_of,
)
from bridge.pbx.contract import CallQueue, Listing, Waiting

STATUS, QUEUES, HINTS, DEVICES = "Status", "QueueStatus", "ExtensionStateList", "DeviceStateList"
DEVICE = re.compile(r"(?P<technology>[A-Za-z0-9]+)/(?P<endpoint>[^&,@/]+)")
LONGEST_WAIT_SECONDS = 7 * 24 * 3600.0


def variables(rules: Rules) -> dict[str, str]:
    """The one question for all channels: with the variables that each is to tell."""
    return {"Variables": ",".join((ONHOLD, ANSWERED, *rules.asked()))}


def read_status(reply: Reply, pbx: str, rules: Rules, access: Access) -> Listing:
    """The live calls of all extensions."""
    return read_calls(read_legs(reply, access), pbx, rules)


def read_legs(reply: Reply, access: Access) -> list[Leg]:
    """The channels that are listed."""
    return [_leg(block) for block in ami.read_list(reply, STATUS, access) if block.get("Event") == "Status"]


def _leg(block: Block) -> Leg:
    if not block.get("Channel") or not block.get("Uniqueid"):
        raise PbxUnintelligible(reason("asterisk.not-ami"))
    number = {key: value_of(block.get(key), NUMBER_CHARACTERS) for key in ("CallerIDNum", "ConnectedLineNum")}
    name = {key: unquoted(value_of(block.get(key))) for key in ("CallerIDName", "ConnectedLineName")}
    return Leg(
        channel=block.get("Channel"),
        uniqueid=block.get("Uniqueid")[:NAME_CHARACTERS],
        linkedid=value_of(block.get("Linkedid"), NAME_CHARACTERS),
        state=block.get("ChannelStateDesc"),
        number=number["CallerIDNum"],
        name=name["CallerIDName"][:NAME_CHARACTERS],
        other_number=number["ConnectedLineNum"],
        other_name=name["ConnectedLineName"][:NAME_CHARACTERS],
        exten=value_of(block.get("Exten"), NUMBER_CHARACTERS),
        dnid=value_of(block.get("DNID"), NUMBER_CHARACTERS),
        application=block.get("Application"),
        data=value_of(block.get("Data"), NAME_CHARACTERS),
        bridge=value_of(block.get("BridgeID")),
        is_held={"1": YesNo.YES, "0": YesNo.NO}.get(block.variables.get(ONHOLD, ""), YesNo.UNKNOWN),
        answered_at=moment(block.variables.get(ANSWERED, "")),
        variables={name: value_of(value) for name, value in block.variables.items()},
    )


def read_queues(reply: Reply, access: Access, now: datetime) -> tuple[CallQueue, ...]:
    """Every queue that was listed, and who waits in it by position."""
    waiting: dict[str, list[tuple[int, Waiting]]] = {}
    for block in ami.read_list(reply, QUEUES, access):
        callers = waiting.setdefault(block.get("Queue"), [])
        if block.get("Event") == "QueueEntry":
            callers.append((_whole(block.get("Position")), _waiting(block, now)))
    return tuple(
        CallQueue(name, name, tuple(caller for _, caller in sorted(callers, key=lambda pair: pair[0])))
        for name, callers in waiting.items()
    )


def _waiting(block: Block, now: datetime) -> Waiting:
    seconds = min(float(_whole(block.get("Wait"))), LONGEST_WAIT_SECONDS)
    number = value_of(block.get("CallerIDNum"), NUMBER_CHARACTERS)
    name = unquoted(value_of(block.get("CallerIDName")))[:NAME_CHARACTERS]
    return Waiting(Caller(number, name=name), block.get("Uniqueid"), now - timedelta(seconds=seconds), seconds)


def _whole(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else 0


def read_endpoints(reply: Reply, action: str, rules: Rules, access: Access) -> frozenset[str]:
    """The endpoints that hints or device states name: which extensions there are, as far as they tell."""
    return frozenset(_endpoints(reply, action, rules, access))


def _endpoints(reply: Reply, action: str, rules: Rules, access: Access) -> Iterator[str]:
    for block in ami.read_list(reply, action, access):
        for found in DEVICE.finditer(block.get("Hint" if action == HINTS else "Device")):
            if found["technology"] in rules.technologies:
                yield found["endpoint"][:NUMBER_CHARACTERS]
