"""Whose click is it: reading the rows, and the agent and the extensions to ask about."""

import io
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.agents.directory import Directory, ResolvedAgent, UnresolvedAgent, read, resolve
from bridge.core.errors import SettingsError
from bridge.core.model import Agent, Click, ExtensionId, Outcome, Pop
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


# What spreadsheets and people do to a CSV

DANA = Agent("acme", "dana", "Dana", (ExtensionId("main", "101"),))
PLAIN = f"{HEAD}\nacme,dana,main,101,Dana\n"


@pytest.mark.parametrize(
    "text",
    [
        f"sep=,\n{PLAIN}",
        f"SEP=;\r\n{PLAIN.replace(',', ';')}",
        f"sep=\t\n{PLAIN.replace(',', chr(9))}",
        f"\n{PLAIN}",
        f"\r\n \r\n{PLAIN}",
        f"\ufeff\n{PLAIN}",
        f"\ufeffsep=;\n\n{PLAIN.replace(',', ';')}",
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        PLAIN.replace("crm,crm_user", "CRM,CRM_User"),
        PLAIN.replace("crm,crm_user,pbx", "Crm , crm user, PBX"),
        PLAIN.replace("crm_user", "CRM-User\u200f"),
        PLAIN.replace("crm,", "\ufeffcrm,"),
        PLAIN.replace("crm,crm_user", '"crm","crm_user"'),
        PLAIN.replace("name\n", "name,,\n").replace("Dana\n", "Dana,,\n"),
        PLAIN.replace("Dana\n", "Dana,,,\n"),
        PLAIN.replace("name\n", "name,phone,Phone\n").replace("Dana\n", "Dana,1,2\n"),
        PLAIN.replace("name\n", "name,notes\n").replace("Dana\n", 'Dana,"two\nlines"\n'),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("dana", "\u200edana\u200f"),
        PLAIN.replace("101", "\u202a101\u202c"),
        PLAIN.replace("main", "main\u00a0"),
        PLAIN.replace("acme", "\ufeffacme\u200b"),
        PLAIN.replace("101", "1\u200b01"),
        PLAIN.replace("Dana", "\u2067Dana\u2069 "),
        PLAIN.replace("Dana", '"Dana"'),
        PLAIN.replace(",", ", ").replace("101", '"101"').replace("dana", '"dana"'),
        f'"sep=;"\n{PLAIN.replace(",", ";")}',
        f"sep=;;;;;\n{PLAIN.replace(',', ';')}",
        f"{PLAIN}\n,,,,\n \u200f,,,,\n",
    ],
    ids=ascii,
)
def test_a_csv_is_read_however_a_spreadsheet_has_saved_it(text: str) -> None:
    assert list(directory(text).agents.values()) == [DANA]


@pytest.mark.parametrize(
    ("head", "row", "pop", "agent_id"),
    [
        ("pop,agent_id", "ringing,42", Pop.RINGING, "42"),
        ("agent_id,pop", "42,answer", Pop.ANSWER, "42"),
        ("Pop,Agent ID", "Ringing , 42\u200f", Pop.RINGING, "42"),
        ("pop", "button", Pop.BUTTON, ""),
        ("pop", "", Pop.BUTTON, ""),
        ("agent_id", "6b0a-11", Pop.BUTTON, "6b0a-11"),
        ("pop,other", "ANSWER,x", Pop.ANSWER, ""),
    ],
)
def test_when_an_agent_gets_popups_and_their_id_in_the_crm(head: str, row: str, pop: Pop, agent_id: str) -> None:
    agent = directory(f"{HEAD},{head}\nacme,dana,main,101,Dana,{row}\nacme,dana,main,102,Dana\n").agent("acme", "dana")
    assert agent is not None
    assert (agent.pop, agent.agent_id, len(agent.extensions)) == (pop, agent_id, 2)


@pytest.mark.parametrize("pop", ["always", "ring", "yes", "1", "button,"])
def test_another_word_for_when_is_an_error(pop: str) -> None:
    told = wrong(f'{HEAD},pop\nacme,dana,main,101,Dana,"{pop}"\n')
    assert told == ["agents.csv: line 2: pop: must be button, ringing, answer or empty"]


