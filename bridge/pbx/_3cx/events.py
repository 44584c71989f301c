"""What a message on 3CX's websocket is about; pure. Source: the vendor's Call Control API specification and examples.

`{"sequence": 17, "event": {"event_type": 0, "entity": "/callcontrol/102/participants/8106", "attached_data": null}}`
names what has changed (0: it is there, or is another; 1: it is gone) and not how: the extension is asked again.
"""

import json
import re
from urllib.parse import unquote

CHANGES = (0, 1)
"""The others tell of digits, of played prompts, and answer requests on the websocket."""
ENTITY = re.compile(r"/callcontrol/([^/]{1,200})/participants(?:/|$)")
ANYTHING = frozenset({""})


def changed(message: str) -> frozenset[str]:
    """The extensions whose calls may be others now; "" stands for all of them: it cannot be told whose."""
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        return ANYTHING
    event = said.get("event") if isinstance(said, dict) else None
    if not isinstance(event, dict):
        return ANYTHING
    kind, entity = event.get("event_type"), event.get("entity")
    if isinstance(kind, int) and kind not in CHANGES:
        return frozenset()
    found = ENTITY.match(entity) if isinstance(entity, str) else None
    return frozenset({unquote(found[1])}) if found else ANYTHING
