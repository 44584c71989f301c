"""What an admin deploys or clicks together: event, component, permission sets, and a flow's steps. They lie in
`component/`."""

from pathlib import Path
from urllib.parse import urlsplit

from bridge.crm.contract import PasteFile
from bridge.crm.salesforce.account import Account
from bridge.crm.salesforce.popups import LENGTHS

COMPONENT = Path(__file__).parent / "component"
BUNDLE = "lwc/popbridgePopup"
PLACES = {
    "flow-steps.txt": "flow-steps.txt",
    "package.xml": "package.xml",
    "popbridgePopup.js": f"{BUNDLE}/popbridgePopup.js",
    "popbridgePopup.html": f"{BUNDLE}/popbridgePopup.html",
    "popbridgePopup.js-meta.xml": f"{BUNDLE}/popbridgePopup.js-meta.xml",
    "popbridge.permissionset": "permissionsets/popbridge.permissionset",
    "popbridge_agents.permissionset": "permissionsets/popbridge_agents.permissionset",
}
"""By file here, where it stands in a folder that `sf project deploy start --metadata-dir` takes."""
UNNAMED = "Popup__e"
FIELD = """\
    <fields>
        <fullName>{name}</fullName>
        <label>{label}</label>
        <type>Text</type>
        <length>{length}</length>
        <required>false</required>
    </fields>
"""
EVENT = """\
<?xml version="1.0" encoding="UTF-8"?>
<CustomObject xmlns="http://soap.sforce.com/2006/04/metadata">
    <label>Popup</label>
    <pluralLabel>Popups</pluralLabel>
    <deploymentStatus>Deployed</deploymentStatus>
    <eventType>HighVolume</eventType>
    <publishBehavior>PublishImmediately</publishBehavior>
{fields}</CustomObject>
"""


def files(account: Account, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
    """The files for this bridge. No secret is in them: the admin enters the token in Salesforce."""
    event, url = account.event or UNNAMED, f"{public_url}/clicks/{crm_name}"
    parts = urlsplit(url)
    gaps = {
        "EVENT": event,
        "CRM": crm_name,
        "CLICK_URL": url,
        "ORIGIN": f"{parts.scheme}://{parts.netloc}",
        "PATH": parts.path,
    }
    written = [PasteFile(place, _filled(name, gaps)) for name, place in PLACES.items()]
    return (*written, PasteFile(f"objects/{event}.object", _object()))


def _object() -> str:
    fields = (
        FIELD.format(name=name, label=name.removesuffix("__c").replace("_", " "), length=length)
        for name, length in LENGTHS.items()
    )
    return EVENT.format(fields="".join(fields))


def _filled(name: str, gaps: dict[str, str]) -> str:
    text = (COMPONENT / name).read_text(encoding="utf-8")
    for gap, value in gaps.items():
        text = text.replace(f"@{gap}@", value)
    return text
