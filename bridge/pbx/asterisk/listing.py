"""The lists of the simulated Asterisk; pure. AMI's have a first block, events, and a last block that counts them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bridge.pbx.asterisk.channel import Channel, written_time
from bridge.pbx.asterisk.exchange import Exchange

Block = list[tuple[str, str]]
Blocks = list[Block]


def written(blocks: Blocks) -> str:
    """As it goes over the wire."""
    return "".join("".join(f"{key}: {value}\r\n" for key, value in block) + "\r\n" for block in blocks)


def status(channels: Sequence[Channel], now: datetime, asked: Sequence[str]) -> Blocks:
    """`Status`: every channel."""
    events = [channel.block(now, asked) for channel in channels]
    return _whole("Status", "Channel status will follow", events, [("Items", str(len(events)))])


def queue_status(exchange: Exchange, now: datetime, queue: str | None) -> Blocks:
    """`QueueStatus`: every queue, or the one that was named, and who waits in it."""
    events = []
    for name in exchange.board.queues:
        if queue in (None, "", name):
            waiting = exchange.waiting(name)
            events += [
                _queue(name, len(waiting)),
                *(_entry(name, place, one, now) for place, one in enumerate(waiting, 1)),
            ]
    return _whole("QueueStatus", "Queue status will follow", events)


def hints(extensions: Iterable[str]) -> Blocks:
    """`ExtensionStateList`: every extension that has a hint."""
    events = [
        [
            *(("Event", "ExtensionStatus"), ("Privilege", "call,all"), ("Exten", code), ("Context", "internal")),
            *(("Hint", f"PJSIP/{code}"), ("Status", "0"), ("StatusText", "Idle")),
        ]
        for code in extensions
    ]
    return _whole("ExtensionStateList", "Extension Statuses will follow", events)


def devices(extensions: Iterable[str]) -> Blocks:
    """`DeviceStateList`: every device whose state is known."""
    events = [
        [("Event", "DeviceStateChange"), ("Privilege", "call,all"), ("Device", f"PJSIP/{code}"), ("State", "NOT_INUSE")]
        for code in extensions
    ]
    return _whole("DeviceStateList", "Device State Changes will follow", events)


def _whole(action: str, message: str, events: Blocks, more: Block | None = None) -> Blocks:
    first = [("Response", "Success"), ("EventList", "start"), ("Message", message)]
    last = [("Event", f"{action}Complete"), ("EventList", "Complete"), ("ListItems", str(len(events))), *(more or [])]
    return [first, *events, last]


def _queue(name: str, calls: int) -> Block:
    zeros = ("Holdtime", "TalkTime", "Completed", "Abandoned", "ServiceLevel")
    return [
        ("Event", "QueueParams"),
        ("Queue", name),
        ("Max", "0"),
        ("Strategy", "ringall"),
        ("Calls", str(calls)),
        *((key, "0") for key in zeros),
        ("Weight", "0"),
    ]


def _entry(queue: str, position: int, caller: Channel, now: datetime) -> Block:
    return [
        ("Event", "QueueEntry"),
        ("Queue", queue),
        ("Position", str(position)),
        ("Channel", caller.channel),
        ("Uniqueid", caller.uniqueid),
        ("CallerIDNum", caller.number),
        ("CallerIDName", caller.written_name or "unknown"),
        ("ConnectedLineNum", "unknown"),
        ("ConnectedLineName", "unknown"),
        ("Wait", str(max(0, int((now - caller.created).total_seconds())))),
        ("Priority", "0"),
    ]


def split(names: str) -> Iterable[str]:
    """The names in `Variables`: commas within brackets belong to a name."""
    name, depth = "", 0
    for letter in names:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            yield name
            name = ""
        else:
            name += letter
    yield name


def bridges(channels: Sequence[Channel]) -> list[dict[str, Any]]:
    """ARI's `/bridges`."""
    names = dict.fromkeys(channel.bridge for channel in channels if channel.bridge)
    return [_bridge(name, [channel for channel in channels if channel.bridge == name]) for name in names]


def _bridge(name: str, channels: Sequence[Channel]) -> dict[str, Any]:
    made = max(channel.answered or channel.created for channel in channels)
    kind = {"technology": "simple_bridge", "bridge_type": "mixing", "bridge_class": "basic", "creator": "", "name": ""}
    inside = [channel.uniqueid for channel in channels]
    return {"id": name, **kind, "channels": inside, "creationtime": written_time(made), "video_mode": "none"}


def endpoint(code: str, channels: Sequence[Channel]) -> dict[str, Any]:
    """One of ARI's `/endpoints`."""
    mine = [channel.uniqueid for channel in channels if channel.endpoint == code]
    return {"technology": "PJSIP", "resource": code, "state": "online", "channel_ids": mine}
