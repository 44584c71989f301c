"""What calls are labelled with: the caller's kind and E.164 number, and the name of the number dialled; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from bridge.core.model import Call, Caller
from bridge.core.phone_numbers import key_of, kind_of, public_number
from bridge.core.text import without_marks


@dataclass(frozen=True)
class Labels:
    """What a phone system's calls are labelled with: names of dialled numbers, country of each phone system."""

    dids: Mapping[str, str]
    regions: Mapping[str, str]

    @cached_property
    def by_key(self) -> Mapping[tuple[str, str], str]:
        """The names by region and number, whatever way the settings write it; of one given twice the first."""
        named: dict[tuple[str, str], str] = {}
        for region in set(self.regions.values()):
            for number, label in self.dids.items():
                named.setdefault((region, key_of(number, region)), label)
        return named


def labelled(call: Call, labels: Labels) -> Call:
    """The call with its caller's kind and E.164 number, and the label of the number that was dialled."""
    region, did = labels.regions[call.pbx], without_marks(call.did)
    return replace(call, caller=identified(call.caller, region), did=did, did_label=did_label(did, region, labels))


def identified(caller: Caller, region: str) -> Caller:
    """The caller with the kind of their number and, where it is a public one, that in E.164."""
    number = without_marks(caller.number)
    public = public_number(number, region)
    return Caller(
        number=number,
        e164=public.e164 if public else None,
        name=caller.name,
        kind=kind_of(number),
        e164_guessed=public is not None and public.guessed,
    )


def did_label(did: str, region: str, labels: Labels) -> str | None:
    """The name of a dialled number, in whatever way it is written; None where it has none."""
    if not did:
        return None
    return labels.dids.get(did) or labels.by_key.get((region, key_of(did, region)))
