"""Slack as a target: each call is a message to its agent, or in a channel. See README.md here."""

from bridge.core.delivery import DeliveryEvent, Event
from bridge.core.finding import Finding, Proven
from bridge.core.model import Popup
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.core.tokens import RateLimit
from bridge.crm.contract import Recipient, RecipientUnknown, Result
from bridge.crm.slack import findings, messages, wire
from bridge.crm.slack.account import Account
from bridge.crm.slack.api import Api
from bridge.crm.slack.conversation import Conversation

CHANNEL_LIMIT = RateLimit(4, 4.0)
"""One message per second for each channel; a short burst is taken."""
WORKSPACE_LIMIT = RateLimit(20, 4.0)
"""Several hundred messages per minute for a workspace; each agent has a channel of their own."""


class Slack:
    """The make: a target only."""

    kind = "slack"
    title = "Slack"
    account = Account
    proven = Proven.DOCUMENTATION

    async def deliver(self, account: Account, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """A message for a popup; what comes after it stands below, in its thread."""
        message = messages.of(event, recipient, account.language, account.webhook_url is None)
        if account.webhook_url is not None:
            reply = await session.send(wire.post(account.webhook_url.reveal(), message))
            return wire.posted(reply, session.now)
        if account.channel is None and recipient.agent_id is None:
            return RecipientUnknown(reason("slack.agent-unknown"))
        conversation = Conversation(Api(account, session), recipient)
        if isinstance(event.data, Popup):
            if event.kind is Event.CONTACT:
                return await conversation.complete(event.data, message)
            return await conversation.show(event.data, event.delivery_id, message)
        return await conversation.add(event, message)

    def changes_popups(self, account: Account) -> bool:
        """A message is changed by a bot. A webhook does not know where its message stands."""
        return account.webhook_url is None

    async def find_agent(self, account: Account, session: Session, crm_user: str) -> str | None:
        """The id of the user with this e-mail address. In a channel, and by a webhook, nobody is looked for."""
        if account.bot_token is None or account.channel is not None:
            return None
        return await Api(account, session).user(crm_user)

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether the token works and may do what is needed, or Slack knows the webhook. Nobody is sent anything."""
        what = f"crm {session.name}"
        if account.webhook_url is not None:
            reply = await session.send(wire.post(account.webhook_url.reveal(), {}))
            return [findings.of_webhook(what, reply, session.now)]
        return findings.of_token(what, account, await Api(account, session).who_am_i())

    def rate_limit(self, account: Account) -> RateLimit | None:
        """Slack's limit for messages, as far as it is told."""
        return CHANNEL_LIMIT if account.webhook_url is not None or account.channel is not None else WORKSPACE_LIMIT


ADAPTER = Slack()
