"""Sessions follow the identity provider: it is asked again and again who a person is, and what they may see changes.

Asked by the refresh token, so nobody notices. Where the provider gave none, sessions are short instead. While it cannot
be reached, sessions go on for a shift: a provider that is down must not take the popups away.
"""

import asyncio
import json
import logging
from datetime import timedelta

from redis.exceptions import RedisError

from bridge.agents.sources import AgentSources
from bridge.core.clock import Clock
from bridge.core.errors import SigninFailed
from bridge.observability import logs
from bridge.signin.rights import Person
from bridge.signin.single_sign_on import SingleSignOn
from bridge.store import tokens
from bridge.store.client import TextRedis
from bridge.store.grants import Grant, Role
from bridge.store.signins import SignIn

log = logging.getLogger(__name__)

LOOK_SECONDS, AT_ONCE = 5.0, 20
AGAIN = timedelta(minutes=1)
UNCONFIRMED = timedelta(hours=12)
"""How long sessions go on while the provider cannot be asked, or at most where it gave no refresh token."""


async def keep_confirmed(signon: SingleSignOn, redis: TextRedis, agents: AgentSources, clock: Clock) -> None:
    """Ask about every sign-in when it is due, for ever; all processes share the work."""
    while True:
        try:
            for signin_id in await signon.store.due(clock.now(), AT_ONCE):
                if await signon.store.is_mine(signin_id, clock.now()):
                    await confirm(signin_id, signon, redis, agents, clock)
        except (RedisError, OSError):
            log.warning("sign-ins are not confirmed: redis is away")
        except Exception:
            log.exception("a sign-in could not be confirmed; the others go on")
        await asyncio.sleep(LOOK_SECONDS)


async def confirm(signin_id: str, signon: SingleSignOn, redis: TextRedis, agents: AgentSources, clock: Clock) -> None:
    """Ask about one: its sessions get what the person may see now, or end. Raises redis-py's errors and OSError."""
    signin = await signon.store.find(signin_id)
    if signin is None or not await tokens.ending_with(redis, signin_id):  # ended, idle, or the secret is another now
        await end(signin_id, signon, redis)
        return
    try:
        person = await signon.confirm(signin, agents.directory())
    except SigninFailed as error:
        await _unconfirmed(signin, error, signon, redis, clock)
        return
    await _follow(signin, person, redis, agents)
    await signon.store.postpone(signin_id, clock.now() + timedelta(minutes=signon.oidc.renew_minutes))


async def end(signin_id: str, signon: SingleSignOn, redis: TextRedis) -> None:
    """Its sessions end at once, on every page."""
    await signon.store.forget(signin_id)
    await tokens.revoke(redis, signin_id)


async def _unconfirmed(
    signin: SignIn, error: SigninFailed, signon: SingleSignOn, redis: TextRedis, clock: Clock
) -> None:
    """The provider says no: it is over. It says nothing: it is asked again."""
    since = clock.now().timestamp() - signin.confirmed_at
    is_over = error.is_final or since > UNCONFIRMED.total_seconds()
    logs.event(log, "signin", state="ended" if is_over else "unconfirmed", signin=signin.signin_id, cause=str(error))
    if is_over:
        await end(signin.signin_id, signon, redis)
    else:
        await signon.store.postpone(signin.signin_id, clock.now() + AGAIN)


async def _follow(signin: SignIn, person: Person, redis: TextRedis, agents: AgentSources) -> None:
    """Each of its sessions as the person's rights are now. Agents who are not in the directory see nothing anyway; the
    directory may be incomplete."""
    for grant in await tokens.ending_with(redis, signin.signin_id):
        if grant.role is Role.AGENT:
            if agents.is_complete and not _is_still(grant, person):
                await tokens.revoke(redis, grant.token_id)
        elif person.supervision is None:
            await tokens.revoke(redis, grant.token_id)
        elif (grant.role, grant.crms) != (person.supervision.role, person.supervision.crms):
            rights = {"role": str(person.supervision.role), "crms": json.dumps(person.supervision.crms)}
            await tokens.change(redis, grant.token_id, rights)


def _is_still(grant: Grant, person: Person) -> bool:
    return any((agent.crm, agent.crm_user) == (grant.crm, grant.crm_user) for agent in person.agents)
