"""The popup of the chosen call; pure."""

from datetime import datetime, timedelta

from bridge.calls.labels import Labels, labelled
from bridge.clicks.choose import Choice
from bridge.core.model import Agent, Click, Popup, PopupAgent
from bridge.core.reasons import say


def make_popup(
    click: Click, agent: Agent, choice: Choice, labels: Labels, popup_id: str, now: datetime, ttl: int
) -> Popup:
    """The popup of the chosen call. It is of no use `ttl` seconds from `now`."""
    call = labelled(choice.call, labels)
    return Popup(
        popup_id=popup_id,
        click_id=click.click_id,
        created_at=now,
        expires_at=now + timedelta(seconds=ttl),
        agent=PopupAgent(agent.crm, agent.crm_user, agent.name, call.pbx, call.extension),
        call=call,
        other_calls=tuple(labelled(other, labels) for other in choice.others),
        why=say(choice.reason),
        record=click.record,
        reason=choice.reason,
        trigger=click.trigger,
    )
