"""How commands take an agent: `CRM:CRM_USER`, or the CRM's name of them; and what somebody may have meant."""

import difflib
from collections.abc import Collection

from bridge.agents.directory import Directory

MOST = 3


def did_you_mean(given: str, directory: Directory, crms: Collection[str]) -> str:
    """A hint to follow "no agent GIVEN": the prefix that is missing, or names that look alike; else the form."""
    meant = [f"{crm}:{agent.crm_user}" for crm in crms if (agent := directory.agent(crm, given))]
    if not meant:
        names = {f"{agent.crm}:{agent.crm_user}".casefold(): agent for agent in directory.agents.values()}
        near = difflib.get_close_matches(given.casefold(), names, n=MOST)
        meant = [f"{names[name].crm}:{names[name].crm_user}" for name in near]
    if meant:
        return f"; did you mean {' or '.join(meant)}?"
    return (
        ""
        if given.partition(":")[0] in crms
        else f"; it is CRM:CRM_USER, and the CRMs are: {', '.join(crms) or 'none'}"
    )


def crm_and_user(given: str, crm: str, crms: Collection[str]) -> tuple[str, str]:
    """CRM and user of what may be `CRM:CRM_USER` or the user alone, beside a CRM that was named ("": none)."""
    prefix, colon, user = given.partition(":")
    if colon and user and prefix in crms and crm in ("", prefix):
        return prefix, user
    return crm, given
