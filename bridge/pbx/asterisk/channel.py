"""One channel of the simulated Asterisk, as AMI's `Status` and ARI's `/channels` write it; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.pbx.asterisk.legs import ANSWERED, DNID, LINKEDID, ONHOLD, RTP_HOLD, TO_QUOTE

LONGEST_NAME = 79
"""Where Asterisk cuts names off."""
NUMBERS = {"Ring": 4, "Ringing": 5, "Up": 6}
UNKNOWN = "<unknown>"


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel. `number`, `name` are its caller ID, `other_*` the connected line; `answered` None until then."""

    endpoint: str
    uniqueid: str
    linkedid: str
    sequence: int
    created: datetime
    state: str
    number: str
    name: str
    other_number: str = ""
    other_name: str = ""
    context: str = "internal"
    exten: str = ""
    dnid: str = ""
    application: str = ""
    data: str = ""
    bridge: str = ""
    onhold: bool = False
    holds: bool = False
    answered: datetime | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def channel(self) -> str:
        """Its name, which says whose it is."""
        return f"PJSIP/{self.endpoint}-{self.sequence:08x}"

    def value(self, name: str) -> str | None:
        """A variable or function; None where it is not set."""
        known = {
            ONHOLD: str(int(self.onhold)),
            RTP_HOLD: str(int(self.holds)),
            ANSWERED: f"{self.answered.timestamp() if self.answered else 0:.6f}",
            LINKEDID: self.linkedid,
            DNID: self.dnid,
        }
        return known.get(name, self.variables.get(name))

    @property
    def written_name(self) -> str:
        """Its caller's name as AMI writes it."""
        return _written(self.name)

    def block(self, now: datetime, asked: Iterable[str]) -> list[tuple[str, str]]:
        """An event of `Status`, with its variables."""
        seconds = str(max(0, int((now - self.created).total_seconds())))
        values = ((name, self.value(name)) for name in asked)
        return [
            ("Event", "Status"), ("Privilege", "Call"), ("Channel", self.channel),
            ("ChannelState", str(NUMBERS[self.state])), ("ChannelStateDesc", self.state),
            ("CallerIDNum", self.number or UNKNOWN), ("CallerIDName", _written(self.name)),
            ("ConnectedLineNum", self.other_number or UNKNOWN), ("ConnectedLineName", _written(self.other_name)),
            ("Language", "en"), ("AccountCode", ""), ("Context", self.context), ("Exten", self.exten),
            ("Priority", "1"), ("Uniqueid", self.uniqueid), ("Linkedid", self.linkedid), ("Type", "PJSIP"),
            ("DNID", self.dnid), ("EffectiveConnectedLineNum", self.other_number or UNKNOWN),
            ("EffectiveConnectedLineName", _written(self.other_name)), ("TimeToHangup", "0"),
            ("BridgeID", self.bridge), ("Application", self.application), ("Data", self.data),
            ("Nativeformats", "(ulaw)"), ("Readformat", "ulaw"), ("Readtrans", ""), ("Writeformat", "ulaw"),
            ("Writetrans", ""), ("Callgroup", "0"), ("Pickupgroup", "0"), ("Seconds", seconds),
            *(("Variable", f"{name}={'(null)' if value is None else value}") for name, value in values),
        ]  # fmt: skip

    def row(self, channelvars: Iterable[str]) -> dict[str, Any]:
        """An object of `/channels`."""
        steps = {"context": self.context, "exten": self.exten, "priority": 1, "app_name": self.application}
        return {
            "id": self.uniqueid,
            "name": self.channel,
            "state": self.state,
            "protocol_id": f"{self.sequence:032x}",
            "caller": {"name": self.name[:LONGEST_NAME], "number": self.number},
            "connected": {"name": self.other_name[:LONGEST_NAME], "number": self.other_number},
            "accountcode": "",
            "dialplan": {**steps, "app_data": self.data},
            "creationtime": written_time(self.created),
            "language": "en",
            "channelvars": {name: self.value(name) or "" for name in channelvars},
        }


def written_time(moment: datetime) -> str:
    """`2026-11-28T05:50:51.886+0000`."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}{moment:%z}"


def _written(name: str) -> str:
    """A name with AMI's backslashes."""
    return TO_QUOTE.sub(r"\\\1", name[:LONGEST_NAME]) or UNKNOWN
