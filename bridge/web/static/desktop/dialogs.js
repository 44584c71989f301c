// The settings and the help. Both are in the page; here they are filled and listened to.

import { copied, element, foreign, saidFor } from "../element.js";
import { label, say } from "../words.js";
import { Alerts } from "./alerts.js";
import { areOn, keyList, turn } from "./keys.js";

const at = (id) => document.getElementById(id);

/** `does` has knownKeys (the custom data's names seen so far), enableAlerts, playSound, signOut and popOut. */
export function listen(preferences, languages, signal, does) {
  const on = (id, event, act) => at(id).addEventListener(event, act, { signal });
  const change = async (some) => (at("settings-told").textContent = (await preferences.change(some)) ? "" : say("settings.unsaved"));
  on("open-settings", "click", () => {
    fill(preferences.value, languages, does.knownKeys());
    at("settings").showModal();
  });
  on("open-help", "click", openHelp);
  on("set-language", "change", (event) => change({ language: event.target.value || null }));
  on("set-theme", "change", (event) => change({ theme: event.target.value }));
  on("set-sound", "change", ({ target }) => {
    change({ sound: target.checked });
    if (target.checked) does.playSound();
  });
  on("set-alerts", "change", ({ target }) => (target.checked ? does.enableAlerts() : change({ alerts: false })));
  on("set-keys", "change", (event) => turn(event.target.checked));
  on("set-customdata", "change", () => change({ customdata: chosen(does.knownKeys()) }));
  on("sign-out", "click", does.signOut);
  on("pop-out", "click", does.popOut);
  on("copy-bookmarklet", "click", async ({ target }) => {
    saidFor(target, say((await copied(at("bookmarklet").textContent, at("bookmarklet"))) ? "copied" : "selected"));
  });
  for (const dialog of document.querySelectorAll("dialog")) closeByItself(dialog, signal);
}

/** Shows the help. */
export function openHelp() {
  at("key-list").replaceChildren(...keyList());
  at("help").showModal();
}

/** The bookmarklet of this agent: it opens the link form of the click in a small window. */
export function showBookmarklet({ crm, crm_user: crmUser }) {
  const query = new URLSearchParams({ agent: crmUser });
  const link = `${location.origin}/clicks/${encodeURIComponent(crm)}?${query}&token=CLICK_TOKEN`;
  at("bookmarklet").textContent = `javascript:void open('${link}','popbridge','popup,width=480,height=720')`;
}

/** Draws what the agent has chosen, on the page and in the open dialog. */
export function fill(value, languages, keys) {
  const options = languages.map(({ code, name }) => new Option(name, code));
  at("set-language").replaceChildren(new Option(say("settings.browser-language"), ""), ...options);
  at("set-language").value = value.language ?? "";
  at("set-theme").value = value.theme;
  at("set-sound").checked = value.sound;
  at("set-alerts").checked = value.alerts && Alerts.areAllowed;
  at("set-alerts").disabled = !Alerts.arePossible;
  at("alerts-hint").textContent = Alerts.arePossible ? "" : say(window.top === window ? "alerts.denied" : "alerts.framed");
  at("set-keys").checked = areOn();
  at("customdata-set").hidden = !keys.length;
  at("set-customdata").replaceChildren(...keys.map((key) => keyChoice(key, value.customdata)));
}

/** The same, if the settings are before the agent's eyes. */
export function fillIfOpen(...given) {
  if (at("settings").open) fill(...given);
}

/** The bar's two buttons that show a choice. */
export function showChoices({ alerts, sound }) {
  at("enable-alerts").hidden = (alerts && Alerts.areAllowed) || !Alerts.arePossible;
  at("toggle-sound").setAttribute("aria-pressed", String(sound));
  label(at("toggle-sound"), sound ? "sound.on" : "sound.off");
}

function keyChoice(key, wanted) {
  const box = element("input", { type: "checkbox", value: key, checked: wanted?.includes(key) ?? true });
  return element("label", { class: "choice" }, [box, " ", foreign(key)]);
}

/** null, for all, while nothing is left out: fields that come later are then shown too. */
function chosen(keys) {
  const boxes = [...at("set-customdata").querySelectorAll("input")];
  const wanted = boxes.filter((box) => box.checked).map((box) => box.value);
  return wanted.length === keys.length ? null : wanted;
}

function closeByItself(dialog, signal) {
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close(), { signal });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close(), { signal });
}
