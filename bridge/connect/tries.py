"""Trying an account that is in no settings: with what was typed, and nothing of it kept."""

from collections.abc import Collection
from dataclasses import replace

from bridge.calls.phone_system import PhoneSystem
from bridge.config.models import CrmAccount, PbxAccount
from bridge.connect import trial
from bridge.connect.draft import Draft
from bridge.connect.trial import Trial
from bridge.connect.watched import Aside
from bridge.core.clock import Clock
from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason
from bridge.core.session import Session
from bridge.crm import registry as crms
from bridge.egress.client import EgressClient
from bridge.egress.session import AccountSession
from bridge.pbx import registry as pbxs


async def run(draft: Draft, client: EgressClient, clock: Clock, hidden: Collection[str] = ()) -> Trial:
    """Test a draft without problems through `client`, whose reach says which addresses may be asked."""
    account, aside = draft.account(), Aside()
    if isinstance(account, PbxAccount):
        seconds, adapter = account.timeout_seconds, pbxs.find(account.kind)
        session: Session = AccountSession(draft.name, adapter, account, client, aside, clock.now, seconds)
        found = await trial.of_phone_system(PhoneSystem(draft.name, account, session, clock), hidden)
    else:
        seconds = account.push_timeout_seconds
        session = AccountSession(draft.name, crms.find(account.kind), account, client, aside, clock.now, seconds)
        found = await _of_crm(draft.name, account, session)
    return replace(found, findings=(*found.findings, *_of_tokens(draft, aside)))


async def _of_crm(name: str, account: CrmAccount, session: Session) -> Trial:
    if not account.takes_popups and not list(account.addresses()):
        return Trial((worded(f"crm {name}", Grade.OK, Reason("found-no-popups")),), ())
    return await trial.of_crm(name, account, session)


def _of_tokens(draft: Draft, aside: Aside) -> list[Finding]:
    """A refresh token that was used up by the test is of no use in the settings any more."""
    newest = aside.tokens.refresh[0].reveal() if aside.tokens and aside.tokens.refresh else None
    typed = draft.secrets().get("refresh_token")
    if newest is None or typed is None or newest == typed:
        return []
    return [worded(f"{draft.group} {draft.name}", Grade.WARN, Reason("found-token-replaced"))]
