// The button for a CRM's page:
//   <script src="https://bridge.example/button.js" data-crm="acme" data-agent="dana@acme.example" data-token="…"></script>
// It stands where the script stands, asks the bridge whose call is on the line, and says the answer beside itself.
// Optional: data-extension, data-ivrid, data-record-type, data-record-id, data-record-url, data-lang, data-label.
// The page may listen: the element beside the script gets an event "popbridge-answer" with the answer as its detail.

(() => {
  const WORDS = {}; // the words, reasons.js and shown.js, put in by the bridge
  const STYLE = `
    :host { display: inline-flex; flex-wrap: wrap; align-items: center; gap: .35em .75em; font: inherit; }
    button { padding: .4em .9em; border: 0; border-radius: .5em; background: #0f6e66; color: #fff; font: inherit; font-weight: 600; cursor: pointer; }
    button:focus-visible { outline: 2px solid #fff; outline-offset: 0; box-shadow: 0 0 0 5px #0f6e66; }
    button[aria-disabled="true"] { opacity: .65; cursor: progress; }
    span[data-outcome="found"] { font-weight: 600; }
  `;
  const script = document.currentScript;
  const asked = script.dataset;
  const bridge = new URL(script.src).origin;
  const wanted = (asked.lang || document.documentElement.lang || navigator.language).toLowerCase().split("-")[0];
  const words = WORDS[wanted] ?? WORDS.en;
  const say = (key, values = {}) => (words[key] ?? "").replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  const host = document.createElement("span");
  const button = document.createElement("button");
  const answer = document.createElement("span");
  host.dir = words.dir;
  button.type = "button";
  button.textContent = asked.label || say("button");
  answer.setAttribute("role", "status");
  answer.dir = "auto";
  button.addEventListener("click", press);
  draw();

  function draw() {
    const inside = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    inside.adoptedStyleSheets = [sheet];
    inside.append(button, answer);
    script.after(host);
  }

  async function press() {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    tell("asking", say("button.asking"));
    try {
      const response = await fetch(`${bridge}/clicks/${encodeURIComponent(asked.crm)}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${asked.token}` },
        body: JSON.stringify(fields()),
      });
      answered(await response.json());
    } catch {
      tell("problem", say("button.failed"));
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  function fields() {
    const { agent, extension, ivrid, recordType: type, recordId: id, recordUrl: url } = asked;
    const record = type || id || url ? { type, id, url } : undefined;
    return { agent, extension, ivrid, record };
  }

  function answered(given) {
    if (given.outcome === "found") tell("found", who(given.popup.call));
    else if (given.outcome) tell(given.outcome, `${say(`answer.title.${given.outcome}`)}: ${isolated(plain(given.reason?.code ? sayReason(given.reason, words) : given.why))}. ${say(`answer.next.${given.outcome}`)}`);
    else tell("problem", say(`answer.problem.${given.reason}`) || say("answer.other-problem"));
    host.dispatchEvent(new CustomEvent("popbridge-answer", { bubbles: true, detail: given }));
  }

  function who({ state, caller }) {
    const known = plain(caller.name).trim() || plain(caller.number).trim() || say("caller.unknown");
    const name = caller.kind === "withheld" ? say("caller.withheld") : known;
    return lineOf([say(`state.${state}`), name, caller.kind === "number" && caller.name ? caller.number : ""]);
  }

  function tell(outcome, text) {
    answer.dataset.outcome = outcome;
    answer.textContent = text;
  }
})();
