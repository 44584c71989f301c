"""Every Redis key and how long it lives, in one table (seconds). RQ's own keys begin with `rq:`.

They are written as the default prefix has them; `names` puts an installation's own in its place.
"""

from hashlib import sha256
from typing import Protocol

MINUTE, HOUR, DAY = 60, 3600, 86400

ACCEPTED_SECONDS = DAY  # a sender retries with the same id for up to a day
STORY_SECONDS = 3 * DAY  # clicks, popups and deliveries can be read and resent this long
CALL_SECONDS = 4 * HOUR
DESKTOP_SECONDS = DAY
DESKTOP_LENGTH = 100  # popups kept per agent for replay
SHIFT_SECONDS = DAY
SHIFT_LENGTH = 200  # calls listed on an agent's page
RATE_SECONDS = MINUTE
REFUSED_LENGTH = 10_000  # a flood of requests must not fill the memory
REFUSED_UNKNOWN_LENGTH = 100

DUE = "popbridge:deliveries:due"  # sorted set: delivery id by the time (ms) when it must be looked at
SEARCHES = "popbridge:contacts:due"  # sorted set: popup id by the time (ms) when its contact must be known or searched
DELIVERIES = "popbridge:deliveries"  # sorted set: all deliveries that are kept, by id, which is by time
WORKERS = "popbridge:workers"  # hash: the last status of each worker
AUDIT = "popbridge:audit"  # stream: log entries that are not archived yet
AUDIT_ASIDE = "popbridge:audit:aside"  # stream: unreadable log entries, for a person to inspect
REFUSED = "popbridge:refused"  # stream: refused clicks of the last day
REFUSED_UNKNOWN = "popbridge:refused:unknown"  # stream: those for names that no CRM has
PROOFS = "popbridge:proofs"  # hash: when each CRM's secrets last authenticated a click
COUNTERS = "popbridge:counters"  # hash: counters that outlive processes
TOKENS = "popbridge:tokens"  # set: ids of bearer tokens
SIGNINS = "popbridge:signins"  # sorted set: sign-ins by the time (s) when the identity provider is asked about them
INSTALLATION = "popbridge:installation"  # JSON: the processes that use this prefix, see `installation`
TRIED = "popbridge:tried"  # text: written for a second to test that Redis accepts writes
HEALTH = "popbridge:health"  # stream: how the whole was at each minute of the last hours
FLOOR_WATCHED = "popbridge:floor-watched"  # text: present while somebody has the live page open
FLOOR_PAGES = "popbridge:floor-pages"  # hash: by web process, the agents who have a page open there
NEWS = "popbridge:news"  # channel: events for agents' pages, for every web process
QUESTIONS = "popbridge:questions"  # channel: what web processes ask phone systems, and what these answer


def accepted(crm: str, key: str) -> str:
    """Text: which process answers this click, then its stored answer. A CRM's key may contain personal data."""
    return f"popbridge:accepted:{crm}:{sha256(key.encode()).hexdigest()}"


def story(click_id: str) -> str:
    """JSON: the details of a click."""
    return f"popbridge:click:{click_id}"


def popup(popup_id: str) -> str:
    """JSON: the popup and the ids of its deliveries."""
    return f"popbridge:popup:{popup_id}"


def call(ivrid: str) -> str:
    """Hash: the cached call by extension; one ivrid may ring on several extensions."""
    return f"popbridge:call:{ivrid}"


def contact(crm: str, e164: str) -> str:
    """JSON: what a CRM found for a number, and the number, which is hashed in the key."""
    return f"popbridge:contact:{crm}:{sha256(e164.encode()).hexdigest()[:32]}"


def contact_lock(crm: str, e164: str) -> str:
    """Text: present while one process searches this CRM for a number."""
    return f"popbridge:contact-lock:{crm}:{sha256(e164.encode()).hexdigest()[:32]}"


def history_lock(crm: str, call: str) -> str:
    """Text: present while one worker writes this call of an agent's into a CRM, by a hash of both."""
    return f"popbridge:history-lock:{crm}:{sha256(call.encode()).hexdigest()[:32]}"


def popped(agent: "Person", pbx: str, call: str) -> str:
    """Text: the click that made the popup of this call for this agent."""
    return f"popbridge:popped:{agent.crm}:{agent.crm_user}:{call_hash(pbx, call)}"


def ended(place: str) -> str:
    """Text: present once the end of a call was told, of one agent (by the name of its `popped`)."""
    return place.replace("popbridge:popped:", "popbridge:ended:", 1)


def listener(pbx: str) -> str:
    """Text: which process listens to a phone system."""
    return f"popbridge:listener:{pbx}"


def listening(pbx: str) -> str:
    """JSON: how the listener to a phone system is doing."""
    return f"popbridge:listening:{pbx}"


def picture(pbx: str) -> str:
    """JSON: who is on which call, as the listener last knew it."""
    return f"popbridge:picture:{pbx}"


