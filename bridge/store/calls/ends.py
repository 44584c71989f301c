"""The end of a call for an agent: written down once, with the deliveries that tell it."""

from collections.abc import Sequence

from bridge.core.delivery import AnsweredElsewhere, CallEnd, CallOutcome, Delivery
from bridge.core.json_codec import json_text
from bridge.core.model import Popup
from bridge.store import jobs, keys
from bridge.store.calls.popped import Place
from bridge.store.client import Batch, TextRedis
from bridge.store.deliveries import records
from bridge.store.scripts import CARRY_OUT, Scripts

# KEYS: the mark. ARGV: how it ended, seconds to live, then the commands. Returns 1 the first time
SAVE = f"""{CARRY_OUT}
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return 0 end
carry_out(3)
return 1
"""


async def save(
    scripts: Scripts,
    queue: jobs.Jobs,
    place: Place,
    popup: Popup,
    outcome: CallOutcome,
    made: Sequence[tuple[Delivery, CallEnd | AnsweredElsewhere]],
) -> bool:
    """Keep the deliveries with their jobs, all or nothing, the first time; False when it was done before."""

    def write(pipe: Batch) -> None:
        for delivery, told in made:
            records.buffer_told(pipe, delivery, popup, json_text(told))
            queue.add(pipe, jobs.DELIVER, delivery.delivery_id)

    words = scripts.words_of(write) if made else []
    return bool(await scripts.eval(SAVE, 1, keys.ended(place.key), str(outcome), keys.CALL_SECONDS, *words))


async def was_not_taken(redis: TextRedis, place: Place) -> bool:
    """Whether the call has ended for its agent, who did not answer it."""
    return await redis.get(keys.ended(place.key)) in (CallOutcome.MISSED, CallOutcome.ABANDONED)


async def is_told(redis: TextRedis, popup: Popup) -> bool:
    """Whether the end of the popup's call was told."""
    place = Place(popup.agent, popup.call.pbx, popup.call.identity)
    return bool(await redis.get(keys.ended(place.key)))
