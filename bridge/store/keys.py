"""Every Redis key and how long it lives, in one table (seconds). RQ's own keys begin with `rq:`."""

from hashlib import sha256
from typing import Protocol

MINUTE, HOUR, DAY = 60, 3600, 86400

ACCEPTED_SECONDS = DAY  # a sender's retry carries the same id for up to a day
STORY_SECONDS = 3 * DAY  # clicks, popups and deliveries can be read and sent again this long
CALL_SECONDS = 4 * HOUR
DESKTOP_SECONDS = DAY
DESKTOP_LENGTH = 100  # popups kept per agent for replay
RATE_SECONDS = MINUTE
REFUSED_LENGTH = 10_000  # whoever floods the door fills no memory

DUE = "popbridge:deliveries:due"  # sorted set: delivery id by the time (ms) at which somebody must look at it
DELIVERIES = "popbridge:deliveries"  # sorted set: all deliveries that are kept, by id, which is by time
WORKERS = "popbridge:workers"  # hash: what each worker said of itself last
AUDIT = "popbridge:audit"  # stream: audit lines that are not archived yet
AUDIT_ASIDE = "popbridge:audit:aside"  # stream: entries that are no audit lines, for a person to look at
REFUSED = "popbridge:refused"  # stream: clicks that were not accepted, the last day's
PROOFS = "popbridge:proofs"  # hash: when each CRM's secrets last proved a click
COUNTERS = "popbridge:counters"  # hash: counts that survive processes
TOKENS = "popbridge:tokens"  # set: ids of bearer tokens
TRIED = "popbridge:tried"  # text: Redis takes writes, for a second
NEWS = "popbridge:news"  # channel: what agents' pages are told, for every web process to hear


def accepted(crm: str, key: str) -> str:
    """Text: who works on this click, then its stored answer. What a CRM takes for a key may tell of a person."""
    return f"popbridge:accepted:{crm}:{sha256(key.encode()).hexdigest()}"


def story(click_id: str) -> str:
    """JSON: one click's whole story."""
    return f"popbridge:click:{click_id}"


def popup(popup_id: str) -> str:
    """JSON: the popup and the ids of its deliveries."""
    return f"popbridge:popup:{popup_id}"


def call(ivrid: str) -> str:
    """Hash: the cached call on each line it was seen on; one ivrid may ring on several extensions."""
    return f"popbridge:call:{ivrid}"


def contact(crm: str, e164: str) -> str:
    """JSON: what a CRM found for a number, and the number; whoever is erased stands in no key."""
    return f"popbridge:contact:{crm}:{sha256(e164.encode()).hexdigest()[:32]}"


def contact_lock(crm: str, e164: str) -> str:
    """Text: present while one process asks this CRM for a number."""
    return f"popbridge:contact-lock:{crm}:{sha256(e164.encode()).hexdigest()[:32]}"


def delivery(delivery_id: str) -> str:
    """Hash: one delivery's state, lease and fence."""
    return f"popbridge:delivery:{delivery_id}"


def attempts(delivery_id: str) -> str:
    """List of JSON: the attempts of one delivery, oldest first."""
    return f"popbridge:attempts:{delivery_id}"


class Person(Protocol):
    """Whoever is a CRM's user: an agent, a popup's agent, the owner of a token."""

    @property
    def crm(self) -> str: ...
    @property
    def crm_user(self) -> str: ...


def desktop(agent: Person) -> str:
    """Stream: the events for one agent's desktop page."""
    return f"popbridge:desktop:{agent.crm}:{agent.crm_user}"


def card(popup_id: str) -> str:
    """Hash: when the agent dismissed a popup's card, and when its call ended."""
    return f"popbridge:card:{popup_id}"


def preferences(agent: Person) -> str:
    """JSON: how one agent wants the desktop page."""
    return f"popbridge:preferences:{agent.crm}:{agent.crm_user}"


def choice(agent: Person) -> str:
    """Text: the ivrid of the call that the agent chose last among several."""
    return f"popbridge:choice:{agent.crm}:{agent.crm_user}"


def note(popup_id: str) -> str:
    """Hash: the agent's note to a popup, as a draft and as sent."""
    return f"popbridge:note:{popup_id}"


def token(token_id: str) -> str:
    """Hash: what one bearer token may do; the token itself only as a hash."""
    return f"popbridge:token:{token_id}"


def rate(kind: str, crm: str, who: str, window: int) -> str:
    """Number: how often something happened in one window of `RATE_SECONDS`. Whoever is erased stands in no key."""
    told = sha256(who.encode()).hexdigest()[:16]
    return f"popbridge:rate:{kind}:{crm}:{told}:{window}"


def second(what: str, window: int) -> str:
    """Number: how often something happened in one second."""
    return f"popbridge:second:{what}:{window}"


def turn(job: str) -> str:
    """Text: present while this upkeep job need not be queued again."""
    return f"popbridge:turn:{job}"


def remembered(account: str, key: str) -> str:
    """JSON: what an adapter remembers for one account (`crm:NAME`), under a key that may name a person."""
    return f"popbridge:remembered:{account}:{sha256(key.encode()).hexdigest()[:32]}"


def oauth(account: str) -> str:
    """Text: one account's OAuth tokens, encrypted."""
    return f"popbridge:oauth:{account}"


def oauth_lock(account: str) -> str:
    """Text: which process is renewing this account's tokens."""
    return f"popbridge:oauth-lock:{account}"


def requests(account: str, limit: str) -> str:
    """List: when the last requests under one limit of an account were sent, in microseconds, newest first."""
    return f"popbridge:requests:{account}:{limit}"
