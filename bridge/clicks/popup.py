"""The popup of the chosen call; pure."""

from datetime import datetime, timedelta

from bridge.clicks.choose import Choice
from bridge.core.model import Agent, Click, Popup, PopupAgent
from bridge.core.reasons import say


def make_popup(click: Click, agent: Agent, choice: Choice, popup_id: str, now: datetime, ttl: int) -> Popup:
    """The popup of the chosen call, of calls that are labelled. It is of no use `ttl` seconds from `now`."""
    call = choice.call
    return Popup(
        popup_id=popup_id,
        click_id=click.click_id,
        created_at=now,
        expires_at=now + timedelta(seconds=ttl),
        agent=PopupAgent(agent.crm, agent.crm_user, agent.name, call.pbx, call.extension),
        call=call,
        other_calls=tuple(choice.others),
        why=say(choice.reason),
        record=click.record,
        reason=choice.reason,
        trigger=click.trigger,
    )