QUOTE = "a cell does not end where its quotation marks do: is a quotation mark missing?"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (['acme,a,main,1,"Open', "zoho,b,main,2,"], {2: QUOTE, 3: "crm: no [crm.zoho] in the settings"}),
        (["acme,a,main,1,", 'acme,b,main,2,"Open', 'acme,c,main,3,"Bad" x', "acme,,main,4,"],
         {3: QUOTE, 4: QUOTE, 5: "crm_user is empty"}),
        (['acme,a,main,1,"Open', 'acme,b,main,2,Shut"', "acme,c,main,,"], {2: QUOTE, 4: "extension is empty"}),
        (['"acme,a,main,1,Dana', "acme,b,main,,"], {2: QUOTE, 3: "extension is empty"}),
        (['acme,a,main,1,"Bad" x', 'acme,b,main,2,"Bad" y'], {2: QUOTE, 3: QUOTE}),
        (['acme,a,main,1,"Cohen, Dana", x'], {2: "it must have 5 cells, as the header has"}),
        (["acme,a,main,1,Cohen, Dana"], {2: "it must have 5 cells, as the header has"}),
        (["acme,a", "acme,b,main,2,B", "acme"], {2: "it must have 5 cells, as the header has",
                                                4: "it must have 5 cells, as the header has"}),
        (['acme,a,main,1,"two', 'lines"', "acme,b,main,,"], {4: "extension is empty"}),
        (["", "acme,a,main,1,", "", "zoho,b,main,2,"], {5: "crm: no [crm.zoho] in the settings"}),
    ],
)  # fmt: skip
def test_every_mistake_is_told_with_the_line_where_it_begins(rows: list[str], told: dict[int, str]) -> None:
    assert wrong("\n".join([HEAD, *rows, ""])) == [f"agents.csv: line {line}: {what}" for line, what in told.items()]


def test_the_line_of_a_header_that_comes_late() -> None:
    assert wrong("sep=;\n\ncrm;crm_user\n")[0].startswith("agents.csv: line 3: the header must name ")


def test_a_file_that_is_wrong_all_through_is_told_in_a_bounded_list() -> None:
    told = wrong(f"{HEAD}\n" + "zoho,a,main,1,\n" * 5000)
    assert len(told) == 101
    assert told[-1] == "agents.csv: and 4900 more"


@pytest.mark.parametrize(
    "extension",
    [
        "101.0",
        "101,00",
        "9.72723E+11",
        "9,72723e+11",
        "1E+05",
        "'0101",
        '="0101"',
        "#N/A",
        "#REF!",
        "’101",
        "`101",
        "#####",
        "TRUE",
        "1.2E-05",
        "1,101",
        "01-Jan",
        "Jan-01",
        "2024-01-01",
        "1/2/2024",
        "１０１",
        "١٠١",
        "101٫0",
    ],
)
def test_an_extension_that_a_spreadsheet_has_changed_is_warned_of(extension: str) -> None:
    quoted = extension.replace('"', '""')
    found = directory(f'{HEAD}\nacme,dana,main,"{quoted}",Dana\n')
    assert tuple(map(str, found.warnings)) == (
        f"agents.csv: line 2: extension {extension} looks changed by a spreadsheet: format that column as text",
    )


@pytest.mark.parametrize(
    "extension", ["101", "0101", "SIPDana1", "1E", "E1", "10.5.0", "SIP=1", "101#", "+972", "dana.cohen"]
)
def test_an_extension_as_it_was_typed_is_not_warned_of(extension: str) -> None:
    assert directory(f"{HEAD}\nacme,dana,main,{extension},Dana\n").warnings == ()


def test_two_agents_on_one_extension_and_doubled_rows_are_warned_of() -> None:
    text = f"""{HEAD}
acme,dana@acme.example,main,101,Dana
acme,omer,main,101,Omer
acme,DANA@acme.example,main,101,Dana
acme,omer,main,102,Omer
beta,dana@acme.example,main,101,Dana
acme,noa,office,101,Noa
"""
    assert tuple(map(str, directory(text).warnings)) == (
        "agents.csv: line 3: extension 101 of omer is also dana@acme.example's (line 2)",
        "agents.csv: line 4: the same as line 2",
    )
    assert tuple(map(str, directory().warnings)) == ("agents.csv: line 6: extension 101 of gil is also noa's (line 5)",)
