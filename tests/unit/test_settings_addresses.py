"""Addresses, hosts and origins in settings: who may frame a page, and which hosts a CRM is known by."""

import json

import pytest

from tests.unit.settings_files import LEAST, WHOLE, Write, load, problems


@pytest.mark.parametrize("url", ["sqlite:////srv/audit.db", "sqlite:///:memory:", "postgresql+psycopg://db.example/a"])
def test_absolute_addresses_stay_as_they_are(write: Write, url: str) -> None:
    settings = load(write(f'[audit]\nurl = "{url}"'))
    assert settings.audit.url is not None
    assert settings.audit.url.reveal() == url


def test_a_crms_hosts_are_those_it_is_known_by_and_those_named(write: Write) -> None:
    toml = WHOLE.replace("[crm.acme]", '[crm.acme]\nrecord_hosts = ["*.Lightning.force.com", "crm.eu"]')
    toml = toml.replace("[crm.acme]", '[crm.acme]\norigins = ["https://pages.acme.example", "http://[::1]:8000"]')
    known = {"*.lightning.force.com", "crm.eu", "pages.acme.example", "[::1]"}
    assert known < set(load(write(toml)).crm["acme"].hosts())
    assert load(write(WHOLE)).crm["acme"].hosts() == ["crm.acme.example"]
    assert load(write(LEAST)).crm["acme"].hosts() == []


@pytest.mark.parametrize(
    "host", ["*", "*.com", "https://crm.example", "crm.example/42", "crm.example:443", "a b", "a..b"]
)
def test_a_host_is_a_bare_name(write: Write, host: str) -> None:
    told = problems(write(WHOLE.replace("[crm.acme]", f'[crm.acme]\nrecord_hosts = ["{host}"]')))
    assert len(told) == 1
    assert "crm.acme.record_hosts: each must be a host such as crm.example.com" in told[0]


@pytest.mark.parametrize("inside", ["\n", "\r", "\t", "\x00", "\x1b", " ", "\u00a0", "\u200b", "\u2028"], ids=ascii)
def test_an_address_with_a_space_or_control_character_inside_is_an_error(write: Write, inside: str) -> None:
    for variable in ("SERVER__PUBLIC_URL", "PBX__MAIN__BASE_URL"):
        told = problems(write(LEAST), {f"POPBRIDGE_{variable}": f"https://popbridge{inside}.example.com/x"})
        assert len(told) == 1
        assert "must not have spaces, line ends or control characters in it" in told[0]


@pytest.mark.parametrize(
    "origin",
    [
        "nonsense; script-src *",
        "nonsense",
        "*",
        "https:",
        "https://crm.example;script-src *",
        "https://crm.example; script-src *",
        "https://crm.example script-src",
        "https://crm.example/path",
        "https://crm.example?x",
        "https://user@crm.example",
        "https://CRM.example",
        "http://crm.example:port",
        "https://crm.example:99999",
        "ftp://crm.example",
        "javascript:alert(1)",
        "data:",
        "'none'",
        "'unsafe-inline'",
        "https://crm.example'",
        "https://*.com",
        "https://crm.*.example",
        "https://crm.example\nX-Evil: 1",
        "https://קרם.example",
    ],
    ids=ascii,
)
def test_who_may_frame_the_page_is_an_origin(write: Write, origin: str) -> None:
    toml = f"[server]\nframe_ancestors = [{json.dumps(origin)}]"
    told = problems(write(toml))
    assert len(told) == 1
    assert told[0].startswith(
        "FILE: server.frame_ancestors: each must be an origin such as https://crm.example.com or "
    )


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://crm.example.com", "https://crm.example.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://*.lightning.force.com", "https://*.lightning.force.com"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://xn--4dbrk0ce.example", "https://xn--4dbrk0ce.example"),
        ("'self'", "'self'"),
        ("self", "'self'"),
        (" https://crm.example.com\u200f", "https://crm.example.com"),
    ],
    ids=ascii,
)
def test_an_origin_may_frame_the_page(write: Write, value: str, kept: str) -> None:
    settings = load(write(LEAST), {"POPBRIDGE_SERVER__FRAME_ANCESTORS": f"{value},https://a.example"})
    assert settings.server.frame_ancestors == (kept, "https://a.example")


@pytest.mark.parametrize(
    "origin", ["https://a.example;script-src *", "https://*.example.com", "https://a b", "https://é.example"]
)
def test_a_page_with_a_button_has_an_origin_too(write: Write, origin: str) -> None:
    told = problems(write(f'{LEAST}origins = ["{origin}"]'))
    assert told[0].startswith("FILE: crm.acme.origins: each must be an origin as browsers send it")
