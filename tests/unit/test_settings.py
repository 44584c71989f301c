"""The settings: which file is read, what is in it, and what is so where nothing is said."""

from pathlib import Path

import pytest

from bridge.config import loader
from bridge.config.models import PbxAccount
from tests.unit.settings_files import CODE, LEAST, PASSWORD, TOKEN, WHOLE, WHSEC, Write, load, problems


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


def test_relative_paths_start_at_the_settings_file(write: Write, tmp_path: Path) -> None:
    toml = 'data_dir = "state"\n[agents]\nfile = "people/agents.csv"\n[audit]\nurl = "sqlite:///state/lines.db"\n'
    settings = load(write(toml))
    assert settings.data_dir == tmp_path / "state"
    assert settings.agents.file == tmp_path / "people" / "agents.csv"
    assert settings.audit.url is not None
    assert settings.audit.url.reveal() == f"sqlite:///{tmp_path}/state/lines.db"


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


def test_settings_cannot_be_changed(write: Write) -> None:
    account: PbxAccount = load(write(LEAST)).pbx["main"]
    with pytest.raises(ValueError, match="frozen"):
        account.region = "HU"  # type: ignore[misc]


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
