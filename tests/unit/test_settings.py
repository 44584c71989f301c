"""The settings: what is read from where, every problem in one run, and no secret in any of it."""

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bridge.config import loader
from bridge.config.models import PbxAccount, Section, Settings
from bridge.config.values import secret_lines
from bridge.core.errors import SettingsError
from bridge.core.http_types import Secret
from bridge.crm import registry as crm
from bridge.pbx import registry as pbx
from bridge.pbx.contract import Connects, ReadsEvents
from bridge.settings import load_settings

WHSEC = ["whsec_" + letter * 32 for letter in "ABCDE"]
CODE, TOKEN, PASSWORD = "PLANTEDCODE77", "planted-token-0123456789", "planted-password"
PLANTED = [CODE, TOKEN, PASSWORD, *(secret.removeprefix("whsec_") for secret in WHSEC)]
WHOLE = f"""
data_dir = "var"

[server]
host = "127.0.0.1"
port = 8080
public_url = "https://popbridge.example.com"

[redis]
url = "redis://:{PASSWORD}@127.0.0.1:6379/0"

[audit]
url = "postgresql+psycopg://user:{PASSWORD}@db.example/audit"
retention_days = 400

[agents]
file = "agents.csv"

[pbx.main]
kind = "voicenter"
base_url = "https://monapisec.voicenter.co.il/comet/API"
code = "{CODE}"
timezone = "Asia/Jerusalem"
region = "IL"
timeout_seconds = 2.0
fresh_seconds = 0.25

[pbx.office]
kind = "voicenter"
base_url = "http://127.0.0.1:9509"
code = "{CODE}"
timezone = "Europe/Budapest"
region = "HU"

[crm.acme]
kind = "webhook"
click_secrets = ["{WHSEC[0]}", "{WHSEC[1]}"]
click_token = "{TOKEN}"
pbx = "main"
popup_url = "https://crm.acme.example/popups"
popup_secrets = ["{WHSEC[2]}"]
targets = ["acme", "desktop"]
popup_ttl_seconds = 120
clicks_per_minute = 0

[dids]
"0722776772" = "Sales line"
"""
LEAST = f"""
[pbx.main]
kind = "voicenter"
code = "{CODE}"

[crm.acme]
kind = "webhook"
click_token = "{TOKEN}"
"""
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(toml: str) -> Path:
        file = tmp_path / "popbridge.toml"
        file.write_text(toml, encoding="utf-8")
        return file

    return written


def load(file: Path, environ: Mapping[str, str] | None = None) -> Settings:
    return load_settings(str(file), environ or {})


def problems(file: Path, environ: Mapping[str, str] | None = None) -> list[str]:
    """The lines with which the settings are refused, the file named as FILE."""
    with pytest.raises(SettingsError) as refused:
        load(file, environ)
    assert str(refused.value) == "\n".join(refused.value.problems)
    return [line.replace(str(file), "FILE") for line in refused.value.problems]


def test_the_whole_example_of_the_contract(write: Write) -> None:
    settings = load(write(WHOLE))
    assert settings.server.public_url == "https://popbridge.example.com"
    assert settings.redis.url is not None
    assert settings.redis.url.reveal() == f"redis://:{PASSWORD}@127.0.0.1:6379/0"
    assert settings.audit.url is not None
    assert settings.audit.url.reveal() == f"postgresql+psycopg://user:{PASSWORD}@db.example/audit"
    assert [(name, account.region, account.timezone) for name, account in settings.pbx.items()] == [
        ("main", "IL", "Asia/Jerusalem"),
        ("office", "HU", "Europe/Budapest"),
    ]
    assert settings.pbx["main"].model_dump()["code"].reveal() == CODE
    acme = settings.crm["acme"].model_dump()
    assert [secret.reveal() for secret in acme["click_secrets"]] == WHSEC[:2]
    assert acme["click_token"].reveal() == TOKEN
    assert settings.targets_of("acme") == ("acme", "desktop")
    assert settings.pbx_of("acme") == "main"
    assert settings.dids == {"0722776772": "Sales line"}


