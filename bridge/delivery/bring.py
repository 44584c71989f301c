"""What is brought to a CRM: the event by its make's adapter, within its time limit. A call that the CRM keeps in its
history is written by nobody else meanwhile, and linked to the CRM's own record of who called."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from bridge.core import hide
from bridge.core.contact import Contact, ContactStatus
from bridge.core.delivery import AnsweredElsewhere, CallEnd, DeliveryEvent, Event, Note
from bridge.core.errors import RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.model import Popup
from bridge.core.reasons import Reason
from bridge.core.session import Session
from bridge.crm import registry
from bridge.crm.contract import Delivered, Delivers, FindsAgents, LogsCalls, Recipient, Rejected, Result, Retry
from bridge.delivery import call_log
from bridge.delivery.watched import Watched
from bridge.observability import tracing
from bridge.services import Services
from bridge.store.calls import ends, popups
from bridge.store.deliveries import history
from bridge.store.deliveries.claims import Claim

Subject = Popup | Note | CallEnd | AnsweredElsewhere
KINDS: dict[Event, type[Note | CallEnd | AnsweredElsewhere]] = {
    Event.NOTE: Note,
    Event.ENDED: CallEnd,
    Event.ANSWERED_ELSEWHERE: AnsweredElsewhere,
}
"""What is kept with a delivery that brings no popup."""
MOST_WAITS = 3
"""How often a call's record waits for the contact before it is written without."""
MOST_SEARCHES = 5
"""How often a search for the contact may fail before a call's record is written without."""
NOT_SEARCHED = Reason("contact-unknown")
AGENT_ID_LIFE = timedelta(hours=1)
"""How long the id that a CRM gave for an agent is taken to be theirs."""


@dataclass(frozen=True, slots=True)
class NoTurn:
    """Not now, and nothing was sent: the vendor's rate limit is used up, somebody else is at the same call, or
    it is not known yet who called. For how many seconds, where that is known."""

    seconds: float = 0.0


Attempt = Callable[[], Awaitable[Result]]


async def send(services: Services, claim: Claim, subject: Subject, session: Watched) -> Result | NoTurn:
    """One attempt."""
    if not services.logs_calls(claim.target) or isinstance(subject, Note | AnsweredElsewhere):
        return await _in_time(services, claim, session, lambda: _deliver(services, claim, subject, session))
    ivrid = subject.call.ivrid if isinstance(subject, Popup) else subject.ivrid
    owner = f"{claim.delivery_id} {claim.fence}"
    async with history.writing(services.redis, claim.target, subject.agent, ivrid, owner, services.lease) as may_write:
        return await _alone(services, claim, subject, session) if may_write else NoTurn()


async def _alone(services: Services, claim: Claim, subject: Popup | CallEnd, session: Watched) -> Result | NoTurn:
    """While nobody else writes the same call."""
    if isinstance(subject, Popup) and claim.event is Event.POPUP:
        return await _in_time(services, claim, session, lambda: _deliver(services, claim, subject, session))
    if isinstance(subject, Popup) and await ends.is_told(services.redis, subject):
        return Delivered()  # its end is written, and says more
    popup = popups.kept(claim.kept) if claim.kept else None
    contact = await _contact(services, claim, popup) if popup else None
    if isinstance(contact, Retry | NoTurn):
        return contact
    call = call_log.going_on(subject) if isinstance(subject, Popup) else subject
    linked = call_log.linked(call, contact, claim.target)
    return await _in_time(services, claim, session, lambda: _log(services, claim, linked, session))


async def _contact(services: Services, claim: Claim, popup: Popup) -> Contact | Retry | NoTurn:
    """Who called by this CRM: a history links to its own records only. One that cannot be asked keeps calls without."""
    if call_log.waits_for_contact(popup) and claim.deferred < MOST_WAITS:
        return NoTurn(services.settings.crm[claim.target].search_seconds)
    known = popup.contact
    if known is None or known.crm != claim.target or known.status is ContactStatus.UNKNOWN:
        region = services.labels.regions.get(popup.call.pbx, "")
        known = await services.contacts.find(claim.target, popup.call, region)
    if known.status is ContactStatus.UNKNOWN and claim.tries < MOST_SEARCHES:
        return Retry(None, known.reason or NOT_SEARCHED)
    return known


async def _in_time(services: Services, claim: Claim, session: Watched, attempt: Attempt) -> Result | NoTurn:
    """The attempt's result within the CRM's time limit; failures are results."""
    account = services.settings.crm[claim.target]
    try:
        async with asyncio.timeout(account.push_timeout_seconds):
            with tracing.step("push", "CLIENT", target=claim.target):
                result = await attempt()
                tracing.annotate(status=session.status or 0)
                return result
    except TimeoutError:
        return Retry(None, Reason("timeout", {"host": claim.target, "seconds": account.push_timeout_seconds}))
    except RateLimited as error:
        return NoTurn(error.after) if session.status is None else Retry(timedelta(seconds=error.after), error.reason)
    except RequestFailed as error:
        if error.cause == "address-refused":  # no attempt can change that
            return Rejected(error.reason)
        return Retry(None, error.reason)
    except (TokenRefused, SearchFailed) as error:
        return Retry(None, error.reason)


async def _deliver(services: Services, claim: Claim, subject: Subject, session: Session) -> Result:
    """What the make does with an event. What the session raises passes through."""
    account = services.settings.crm[claim.target]
    adapter = cast(Delivers, registry.find(account.kind))  # `takes_popups` has looked
    recipient = await recipient_of(account, session, subject.agent.crm_user, subject.agent.name)
    shown = hide.without(subject, account.hide) if isinstance(subject, Popup) else subject
    event = DeliveryEvent(claim.event, claim.delivery_id, _moment(subject), shown, claim.resent)
    return await adapter.deliver(account, session, event, recipient)


def _moment(subject: Subject) -> datetime:
    match subject:
        case Popup(created_at=at) | Note(noted_at=at) | AnsweredElsewhere(at=at):
            return at
        case CallEnd(ended_at=at, agent=_):
            assert at is not None  # noqa: S101 - what is kept with a delivery has ended
            return at


async def _log(services: Services, claim: Claim, call: CallEnd, session: Session) -> Result:
    """What the make does with a call for its history. What the session raises passes through."""
    account: Any = services.settings.crm[claim.target]
    adapter = cast(LogsCalls, registry.find(account.kind))  # `logs_calls` has looked
    recipient = await recipient_of(account, session, call.agent.crm_user, call.agent.name)
    return Delivered(await adapter.log_call(account, session, call, recipient, None))


async def recipient_of(account: Any, session: Session, crm_user: str, name: str) -> Recipient:
    """The agent as this CRM knows them. What the session raises passes through."""
    if not registry.can(account.kind, FindsAgents):
        return Recipient(crm_user, name)
    known = await session.recall(f"agent {crm_user}")
    if known is None:
        known = await cast(FindsAgents, registry.find(account.kind)).find_agent(account, session, crm_user)
        if known is not None:
            await session.remember(f"agent {crm_user}", known, AGENT_ID_LIFE)
    return Recipient(crm_user, name, known)
