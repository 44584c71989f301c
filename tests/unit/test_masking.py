"""What a role sees that may not see callers' numbers."""

from typing import Any

import pytest

from bridge.core import masking


@pytest.mark.parametrize(
    ("plain", "shown"),
    [
        ("0522340002", "••••02"),
        ("+972 52-234-0002", "••••02"),
        ("(03) 123 4567", "(••••67"),
        ("052–234–0002", "••••02"),
        ("052/234/0002", "••••02"),
        ("tel:+972522340002;ext=12", "tel:••••02;ext=12"),
        ("٠٥٢٢٣٤٠٠٠٢", "••••٠٢"),
        ("Ruth 0522340002, then 0521111111", "Ruth ••••02, then ••••11"),
        ("x0522340002x", "x••••02x"),
        ("%2B972522340002", "%2B••••02"),
        ("12345 and room 71", "12345 and room 71"),
        ("2026-03-01T10:00:00.123Z", "2026-03-01T10:00:00.123Z"),
        ("pop_01234567890123456789012345678901", "pop_01234567890123456789012345678901"),
        ("pop_0522340002", "pop_••••02"),
        ("", ""),
    ],
)
def test_numbers_in_a_text(plain: str, shown: str) -> None:
    assert masking.text(plain) == shown


@pytest.mark.parametrize(
    ("plain", "shown"),
    [
        ({"caller": {"number": "0522340002", "e164": "+97252"}}, {"caller": {"number": "••••02", "e164": None}}),
        ({"ivrid": "20260301100000000001", "did": "077670"}, {"ivrid": "20260301100000000001", "did": "077670"}),
        ({"customdata": {"did": "0522340002", "n": 522340002}}, {"customdata": {"did": "••••02", "n": "••••02"}}),
        ({"record": {"id": 7, "crm": ["0522340002"]}}, {"record": {"id": 7, "crm": ["••••02"]}}),
        ({"agent": {"name": "0522340002"}}, {"agent": {"name": "••••02"}}),
        ({"0522340002": 1}, {"••••02": 1}),
        ({"url": "https://crm.example/7", "create_url": "https://crm.example/?phone=0522340002"},
         {"url": "https://crm.example/7", "create_url": None}),
        ({"pbx_ms": 1234567.5, "is_so": True, "none": None}, {"pbx_ms": 1234567.5, "is_so": True, "none": None}),
        (["0522340002", ["0522340002"]], ["••••02", ["••••02"]]),
    ],
)  # fmt: skip
def test_numbers_in_an_answer(plain: Any, shown: Any) -> None:
    assert masking.told(plain) == shown
