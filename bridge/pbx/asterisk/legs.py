"""A channel of Asterisk, whichever interface told of it; and the loose texts it is told in. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bridge.core.model import YesNo
from bridge.core.text import one_line

ONHOLD, RTP_HOLD, ANSWERED = "CHANNEL(onhold)", "CHANNEL(rtp,hold)", "CDR(answer,u)"
LINKEDID, DNID = "CHANNEL(linkedid)", "CALLERID(dnid)"
RECORDING = "MIXMONITOR_FILENAME"
NOTHING = frozenset({"", "<unknown>", "unknown", "(null)", "<null>"})
"""How the interfaces write that a value is missing."""
PSEUDO = {
    "Local", "CBAnn", "CBRec", "Announcer", "Bridge", "Message", "Parked", "Recorder", "Snoop", "Surrogate",
    "AsyncGoto", "UnicastRTP", "MulticastRTP",
}  # fmt: skip
"""Channels that Asterisk makes for itself: nobody is at their end."""
NAME = re.compile(r"(?P<technology>[A-Za-z0-9]+)/(?P<endpoint>.+)-[0-9a-f]{1,8}")
LOCAL = re.compile(r"Local/(?P<exten>[^@]+)@")
UNIQUEID = re.compile(r"(?:.*-)?(?P<epoch>[0-9]{1,11})\.(?P<number>[0-9]{1,18})")
"""Seconds since 1970 and a running number, behind `systemname` where one is set."""
QUOTED = re.compile(r"\\(['\"?])")
TO_QUOTE = re.compile(r"([\\'\"])")
NUMBER_CHARACTERS, NAME_CHARACTERS, VALUE_CHARACTERS = 80, 200, 2000


@dataclass(frozen=True, slots=True)
class Leg:
    """One channel. `number` and `name` are its own caller ID, `other_*` whom it is connected with.

    `application` is what it runs in the dialplan, with `data`. `bridge` is the bridge it is in ("": none). `is_held`:
    the far side of its bridge lets it wait (only AMI can tell). `holds`: this phone lets the others wait (only ARI can
    ask). `answered_at` is when this leg was answered.
    """

    channel: str
    uniqueid: str
    linkedid: str
    state: str
    number: str = ""
    name: str = ""
    other_number: str = ""
    other_name: str = ""
    exten: str = ""
    dnid: str = ""
    application: str = ""
    data: str = ""
    bridge: str = ""
    is_held: YesNo = YesNo.UNKNOWN
    holds: bool = False
    answered_at: datetime | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def technology(self) -> str:
        """`PJSIP` of `PJSIP/101-0000002b`."""
        return self.channel.partition("/")[0]

    @property
    def is_real(self) -> bool:
        """Whether somebody is at its end: a phone or a trunk."""
        return self.technology not in PSEUDO

    @property
    def endpoint(self) -> str:
        """`101` of `PJSIP/101-0000002b`: whose phone it is; "" for a channel that has no such name."""
        named = NAME.fullmatch(self.channel)
        return named["endpoint"][:NUMBER_CHARACTERS] if named and self.is_real else ""

    @property
    def order(self) -> tuple[int, int]:
        """When it began: seconds since 1970, and its number among the channels of Asterisk's life."""
        made = UNIQUEID.fullmatch(self.uniqueid)
        return (int(made["epoch"]), int(made["number"])) if made else (0, 0)

    @property
    def started_at(self) -> datetime | None:
        """When it began, to the second."""
        return moment(str(self.order[0]))


def value_of(text: str, characters: int = VALUE_CHARACTERS) -> str:
    """A value as it was set; "" for each way to say that there is none."""
    return "" if text in NOTHING else one_line(text, characters)


def moment(seconds: str) -> datetime | None:
    """Seconds since 1970 as a UTC time; 0 and the impossible are None."""
    try:
        epoch = float(seconds)
        return datetime.fromtimestamp(epoch, UTC) if epoch > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def unquoted(name: str) -> str:
    r"""A name as AMI writes it, without its backslashes before quotes: `O\'Neil` is O'Neil.

    A name that has backslashes of its own (phones send `\"` for a quote) stays as it is written: recordings show it so.
    """
    return name if "\\\\" in name else QUOTED.sub(r"\1", name)


def quoted(name: str) -> str:
    r"""A name of ARI, which writes it as it is, in the form in which `unquoted` leaves that of AMI: the same text."""
    return TO_QUOTE.sub(r"\\\1", name) if "\\" in name else name