def test_what_is_left_out_has_the_defaults_of_the_contract(write: Write, tmp_path: Path) -> None:
    settings = load(write(LEAST))
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.redis.url is None
    assert settings.audit.url is not None
    assert settings.audit.url.reveal() == f"sqlite:///{tmp_path}/var/audit.db"
    assert settings.audit.retention_days == 400
    assert settings.data_dir == tmp_path / "var"
    assert settings.agents.file == tmp_path / "agents.csv"
    main, acme = settings.pbx["main"], settings.crm["acme"]
    assert (main.timeout_seconds, main.fresh_seconds, main.region) == (2.0, 0.25, "IL")
    assert (acme.popup_ttl_seconds, acme.clicks_per_minute, acme.targets) == (120, 0, None)
    assert settings.targets_of("acme") == ("desktop",)
    assert settings.pbx_of("acme") == "main"


def test_a_crm_with_a_popup_url_is_a_target_of_its_own_popups(write: Write) -> None:
    toml = f'{LEAST}popup_url = "https://crm.acme.example/popups"\npopup_secrets = ["{WHSEC[0]}"]\n'
    assert load(write(toml)).targets_of("acme") == ("acme", "desktop")


def test_an_empty_file_is_enough_to_start(write: Write) -> None:
    settings = load(write(""))
    assert (settings.pbx, settings.crm, settings.dids) == ({}, {}, {})


MISTAKEN = """
data_dir = 5
nonsense = 1
[server]
port = "http"
hots = "localhost"
public_url = "popbridge.example.com"
[redis]
url = "127.0.0.1:6379"
[audit]
url = "var/audit.db"
retention_days = 0
[agents]
fiel = "agents.csv"
[pbx.main]
kind = "voicenter"
base_url = "ftp://pbx.example"
timezone = "Mars"
region = "Israel"
timeout_seconds = 0
fresh_seconds = "soon"
epoch = "moon"
cod = "x"
[pbx.Office]
kind = "voicenter"
[pbx.old]
kind = "switchboard"
[crm.acme]
kind = "webhook"
click_secrets = ["whsec_AAAA", "whsec_%%%"]
click_token = "short"
pbx = "basement"
popup_url = "https://crm.acme.example:99999/popups"
targets = ["acme", "desktop", "hubspot"]
popup_ttl_seconds = 0
clicks_per_minute = -1
[crm.beta]
kind = "webhook"
popup_url = "https://beta.example/popups"
[crm.gamma]
[dids]
"0722776772" = 5
"""


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


