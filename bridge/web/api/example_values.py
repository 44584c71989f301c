"""What the API reference's examples are made of: one agent, one caller, one call, the same on every page."""

from collections.abc import Mapping
from typing import Any

from bridge import __version__
from bridge.web.api.schemas import SCHEMAS

ADDRESS = "https://popbridge.example.com"
TIME = "2026-11-22T10:00:00.123Z"
VALUES: Mapping[str, Any] = {
    "click_id": "clk_019ac1d0", "popup_id": "pop_019ac1d1", "delivery_id": "dlv_019ac1d2", "crm": "acme",
    "pbx": "main",
    "crm_user": "dana@acme.example", "agent": "dana@acme.example", "extension": "101", "ivrid": "2020101201cc7b38df",
    "number": "0722776772", "caller": "0722776772",
    "e164": "+972722776772", "name": "Rivka Shalom",
    "did": "0776707528",
    "did_label": "Sales line", "why": "talking now; the only call", "outcome": "found", "served_from": "pbx",
    "state": "talking", "direction": "incoming", "kind": "number", "target": "acme", "source_ip": "192.0.2.10",
    "filename": "2020101201cc7b38df.mp3", "token_id": "5f0c9a1e7b2d", "role": "supervisor", "text": "Call back at 4",
    "type": "Contact", "id": "42", "url": "https://crm.acme.example/contacts/42", "company": "Shalom Ltd",
    "title": "Not Found", "detail": "There is no such click.", "reason": "not-found", "code": "talking",
    "next_cursor": None, "error": None, "language": "en", "theme": "auto", "since": "6h", "until": TIME, "limit": "50",
    "queue": "7", "cursor": "", "event": "shown", "token": "$CLICK_TOKEN", "format": "csv", "page": "page-1",
}  # fmt: skip
"""By the name of a field."""
SIGNED_IN = {
    "expires_at": "2026-11-22T22:00:00.000Z", "via": "token",
    "agent": {"crm": "acme", "crm_user": "dana@acme.example", "name": "Dana Cohen"},
    "preferences": {"$ref": f"{SCHEMAS}Preferences"},
}  # fmt: skip
SUPERVISOR = {"token_id": "5f0c9a1e7b2d", "role": "supervisor", "expires_at": TIME, "via": "token", "crms": None}
WAITING = {"caller": {"number": "0722776772", "kind": "number"}, "ivrid": "2020101201cc7b38df", "waiting_seconds": 41.0}
KEY = {
    "name": "password", "help": "…", "help_in": {"he": "…"}, "form": "secret", "is_needed": True, "is_usual": True,
    "is_secret": True,
}  # fmt: skip
ROW = {"crm": "acme", "crm_user": "dana@acme.example", "pbx": "main", "extension": "101", "name": "Dana Cohen"}
EXCHANGE = {"request": "GET https://pbx.example.com/calls", "status": 200, "ms": 41.7, "body": "{…}"}
FINDING = {
    "what": "pbx main", "grade": "OK", "message": "2 extensions listed", "fix": "",
    "reason": {"code": "found-extensions", "params": {"count": 2}, "also": []},
}  # fmt: skip
TRIAL = {
    "grade": "OK", "findings": [FINDING],
    "exchanges": [EXCHANGE], "extensions": [{"extension": "101", "name": "Dana Cohen", "calls": []}],
}  # fmt: skip
LOOSE: Mapping[tuple[str, str], Any] = {
    ("get", "/api/clicks/{click_id}"): {
        "click": {"click_id": "clk_019ac1d0", "crm": "acme", "agent": "dana@acme.example", "trigger": "button"},
        "live_calls": [{"$ref": f"{SCHEMAS}Call"}], "answer": {"$ref": f"{SCHEMAS}Answer"},
        "steps": [{"step": "proof", "ms": 0.4}, {"step": "lookup", "ms": 41.7}], "rule": None,
        "deliveries": [{"$ref": f"{SCHEMAS}Delivery"}],
    },
    ("get", "/api/deliveries/{delivery_id}"): {
        "delivery_id": "dlv_019ac1d2", "popup_id": "pop_019ac1d1", "target": "acme", "state": "delivered",
        "created_at": TIME, "ended_at": TIME, "attempts": [{"at": TIME, "status": 200, "ms": 41.7}], "crm": "acme",
        "crm_user": "dana@acme.example", "sent": {"$ref": f"{SCHEMAS}Popup"},
    },
    ("post", "/api/deliveries/retry"): {"resent": 3, "more": False},
    ("get", "/api/health"): {
        "series": [{"at": 1774864800.0, "queue": 0, "pending": 2, "overdue": 0.0, "unarchived": 3, "workers": 2,
                    "in_flight": 1}],
        "silent_workers": 0, "circuits": {"pbx": {"main": "closed"}, "target": {"acme": "closed"}},
        "listeners": [{"pbx": "main", "way": "poll", "is_there": True, "heard_seconds": 1, "problem": "",
                       "reason": None, "calls": 9}],
        "may_examine": True,
    },
    ("post", "/api/health/doctor"): {
        "grade": "OK", "findings": [FINDING],
    },
    ("get", "/api/pbx/{pbx}/extensions"): {
        "items": [{"extension": "101", "name": "Dana Cohen", "calls": [{"$ref": f"{SCHEMAS}Call"}]}],
        "next_cursor": None,
    },
    ("get", "/api/pbx/{pbx}/queues"): {
        "items": [{"queue": "7", "name": "Support", "weight": 1, "callers": [WAITING]}], "next_cursor": None,
    },
    ("get", "/api/audit/access-log"): {
        "items": [{"time": TIME, "act_id": "act_019ac1d3", "kind": "read", "who": "supervisor 5f0c9a1e7b2d",
                   "what": "extensions", "pbx": "main"}],
        "next_cursor": None,
    },
    ("post", "/desktop/session"): {"session": "pbt_5f0c9a1e7b2d_…", **SIGNED_IN},
    ("get", "/desktop/session"): SIGNED_IN,
    ("post", "/desktop/link"): {"url": f"{ADDRESS}/desktop#token=pbt_…", "expires_at": TIME},
    ("get", "/desktop/notes/{popup_id}"): {"text": "Call back at 4", "outcome": None, "sent": []},
    ("get", "/desktop/shift"): {
        "items": [{"call_id": "5f0c9a1e", "at": TIME, "call": {"$ref": f"{SCHEMAS}Call"}, "popup_id": "pop_019ac1d1"}],
        "next_cursor": None, "to_call_back": 1,
    },
    ("get", "/desktop/popups/{popup_id}"): {
        "popup": {"$ref": f"{SCHEMAS}Popup"}, "ended_at": None, "answered_by": None,
    },
    ("post", "/desktop/notes/{popup_id}"): {"delivery_id": "dlv_019ac1d4"},
    ("get", "/console/session"): SUPERVISOR,
    ("post", "/console/session"): {"session": "pbt_5f0c9a1e7b2d_…", **SUPERVISOR},
    ("get", "/api/connect"): {
        "public_url": ADDRESS, "agents_file": "agents.csv", "all_crms": True,
        "pbx": [{"name": "main", "kind": "…", "title": "…", "address": "https://pbx.example.com", "events": "off",
                 "agents": 12, "circuit": "closed"}],
        "crm": [{"name": "acme", "kind": "…", "title": "…", "pbx": "main", "agents": 12, "has_button": True,
                 "click_url": f"{ADDRESS}/clicks/acme", "proofs": [{"key": "click_token", "used_at": TIME}]}],
    },
    ("get", "/api/connect/kinds"): {
        "pbx": [{"kind": "…", "title": "…", "proven": "documentation", "keys": [KEY]}], "crm": [],
    },
    ("post", "/api/connect/try"): {
        "problems": [], **TRIAL, "section": '[pbx.main]\nkind = "…"\n', "files": ["secrets/pbx.main.password"],
    },
    ("post", "/api/connect/pbx/{name}/test"): TRIAL,
    ("post", "/api/connect/crm/{name}/test"): {**TRIAL, "extensions": None},
    ("get", "/api/connect/crm/{name}/button"): {
        "files": [{"name": "link.txt", "text": f"{ADDRESS}/clicks/acme?token=PUT_CLICK_TOKEN_HERE\n"}],
        "gaps": [{"key": "click_token", "gap": "PUT_CLICK_TOKEN_HERE"}],
    },
    ("post", "/api/connect/crm/{name}/popup"): {"result": "delivered", "why": "", "exchanges": [EXCHANGE]},
    ("get", "/api/connect/agents"): {
        "items": [ROW], "total": 1, "problems": [], "problem_reasons": [], "warnings": [], "warning_reasons": [],
        "lines": [{"pbx": "main", "problem": "", "listed": 2, "free": [{"extension": "102", "name": ""}], "unfit": []}],
    },
    ("post", "/api/connect/agents/preview"): {
        "problems": [], "problem_reasons": [], "warnings": [], "warning_reasons": [],
        "unchanged": 0, "added": [ROW], "removed": [], "changed": [], "text": "…",
    },
    ("post", "/api/connect/links"): {"url": f"{ADDRESS}/desktop#token=pbt_…", "expires_at": TIME},
    ("get", "/livez"): {"status": "ok"},
    ("get", "/readyz"): {"status": "ok", "checks": {"redis": "ok"}},
    ("get", "/version"): {"version": __version__},
}  # fmt: skip
"""Answers whose shape no schema says."""
STREAMS: Mapping[str, str] = {
    "text/event-stream": 'id: 1-0\nevent: popup\ndata: {"popup_id": "pop_019ac1d1", …}\n',
    "text/plain": 'popbridge_clicks_total{crm="acme",outcome="found"} 42\n',
    "text/csv": "time,click_id,crm,crm_user,…\n2026-11-22T10:00:00.123Z,clk_019ac1d0,acme,dana@acme.example,…\n",
}
