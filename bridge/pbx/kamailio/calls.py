"""Kamailio's dialogs as each extension sees its call; pure.

A dialog knows the caller's and the callee's address as they were dialled, not whose phone rings for it: that, the
caller's name and the number dialled are in dialog variables, which the routing script sets.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bridge.core.model import Call, Caller, CallerKind, CallState, Direction
from bridge.core.number_text import kind_of
from bridge.pbx.contract import Listing
from bridge.pbx.kamailio.dialogs import ENDED, RINGING, TALKING, Address, Dialog
from bridge.pbx.on_demand import OnDemand

INSIDE = (CallerKind.INTERNAL, CallerKind.TEXT)
NAMES_AT_MOST = 100
"""Extensions that one call may ring on."""


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a call: whose extensions (several: it rings on all of them), and whether they surely are inside."""

    users: tuple[str, ...]
    is_inside: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of dialogs: the `domains` of users, and what their variables are called."""

    domains: frozenset[str]
    caller: str
    callee: str
    did: str
    name: str
    ivrid: str
    variables: tuple[str, ...]

    def user(self, written: str) -> str:
        """The extension that a variable or a registration names; "" for one of another domain."""
        address = Address.read(written)
        return address.user if not address.host or self.is_home(address.host) else ""

    def is_home(self, host: str) -> bool:
        """Whether users of this host are this account's. A caller chooses what stands in From: without `domains` a
        stranger may pass for an extension."""
        return not self.domains or host in self.domains

    def side(self, told: str, address: Address) -> Side:
        """By the variable where the script has set it, else by the address that was dialled or called from."""
        named = [self.user(one.strip()) for one in told.split(",")[:NAMES_AT_MOST] if one.strip()]
        if named:
            return Side(tuple(dict.fromkeys(filter(None, named))), is_inside=any(named))
        if not address.user or not self.is_home(address.host):
            return Side((), is_inside=False)
        inside = INSIDE if self.domains else (CallerKind.INTERNAL,)
        return Side((address.user,), kind_of(address.user) in inside)


def listing(dialogs: Iterable[Dialog], pbx: str, rules: Rules) -> Listing:
    """Each call once under each extension that has part in it, oldest first; extensions with a call without an id are
    unreadable."""
    on: dict[str, list[_Part]] = {}
    broken: set[str] = set()
    for dialog in dialogs:
        for part in _parts(dialog, rules) if dialog.state != ENDED else ():
            if part.ivrid:
                for user in part.mine.users:
                    on.setdefault(user, []).append(part)
            else:
                broken.update(part.mine.users)

    def live(user: str) -> tuple[Call, ...]:
        calls: dict[str, Call] = {}
        for part in sorted(on[user], key=lambda one: _began(one.dialog)):
            if part.ivrid not in calls:
                calls[part.ivrid] = part.call(user, pbx, rules)
        return tuple(calls.values())

    found = OnDemand(live, lambda: {user: live(user) for user in on}, sum(map(len, on.values())))
    return Listing(found, unreadable=frozenset(broken))


def _began(dialog: Dialog) -> float:
    return dialog.started_at.timestamp() if dialog.started_at else 0.0


@dataclass(frozen=True, slots=True)
class _Part:
    """A dialog as one of its sides has it."""

    dialog: Dialog
    ivrid: str
    mine: Side
    other: Side
    placed: bool

    def call(self, user: str, pbx: str, rules: Rules) -> Call:
        """The call of `user`, who is one of the side."""
        call = _call(self, pbx, rules)
        rang_elsewhere = len(self.mine.users) > 1 and self.dialog.state in TALKING
        state, did = CallState.UNKNOWN if rang_elsewhere else call.state, "" if call.did == user else call.did
        return replace(call, extension=user, state=state, did=did)


def _parts(dialog: Dialog, rules: Rules) -> Iterator[_Part]:
    """Where neither side is surely an extension, both are listed: one too many rather than a call not found."""
    caller = rules.side(dialog.said(rules.caller), dialog.caller)
    callee = _answered(dialog, rules.side(dialog.said(rules.callee), dialog.callee))
    ivrid = dialog.said(rules.ivrid) or dialog.call_id
    for mine, other, placed in ((caller, callee, True), (callee, caller, False)):
        if mine.is_inside or not other.is_inside:
            yield _Part(dialog, ivrid, mine, other, placed)


def _answered(dialog: Dialog, callee: Side) -> Side:
    """Of several phones that rang, the one that answered, if its own address says which."""
    answered = dialog.state in TALKING and dialog.answered_by.user in callee.users
    return Side((dialog.answered_by.user,), is_inside=True) if answered and callee.is_inside else callee


def _direction(other: Side, placed: bool) -> Direction:
    if other.is_inside:
        return Direction.INTERNAL
    return Direction.OUTGOING if placed else Direction.INCOMING


def _state(dialog: Dialog, placed: bool) -> CallState:
    if dialog.state in RINGING:
        return CallState.DIALING if placed else CallState.RINGING
    return CallState.TALKING if dialog.state in TALKING else CallState.UNKNOWN


def _call(part: _Part, pbx: str, rules: Rules) -> Call:
    """The call as one of its sides has it; whose extension it is on stands in no dialog's own fields."""
    dialog, placed = part.dialog, part.placed
    direction = _direction(part.other, placed)
    return Call(
        pbx=pbx,
        extension="",
        ivrid=part.ivrid,
        original_ivrid=None,
        did=dialog.said(rules.did) or _dialled(dialog) if direction is Direction.INCOMING else "",
        did_label=None,
        direction=direction,
        state=_state(dialog, placed),
        caller=Caller(dialog.callee.user) if placed else _caller(dialog, rules),
        started_at=dialog.started_at,
        answered_at=dialog.answered_at,
        recording=None,
        customdata={name: value for name in rules.variables if (value := dialog.said(name))},
    )


def _dialled(dialog: Dialog) -> str:
    """What the caller dialled, unless that is an extension or a group."""
    return "" if kind_of(dialog.callee.user) in INSIDE else dialog.callee.user


def _caller(dialog: Dialog, rules: Rules) -> Caller:
    """Who calls. A name comes as it stood in From, with its quotes and backslashes."""
    name = dialog.said(rules.name)
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Caller(rules.user(dialog.said(rules.caller)) or dialog.caller.user, name=name)
