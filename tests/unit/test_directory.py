"""Whose click is it: reading the rows, and the agent and the extensions to ask about."""

import io
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.agents.directory import Directory, ResolvedAgent, UnresolvedAgent, read, resolve
from bridge.core.errors import SettingsError
from bridge.core.model import Agent, Click, ExtensionId, Outcome
from bridge.core.reasons import reason
from tests.unit.nouns import NOON

HEAD = "crm,crm_user,pbx,extension,name"
ROWS = f"""{HEAD}
acme,dana@acme.example,main,SIPDana1,דנה כהן
acme,dana@acme.example,office,101,דנה כהן
acme,omer@acme.example,main,10,Omer
acme,noa,main,101,Noa
acme,gil,main,101,Gil
beta,dana@acme.example,main,SIPBeta1,Dana of Beta
"""


def directory(text: str = ROWS) -> Directory:
    return read(io.StringIO(text, newline=""), {"acme", "beta"}, {"main", "office"}, "agents.csv")


def wrong(text: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        directory(text)
    return refused.value.problems


def found(agent: str | None = None, extension: str | None = None, crm: str = "acme") -> ResolvedAgent | UnresolvedAgent:
    return resolve(Click("clk_1", crm, NOON, "192.0.2.7", agent, extension), directory(), "main")


def extensions(owner: ResolvedAgent | UnresolvedAgent) -> list[tuple[str, str]]:
    assert isinstance(owner, ResolvedAgent)
    return [(one.pbx, one.extension) for one in owner.extensions]


def test_an_agent_has_all_extensions_of_their_rows_in_order() -> None:
    owner = found("dana@acme.example")
    assert extensions(owner) == [("main", "SIPDana1"), ("office", "101")]
    assert isinstance(owner, ResolvedAgent)
    assert (owner.agent.name, owner.agent.crm_user) == ("דנה כהן", "dana@acme.example")


def test_an_extension_of_the_agents_narrows_the_lookup() -> None:
    assert extensions(found("dana@acme.example", "101")) == [("office", "101")]


@pytest.mark.parametrize("extension", ["10", "1010", "SIPdana1", "sipdana1", "SIPDana", "SIPDana11", "SIPBeta1"])
def test_an_extension_that_is_not_the_agents_is_refused(extension: str) -> None:
    owner = found("dana@acme.example", extension)
    assert isinstance(owner, UnresolvedAgent)
    assert owner.outcome is Outcome.UNKNOWN_EXTENSION
    assert str(owner.reason) == f"extension '{extension}' does not belong to דנה כהן"
    assert owner.agent is not None
    assert owner.agent.crm_user == "dana@acme.example"


@pytest.mark.parametrize(("agent", "crm"), [("nobody", "acme"), ("noa", "beta"), ("NOA", "acme"), ("no", "acme")])
def test_an_agent_nobody_knows(agent: str, crm: str) -> None:
    owner = found(agent, crm=crm)
    assert owner == UnresolvedAgent(Outcome.UNKNOWN_AGENT, reason("unknown-agent", agent=agent, crm=crm))


def test_the_same_name_in_two_crms_is_two_agents() -> None:
    assert extensions(found("dana@acme.example", crm="beta")) == [("main", "SIPBeta1")]


def test_addresses_compare_without_case_and_other_names_with_it() -> None:
    assert extensions(found("DANA@Acme.Example")) == extensions(found("dana@acme.example"))
    assert isinstance(found("Noa"), UnresolvedAgent)


def test_an_extension_alone_gives_the_agent_who_sits_there() -> None:
    owner = found(extension="10")
    assert isinstance(owner, ResolvedAgent)
    assert (owner.agent.crm_user, extensions(owner)) == ("omer@acme.example", [("main", "10")])


def test_an_extension_that_two_agents_share_is_nobodys_but_is_asked_about() -> None:
    owner = found(extension="101")
    assert isinstance(owner, ResolvedAgent)
    assert (owner.agent.crm_user, owner.agent.name) == ("", "")
    assert extensions(owner) == [("office", "101"), ("main", "101")]


@pytest.mark.parametrize("extension", ["999", "1", "sipdana1", "SIPDana"])
def test_an_extension_without_a_row_is_asked_about_on_the_crms_phone_system(extension: str) -> None:
    owner = found(extension=extension)
    one = ExtensionId("main", extension)
    assert owner == ResolvedAgent(Agent("acme", "", "", (one,)), (one,))


@pytest.mark.parametrize(
    "text",
    [
        ROWS.replace(",", ";"),
        ROWS.replace("\n", "\r\n"),
        ROWS.replace(",main,", " , main ,"),
        ROWS.replace("\n", "\n\n,,,,\n"),
        ROWS.rstrip("\n"),
    ],
    ids=["semicolons", "CRLF", "blanks", "empty rows", "no newline at the end"],
)
def test_what_spreadsheets_do_to_a_csv(text: str) -> None:
    assert directory(text) == directory()


def test_columns_may_come_in_any_order_with_others_between() -> None:
    text = 'phone,name,extension,pbx,crm_user,crm\n1,"Cohen, Dana",SIPDana1,main,dana,acme\n'
    agent = directory(text).agent("acme", "dana")
    assert agent == Agent("acme", "dana", "Cohen, Dana", (ExtensionId("main", "SIPDana1"),))


def test_a_row_given_twice_counts_once_and_the_first_name_stays() -> None:
    text = f"{HEAD}\nacme,dana,main,1,\nacme,dana,main,1,Dana\nacme,dana,main,2,Other\n"
    assert directory(text).agent("acme", "dana") == Agent(
        "acme", "dana", "Dana", (ExtensionId("main", "1"), ExtensionId("main", "2"))
    )


def test_a_header_alone_is_a_directory_of_nobody() -> None:
    assert directory(f"{HEAD}\n") == Directory()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["agents.csv: line 1: the header must name crm,crm_user,pbx,extension,name; crm is missing"]),
        (
            "crm,crm_user,pbx,extention,name\n",
            ["agents.csv: line 1: the header must name crm,crm_user,pbx,extension,name; extension is missing"],
        ),
        (f"{HEAD}\nacme,dana,main,,Dana\n", ["agents.csv: line 2: extension is empty"]),
        (f"{HEAD}\nacme\n", ["agents.csv: line 2: it must have 5 cells, as the header has"]),
        (f"{HEAD}\nzoho,dana,main,1,\n", ["agents.csv: line 2: crm: no [crm.zoho] in the settings"]),
        (f"{HEAD}\nacme,dana,cellar,1,\n", ["agents.csv: line 2: pbx: no [pbx.cellar] in the settings"]),
        (
            f"{HEAD}\nzoho,a,main,1,\nacme,b,main,2,\nacme,,main,3,\nacme,d,Main,4,\n",
            [
                "agents.csv: line 2: crm: no [crm.zoho] in the settings",
                "agents.csv: line 4: crm_user is empty",
                "agents.csv: line 5: pbx: no [pbx.Main] in the settings",
            ],
        ),
    ],
)
def test_every_error_with_its_line(text: str, told: list[str]) -> None:
    assert wrong(text) == told


