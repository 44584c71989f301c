"""What is wrong with settings: every error in one run, with its place, in plain words."""

import re

import pytest

from tests.unit.settings_files import CODE, LEAST, MISTAKEN, TOKEN, WHSEC, Write, problems


def test_every_configuration_error_is_reported_in_one_run(write: Write) -> None:
    told = problems(write(MISTAKEN))
    keys = sorted(line.split(": ")[1] for line in told)
    assert keys == [
        "agents.fiel",
        "audit.retention_days",
        "audit.url",
        "crm.acme.clicks_per_minute",
        "crm.acme.pbx",
        "crm.acme.popup_ttl_seconds",
        "crm.acme.popup_url",
        "crm.acme.targets",
        "crm.beta.click_secrets",
        "crm.beta.pbx",
        "crm.beta.popup_secrets",
        "crm.gamma.kind",
        "crm.gamma.pbx",
        "data_dir",
        "dids.0722776772",
        "nonsense",
        "pbx.Office",
        "pbx.main.base_url",
        "pbx.main.cod",
        "pbx.main.code",
        "pbx.main.epoch",
        "pbx.main.fresh_seconds",
        "pbx.main.region",
        "pbx.main.timeout_seconds",
        "pbx.main.timezone",
        "pbx.old.kind",
        "redis.url",
        "server.hots",
        "server.port",
        "server.public_url",
    ]
    assert all(line.startswith("FILE: ") for line in told)


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        (
            "nonsense = 1",
            "FILE: nonsense: unknown key; known keys: agents, audit, console, crm, data_dir, desktop, dids, log,",
        ),
        ("[serber]", "FILE: serber: unknown key; did you mean server?"),
        ("[server]\nhots = 'x'", "FILE: server.hots: unknown key; did you mean host?"),
        ("server = 4", "FILE: server: must be a table: [server]"),
        ("pbx = 3", "FILE: pbx: must be a table"),
        ("[pbx]\nmain = 3", "FILE: pbx.main: must be a table: [pbx.main]"),
        ("[pbx.main]\nkind = 'ozeky'", "FILE: pbx.main.kind: must be one of: "),
        ("[pbx.main]", "FILE: pbx.main.kind: must be one of: "),
        ("[crm.desktop]\nkind = 'webhook'", "FILE: crm.desktop: a name is small letters, digits, - and _, and not"),
        ("data_dir = 5", "FILE: data_dir: must be a text"),
        ("[server]\nport = 65536", "FILE: server.port: must be at most 65535"),
        ("[server]\npublic_url = 'x.example'", "FILE: server.public_url: must be an http:// or https:// address"),
        ("[server]\npublic_url = 'https://u:p@x.example'", "FILE: server.public_url: must not have a name or password"),
        ("[redis]\nurl = 'localhost'", "FILE: redis.url: must be a redis://, rediss:// or unix:// address"),
        ("[audit]\nurl = 'audit.db'", "FILE: audit.url: must be an address such as sqlite:///var/audit.db or post"),
        ("x = 'one\n", "FILE: not TOML: "),
        ("[server]\nport = 1\nport = 2", "FILE: not TOML: "),
    ],
)
def test_a_configuration_error_names_file_and_key_and_what_is_allowed(write: Write, toml: str, line: str) -> None:
    assert problems(write(toml))[0].startswith(line)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[server]\nport = 'http'", "server.port: must be a whole number"),
        ("[server]\nport = 80.5", "server.port: must be a whole number"),
        ("[server]\nport = -1", "server.port: must be at least 0"),
        ("[server]\nport = [80]", "server.port: must be a whole number"),
        ("[server]\nhost = ''", "server.host: must not be empty"),
        ("[server]\nhost = 5", "server.host: must be a text"),
        ("[server]\ntrusted_proxies = 5", "server.trusted_proxies: must be a list"),
        ("[server]\ntrusted_proxies = [5]", "server.trusted_proxies.0: must be a text"),
        ("[redis]\nstrict_durability = 'perhaps'", "redis.strict_durability: must be true or false"),
        ("[redis]\nstrict_durability = 5", "redis.strict_durability: must be true or false"),
        ("[log]\nformat = 'xml'", "log.format: must be 'auto', 'json' or 'text'"),
        ("[desktop]\nrefresh_seconds = 'soon'", "desktop.refresh_seconds: must be a number"),
        ("[desktop]\nrefresh_seconds = nan", "desktop.refresh_seconds: must be "),
        ("[desktop]\nrefresh_seconds = 61", "desktop.refresh_seconds: must be at most 60"),
        (
            "[pbx.main]\nkind='voicenter'\ncode='C0DE'\ntimeout_seconds=0",
            "pbx.main.timeout_seconds: must be more than 0",
        ),
        ("[dids]\n1 = 5", "dids.1: must be a text"),
        ("dids = 5", "dids: must be a table"),
        ("data_dir = 5", "data_dir: must be a text"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(write: Write, toml: str, told: str) -> None:
    (line,) = problems(write(toml))
    assert line.startswith(f"FILE: {told}")
    assert not re.search(r"input|valid|parse|instance|pydantic|dict", line)


ACME = f'[pbx.main]\nkind = "voicenter"\ncode = "{CODE}"\n[crm.acme]\nkind = "webhook"\n'


@pytest.mark.parametrize(
    ("acme", "told"),
    [
        ("", "click_secrets: is needed, or click_token"),
        (f"click_token = '{TOKEN[:15]}'", "click_token: must have at least 16 characters"),
        ("click_token = ''", "click_token: must be a text that is not empty"),
        ("click_secrets = ['whsec_AAAA']", "click_secrets: each must be whsec_ and 24 to 64 bytes in base64"),
        ("click_secrets = ['whsec_%']", "click_secrets: each must be whsec_ and base64"),
        (f"click_secrets = ['{WHSEC[0]}', '']", "click_secrets.1: must be a text that is not empty"),
        (f"click_token = '{TOKEN}'\npbx = 'office'", "pbx: no [pbx.office]; known: main"),
        (f"click_token = '{TOKEN}'\ntargets = ['x']", "targets: 'x' is neither desktop nor a CRM with a popup_url"),
        (f"click_token = '{TOKEN}'\ntargets = ['acme']", "targets: 'acme' is neither desktop nor a CRM with a popup_"),
        (f"click_token = '{TOKEN}'\npopup_url = 'https://a.example'", "popup_secrets: is needed with popup_url"),
        (f"click_token = '{TOKEN}'\npopup_url = 'crm.example'", "popup_url: must be an http:// or https:// address"),
    ],
)
def test_what_a_webhook_crm_must_have(write: Write, acme: str, told: str) -> None:
    assert [line[: len(told) + 15] for line in problems(write(ACME + acme))] == [f"FILE: crm.acme.{told}"]


def test_a_crm_must_say_which_phone_system_when_there_are_none_or_two(write: Write) -> None:
    two = f'{LEAST}[pbx.office]\nkind = "voicenter"\ncode = "{CODE}"\n'
    none = f'[crm.acme]\nkind = "webhook"\nclick_token = "{TOKEN}"\n'
    told = ["FILE: crm.acme.pbx: is needed unless there is exactly one [pbx.NAME]"]
    assert problems(write(two)) == problems(write(none)) == told


def test_pointing_at_a_section_with_an_error_of_its_own_is_not_a_second_error(write: Write) -> None:
    toml = f"""
[pbx.main]
kind = "voicenter"
[crm.acme]
kind = "webhook"
click_token = "{TOKEN}"
pbx = "main"
targets = ["beta"]
[crm.beta]
kind = "webhook"
click_token = "{TOKEN}"
popup_url = "https://beta.example"
"""
    assert [line.split(": ")[1] for line in problems(write(toml))] == ["pbx.main.code", "crm.beta.popup_secrets"]
