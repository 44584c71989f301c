// A question that was not answered, in words, with a way to ask again.

import { foreign } from "../element.js";
import { say } from "../words.js";
import { againButton } from "./forms.js";

const WORDS = { 0: "away", 400: "malformed", 404: "gone", 429: "often", 503: "unavailable" };

/** Says it in `place`; nothing when there is no problem. A token that does not hold is the frame's to say. */
export function show(place, refused, again) {
  if (!refused || [401, 403].includes(refused.status)) return place.replaceChildren();
  const key = WORDS[refused.status] ?? "other";
  const isToldMore = ["malformed", "other"].includes(key);
  const detail = isToldMore ? [" ", foreign(refused.detail || `HTTP ${refused.status}`)] : [];
  const button = ["malformed", "gone"].includes(key) ? [] : [" ", againButton(again)];
  place.replaceChildren(say(`console.problem.${key}`), ...detail, ...button);
}
