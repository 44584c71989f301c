// What lies on the agent's desk: the cards of this shift. Data only, no page and no network, so that tabs can share it.

const MOST = 12;

/** One card's data. Times are milliseconds. */
function newEntry(popup) {
  return {
    popup,
    call: popup.call,
    others: popup.other_calls ?? [],
    state: popup.call.state,
    askedAt: Date.parse(popup.created_at),
    stale: false,
    why: "",
    reason: null,
    dismissed: false,
    snoozedUntil: null,
  };
}

function isOfLine({ call }, { call: other }) {
  return call.pbx === other.pbx && call.extension === other.extension;
}

/** The cards, newest first; which one is open; the last press that found nothing. */
export class Desk {
  entries = [];
  current = null;
  nothing = null;

  /** The card of this popup, undefined when it is not here. */
  find(popupId) {
    return this.entries.find((entry) => entry.popup.popup_id === popupId);
  }

  /** A popup has come. Whether it is new here; a new one is opened. */
  take(popup) {
    if (this.find(popup.popup_id)) return false;
    const entry = newEntry(popup);
    this.entries.push(entry);
    this.#sort();
    if (this.entries[0] === entry) this.#followLine(entry, [entry.call, ...entry.others]);
    if (this.entries[0].popup.popup_id === popup.popup_id) {
      this.current = popup.popup_id;
      this.nothing = null;
    }
    return this.find(popup.popup_id) !== undefined;
  }

  /** A press has found no call. Whether that is news. */
  takeNothing(answer) {
    const at = Date.parse(answer.created_at);
    const isOld = this.nothing?.click_id === answer.click_id || at <= Date.parse(this.nothing?.created_at ?? "");
    if (isOld || this.entries.some((entry) => Date.parse(entry.popup.created_at) > at)) return false;
    this.nothing = answer;
    return true;
  }

  /**
   * How a card's call is now; the other cards of that line follow from it. The cards whose facts have changed, each with
   * the state it `was` in before, and whether it `isBack` from a snooze.
   */
  update({ popup_id, state, call, other_calls, asked_at, stale, why, reason }) {
    const entry = this.find(popup_id);
    if (!entry) return [];
    const askedAt = Date.parse(asked_at) || entry.askedAt;
    const others = other_calls ?? [];
    const changed = [this.#set(entry, { state, call: call ?? entry.call, others, stale, why: why ?? "", reason, askedAt })];
    if (!stale && state !== "unknown") changed.push(...this.#followLine(entry, [call, ...others].filter(Boolean)));
    return changed.filter(Boolean);
  }

  /** `entry`'s line has these live calls: what that says of its other cards. */
  #followLine(entry, live) {
    const others = this.entries.filter((each) => each !== entry && isOfLine(each, entry));
    return others.map((each) => this.#follow(each, live, entry.askedAt));
  }

  /** A card that the bridge does not follow by itself: its call is among the line's live ones, or over. */
  #follow(entry, live, askedAt) {
    if (!entry.call.ivrid) return null;
    const call = live.find((each) => each.ivrid === entry.call.ivrid);
    const others = live.filter((each) => each !== call);
    const now = call ? { state: call.state, call, others } : { state: "ended", others: [] };
    return this.#set(entry, { ...now, stale: false, why: "", reason: null, askedAt });
  }

  #set(entry, facts) {
    if (entry.state === "ended") return null;
    const before = JSON.stringify({ ...entry, askedAt: 0 });
    const was = entry.state;
    Object.assign(entry, facts);
    const isBack = entry.state === "ended" && entry.snoozedUntil !== null;
    if (isBack) this.#back(entry);
    return JSON.stringify({ ...entry, askedAt: 0 }) === before ? null : { entry, was, isBack };
  }

  /** Put away; it stays among the earlier ones. The newest live card that is left is opened. */
  dismiss(popupId) {
    const entry = this.find(popupId);
    if (!entry || entry.dismissed) return false;
    entry.dismissed = true;
    entry.snoozedUntil = null;
    this.#leave(popupId);
    return true;
  }

  /** Put aside until `until`, or until its call ends. */
  snooze(popupId, until) {
    const entry = this.find(popupId);
    if (!entry) return;
    entry.snoozedUntil = until;
    this.#leave(popupId);
  }

  /** Opens a card, also one that was put away. */
  open(popupId) {
    const entry = this.find(popupId);
    if (!entry) return;
    entry.dismissed = false;
    entry.snoozedUntil = null;
    this.current = popupId;
  }

  /** The snoozed cards whose time has come, open again. */
  wake(now) {
    const due = this.entries.filter((entry) => entry.snoozedUntil !== null && entry.snoozedUntil <= now);
    for (const entry of due) this.open(entry.popup.popup_id);
    return due;
  }

  /** A snoozed call has ended: its card is back, in front unless another call is. */
  #back(entry) {
    entry.snoozedUntil = null;
    const front = this.find(this.current);
    if (!front || front.state === "ended") this.current = entry.popup.popup_id;
  }

  #leave(popupId) {
    if (this.current !== popupId) return;
    const next = this.entries.find((entry) => !entry.dismissed && entry.snoozedUntil === null && entry.state !== "ended");
    this.current = next?.popup.popup_id ?? null;
  }

  #sort() {
    this.entries.sort((one, other) => Date.parse(other.popup.created_at) - Date.parse(one.popup.created_at));
    this.entries.length = Math.min(this.entries.length, MOST);
  }

  /** Plain data for another tab, or for this one after a reload. */
  snapshot() {
    return { entries: this.entries, current: this.current, nothing: this.nothing };
  }

  /** Takes in another's snapshot: cards that are missing here, and later news of those that are here. */
  merge(snapshot) {
    const isEmpty = this.entries.length === 0;
    for (const theirs of snapshot.entries) {
      const mine = this.find(theirs.popup.popup_id);
      if (!mine) this.entries.push(theirs);
      else if (theirs.askedAt > mine.askedAt) Object.assign(mine, theirs);
    }
    this.#sort();
    if (isEmpty) this.current = snapshot.current;
    if (snapshot.nothing) this.takeNothing(snapshot.nothing);
  }
}
