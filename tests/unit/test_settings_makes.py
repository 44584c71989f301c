"""The settings of every make: its keys have help, its guide's example is refused as it stands, its ways of events."""

import json
import re
import textwrap
from pathlib import Path

import pytest

from bridge.config.checking import checked
from bridge.config.models import Section
from bridge.core.errors import SettingsError
from bridge.core.http_types import Secret
from bridge.core.reasons import reason
from bridge.crm import registry as crm
from bridge.pbx import registry as pbx
from bridge.pbx.contract import Connects, ReadsEvents
from bridge.settings import load_settings


@pytest.mark.parametrize(
    "model", [*(a.account for a in pbx.kinds().values()), *(a.account for a in crm.kinds().values())]
)
def test_every_key_of_an_account_has_a_line_of_help(model: type[Section]) -> None:
    assert [name for name, field in model.model_fields.items() if name != "kind" and not field.description] == []


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


@pytest.mark.parametrize(
    "kind", [kind for kind in sorted(pbx.packages()) if "event_secret" in pbx.find(kind).account.model_fields]
)
def test_events_that_are_pushed_with_a_secret_are_refused_without_it(kind: str) -> None:
    made = pbx.simulator(kind).section("https://phone.example.com", Secret("planted-secret-0123456789"))
    keys = {"kind": kind, "region": "IL", **made}
    assert checked(pbx.find(kind).account, keys)[1] == []
    problems = checked(pbx.find(kind).account, {**keys, "events": "push"})[1]
    assert [problem.reason for problem in problems] == [reason("value-event-secret")]
