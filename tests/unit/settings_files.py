"""Settings files for tests: with every section, with as little as works; and why one is refused."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bridge.config.models import Settings
from bridge.core.errors import SettingsError
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
Write = Callable[[str], Path]


def load(file: Path, environ: Mapping[str, str] | None = None) -> Settings:
    return load_settings(str(file), environ or {})


def problems(file: Path, environ: Mapping[str, str] | None = None) -> list[str]:
    """The lines with which the settings are refused, the file named as FILE."""
    with pytest.raises(SettingsError) as refused:
        load(file, environ)
    assert str(refused.value) == "\n".join(refused.value.problems)
    return [line.replace(str(file), "FILE") for line in refused.value.problems]


def leaks(text: str) -> list[str]:
    return [secret for secret in PLANTED if secret in text]
