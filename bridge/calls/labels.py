"""What calls are labelled with: the caller's kind and E.164 number, and the name of the number dialled; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bridge.core.model import Call
from bridge.core.phone_numbers import e164, kind_of


@dataclass(frozen=True, slots=True)
class Labels:
    """What a phone system's calls are labelled with: names of dialled numbers, country of each phone system."""

    dids: Mapping[str, str]
    regions: Mapping[str, str]


def labelled(call: Call, labels: Labels) -> Call:
    """The call with its caller's kind and E.164 number, and the label of the number that was dialled."""
    region = labels.regions[call.pbx]
    number = call.caller.number
    caller = replace(call.caller, kind=kind_of(number), e164=e164(number, region))
    return replace(call, caller=caller, did_label=_did_label(call.did, region, labels.dids))


def _did_label(did: str, region: str, dids: Mapping[str, str]) -> str | None:
    if not did:
        return None
    if did in dids:
        return dids[did]
    public = e164(did, region)
    return next((label for number, label in dids.items() if public and e164(number, region) == public), None)
