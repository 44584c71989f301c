"""Microsoft Teams as a target: each call is a card in a channel or a chat, by a workflow. See README.md here."""

from bridge.core.delivery import DeliveryEvent
from bridge.core.finding import Finding, Grade, Proven, worded
from bridge.core.reasons import Reason
from bridge.core.session import Session
from bridge.core.tokens import RateLimit
from bridge.crm.contract import Recipient, Result
from bridge.crm.teams import cards, wire
from bridge.crm.teams.account import Account


class Teams:
    """The make: a target only."""

    kind = "teams"
    title = "Microsoft Teams"
    account = Account
    proven = Proven.DOCUMENTATION

    async def deliver(self, account: Account, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """A card of its own for each event: a workflow does not say where its message stands."""
        card = cards.of(event, recipient, account.language)
        url = account.webhook_url.reveal() if account.webhook_url else ""
        return wire.judged(await session.send(wire.post(url, card, recipient.crm_user)), session.now)

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Nothing: whatever is sent to a workflow starts it."""
        return [worded(f"crm {session.name}", Grade.OK, Reason("teams.found-flow"))]

    def rate_limit(self, account: Account) -> RateLimit | None:
        """Above four requests per second Teams takes none for a while."""
        return RateLimit(4)


ADAPTER = Teams()
