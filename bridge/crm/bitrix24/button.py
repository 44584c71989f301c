"""The button: where an application is entered, and the script that puts it on the pages of records; pure."""

import json
from urllib.parse import quote

from bridge.crm.bitrix24 import clicks
from bridge.crm.bitrix24.account import Account
from bridge.crm.contract import PasteFile

TITLES = {"en": {"TITLE": "Who is calling?"}, "he": {"TITLE": "מי מתקשר?"}}
APPLICATION = """\
Bitrix24: Developer resources > Other > Local application

Type:               Server
Your handler path:  {handler}
Initial installation path: (leave empty)
Menu item text:     Who is calling?
Assign permissions: {scopes}
"""
SCRIPT = """\
#!/bin/sh
# Puts "Who is calling?" into the menu on the pages of contacts, companies, leads and deals.
# Run it once as: ACCESS_TOKEN=… sh {name}
# The access token came with the first refresh token, and is an administrator's.
set -eu
for place in {places}; do
    curl --fail --silent --show-error -H 'Content-Type: application/json' -d @- {url} <<END
{{"PLACEMENT": "$place", "HANDLER": {handler}, "LANG_ALL": {titles}, "auth": "$ACCESS_TOKEN"}}
END
    echo
done
"""
NAME = "bind-button.sh"


def handler(account: Account, crm_name: str, public_url: str) -> str:
    """Where the button's form is sent. A token stands in it only where the form's own proves nothing to us."""
    address = f"{public_url}/clicks/{crm_name}"
    if account.application_token is not None or account.click_token is None:
        return address
    return f"{address}?token={quote(account.click_token.reveal(), safe='')}"


def files(account: Account, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
    """What is entered, and the script."""
    address = handler(account, crm_name, public_url)
    scopes = "crm, user_basic, im, placement" + (", telephony" if account.has_application else "")
    script = SCRIPT.format(
        name=NAME,
        places=" ".join(clicks.PLACES),
        url=f"'{account.base_url}/rest/placement.bind'",
        handler=json.dumps(address),
        titles=json.dumps(TITLES, ensure_ascii=False),
    )
    return PasteFile("application.txt", APPLICATION.format(handler=address, scopes=scopes)), PasteFile(NAME, script)
