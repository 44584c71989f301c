"""Settings from environment variables: they win over the file, and others' variables are no settings."""

from pathlib import Path

import pytest

from bridge.core.errors import SettingsError
from tests.unit.settings_files import CODE, LEAST, TOKEN, WHSEC, Write, load, problems


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
