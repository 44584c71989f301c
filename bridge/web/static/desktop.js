// The agent's desktop page: takes the token from the link, follows the stream of popups, shows the newest.

import { card, spoken, tick } from "/static/card.js";
import { follow } from "/static/sse.js";
import { chosenLanguage, say, speak } from "/static/words.js";

const KEY = "popbridge.token";
const at = (id) => document.getElementById(id);
let clockAhead = 0;
let shown = null;
const now = () => Date.now() + clockAhead;

/** The token from `#token=…`, else the one this tab had. It does not stay in the address bar. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    history.replaceState(null, "", location.pathname + location.search);
    remember(given);
    return given;
  }
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // a browser that forbids storage: the link must be opened again after a reload
  }
}

function remember(token) {
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch {
    // as above
  }
}

function notice(key) {
  at("notice").hidden = false;
  at("notice-title").textContent = say(`${key}.title`);
  at("notice-text").textContent = say(`${key}.text`);
  at("notice").dataset.kind = key;
}

function followed(state, detail) {
  if (state === "live") clockAhead = skew(detail);
  if (state === "refused") {
    remember(null);
    at("cards").replaceChildren();
    notice("expired");
  }
  line(state, detail);
}

function line(state, detail) {
  const seconds = Math.max(1, Math.round((detail ?? 0) / 1000));
  at("line").dataset.state = state;
  at("line-words").textContent = say(`line.${state}`, { seconds });
}

/** How far the bridge's clock is ahead of this one, in ms. Its Date header has whole seconds: less than two is none. */
function skew(serverClock) {
  const ahead = serverClock - Date.now();
  return Math.abs(ahead) < 2000 ? 0 : ahead;
}

function take(event) {
  if (event.event !== "popup") return;
  const popup = JSON.parse(event.data);
  const isNew = popup.popup_id !== shown?.popup_id;
  shown = popup;
  at("notice").hidden = true;
  at("whose").textContent = popup.agent.name || popup.agent.crm_user;
  const made = card(popup, now);
  if (isNew) made.classList.add("card-new");
  at("cards").replaceChildren(made);
  if (isNew) at("spoken").textContent = spoken(popup);
  document.title = `${spoken(popup)} · popbridge`;
}

function takeSafely(event) {
  try {
    take(event);
  } catch (error) {
    console.error("popbridge: a popup could not be shown", error);
  }
}

async function start() {
  const token = takeToken();
  await speak(chosenLanguage(location.search, navigator.languages));
  notice(token ? "empty" : "tokenless");
  line(token ? "connecting" : "refused");
  if (!token) return;
  setInterval(() => tick(now), 1000);
  const leaving = new AbortController();
  addEventListener("pagehide", () => leaving.abort());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  addEventListener("hashchange", () => takeToken() && location.reload());
  await follow("/desktop/events", token, { onEvent: takeSafely, onState: followed, signal: leaving.signal });
}

start();
