"""The address and the body for Fireberry's buttons and automations; pure."""

from urllib.parse import quote

from bridge.crm.contract import PasteFile

LINK = """\
A button that opens a link: Settings, Objects, Contact, Buttons, New; open in a new tab. Put the merge fields of your
Fireberry where the brackets are. The token stands in the address: it proves that a click comes from there, and opens
nothing else.

{address}&agent=[e-mail of the current user]&recordid=[contactid]&objecttype=2
"""
AUTOMATION = """\
An automation that a button starts. Its action sends this by POST, as JSON. Put the merge fields of your Fireberry where
the brackets are.

URL:  {address}
Body: {{"agent": "[e-mail of the current user]", "recordid": "[contactid]", "objecttype": "2"}}
"""


def files(url: str, token: str) -> tuple[PasteFile, ...]:
    """The texts. Fireberry has no other place for a token than the address."""
    address = f"{url}?token={quote(token, safe='')}"
    return PasteFile("link.txt", LINK.format(address=address)), PasteFile(
        "automation.txt", AUTOMATION.format(address=address)
    )
