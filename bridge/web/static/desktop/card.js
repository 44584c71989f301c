// A card as data, and how it is related to others.

/**
 * A popup and what has become of its call. Times are milliseconds.
 * @typedef {object} Card
 * @property {string} id the first popup of the call: a call has one card, however often it pops up
 * @property {Popup} popup the newest
 * @property {Call} call the call as last heard
 * @property {Call[]} others the other live calls on the same extension
 * @property {string} state of the call, or `ended`
 * @property {number} askedAt when the phone system said so
 * @property {boolean} stale the phone system does not respond: all this is its last known state
 * @property {string} why why it is stale, or ""
 * @property {Reason | null} reason the same as data
 * @property {Contact | null} contact who is calling, by the CRM
 * @property {string | null} answeredBy who else has answered the call ("": nobody knows); null: nobody has
 * @property {number | null} leavesAt when the card leaves because of that, or because its call has ended
 * @property {boolean} dismissed
 * @property {number | null} snoozedUntil
 * @property {boolean} [isReopened] the agent opened it again
 */

/** @param {Popup} popup @returns {Card} */
export function newCard(popup) {
  return {
    id: popup.popup_id,
    popup,
    call: popup.call,
    others: popup.other_calls ?? [],
    state: popup.call.state,
    askedAt: Date.parse(popup.created_at),
    stale: false,
    why: "",
    reason: null,
    contact: popup.contact ?? null,
    answeredBy: null,
    leavesAt: null,
    dismissed: false,
    snoozedUntil: null,
  };
}

/** @param {Card} card */
export function isFound({ contact }) {
  return Number(Boolean(contact?.records.length));
}

/** @param {Card} card @param {Popup} popup */
export function isOfSameCall({ call, state }, popup) {
  return state !== "ended" && call.ivrid !== "" && call.ivrid === popup.call.ivrid && call.pbx === popup.call.pbx;
}

/** @param {Card} card @param {Card} other */
export function areOnSameExtension({ call }, { call: other }) {
  return call.pbx === other.pbx && call.extension === other.extension;
}
