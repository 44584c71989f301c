"""New Make: active calls by its HTTP API. See README.md here for credentials and limits."""

from typing import Literal

from pydantic import Field

from bridge.config.models import PbxAccount, SecretText
from bridge.core.finding import Proven
from bridge.core.session import Session
from bridge.pbx.contract import Knows, Listing
from bridge.pbx.newmake import wire
from bridge.pbx.reading import parse


class Account(PbxAccount):
    """`[pbx.NAME]` with `kind = "newmake"`."""

    # FILL IN: one field for each key, with its help text; secrets are SecretText. Every key stands in README.md too.
    kind: Literal["newmake"]
    api_token: SecretText = Field(description="token of the API user")


class NewMake:
    """The make."""

    kind = "newmake"
    title = "New Make"  # FILL IN: the name that its users know.
    account = Account
    # FILL IN: True only if the list of calls names idle extensions too; otherwise add `extensions` (ListsExtensions).
    lists_idle = True
    # FILL IN: True if the vendor lists the whole account whatever is asked.
    whole_account = False
    proven = Proven.DOCUMENTATION
    knows = frozenset({Knows.DIALING, Knows.HOLD, Knows.DID, Knows.CALLER_NAME})

    async def calls(self, account: Account, session: Session, extension: str | None) -> Listing:
        """The live calls of one extension, or of the whole account."""
        reply = await session.send(wire.ask_calls(account.base_url, account.api_token, extension), True)
        return await parse(reply, lambda got: wire.read_calls(got, session.name))

    # FILL IN: queues, people, read_event, connect, probe, ask_token and read_token, rate_limit: only what it can do.


ADAPTER = NewMake()
