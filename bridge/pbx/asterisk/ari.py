"""ARI, the REST interface: requests out, JSON back; pure. Source: recordings of Asterisk 22, its pages on ARI."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from bridge.core.errors import PbxUnintelligible
from bridge.core.http_types import Reply, Request
from bridge.core.reasons import reason
from bridge.pbx import fields
from bridge.pbx.asterisk import answers
from bridge.pbx.asterisk.ami import Access
from bridge.pbx.asterisk.calls import Rules, Side, sides
from bridge.pbx.asterisk.legs import (
    ANSWERED,
    DNID,
    LINKEDID,
    NUMBER_CHARACTERS,
    ONHOLD,
    RTP_HOLD,
    Leg,
    moment,
    quoted,
    value_of,
)

CHANNELS, BRIDGES, ENDPOINTS = "channels", "bridges", "endpoints"
UP = "Up"
FORBIDDEN = ("CHANNEL(rtp,", "CHANNEL(pjsip,")
"""What must not stand in `channelvars`: Asterisk 22 deadlocked on the first call."""


def ask(access: Access, resource: str, method: str = "GET") -> Request:
    """A question with the user's name and password as HTTP Basic."""
    proof = b64encode(f"{access.username}:{access.password.reveal()}".encode()).decode()
    return Request(method, f"{access.url}/ari/{resource}", {"Authorization": f"Basic {proof}"})


@dataclass(frozen=True, slots=True)
class Question:
    """A variable of the channel `of` that says something about the leg `about`."""

    about: Leg
    of: Leg
    variable: str

    @property
    def resource(self) -> str:
        """Where the variable's present value is: `channelvars` are those of the channel's last change."""
        channel = quote(self.of.uniqueid, safe="", errors="replace")
        return f"{CHANNELS}/{channel}/variable?{urlencode({'variable': self.variable})}"


def read_channels(reply: Reply, rules: Rules) -> list[Leg]:
    """All channels; in which bridges they are, another question tells."""
    return [_leg(channel, rules) for channel in answers.objects(reply)]


def has_answered(legs: Sequence[Leg], rules: Rules) -> bool:
    """Whether an extension may be in a bridge: else nobody needs to ask."""
    return any(leg.state == UP and rules.is_phone(leg) for leg in legs)


def in_bridges(reply: Reply, legs: Sequence[Leg]) -> list[Leg]:
    """The legs with their bridges. One that began before its bridge was answered when the bridge was made."""
    bridges = {
        channel: bridge for bridge in answers.objects(reply) for channel in answers.texts(bridge.get("channels"))
    }
    return [_bridged(leg, bridges[leg.uniqueid]) if leg.uniqueid in bridges else leg for leg in legs]


def _bridged(leg: Leg, bridge: Mapping[str, Any]) -> Leg:
    started, since = leg.started_at, fields.moment(bridge.get("creationtime"))
    mine = since if since and started and since >= started else None
    return replace(leg, bridge=answers.text(bridge, "id"), answered_at=mine)


def _leg(channel: Mapping[str, Any], rules: Rules) -> Leg:
    caller, connected, dialplan = (answers.inner(channel, name) for name in ("caller", "connected", "dialplan"))
    given = answers.inner(channel, "channelvars")
    if not answers.text(channel, "name") or not answers.text(channel, "id"):
        raise PbxUnintelligible(reason("asterisk.not-ari"))
    return Leg(
        channel=answers.text(channel, "name"),
        uniqueid=answers.text(channel, "id"),
        linkedid=answers.text(given, LINKEDID),
        state=answers.text(channel, "state"),
        number=answers.text(caller, "number")[:NUMBER_CHARACTERS],
        name=quoted(answers.text(caller, "name")),
        other_number=answers.text(connected, "number")[:NUMBER_CHARACTERS],
        other_name=quoted(answers.text(connected, "name")),
        exten=answers.text(dialplan, "exten")[:NUMBER_CHARACTERS],
        dnid=answers.text(given, DNID)[:NUMBER_CHARACTERS],
        application=answers.text(dialplan, "app_name"),
        data=answers.text(dialplan, "app_data"),
        variables={name: value_of(text) for name in rules.asked() if isinstance(text := given.get(name), str)},
    )


def to_ask(legs: Sequence[Leg], extension: str | None, rules: Rules) -> list[Question]:
    """What only a live variable tells of the answered legs of `extension` (None: of all extensions), one for each."""
    found = (side for side in sides(legs, rules) if extension in (None, side.leg.endpoint))
    return [_question(side) for side in found if side.leg.state == UP]


def _question(side: Side) -> Question:
    """A phone that talks: does it let the other side wait? One that is alone: when was it answered?"""
    if not side.bridged:
        return Question(side.leg, side.leg, ANSWERED)
    if side.leg.technology == "PJSIP" or len(side.bridged) > 1:
        return Question(side.leg, side.leg, RTP_HOLD)
    return Question(side.leg, side.bridged[0], ONHOLD)


def read_variable(reply: Reply) -> str | None:
    """The value, "" where the channel does not have it, None where the channel has gone meanwhile."""
    message = answers.message(reply)
    if (reply.status, message) == answers.GONE:
        return None
    if answers.NOT_SET.get(reply.status) == message:
        return ""
    found = answers.parsed(reply)
    if not isinstance(found, dict) or not isinstance(found.get("value"), str):
        raise PbxUnintelligible(reason("asterisk.not-ari"))
    return value_of(found["value"])


def answered(legs: Sequence[Leg], questions: Sequence[Question], replies: Sequence[Reply]) -> list[Leg]:
    """The legs with what their variables said. One that has ended meanwhile is left out."""
    values = [read_variable(reply) for reply in replies]
    known = {
        one.about.uniqueid: _told(one, value) for one, value in zip(questions, values, strict=True) if value is not None
    }
    gone = {one.about.uniqueid for one, value in zip(questions, values, strict=True) if value is None}
    return [known.get(leg.uniqueid, leg) for leg in legs if leg.uniqueid not in gone]


def _told(question: Question, value: str) -> Leg:
    if question.variable == ANSWERED:
        return replace(question.about, answered_at=moment(value))
    return replace(question.about, holds=value == "1")


def read_endpoints(reply: Reply, rules: Rules) -> frozenset[str]:
    """The endpoints there are, of the technologies that phones have."""
    return frozenset(
        answers.text(one, "resource")[:NUMBER_CHARACTERS]
        for one in answers.objects(reply)
        if answers.text(one, "technology") in rules.technologies and answers.text(one, "resource")
    )


def endpoint(technology: str, name: str) -> str:
    """Where one endpoint is."""
    return f"{ENDPOINTS}/{quote(technology, safe='')}/{quote(name, safe='', errors='replace')}"


def read_endpoint(reply: Reply) -> bool:
    """Whether there is this endpoint. A 404 that is no JSON comes from an ARI that is off."""
    if (reply.status, answers.message(reply)) == answers.NO_ENDPOINT:
        return False
    return isinstance(answers.parsed(reply), dict)


def channelvars(reply: Reply) -> set[str]:
    """The names that `channelvars` of ari.conf has, seen on the channels there are."""
    return {name for channel in answers.objects(reply) for name in answers.inner(channel, "channelvars")}
