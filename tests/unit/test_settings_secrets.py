"""Secrets in settings: in files of their own, as editors save them, no placeholders, and never told."""

from pathlib import Path

import pytest

from bridge.config.values import secret_lines
from tests.unit.settings_files import CODE, LEAST, PASSWORD, TOKEN, WHSEC, Write, leaks, load, problems


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