def test_the_environment_overrides_the_file(write: Write) -> None:
    environ = {
        "POPBRIDGE_DATA_DIR": "/srv/popbridge",
        "POPBRIDGE_SERVER__PORT": "9000",
        "POPBRIDGE_PBX__MAIN__CODE": "FROMENVIRONMENT",
        "POPBRIDGE_CRM__ACME__CLICK_SECRETS": f"{WHSEC[0]}, {WHSEC[1]}",
        "POPBRIDGE_CRM__ACME__TARGETS": "desktop",
        "POPBRIDGE_DIDS__0776707528": "Support",
        "UNRELATED__PORT": "1",
    }
    settings = load(write(LEAST), environ)
    assert (settings.data_dir, settings.server.port) == (Path("/srv/popbridge"), 9000)
    assert settings.pbx["main"].model_dump()["code"].reveal() == "FROMENVIRONMENT"
    assert [each.reveal() for each in settings.crm["acme"].model_dump()["click_secrets"]] == WHSEC[:2]
    assert settings.targets_of("acme") == ("desktop",)
    assert settings.dids == {"0776707528": "Support"}


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    environ = {
        "POPBRIDGE_PBX__MAIN__KIND": "voicenter",
        "POPBRIDGE_PBX__MAIN__CODE": CODE,
        "POPBRIDGE_CRM__ACME__KIND": "webhook",
        "POPBRIDGE_CRM__ACME__CLICK_TOKEN": TOKEN,
    }
    settings = load(tmp_path / "popbridge.toml", environ)
    assert (list(settings.pbx), list(settings.crm)) == (["main"], ["acme"])


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SERVER__PORT", "http", "server.port: must be a whole number (port to listen on; 0"),
        ("SERVER__PROT", "80", "server.prot: unknown key; did you mean port?"),
        ("NONSENSE__DEEP__DOWN", "x", "nonsense: unknown key; known keys: "),
        ("CRM__ACME__PBX", "office", "crm.acme.pbx: no [pbx.office]; known: main"),
        ("CRM__ACME__TARGETS", "desktop,hubspot", "crm.acme.targets: 'hubspot' is neither desktop nor a CRM"),
        ("CRM__ACME__CLICK_TOKEN", "short", "crm.acme.click_token: must have at least 16 characters"),
        ("CRM__BETA__CLICK_TOKEN", TOKEN, "crm.beta.kind: must be one of: "),
        ("PBX__MAIN__CODE_FILE", "code.txt", "pbx.main.code_file: give code or code_file, not both"),
    ],
)
def test_an_error_in_the_environment_names_the_variable(write: Write, variable: str, value: str, told: str) -> None:
    name = f"POPBRIDGE_{variable}"
    assert problems(write(LEAST), {name: value})[0].startswith(f"environment {name}: {told}")


def test_each_secret_may_stand_in_a_file_of_its_own(write: Write, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    for name, text in {
        "redis": f"redis://:{PASSWORD}@127.0.0.1/0\n",
        "audit": "sqlite:///elsewhere/audit.db",
        "code": f"{CODE}\n",
        "token": f"  {TOKEN}\n",
        "click": f"{WHSEC[0]}\n{WHSEC[1]}\n",
        "popup": WHSEC[2],
    }.items():
        (tmp_path / "secrets" / name).write_text(text)
    toml = f"""
[redis]
url_file = "secrets/redis"
[audit]
url_file = "secrets/audit"
[pbx.main]
kind = "voicenter"
code_file = "{tmp_path}/secrets/code"
[crm.acme]
kind = "webhook"
click_secrets_file = "secrets/click"
popup_secrets_file = "secrets/popup"
"""
    settings = load(write(toml), {"POPBRIDGE_CRM__ACME__CLICK_TOKEN_FILE": "secrets/token"})
    acme = settings.crm["acme"].model_dump()
    assert settings.redis.url is not None
    assert settings.redis.url.reveal() == f"redis://:{PASSWORD}@127.0.0.1/0"
    assert settings.audit.url is not None
    assert settings.audit.url.reveal() == f"sqlite:///{tmp_path}/elsewhere/audit.db"
    assert settings.pbx["main"].model_dump()["code"].reveal() == CODE
    assert acme["click_token"].reveal() == TOKEN
    assert [secret.reveal() for secret in acme["click_secrets"]] == WHSEC[:2]
    assert [secret.reveal() for secret in acme["popup_secrets"]] == WHSEC[2:3]


@pytest.mark.parametrize(
    "text", ["-- a\nb\n-- c\n", "\ufeff-- a\r\nb  \r\n-- c", "-- a\\nb\\n-- c", "  -- a\n  b\n-- c\n\n"]
)
def test_a_secret_of_several_lines_is_the_same_however_it_was_saved(text: str) -> None:
    assert secret_lines(text).reveal() == "-- a\nb\n-- c\n"
    assert "a" not in repr(secret_lines(text))


@pytest.mark.parametrize("text", ["", " \n", "a\nb\x00c", "a\n\u202eb", "<your key here>", None, ["a"]])
def test_what_cannot_be_a_secret_of_several_lines_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"must|placeholder"):
        secret_lines(text)


