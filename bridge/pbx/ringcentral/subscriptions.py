"""Which of RingCentral's subscriptions must be made, renewed or taken away, and how that is asked for; pure. Source:
the vendor's API reference, Create Subscription, and its guides on webhooks.

One subscription brings the events of one extension: its filter names the extension by id, its address by number. They
are made for a week and renewed when half of it is over, so that those of agents who have left run out by themselves.
One that failed too often is `Blacklisted` for good. To make one, RingCentral asks the address first: see events.py.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from bridge.core.errors import PbxRefused
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import reason
from bridge.pbx.fields import message_of
from bridge.pbx.ringcentral.answers import answer
from bridge.pbx.ringcentral.wire import API, HEADERS, Subscription

LIFE = timedelta(days=7)
RENEW = LIFE / 2
ACTIVE = "Active"
MOST_AT_ONCE = 20
"""Of the plan group Medium 40 requests are taken in a minute; clicks need some of them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The extensions to make one for, those that serve and must be renewed, those that serve nobody; and how many
    extensions have theirs."""

    make: tuple[str, ...]
    renew: tuple[Subscription, ...]
    remove: tuple[Subscription, ...]
    in_force: int


def plan(listed: Sequence[Subscription], address: str, ids: Mapping[str, str], now: datetime) -> Plan:
    """What is to be done so that each extension of `ids` (its id by its number) has one at `address`."""
    make, renew, remove = list[str](), list[Subscription](), list[Subscription]()
    for extension, its_id in sorted(ids.items()):
        mine = [one for one in listed if (one.address, one.extension) == (address, extension)]
        good = [one for one in mine if one.status == ACTIVE and one.ids == {its_id} and one.has_calls]
        remove += [one for one in mine if one not in good]
        if not good:
            make.append(extension)
        longest = max(good, key=lambda one: one.expires_at or datetime.max.replace(tzinfo=now.tzinfo), default=None)
        if longest is not None and longest.expires_at is not None and longest.expires_at - now < RENEW:
            renew.append(longest)
    return Plan(tuple(make), tuple(renew), tuple(remove), len(ids) - len(make))


def ask_new(base_url: str, address: str, extension: str, its_id: str, secret: Secret) -> Request:
    """To make one. Plan group: Medium."""
    wanted = f"{API}/account/~/extension/{its_id}/presence?detailedTelephonyState=true"
    body = {"eventFilters": [wanted], "expiresIn": int(LIFE.total_seconds())}
    delivery = {
        "transportType": "WebHook",
        "address": f"{address}?{urlencode({'extension': extension})}",
        "verificationToken": secret.reveal(),
    }
    return _with_body("POST", f"{base_url}{API}/subscription", {**body, "deliveryMode": delivery})


def ask_renewal(base_url: str, one: Subscription) -> Request:
    """To renew one. Plan group: Medium."""
    body = {"eventFilters": list(one.filters), "expiresIn": int(LIFE.total_seconds())}
    return _with_body("PUT", f"{base_url}{API}/subscription/{quote(one.its_id, safe='')}", body)


def ask_removal(base_url: str, one: Subscription) -> Request:
    """To take one away. Plan group: Medium."""
    return Request("DELETE", f"{base_url}{API}/subscription/{quote(one.its_id, safe='')}", HEADERS)


def check_done(reply: Reply) -> None:
    """Raises `PbxError` unless it was done. What is gone already needs no more."""
    if reply.status == 404 or 200 <= reply.status < 300:
        return
    if reply.status == 400:
        raise PbxRefused(reason("ringcentral.subscription-refused", message=message_of(reply)))
    answer(reply)


def _with_body(method: str, url: str, body: Mapping[str, object]) -> Request:
    return Request(method, url, {**HEADERS, "Content-Type": "application/json"}, json.dumps(body).encode())
