"""`popbridge check` tells an address that can never be reached; what only whoever runs it can know is left alone."""

from pathlib import Path

import pytest

from bridge.core.errors import SettingsError
from bridge.settings import load_settings

NEVER = (
    "http://169.254.169.254/", "http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]/", "http://[fe80::1]/",
    "http://100.100.100.200/", "http://192.0.0.192/", "http://2852039166/", "http://0xA9FEA9FE/", "http://169.254.43518/",
    "http://0251.0376.0251.0376/", "http://169.254.169.254./", "http://[::ffff:169.254.169.254]/", "http://167772165/",
    "http://0x0a000005/", "http://10.5/", "http://012.0.0.5/", "https://metadata.google.internal/", "http://METADATA/",
    "http://instance-data.ec2.internal/", "http://metadata.google.internal。/",
    "http://[64:ff9b::a9fe:a9fe]/", "http://１６９.254.169.254/",
)  # fmt: skip
PERHAPS = (
    "http://10.0.0.5/popups", "http://192.168.1.5:8080/popups", "http://127.0.0.1:9/popups", "http://localhost/popups",
    "http://[fd00::5]/popups", "https://crm.acme.example/popups", "https://crm.internal/popups", "http://8.8.8.8/popups",
    "http://metadata.acme.example/", "http://10.acme.example/", "http://0xbad.acme.example/",
)  # fmt: skip


def written(folder: Path, popup_url: str, base_url: str = "https://pbx.acme.example/api") -> str:
    file = folder / "popbridge.toml"
    file.write_text(
        f'[pbx.main]\nkind = "voicenter"\ncode = "ACCOUNTCODE77"\nregion = "IL"\nbase_url = "{base_url}"\n'
        f'[crm.acme]\nkind = "webhook"\nclick_token = "a-token-of-acme-1"\npopup_url = "{popup_url}"\n'
        'popup_secrets = ["whsec_UG9wdXBTZWNyZXRQb3B1cFNlY3JldFBvcHVw"]\n'
    )
    return str(file)


@pytest.mark.parametrize("url", NEVER)
def test_check_tells_a_popup_url_that_can_never_be_reached(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load_settings(written(tmp_path, url), {})
    (problem,) = wrong.value.problems
    assert problem.startswith(f"{tmp_path / 'popbridge.toml'}: crm.acme.popup_url: its host can never be reached")


@pytest.mark.parametrize("url", PERHAPS)
def test_what_may_be_reached_is_no_mistake(tmp_path: Path, url: str) -> None:
    load_settings(written(tmp_path, url), {})


def test_a_phone_systems_address_is_checked_too_and_both_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as wrong:
        load_settings(written(tmp_path, "http://169.254.169.254/", "http://metadata.goog/"), {})
    assert [problem.split(": ")[1] for problem in wrong.value.problems] == ["pbx.main.base_url", "crm.acme.popup_url"]


def test_private_networks_name_what_an_odd_spelling_means(tmp_path: Path) -> None:
    load_settings(written(tmp_path, "http://167772165/"), {"POPBRIDGE_SERVER__PRIVATE_NETWORKS": "10.0.0.0/8"})
    with pytest.raises(SettingsError):  # metadata never
        load_settings(written(tmp_path, "http://169.254.1.1/"), {"POPBRIDGE_SERVER__PRIVATE_NETWORKS": "0.0.0.0/0"})
