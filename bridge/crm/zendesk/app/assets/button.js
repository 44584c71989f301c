// The button of popbridge. Zendesk's proxy signs the claims with the app's secret, which never reaches this browser.
const client = ZAFClient.init();
const button = document.getElementById("ask");
const answer = document.getElementById("answer");
const WORDS = {
  en: { ask: "Who is calling?", asking: "Asking…", failed: "popbridge could not be reached. Try again in a moment." },
  he: { ask: "מי מתקשר?", asking: "בודק…", failed: "לא ניתן להגיע ל-popbridge. נסו שוב בעוד רגע." },
};
let words = WORDS.en;

client.get("currentUser").then(({ currentUser }) => {
  words = (currentUser.locale || "").startsWith("he") ? WORDS.he : WORDS.en;
  document.documentElement.dir = words === WORDS.he ? "rtl" : "ltr";
  button.textContent = words.ask;
});

async function record() {
  const { location } = await client.context();
  if (location === "ticket_sidebar") return { ticket_id: (await client.get("ticket.id"))["ticket.id"] };
  if (location === "user_sidebar") return { requester_id: (await client.get("user.id"))["user.id"] };
  return {};
}

async function ask() {
  button.disabled = true;
  answer.textContent = words.asking;
  try {
    const { currentUser } = await client.get("currentUser");
    const claims = { agent: currentUser.email, jti: crypto.randomUUID(), ...(await record()) };
    const found = await client.request({
      url: "@CLICK_URL@",
      type: "POST",
      contentType: "application/json",
      dataType: "json",
      data: "{}",
      secure: true,
      headers: { Authorization: "Bearer {{jwt.token}}" },
      jwt: { algorithm: "HS256", secret_key: "{{setting.app_secret}}", expiry: 60, claims },
    });
    const caller = found.popup && found.popup.call.caller;
    answer.textContent = caller ? [caller.name, caller.number].filter(Boolean).join(" ") : found.why;
  } catch (error) {
    answer.textContent = (error.responseJSON && error.responseJSON.detail) || words.failed;
  } finally {
    button.disabled = false;
  }
}

button.addEventListener("click", ask);
