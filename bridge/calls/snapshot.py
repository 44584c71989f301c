"""A phone system at this moment, as supervisors read it: extensions with calls, queues with callers; pure."""

from dataclasses import replace
from typing import Any

from bridge.calls.labels import Labels, identified, labelled
from bridge.core.json_codec import as_json
from bridge.pbx.contract import CallQueue, Listing


def extension_rows(listing: Listing, wanted: str | None, labels: Labels) -> list[dict[str, Any]]:
    """One row for each extension (or the wanted one, if it is listed), by name."""
    shown = {name: calls for name, calls in listing.extensions.items() if wanted in (None, name)}
    return [
        {
            "extension": name,
            "name": listing.names.get(name, ""),
            "calls": [
                {**as_json(labelled(call, labels)), "details": dict(listing.call_details.get(call.ivrid, {}))}
                for call in calls
            ],
            "details": dict(listing.details.get(name, {})),
        }
        for name, calls in sorted(shown.items())
    ]


def queue_row(queue: CallQueue, region: str) -> dict[str, Any]:
    """One queue; its callers with their numbers told apart as in a popup."""
    return {
        "queue": queue.queue,
        "name": queue.name,
        "weight": queue.weight,
        "callers": [as_json(replace(one, caller=identified(one.caller, region))) for one in queue.callers],
    }
