"""The database of a simulated Odoo, by its methods; pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.crm.odoo.simulated import (
    FIELDS,
    MESSAGE_MODELS,
    OURS,
    Faults,
    Refused,
    Row,
    chosen,
    found,
    marks,
    number_in,
    partners,
    users,
)
from bridge.crm.simulation import ShownPopup, SimulatedAgent, SimulatedContact


@dataclass(slots=True)
class Database:
    """The records by model, and what agents were shown."""

    agents: Sequence[SimulatedAgent]
    contacts: Sequence[SimulatedContact]
    clock: Callable[[], float]
    faults: Faults
    has_library: bool
    records: dict[str, list[Row]] = field(default_factory=dict)
    popups: list[ShownPopup] = field(default_factory=list)
    toasts: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.records = {
            "res.users": users(self.agents),
            "res.partner": partners(self.contacts, self.has_library),
            "crm.lead": [],
            "mail.activity": [],
            "mail.message": [],
            "ir.model": [{"id": 87, "model": "res.partner"}, {"id": 301, "model": "crm.lead"}],
            "mail.activity.type": [{"id": 1, "category": "default"}, {"id": 2, "category": "phonecall"}],
        }

    def execute(self, model: str, method: str, args: list[Any], kwargs: Row) -> Any:
        """What a method gives back. Raises `Refused`."""
        if model not in self.records:
            raise Refused("builtins.KeyError", f"'{model}'")
        if model in self.faults.denied:
            raise Refused("odoo.exceptions.AccessError", f"You are not allowed to access '{model}' records.")
        if method in ("search_read", "fields_get"):
            return self._read(model, method, args, kwargs)
        if method in ("write", "unlink", "action_feedback"):
            return self._change(model, method, *args)
        if method == "create":
            return self._create(model, args[0])
        if method == "message_post" and model in MESSAGE_MODELS:
            return self._post(model, args[0][0], kwargs["body"])
        if method == "notify_info" and self.faults.toasts:
            return self._notify(args[0], kwargs)
        raise Refused("builtins.AttributeError", f"The method '{model}.{method}' does not exist")

    def _read(self, model: str, method: str, args: list[Any], kwargs: Row) -> Any:
        rows = [self._visible(row) for row in self.records[model]]
        if method == "search_read":
            return [chosen(row, kwargs["fields"]) for row in found(rows, args[0])[: kwargs.get("limit")]]
        there = {*FIELDS, *(name for row in rows for name in row)} - set(self.faults.no_fields)
        return {name: {"type": "char"} for name in args[0] if name in there}

    def _visible(self, row: Row) -> Row:
        shown = {name: value for name, value in row.items() if name not in self.faults.no_fields}
        return {**shown, "email": False} if row["id"] == OURS and not self.faults.email else shown

    def _change(self, model: str, method: str, ids: Sequence[int], values: Row | None = None) -> bool:
        row = self._one(model, ids[0])
        if method == "write":
            row.update(values or {})
        else:
            self.records[model].remove(row)
        return True

    def _one(self, model: str, record_id: int) -> Row:
        for row in self.records[model]:
            if row["id"] == record_id:
                return row
        raise Refused("odoo.exceptions.MissingError", "Record does not exist or has been deleted.")

    def _may_post(self) -> None:
        if not self.faults.email:
            told = "Unable to send message, please configure the sender's email address."
            raise Refused("odoo.exceptions.UserError", told)

    def _notify(self, ids: Sequence[int], told: Row) -> None:
        if not self.faults.admin:
            raise Refused("odoo.exceptions.UserError", "Sending a notification to another user is forbidden.")
        for user_id in ids:
            self._show(self._one("res.users", user_id), told.get("message", ""), told.get("title", ""))
        self.toasts.append(told)

    def _show(self, user: Row, *texts: str) -> None:
        told = {name: value for text in texts for name, value in marks(text).items()}
        seen = (user["login"], number_in(texts), told.get("ivrid", ""), told.get("popup", ""))
        self.popups.append(ShownPopup(self.clock(), *seen))

    def _create(self, model: str, values: Row) -> int:
        made = {"id": max((row["id"] for row in self.records[model]), default=0) + 1, **values}
        if model == "mail.activity":
            self._may_post()
            self._show(self._one("res.users", values["user_id"]), values["summary"], values.get("note", ""))
        self.records[model].append(made)
        return int(made["id"])

    def _post(self, model: str, record_id: int, body: str) -> int:
        self._may_post()
        self._one(model, record_id)
        return self._create("mail.message", {"model": model, "res_id": record_id, "body": body})
