// The agent's preferences. The bridge keeps them, so that they hold in every tab and on every machine.

/** @type {Preferences} */
export const DEFAULTS = { language: null, sound: false, alerts: false, theme: "auto", customdata: null, open_record: false, pop: null };

export class PreferenceStore {
  value = DEFAULTS;
  #save;
  #onChange;

  /**
   * @param {Partial<Preferences>} initial
   * @param {(value: Preferences) => Promise<Partial<Preferences>>} save resolves to what the bridge then has; may throw
   * @param {(value: Preferences, previous: Preferences) => void} onChange
   */
  constructor(initial, save, onChange) {
    this.#save = save;
    this.#onChange = onChange;
    this.value = { ...DEFAULTS, ...initial };
  }

  /**
   * The bridge has these.
   * @param {Partial<Preferences>} given
   */
  set(given) {
    const previous = this.value;
    this.value = { ...DEFAULTS, ...given };
    if (JSON.stringify(previous) !== JSON.stringify(this.value)) this.#onChange(this.value, previous);
  }

  /**
   * Changes some of them, on this page at once. Whether the bridge saved them.
   * @param {Partial<Preferences>} some
   */
  async change(some) {
    this.set({ ...this.value, ...some });
    try {
      this.set(await this.#save(this.value));
      return true;
    } catch {
      return false;
    }
  }
}

/**
 * `light`, `dark`, or anything else for the system's theme.
 * @param {string} theme
 */
export function applyTheme(theme) {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}
