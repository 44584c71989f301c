"""What `deliveries list` says of a delivery to a page, and `push-test` of a CRM without popups."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.cli.deliveries import _last
from bridge.cli.doctor import _no_popups
from bridge.core.delivery import DESKTOP, Attempt, Delivery, DeliveryState
from bridge.crm.hubspot.account import Account as HubSpot
from bridge.crm.webhook.account import Account as Webhook

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HUBSPOT = {"kind": "hubspot", "access_token": "pat-invented", "portal_id": "1", "popup": "none"}


@pytest.mark.parametrize(
    ("target", "state", "told"),
    [
        (DESKTOP, DeliveryState.PENDING, "no page has taken it yet"),
        (DESKTOP, DeliveryState.EXPIRED, "no page took it"),
        (DESKTOP, DeliveryState.DELIVERED, "ok"),
        ("acme", DeliveryState.DELIVERED, "ok"),
    ],
)
def test_a_popup_that_no_page_has_taken_is_not_ok(target: str, state: DeliveryState, told: str) -> None:
    attempt = Attempt(NOW, None, 1.0, None, None)
    assert _last(Delivery("dlv_1", "pop_1", target, state, NOW, attempts=(attempt,))) == told


def test_a_crm_without_popups_is_told_which_key_it_lacks() -> None:
    account = Webhook.model_validate({"kind": "webhook", "click_token": "a-token-of-some-length"})
    assert _no_popups("acme", account, ["sales"]) == (
        "[crm.acme] takes no popups: set popup_url; those that take popups: sales"
    )
    assert _no_popups("typo", None, []) == "there is no [crm.typo]; none in the settings takes popups"


@pytest.mark.parametrize(("keys", "takes"), [({"log_calls": True}, True), ({}, False), ({"popup": "call"}, True)])
def test_notes_have_a_place_where_calls_are_kept(keys: dict[str, Any], takes: bool) -> None:
    assert HubSpot.model_validate({**HUBSPOT, **keys}).takes_notes is takes