def floor(pbx: str) -> str:
    """Hash: what a phone system answered for the live page."""
    return f"popbridge:floor:{pbx}"


def floor_turn(pbx: str) -> str:
    """Number: changes with the picture of a phone system and with what it answered for the live page."""
    return f"popbridge:floor-turn:{pbx}"


def floor_asker(pbx: str) -> str:
    """Text: which web process asks a phone system for all who have the live page open."""
    return f"popbridge:floor-asker:{pbx}"


def question(account: str) -> str:
    """Text: the question for all calls that one web process is asking a phone system, by a hash of its account."""
    return f"popbridge:question:{account}"


def counted(crm: str, call: str) -> str:
    """Text: as what a call was counted for a CRM, by a hash of it."""
    return f"popbridge:counted:{crm}:{call}"


def told(pbx: str) -> str:
    """Stream: the events that a phone system has sent and the listener has not taken in yet."""
    return f"popbridge:told:{pbx}"


def delivery(delivery_id: str) -> str:
    """Hash: one delivery's state, lease and fence."""
    return f"popbridge:delivery:{delivery_id}"


def attempts(delivery_id: str) -> str:
    """List of JSON: the attempts of one delivery, oldest first."""
    return f"popbridge:attempts:{delivery_id}"


class Person(Protocol):
    """A CRM's user: an agent, a popup's agent, the owner of a token."""

    @property
    def crm(self) -> str: ...
    @property
    def crm_user(self) -> str: ...


def desktop(agent: Person) -> str:
    """Stream: the events for one agent's desktop page."""
    return f"popbridge:desktop:{agent.crm}:{agent.crm_user}"


def shift(agent: Person) -> str:
    """Sorted set: one agent's calls of the last day, by a hash of each, by when it came."""
    return f"popbridge:shift:{agent.crm}:{agent.crm_user}"


def shift_call(agent: Person, call: str) -> str:
    """Hash: one of these calls, by its hash in `shift`."""
    return f"popbridge:shift-call:{call}:{agent.crm}:{agent.crm_user}"


def call_hash(pbx: str, call: str) -> str:
    """A call in a key: its id, or what stands for one, may name a person."""
    return sha256(f"{pbx}\x1f{call}".encode()).hexdigest()[:32]


def shared_call(crm: str, call: str) -> str:
    """Hash: whose popups of one CRM were of a call (by its `call_hash`), by popup."""
    return f"popbridge:shared-call:{call}:{crm}"


def card(popup_id: str) -> str:
    """Hash: when a popup's card was delivered, when it was dismissed, and when its call ended."""
    return f"popbridge:card:{popup_id}"


def preferences(agent: Person) -> str:
    """JSON: one agent's preferences for the desktop page."""
    return f"popbridge:preferences:{agent.crm}:{agent.crm_user}"


def choice(agent: Person) -> str:
    """Text: the ivrid of the call that the agent last chose among several."""
    return f"popbridge:choice:{agent.crm}:{agent.crm_user}"


def note(popup_id: str) -> str:
    """Hash: the agent's note on a popup, as draft and as sent."""
    return f"popbridge:note:{popup_id}"


def token(token_id: str) -> str:
    """Hash: the rights of a bearer token; the token itself only as a hash."""
    return f"popbridge:token:{token_id}"


def ending_with(parent: str) -> str:
    """Set: ids of the sessions and links that end with a token or a sign-in."""
    return f"popbridge:ending-with:{parent}"


def ended_token(token_id: str) -> str:
    """Text: why a token ended, and the hashes of its texts, for whoever still has one."""
    return f"popbridge:ended-token:{token_id}"


def renewal(token_id: str) -> str:
    """Text: present for a moment after a session got a new text."""
    return f"popbridge:renewal:{token_id}"


def asked_signin(state: str) -> str:
    """Text: a sign-in at the identity provider that has begun, encrypted; `state` is hashed in the key."""
    return f"popbridge:asked-signin:{sha256(state.encode()).hexdigest()}"


def signin(signin_id: str) -> str:
    """Text: a person who has signed in at the identity provider, encrypted."""
    return f"popbridge:signin:{signin_id}"


def signin_lock(signin_id: str) -> str:
    """Text: which process is asking the provider about this sign-in."""
    return f"popbridge:signin-lock:{signin_id}"


def rate(kind: str, crm: str, who: str, window: int) -> str:
    """Number: how often something happened in one window of `RATE_SECONDS`, by whom as a hash."""
    digest = sha256(who.encode()).hexdigest()[:16]
    return f"popbridge:rate:{kind}:{crm}:{digest}:{window}"


def second(what: str, window: int) -> str:
    """Number: how often something happened in one second."""
    return f"popbridge:second:{what}:{window}"


def turn(job: str) -> str:
    """Text: present while this maintenance job need not be queued again."""
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
