"""A popup of a call that there is not, sent to one CRM: what its agent would see, and what the CRM answered."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.config.models import CrmAccount
from bridge.connect import trial
from bridge.connect.trial import Exchange
from bridge.connect.watched import Watched
from bridge.core.clock import new_id
from bridge.core.delivery import DeliveryEvent, Event
from bridge.core.errors import RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.model import Agent, Call, Caller, CallerKind, CallState, Direction, ExtensionId, Popup, PopupAgent
from bridge.core.reasons import say
from bridge.core.session import Session
from bridge.crm import registry
from bridge.crm.contract import Delivered, Delivers, Duplicate, RecipientUnknown, Rejected, Retry
from bridge.delivery.bring import recipient_of

NAME, WHY = "popbridge test", "a test from popbridge's console; nobody is calling"


@dataclass(frozen=True, slots=True)
class Sent:
    """`result` is delivered, retry, rejected, recipient-unknown or failed; `why` says why it is not delivered."""

    result: str
    why: str
    exchanges: tuple[Exchange, ...]


async def send(account: CrmAccount, session: Session, agent: Agent, number: str, e164: str | None) -> Sent:
    """Send one to a CRM that takes popups, as a delivery does. `number` is the caller's."""
    watched, adapter = Watched(), registry.find(account.kind)
    assert isinstance(adapter, Delivers)  # noqa: S101 - for the type checker: `takes_popups` has looked
    watching = watched.over(session)
    popup = _popup(agent, Caller(number, e164, NAME, CallerKind.NUMBER), session.now)
    event = DeliveryEvent(Event.POPUP, new_id("dlv", session.now), session.now, popup)
    try:
        async with asyncio.timeout(account.push_timeout_seconds):
            recipient = await recipient_of(account, watching, agent.crm_user, agent.name)
            result = await adapter.deliver(account, watching, event, recipient)
        told = _told(result)
    except TimeoutError:
        told = "failed", f"no answer within {account.push_timeout_seconds:g} s"
    except (RequestFailed, RateLimited, TokenRefused, SearchFailed) as error:
        told = "failed", str(error)
    return Sent(*told, trial.exchanges(watched, trial.secrets_in(account), ()))


def _told(result: Delivered | Duplicate | Retry | Rejected | RecipientUnknown) -> tuple[str, str]:
    match result:
        case Delivered() | Duplicate():
            return "delivered", ""
        case Retry(reason=reason):
            return "retry", say(reason)
        case Rejected(reason=reason):
            return "rejected", say(reason)
        case RecipientUnknown(reason=reason):
            return "recipient-unknown", say(reason)


def _popup(agent: Agent, caller: Caller, now: datetime) -> Popup:
    line = agent.extensions[0] if agent.extensions else ExtensionId("", "")
    call = Call(
        pbx=line.pbx, extension=line.extension, ivrid=new_id("test", now), original_ivrid=None, did="", did_label=None,
        direction=Direction.INCOMING, state=CallState.TALKING, caller=caller, started_at=now, answered_at=now,
        recording=None,
    )  # fmt: skip
    whose = PopupAgent(agent.crm, agent.crm_user, agent.name, line.pbx, line.extension)
    ids = new_id("pop", now), new_id("clk", now)
    return Popup(*ids, now, now + timedelta(minutes=1), whose, call, (), WHY, None)
