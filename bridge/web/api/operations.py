"""Every documented operation of the HTTP API, one entry each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from bridge.audit import export
from bridge.audit.search import FILTERS, LONGEST_PAGE, PAGE_LENGTH
from bridge.web.api.schemas import ACK, CHOICE, CLICK, DRAFT, LINK, LOOSE, NOTE, TEXT, listed, model

PAGING = {
    "limit": f"items per page, 1 to {LONGEST_PAGE} (default {PAGE_LENGTH})",
    "cursor": "the next_cursor of an earlier page",
}
WHEN = "ISO 8601, or how long ago: 90s, 10m, 6h, 7d"
NAMED = {"name": "only callers with this name or company, as far as one of their popups is still kept (3 days)"}
AUDIT_FILTERS = {name: WHEN if name in ("since", "until") else f"only this {name}" for name in FILTERS} | NAMED

AUDIT_MORE = {
    "total": "true: how many match, as `total`",
    "names": "true: who called, as `caller_name` of each entry, as long as its popup is kept (null: it is not)",
}
COUNTED = (
    "one page of the entries that match; a `total` of 10,001 stands for more than 10,000; with `name`, `named` says how"
    " many callers have it, whether there may be more, and since when names are known"
)
DELIVERY_FILTERS = {
    "state": "pending, delivered, failed or expired",
    "target": "only this target",
    "event": "only this event, such as call.popup",
    "since": WHEN,
}

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `who` may use it: all, button, agent, token (agent or supervisor), supervisor or admin.

    `answers` has a schema for each success status (None: no body; texts: these media types instead of JSON), `problems`
    the statuses of problem+json in addition to those that go with `who`.
    """

    method: str
    path: str
    summary: str
    who: str
    answers: Mapping[int, Schema | tuple[str, ...] | None]
    problems: tuple[int, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    takes: Schema | None = None


def _clicks() -> tuple[Operation, ...]:
    return (
        Operation("post", "/clicks/{crm}", "A click: which call is this agent on?", "button",
                  {200: model("Answer")},
                  (400, 404, 413, 415, 429), takes=CLICK),
        Operation("get", "/clicks/{crm}", "The same, for buttons that can only open a link.", "button",
                  {200: model("Answer")}, (400, 404, 429),
                  dict.fromkeys(("agent", "extension", "ivrid"), "as in the body of POST") | {"token": "click_token"}),
    )  # fmt: skip


def _reads() -> tuple[Operation, ...]:
    return (
        Operation("get", "/api/clicks", "Clicks, refused ones too, newest first.", "token",
                  {200: listed(model("ListedClick"))}, (400, 429),
                  {"agent": "the agent's user name in the CRM", "crm": "only this CRM"}
                  | {"problems": "true: only those without a popup, or whose popup was not delivered everywhere"}
                  | {"since": WHEN, "until": WHEN, "names": AUDIT_MORE["names"]} | PAGING),
        Operation("get", "/api/clicks/{click_id}", "The details of a click.", "token", {200: LOOSE}, (404, 429)),
        Operation("get", "/api/popups/{popup_id}", "A popup with its deliveries.", "token",
                  {200: model("Popup")}, (404,)),
        Operation("get", "/api/deliveries", "Deliveries, newest first.", "supervisor", {200: listed(model("Delivery"))},
                  (400,), DELIVERY_FILTERS | PAGING),
        Operation("get", "/api/deliveries/{delivery_id}", "A delivery, what it brings, what came back.", "supervisor",
                  {200: LOOSE}, (404,)),
        Operation("post", "/api/deliveries/retry", "Resend the newest failed or expired deliveries that match.",
                  "supervisor", {202: LOOSE}, (400, 413), takes=LOOSE),
        Operation("post", "/api/deliveries/{delivery_id}/retry", "Resend a failed or expired delivery.", "supervisor",
                  {202: model("Delivery")}, (404, 409)),
        Operation("get", "/api/calls/{ivrid}", "The cached call.", "token", {200: model("Call")}, (404,),
                  {"pbx": "only this phone system", "extension": "only this extension"}),
        Operation("get", "/api/pbx/{pbx}/extensions", "Live extensions with their calls.", "supervisor",
                  {200: listed(LOOSE)}, (404, 502), {"extension": "only this extension"}),
        Operation("get", "/api/pbx/{pbx}/queues", "Live queues with their waiting callers.", "supervisor",
                  {200: listed(LOOSE)}, (404, 502), {"queue": "only this queue"}),
    )  # fmt: skip


def _audit() -> tuple[Operation, ...]:
    return (
        Operation("get", "/api/audit", "Log entries, newest first. Every read is recorded in the access log.",
                  "supervisor",
                  {200: {**listed(model("LogEntry")), "description": COUNTED}}, (400, 429),
                  AUDIT_FILTERS | AUDIT_MORE | PAGING),
        Operation("get", "/api/audit/export", "All log entries that match, as a file.", "supervisor",
                  {200: tuple(export.MEDIA_TYPES.values())}, (400, 429), AUDIT_FILTERS | {"format": "csv or jsonl"}),
        Operation("get", "/api/audit/access-log", "Who read the log, what was erased, what retention deleted.", "admin",
                  {200: listed(LOOSE)}, (400, 429),
                  {"caller": "only who searched for this number or was shown it"} | PAGING),
    )  # fmt: skip


def _desktop() -> tuple[Operation, ...]:
    return (
        Operation("post", "/desktop/session", "Trade a token or a link for a session.", "agent", {201: LOOSE}),
        Operation("get", "/desktop/session", "Who is signed in.", "agent", {200: LOOSE}),
        Operation("post", "/desktop/link", "A one-time link for another window.", "agent", {201: LOOSE}),
        Operation("delete", "/desktop/session", "Sign out.", "agent", {204: None}),
        Operation("get", "/desktop/events", "Live events (server-sent events).", "agent",
                  {200: ("text/event-stream",)}, (429,)),
        Operation("get", "/desktop/poll", "The same events, for networks that let no stream through.", "agent",
                  {200: ("text/plain",)}, (400, 429), {"page": "a name the page gives itself"}),
        Operation("post", "/desktop/ack", "A popup was delivered, shown or dismissed.", "agent", {204: None},
                  (400, 404, 413), takes=ACK),
        Operation("post", "/desktop/press", "Look up again, or choose another call.", "agent", {200: model("Answer")},
                  (400, 404, 413, 429), takes=CHOICE),
        Operation("get", "/desktop/notes/{popup_id}", "The draft of a note, and the notes sent.", "agent",
                  {200: LOOSE}, (404,)),
        Operation("put", "/desktop/notes/{popup_id}", "Save the draft.", "agent",
                  {204: None}, (400, 404, 413, 429), takes=NOTE),
        Operation("post", "/desktop/notes/{popup_id}", "Send the note to the CRM.", "agent", {202: LOOSE},
                  (400, 404, 409, 413, 429), takes=NOTE),
        Operation("post", "/desktop/contacts/{popup_id}", "Create a contact for a caller whom the CRM does not know.",
                  "agent", {200: model("Contact")}, (400, 404, 409, 413), takes=LOOSE),
        Operation("get", "/desktop/shift", "The agent's calls of the last day, one row for a call.", "agent",
                  {200: listed(LOOSE)}, (400,),
                  {"q": "part of a name or number", "missed": "true: only those to call back"} | PAGING),
        Operation("get", "/desktop/popups/{popup_id}", "One of the agent's own popups.", "agent", {200: LOOSE}, (404,)),
        Operation("get", "/desktop/preferences", "The agent's preferences.", "agent", {200: model("Preferences")}),
        Operation("put", "/desktop/preferences", "Change preferences; missing keys stay as they are.", "agent",
                  {200: model("Preferences")},
                  (400, 413), takes=LOOSE),
    )  # fmt: skip


def _connect() -> tuple[Operation, ...]:
    agent = {"type": "object", "properties": {"crm_user": TEXT}, "required": ["crm_user"]}
    test = "What a test showed: findings, what was sent and answered without secrets, and what was read."
    return (
        Operation("get", "/api/connect", "The phone systems and CRMs of the settings.", "admin", {200: LOOSE}, (429,)),
        Operation("get", "/api/connect/kinds", "Every make, with its keys.", "admin", {200: LOOSE}, (429,)),
        Operation("post", "/api/connect/try", f"Test an account before it goes into the settings. {test}", "admin",
                  {200: LOOSE}, (400, 413, 429), takes=DRAFT),
        Operation("post", "/api/connect/pbx/{name}/test", f"Test a phone system. {test}", "admin", {200: LOOSE},
                  (404, 429)),
        Operation("post", "/api/connect/crm/{name}/test", f"Test a CRM. {test}", "admin", {200: LOOSE}, (404, 429)),
        Operation("get", "/api/connect/crm/{name}/button", "The files of its button, with gaps for secrets.", "admin",
                  {200: LOOSE}, (404, 409, 429)),
        Operation("post", "/api/connect/crm/{name}/click", "A click in the name of an agent.", "admin",
                  {200: model("Answer")}, (400, 404, 413, 429), takes=agent),
        Operation("post", "/api/connect/crm/{name}/popup", "A made-up popup for an agent, sent to the CRM.", "admin",
                  {200: LOOSE}, (400, 404, 409, 413, 429),
                  takes={**agent, "properties": {"crm_user": TEXT, "number": TEXT}}),
        Operation("get", "/api/connect/agents", "Agents' rows, and how they fit the phone systems.", "admin",
                  {200: LOOSE}, (429,)),
        Operation("post", "/api/connect/agents/preview", "What a CSV would change; nothing is written.", "admin",
                  {200: LOOSE}, (400, 413, 429),
                  takes={"type": "object", "properties": {"csv": TEXT, "keeps_others": {"type": "boolean"}}}),
        Operation("post", "/api/connect/links", "A link that opens an agent's desktop page, once.", "admin",
                  {201: LOOSE}, (400, 404, 413, 429), takes=LINK),
    )  # fmt: skip


def _service() -> tuple[Operation, ...]:
    return (
        Operation("get", "/events/{pbx}", "A challenge or an event of a phone system.", "all", {200: LOOSE},
                  (400, 401, 404, 429, 503)),
        Operation("post", "/events/{pbx}", "An event of a phone system.", "all", {200: LOOSE},
                  (400, 401, 404, 413, 429, 503), takes=LOOSE),
        Operation("get", "/api/health", "Queue, lag, workers over hours; circuits, listeners.", "supervisor",
                  {200: LOOSE}),
        Operation("post", "/api/health/doctor", "The doctor's findings, now. For admins of every CRM.", "admin",
                  {200: LOOSE}, (429,)),
        Operation("get", "/console/live/events",
                  "Server-sent events: agents with their calls, queues, the day's figures, and every change of them.",
                  "supervisor", {200: ("text/event-stream",)}, (429,)),
        Operation("get", "/console/session", "The owner of this token.", "supervisor", {200: LOOSE}),
        Operation("post", "/console/session", "Trade a token for a session.", "supervisor", {201: LOOSE}),
        Operation("delete", "/console/session", "Sign out.", "supervisor", {204: None}),
        Operation("get", "/livez", "Liveness: the process runs.", "all", {200: LOOSE}),
        Operation("get", "/readyz", "Readiness: clicks can be accepted.", "all", {200: LOOSE, 503: LOOSE}),
        Operation("get", "/version", "The version.", "all", {200: LOOSE}),
        Operation("get", "/metrics", "Metrics for Prometheus.", "all", {200: ("text/plain",)}),
    )  # fmt: skip


@cache
def all_operations() -> tuple[Operation, ...]:
    """Every documented operation."""
    return (*_clicks(), *_reads(), *_audit(), *_desktop(), *_connect(), *_service())