@pytest.mark.parametrize("filler", ["", "x" * 200_000], ids=["small", "beyond a CSV's limit"])
def test_a_missing_quotation_mark_does_not_swallow_the_rows_behind_it(filler: str) -> None:
    told = wrong(f'{HEAD}\nacme,dana,main,1,"Dana\nacme,omer,main,2,Omer{filler}\nacme,noa,main,3,Noa\n')
    assert len(told) == 1
    assert told[0].startswith("agents.csv: line ")
    assert told[0].endswith(": is a quotation mark missing?")


def test_a_quotation_mark_inside_a_name_is_part_of_it() -> None:
    agent = directory(f'{HEAD}\nacme,dana,main,1,דנה מצה"ל\n').agent("acme", "dana")
    assert agent is not None
    assert agent.name == 'דנה מצה"ל'


@given(st.text(st.characters(codec="utf-8") | st.sampled_from(',;"\r\n'), max_size=60), st.booleans())
def test_any_text_is_a_directory_or_an_error(text: str, headed: bool) -> None:
    try:
        rows: Mapping[tuple[str, str], Agent] = directory(f"{HEAD}\n{text}" if headed else text).agents
    except SettingsError:
        return
    assert all(agent.extensions and agent.crm == crm for (crm, _), agent in rows.items())


def test_an_extension_of_another_crms_agent_is_unknown_to_this_one() -> None:
    """Two CRMs share a phone system: neither sees the other's calls, by naming an extension or otherwise."""
    agents = read(
        ["crm,crm_user,pbx,extension,name", "acme,dana,main,SIPDana,Dana", "rival,lior,main,SIPLior,Lior"],
        {"acme", "rival"},
        {"main"},
        "agents.csv",
    )
    mine = Click("clk_1", "acme", NOON, "", extension="SIPDana")
    theirs = Click("clk_2", "rival", NOON, "", extension="SIPDana")
    assert isinstance(resolve(mine, agents, "main"), ResolvedAgent)
    refused = resolve(theirs, agents, "main")
    assert isinstance(refused, UnresolvedAgent)
    assert (refused.outcome, refused.agent) == (Outcome.UNKNOWN_EXTENSION, None)
    assert "Dana Cohen" not in str(refused.reason)
    nobodys = Click("clk_3", "rival", NOON, "", extension="SIPNew")
    assert isinstance(resolve(nobodys, agents, "main"), ResolvedAgent)
