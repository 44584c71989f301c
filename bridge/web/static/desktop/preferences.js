// What the agent has chosen. It is kept by the bridge, so that it holds in every tab and on every machine.

export const UNCHOSEN = { language: null, sound: false, alerts: false, theme: "auto", customdata: null };

/** `save(preferences)` gives what the bridge then has, and raises when it cannot; `onChange(preferences, before)`. */
export class Preferences {
  value = UNCHOSEN;
  #save;
  #onChange;

  constructor(given, save, onChange) {
    this.#save = save;
    this.#onChange = onChange;
    this.value = { ...UNCHOSEN, ...given };
  }

  /** They were changed elsewhere. */
  take(given) {
    const before = this.value;
    this.value = { ...UNCHOSEN, ...given };
    if (JSON.stringify(before) !== JSON.stringify(this.value)) this.#onChange(this.value, before);
  }

  /** Changes some of them, here at once; whether the bridge keeps them. */
  async change(some) {
    const before = this.value;
    this.take({ ...before, ...some });
    try {
      this.take(await this.#save(this.value));
      return true;
    } catch {
      return false;
    }
  }
}

/** Light, dark, or as the machine has it. */
export function applyTheme(theme) {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}