def test_secret_files_that_cannot_be_read_are_the_only_errors(write: Write, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    toml = """
[pbx.main]
kind = "voicenter"
code_file = "missing"
[crm.acme]
kind = "webhook"
click_secrets_file = "."
click_token_file = "binary"
popup_url = "https://crm.acme.example"
popup_secrets_file = "nul\\u0000byte"
"""
    assert sorted(line.replace(str(tmp_path), "DIR") for line in problems(write(toml))) == [
        "FILE: crm.acme.click_secrets_file: DIR cannot be read: Is a directory",
        "FILE: crm.acme.click_token_file: DIR/binary cannot be read: it is not UTF-8 text",
        "FILE: crm.acme.popup_secrets_file: DIR/nul\x00byte cannot be read: it is not UTF-8 text",
        "FILE: pbx.main.code_file: DIR/missing cannot be read: No such file or directory",
    ]


def test_a_secret_file_that_is_empty(write: Write, tmp_path: Path) -> None:
    (tmp_path / "code").write_text("\n")
    told = problems(write("[pbx.main]\nkind = 'voicenter'\ncode_file = 'code'"))
    assert told == ["FILE: pbx.main.code: must be a text that is not empty (the account code)"]


def test_a_secret_and_its_file_are_not_both_given(write: Write) -> None:
    told = problems(write(f"{LEAST}[redis]\nurl = 'redis://127.0.0.1'\nurl_file = 'redis'"))
    assert told == ["FILE: redis.url_file: give url or url_file, not both"]


def test_only_secrets_have_a_file(write: Write) -> None:
    assert problems(write("[server]\nhost_file = 'host'"))[0].startswith("FILE: server.host_file: unknown key")


def test_relative_paths_start_at_the_settings_file(write: Write, tmp_path: Path) -> None:
    toml = 'data_dir = "state"\n[agents]\nfile = "people/agents.csv"\n[audit]\nurl = "sqlite:///state/lines.db"\n'
    settings = load(write(toml))
    assert settings.data_dir == tmp_path / "state"
    assert settings.agents.file == tmp_path / "people" / "agents.csv"
    assert settings.audit.url is not None
    assert settings.audit.url.reveal() == f"sqlite:///{tmp_path}/state/lines.db"


@pytest.mark.parametrize("url", ["sqlite:////srv/audit.db", "sqlite:///:memory:", "postgresql+psycopg://db.example/a"])
def test_absolute_addresses_stay_as_they_are(write: Write, url: str) -> None:
    settings = load(write(f'[audit]\nurl = "{url}"'))
    assert settings.audit.url is not None
    assert settings.audit.url.reveal() == url


def test_a_settings_file_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "popbridge.toml"
    assert problems(file)[0].startswith("FILE: no such file; `popbridge init` makes one, --config or POPBRIDGE_CONFIG")


def test_a_settings_file_that_is_a_folder_or_not_text(tmp_path: Path) -> None:
    assert problems(tmp_path) == ["FILE: cannot be read: Is a directory"]
    (tmp_path / "popbridge.toml").write_bytes(b"\xff\xfe")
    assert problems(tmp_path / "popbridge.toml")[0].startswith("FILE: not TOML: ")


def test_which_file_is_read() -> None:
    environ = {"POPBRIDGE_CONFIG": "from-environment.toml"}
    assert loader.settings_file("from-option.toml", environ) == Path("from-option.toml")
    assert loader.settings_file(None, environ) == Path("from-environment.toml")
    assert loader.settings_file(None, {}) == Path("popbridge.toml")


def leaks(text: str) -> list[str]:
    return [secret for secret in PLANTED if secret in text]


def test_no_secret_in_what_settings_print(write: Write) -> None:
    settings = load(write(WHOLE))
    printed = [repr(settings), str(settings), f"{settings}", repr(settings.model_dump()), str(settings.crm["acme"])]
    assert leaks("\n".join(printed)) == []


def test_no_secret_in_an_error_of_any_kind(write: Write) -> None:
    told = problems(write(MISTAKEN.replace("[crm.gamma]", f'[crm.gamma]\nkind = "webhook"\nclick_tokne = "{TOKEN}"')))
    told += problems(write(WHOLE.replace("popup_secrets", "popup_secret").replace("click_token", "token")))
    told += problems(write(WHOLE.replace(f'"{CODE}"', f'["{CODE}"]').replace(f'"{TOKEN}"', f'{{t = "{TOKEN}"}}')))
    told += problems(write(WHOLE.replace("redis://", "").replace("postgresql+psycopg://", "")))
    told += problems(write(WHOLE.replace("https://crm", f"ftp://u:{PASSWORD}@crm")))
    told.append(_printed(write(WHOLE.replace("https://crm", f"https://u:{PASSWORD}@crm"))))
    told += problems(write(WHOLE.replace(WHSEC[0], WHSEC[0] * 4)))
    assert leaks("\n".join(told)) == []


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(position=st.integers(0, len(WHOLE)), cut=st.integers(0, 12), put=st.text("\"'[]{}=.,\\\n\x00é☃ #", max_size=3))
@example(position=WHOLE.index(CODE), cut=0, put='"')
@example(position=WHOLE.index(CODE) - 1, cut=1, put="")
@example(position=WHOLE.index(TOKEN) - 1, cut=1, put="\\")
def test_a_slip_of_the_hand_shows_no_secret(write: Write, position: int, cut: int, put: str) -> None:
    assert leaks(_printed(write(WHOLE[:position] + put + WHOLE[position + cut :]))) == []


def _printed(file: Path) -> str:
    try:
        return repr(load(file))
    except SettingsError as error:
        return str(error)


@pytest.mark.parametrize(
    "model", [*(a.account for a in pbx.kinds().values()), *(a.account for a in crm.kinds().values())]
)
def test_every_key_of_an_account_has_a_line_of_help(model: type[Section]) -> None:
    assert [name for name, field in model.model_fields.items() if name != "kind" and not field.description] == []


def test_settings_cannot_be_changed(write: Write) -> None:
    account: PbxAccount = load(write(LEAST)).pbx["main"]
    with pytest.raises(ValueError, match="frozen"):
        account.region = "HU"  # type: ignore[misc]


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


# What editors, shells, spreadsheets and Kubernetes do to settings

ENDS = ["\n", "\r\n", " ", "\t", "\u00a0", "\ufeff", "\u200b", "\u200f", "\u2028", "\n\n"]


@pytest.mark.parametrize("end", ENDS, ids=ascii)
def test_a_secret_is_the_same_with_what_nobody_sees_at_its_ends(write: Write, tmp_path: Path, end: str) -> None:
    (tmp_path / "token").write_text(f"{end}{TOKEN}{end}", encoding="utf-8", newline="")
    (tmp_path / "secrets").write_text(f"{WHSEC[0]}{end}\n{WHSEC[1]}{end}", encoding="utf-8", newline="")
    environ = {
        "POPBRIDGE_PBX__MAIN__CODE": f"{end}{CODE}{end}",
        "POPBRIDGE_CRM__ACME__CLICK_TOKEN_FILE": "token",
        "POPBRIDGE_CRM__ACME__CLICK_SECRETS_FILE": "secrets",
        "POPBRIDGE_CRM__ACME__POPUP_SECRETS": f"{WHSEC[2]}{end},{end}{WHSEC[3]}",
        "POPBRIDGE_CRM__ACME__POPUP_URL": f"https://crm.acme.example/popups/{end}",
        "POPBRIDGE_SERVER__PUBLIC_URL": f"{end}https://popbridge.example.com{end}",
        "POPBRIDGE_REDIS__URL": f"redis://127.0.0.1{end}",
        "POPBRIDGE_PBX__MAIN__REGION": f"{end}IL{end}",
        "POPBRIDGE_SERVER__PORT": f"80{end}",
        "POPBRIDGE_DATA_DIR": f"/srv/popbridge{end}",
    }
    settings = load(write('[pbx.main]\nkind = "voicenter"\n[crm.acme]\nkind = "webhook"\n'), environ)
    main, acme = settings.pbx["main"].model_dump(), settings.crm["acme"].model_dump()
    assert (main["code"].reveal(), main["region"], acme["click_token"].reveal()) == (CODE, "IL", TOKEN)
    assert [secret.reveal() for secret in acme["click_secrets"]] == WHSEC[:2]
    assert [secret.reveal() for secret in acme["popup_secrets"]] == WHSEC[2:4]
    assert acme["popup_url"] == "https://crm.acme.example/popups/"
    assert (settings.server.public_url, settings.server.port) == ("https://popbridge.example.com", 80)
    assert settings.redis.url is not None
    assert (settings.redis.url.reveal(), settings.data_dir) == ("redis://127.0.0.1", Path("/srv/popbridge"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_settings_file_as_an_editor_saves_it(tmp_path: Path, encoding: str, newline: str) -> None:
    file = tmp_path / "popbridge.toml"
    file.write_text(LEAST, encoding=encoding, newline=newline)
    (tmp_path / "code").write_text(CODE, encoding=encoding, newline=newline)
    assert load(file).pbx["main"].model_dump()["code"].reveal() == CODE
    file.write_text(LEAST.replace(f'code = "{CODE}"', 'code_file = "code"'), encoding=encoding, newline=newline)
    assert load(file).pbx["main"].model_dump()["code"].reveal() == CODE


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "windows-1255"])
def test_a_settings_file_in_another_encoding_is_not_toml(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "popbridge.toml").write_text(f"# דנה{LEAST}", encoding=encoding)
    assert problems(tmp_path / "popbridge.toml")[0].startswith("FILE: not TOML: ")


def test_a_settings_file_and_a_secret_without_an_end_are_refused(write: Write) -> None:
    assert problems(Path("/dev/zero")) == ["/dev/zero: not TOML: it has more than 1 MiB".replace("/dev/zero", "FILE")]
    told = problems(write("[pbx.main]\nkind = 'voicenter'\ncode_file = '/dev/zero'"))
    assert told == ["FILE: pbx.main.code_file: /dev/zero cannot be read: it has more than 1 MiB"]


@pytest.mark.parametrize(
    "inside", ["\n", "\r", "\t", "\x00", "\x07", "\x1b", "\x7f", "\u200b", "\u202e", "\ufeff"], ids=ascii
)
def test_a_secret_with_a_control_character_inside_is_an_error(write: Write, tmp_path: Path, inside: str) -> None:
    secret = f"{TOKEN[:8]}{inside}{TOKEN[8:]}"
    (tmp_path / "token").write_text(secret, encoding="utf-8", newline="")
    told = problems(write(LEAST.replace(f'click_token = "{TOKEN}"', 'click_token_file = "token"')))
    assert len(told) == 1
    assert "crm.acme.click_token: must not have line ends, control characters or invisible marks in it" in told[0]
    told = problems(write(LEAST), {"POPBRIDGE_PBX__MAIN__CODE": secret})
    assert len(told) == 1
    assert "pbx.main.code: must not have line ends, control characters" in told[0]
    assert leaks(str(told)) == []


@pytest.mark.parametrize("inside", ["\n", "\r", "\t", "\x00", "\x1b", " ", "\u00a0", "\u200b", "\u2028"], ids=ascii)
def test_an_address_with_a_space_or_control_character_inside_is_an_error(write: Write, inside: str) -> None:
    for variable in ("SERVER__PUBLIC_URL", "PBX__MAIN__BASE_URL"):
        told = problems(write(LEAST), {f"POPBRIDGE_{variable}": f"https://popbridge{inside}.example.com/x"})
        assert len(told) == 1
        assert "must not have spaces, line ends or control characters in it" in told[0]


@pytest.mark.parametrize(
    "placeholder",
    [
        "change-me-to-a-long-random-text",
        "CHANGE_ME_PLEASE_00000000",
        "changeme-changeme-changeme",
        "XXXXXXXXXXXXXXXXXXXX",
        "xxxx-xxxx-xxxx-xxxx-xxxx",
        "your-token-goes-here",
        "YOUR_SECRET_TOKEN_HERE",
        "<the token of your CRM>",
        "${POPBRIDGE_CLICK_TOKEN}",
        "{{ click_token_of_acme }}",
        "replace-with-a-long-text",
        "replace_me_replace_me",
        "................",
        "placeholder-0123456789",
        "TODO: a long random text",
        "[put the token here]",
    ],
)
def test_the_placeholder_of_an_example_is_no_secret(write: Write, tmp_path: Path, placeholder: str) -> None:
    told = problems(write(LEAST.replace(TOKEN, placeholder)))
    assert told == ["FILE: crm.acme.click_token: is an example's placeholder: put the real one here (for senders that"
                    " cannot sign)"]  # fmt: skip
    (tmp_path / "code").write_text(f"{placeholder}\n")
    told = problems(write(LEAST.replace(f'code = "{CODE}"', 'code_file = "code"')))
    assert [line.partition(": is")[0] for line in told] == ["FILE: pbx.main.code"]


@pytest.mark.parametrize("secret", ["whsec_...", "whsec_…", "whsec_XXXXXXXXXXXXXXXX", "whsec_change-me"])
def test_the_placeholder_of_a_signing_secret_is_no_secret(write: Write, secret: str) -> None:
    told = problems(write(f'{LEAST}click_secrets = ["{secret}"]'))
    assert len(told) == 1
    assert "click_secrets.0: is an example's placeholder" in told[0]


@pytest.mark.parametrize(
    "secret", ["Xx7-exchange-metal-9911", "my-changed-menu-000001", "todolist-is-0123456789", "x1" * 10]
)
def test_a_secret_that_resembles_a_placeholder_is_one(write: Write, secret: str) -> None:
    assert load(write(LEAST.replace(TOKEN, secret))).crm["acme"].model_dump()["click_token"].reveal() == secret


KUBERNETES = {
    "POPBRIDGE_PORT": "tcp://10.0.0.1:8080",
    "POPBRIDGE_PORT_8080_TCP": "tcp://10.0.0.1:8080",
    "POPBRIDGE_PORT_8080_TCP_ADDR": "10.0.0.1",
    "POPBRIDGE_PORT_8080_TCP_PORT": "8080",
    "POPBRIDGE_PORT_8080_TCP_PROTO": "tcp",
    "POPBRIDGE_SERVICE_HOST": "10.0.0.1",
    "POPBRIDGE_SERVICE_PORT": "8080",
    "POPBRIDGE_SERVICE_PORT_HTTP": "8080",
    "POPBRIDGE_SERVER": "tcp://10.0.0.1",
    "POPBRIDGE_SERVER_PORT": "tcp://10.0.0.1",
    "POPBRIDGE_REDIS_SERVICE_HOST": "10.0.0.2",
    "POPBRIDGE_WEB_PORT": "tcp://10.0.0.3",
    "POPBRIDGE__WEB_PORT": "tcp://10.0.0.4",
    "POPBRIDGE_NONSENSE": "x",
    "POPBRIDGE_": "x",
}


@pytest.mark.parametrize("variable", KUBERNETES)
def test_what_kubernetes_puts_into_the_environment_is_no_setting(
    write: Write, caplog: pytest.LogCaptureFixture, variable: str
) -> None:
    assert load(write(LEAST), {variable: KUBERNETES[variable]}).server.port == 8080
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("ignored environment variables")
    assert told.endswith(f": {variable}")


def test_all_that_is_no_setting_is_named_in_one_warning_without_its_value(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    ours = {"POPBRIDGE_CONFIG": "x.toml", "POPBRIDGE_DATA_DIR": "/srv", "POPBRIDGE_SERVER__PORT": "81"}
    settings = load(write(LEAST), {**KUBERNETES, **ours, "HOME": "/root"})
    assert (settings.server.port, settings.data_dir) == (81, Path("/srv"))
    (told,) = [record.getMessage() for record in caplog.records]
    assert set(told.rpartition(": ")[2].split(", ")) == set(KUBERNETES)
    assert "10.0.0" not in told


def test_kubernetes_variables_alone_are_no_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file; `popbridge init` makes one"):
        load(tmp_path / "popbridge.toml", KUBERNETES)


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


GUIDES = [("pbx", make) for make in pbx.packages()] + [("crm", make) for make in crm.packages()]


@pytest.mark.parametrize(("group", "kind"), GUIDES, ids=lambda value: str(value))
def test_the_unedited_example_of_a_guide_is_refused(tmp_path: Path, group: str, kind: str) -> None:
    """Copied as it stands, with something in each file that it names: a placeholder is no secret and no name."""
    package = (pbx if group == "pbx" else crm).packages()[kind]
    guide = (Path(__file__).parents[2] / package.replace(".", "/") / "README.md").read_text(encoding="utf-8")
    (example, *_) = re.findall(r"(?ms)^ *```toml\n(.*?)^ *```", guide)
    section = textwrap.dedent(example)
    for file in re.findall(r'_file = "([^"]+)"', section):
        (tmp_path / Path(file).name).write_text("…")
        section = section.replace(f'"{file}"', f'"{tmp_path / Path(file).name}"')
    crm_too = '[crm.other]\nkind = "webhook"\nclick_token = "a-long-random-text-0123"\n'
    pbx_too = '[pbx.office]\nkind = "voicenter"\ncode = "INVENTED77"\n'
    file = tmp_path / "popbridge.toml"
    file.write_text(f"{section}\n{crm_too if group == 'pbx' else pbx_too}", encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_settings(str(file), {})
    assert all("is an example's placeholder" in line for line in refused.value.problems if ": is " in line)
    assert any("is an example's placeholder" in line for line in refused.value.problems)


EVERY_WAY = [(kind, way) for kind in sorted(pbx.packages()) for way in ("push", "connect")]


@pytest.mark.parametrize(("kind", "way"), EVERY_WAY)
def test_a_way_of_events_that_a_make_does_not_have_is_an_error(tmp_path: Path, kind: str, way: str) -> None:
    made = pbx.simulator(kind).section("https://phone.example.com", Secret("planted-secret-0123456789"))
    keys = {"kind": kind, "region": "IL", **made, "events": way}
    account = pbx.find(kind).account
    if way == "push" and "event_secret" in account.model_fields:
        keys["event_secret"] = "planted-event-secret-0123"
    if way == "connect" and kind == "freeswitch":
        keys |= {"interface": "esl", "base_url": "phone.example.com:8021"}
    text = "[pbx.main]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in keys.items())
    text += '\n[crm.acme]\nkind = "webhook"\nclick_token = "planted-token-0123456789"\n'
    can = isinstance(pbx.find(kind), ReadsEvents if way == "push" else Connects)
    file = tmp_path / "popbridge.toml"
    file.write_text(text, encoding="utf-8")
    (tmp_path / "agents.csv").write_text("crm,crm_user,pbx,extension,name\n", encoding="utf-8")
    if can:
        assert load_settings(str(file), {}).pbx["main"].events == way
        return
    with pytest.raises(SettingsError, match=rf'pbx\.main\.events: .* has no "{way}"; use "poll"'):
        load_settings(str(file), {})
