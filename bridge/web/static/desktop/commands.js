// What each keyboard shortcut does.

import { byId } from "../element.js";
import { openHelp } from "./help.js";

const SNOOZE_MINUTES = 5;

/**
 * The commands of keys.js, for the open card.
 * @param {import("./cards.js").Cards} cards
 * @param {import("./card_list.js").CardList} list
 * @param {import("./actions.js").Actions} actions
 * @returns {Record<import("./keys.js").Command, (number: number) => void>}
 */
export function commandsFor(cards, list, actions) {
  return {
    record: () => list.current?.openRecord(),
    note: () => list.current?.note.focus(),
    "look-up": () => actions.lookUp(cards.current),
    copy: () => list.current?.copyAll(),
    snooze: () => cards.currentId !== null && actions.snooze(cards.currentId, SNOOZE_MINUTES),
    choose: (number) => list.current?.choose(number - 1),
    dismiss: () => (cards.currentId === null ? actions.closeNothing() : actions.dismiss(cards.currentId)),
    older: () => actions.step(1),
    newer: () => actions.step(-1),
    search: () => byId("shift-search").focus(),
    close: () => closeFront(cards, list, actions),
    help: openHelp,
  };
}

/**
 * Closes what is in front: a menu, the notice that nothing was found, or the card.
 * @param {import("./cards.js").Cards} cards
 * @param {import("./card_list.js").CardList} list
 * @param {import("./actions.js").Actions} actions
 */
function closeFront(cards, list, actions) {
  if (list.current?.closeMenu()) return;
  if (cards.nothing) actions.closeNothing();
  else if (cards.currentId !== null) actions.dismiss(cards.currentId);
}
