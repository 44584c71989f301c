"""The words of pages and reasons: complete in every language, nothing left over, and said alike by bridge and pages."""

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import bridge
from bridge.config.keys import Group, keys_of, path_of
from bridge.config.section import Section
from bridge.connect.guides import SECTIONS
from bridge.core.errors import ClickRefused
from bridge.core.model import Outcome
from bridge.core.reasons import FALLBACK, languages, read, reason, say
from bridge.crm import registry as crms
from bridge.pbx import registry as pbxs
from bridge.web.connect.pages import GROUPS
from bridge.web.languages import OF_SETTINGS, STATIC, chosen
from tests.stage import DANA, TOKEN, Stage

ENGLISH = languages()["en"]
SOURCE = Path(bridge.__file__).parent
PAGES = [
    *STATIC.rglob("*.js"),
    *STATIC.rglob("*.html"),
    *SOURCE.glob("web/templates/*.html"),
    *SOURCE.glob("web/templates/console/*.html"),
]
DOORS = [SOURCE / "web" / "doors.py", SOURCE / "web" / "oidc.py", SOURCE / "web" / "connect" / "pages.py"]
"""Python that puts pages together."""
PLURAL = re.compile(r"\.(zero|one|two|few|many|other)$")
GAPS = re.compile(r"\{\w+\}")
each_language = pytest.mark.parametrize("code", languages())


def stem(key: str) -> str:
    """A key without its plural form: languages differ in how many they have."""
    return PLURAL.sub("", key) if key.startswith("reason.") else key


def texts(words: Mapping[str, str], key: str) -> list[str]:
    return [text for name, text in words.items() if stem(name) == key]


# Completeness.


@each_language
def test_every_language_has_the_same_keys(code: str) -> None:
    words = languages()[code]
    assert {stem(key) for key in words if not key.startswith(OF_SETTINGS)} == {stem(key) for key in ENGLISH}
    assert {key for key, text in words.items() if not text.strip()} == set()
    assert words["dir"] in ("ltr", "rtl")


@pytest.mark.parametrize("code", languages().keys() - {FALLBACK})
def test_every_setting_of_every_make_has_its_help_in_every_language(code: str) -> None:
    """English stands with the settings themselves, and nowhere else."""
    models: list[tuple[Group, type[Section]]] = [("pbx", make.account) for make in pbxs.kinds().values()]
    models += [("crm", make.account) for make in crms.kinds().values()]
    asked = {path_of(group, model, key.name) for group, model in models for key in keys_of(group, model)}
    assert {key for key in languages()[code] if key.startswith(OF_SETTINGS)} == asked
    assert [key for key in ENGLISH if key.startswith(OF_SETTINGS)] == []


@each_language
def test_every_text_fills_the_same_gaps(code: str) -> None:
    """A plural form may leave out its number: "two other calls"."""
    words = languages()[code]
    for key in map(stem, ENGLISH):
        allowed = set(GAPS.findall(" ".join(texts(ENGLISH, key))))
        for text in texts(words, key):
            assert allowed - {"{count}"} <= set(GAPS.findall(text)) <= allowed, key


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(SOURCE / "web")))
def test_all_that_a_page_says_has_words(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    said = re.findall(r'\bsay\("([\w.-]+)"', text) + re.findall(r'data-(?:say|label)="([\w.-]+)"', text)
    assert [key for key in said if key not in ENGLISH] == []


def test_no_words_are_left_over() -> None:
    """Each key is named by a page, or is one of a group whose members a page puts together."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in [*PAGES, *DOORS])
    named = set(re.findall(r'["`\']([a-z][\w.-]*)["`\']', text)) | set(re.findall(r"say\.([a-z][\w.-]*)", text))
    groups = set(re.findall(r'\bsayValue\("([\w.-]+)"', text)) | {
        group.removesuffix(".") for group in re.findall(r'["`]([a-z][\w.-]*\.)(?:\$\{|" ~)', text)
    }
    sessions = {f"session-{end}" for end in ("over", "expired", "revoked", "replaced", "unknown-agent")}
    pages = {"empty", "expired", "incomplete", "used", "revoked", "tokenless", "signed-out", *sessions}
    codes = {"provider-unreachable", "provider-unintelligible", "state-unknown", "code-refused", "token-refused"}
    pages |= {f"signin.{code}" for code in codes | {"cancelled", "nobody", "no-agent", "no-console"}}
    known = {
        "name",
        "door.docs",
        "door.docs.text",
        *(f"guide.{group}.all" for group in GROUPS),
        *(f"guide.section.{anchor}" for anchor in SECTIONS),
        *(f"{notice}.{part}" for notice in pages for part in ("title", "text")),
    }
    keys = {key for key in ENGLISH if not key.startswith("reason.")}
    in_group = {key for key in keys if any(key.startswith(f"{group}.") for group in groups)}
    assert keys - named - in_group - known - {key for key in keys if key.endswith(".more")} == set()


def test_every_outcome_and_every_refusal_has_words() -> None:
    assert [outcome for outcome in Outcome if f"answer.title.{outcome}" not in ENGLISH] == []
    assert [outcome for outcome in Outcome if outcome != "found" and f"answer.next.{outcome}" not in ENGLISH] == []
    explained = {key.removeprefix("answer.problem.") for key in ENGLISH if key.startswith("answer.problem.")}
    refusals = {refused.reason for refused in [ClickRefused, *ClickRefused.__subclasses__()]}
    assert explained <= refusals
    in_console = [*(f"console.outcome.{one}" for one in Outcome), *(f"console.reason.{one}" for one in refusals)]
    to_do = [f"console.do.{one}" for one in {*map(str, Outcome), *refusals} - {"found"}]
    assert [key for key in (*in_console, *to_do) if key not in ENGLISH] == []


# Reasons: codes in the program and words in the catalogues are the same set.

CODE = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
SAID = {stem(key).removeprefix("reason.") for key in ENGLISH if key.startswith("reason.")}
MAKERS = {"Reason", "reason"}
ITS_OWN_WORDS = {r"http\-.*"}
"""`http-503` reads the same in every language."""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Where a reason is made: `Reason(code, …)` and `reason(code, …)`."""
    return (call for call in named_calls(tree, MAKERS) if call.args)


def named_calls(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    """Where a function or class of one of these names is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def pattern(code: ast.expr) -> str | None:
    """A regular expression for the codes that an expression stands for; None where it is a name."""
    if isinstance(code, ast.Constant):
        return re.escape(str(code.value))
    if isinstance(code, ast.JoinedStr):
        parts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".*" for part in code.values]
        return "".join(parts)
    return None


def trees() -> Iterator[tuple[Path, ast.AST]]:
    for file in sorted(SOURCE.rglob("*.py")):
        yield file, ast.parse(file.read_text(encoding="utf-8"))


def test_every_reason_in_the_source_has_words_in_every_language() -> None:
    """The catalogues have the same keys, so one of them stands for all."""
    for file, tree in trees():
        for call in calls(tree):
            made = pattern(call.args[0])
            if made is not None and made not in ITS_OWN_WORDS:
                said = [code for code in SAID if re.fullmatch(made, code)]
                assert said, f"{file.relative_to(SOURCE)}:{call.lineno} has a reason without words: {made}"


def test_every_gap_is_filled_where_a_reason_is_made() -> None:
    """As far as the source shows: a code written out, its parameters by name or as a dictionary written out."""
    for file, tree in trees():
        for call in calls(tree):
            given = parameters(call)
            if isinstance(call.args[0], ast.Constant) and given is not None:
                gaps = set(GAPS.findall(" ".join(texts(ENGLISH, f"reason.{call.args[0].value}"))))
                missing = gaps - {f"{{{name}}}" for name in given}
                assert not missing, f"{file.relative_to(SOURCE)}:{call.lineno} leaves {missing} open"


def parameters(call: ast.Call) -> set[str] | None:
    """The names of the parameters; None where the source does not show them."""
    names = {word.arg for word in call.keywords if word.arg and word.arg not in ("params", "also")}
    written = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "params")]
    if any(word.arg is None for word in call.keywords) or any(not isinstance(one, ast.Dict) for one in written):
        return None
    keys = [key for one in written if isinstance(one, ast.Dict) for key in one.keys]
    return names | {str(key.value) for key in keys if isinstance(key, ast.Constant)}


def test_every_reason_with_words_is_in_the_source() -> None:
    """As a text of its own, or as the end of one that is put together (`chosen-{state}`)."""
    named: set[str] = set()
    patterns: set[str] = set()
    for _, tree in trees():
        named |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and _is_code(node.value)}
        patterns |= {made for call in calls(tree) if (made := pattern(call.args[0])) is not None and ".*" in made}
    left_over = {code for code in SAID - named if not any(re.fullmatch(made, code) for made in patterns)}
    assert left_over == set()


def test_what_a_test_finds_is_said_as_data() -> None:
    """A finding made of sentences would be English on a Hebrew page."""
    own = {"core/finding.py", "audit/verdict.py"}  # where it is made; another noun of the same name
    for file, tree in trees():
        if str(file.relative_to(SOURCE)) not in own:
            made = [call.lineno for call in named_calls(tree, {"Finding"})]
            assert made == [], f"{file.relative_to(SOURCE)}:{made}: use worded()"
        for call in named_calls(tree, {"worded"}):
            said = [ast.unparse(one) for one in call.args[2:] if isinstance(one, ast.Constant | ast.JoinedStr)]
            assert [one for one in said if one != "None"] == [], f"{file.relative_to(SOURCE)}:{call.lineno}"


def test_what_is_wrong_with_a_setting_of_a_make_is_said_as_data() -> None:
    """A sentence would be English on the Hebrew page where values are tried."""
    for file, tree in trees():
        if file.parts[-3] in ("pbx", "crm") and re.search(r"^from pydantic ", file.read_text(encoding="utf-8"), re.M):
            for call in named_calls(tree, {"ValueError"}):
                assert isinstance(call.args[0], ast.Call), f"{file.relative_to(SOURCE)}:{call.lineno}: give a reason"


API = ["web/api/*.py", "web/connect/*.py", "web/signin.py", "web/body.py", "audit/search.py", "clicks/by_name.py"]


def test_a_refusal_that_the_console_may_show_is_said_as_data() -> None:
    for file in (file for pattern in API for file in SOURCE.glob(pattern)):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        assert [call.lineno for call in named_calls(tree, {"HTTPException"})] == [], f"{file}: use RequestRefused"
        for call in named_calls(tree, {"Malformed", "TooLarge"}):
            assert isinstance(call.args[0], ast.Call | ast.Name), f"{file.relative_to(SOURCE)}:{call.lineno}"


def _is_code(value: object) -> bool:
    return isinstance(value, str) and CODE.fullmatch(value) is not None


# What the pages are served.


@pytest.mark.parametrize(
    ("wanted", "code"),
    [("he-IL,he;q=0.9,en;q=0.8", "he"), ("iw", "he"), ("fr,he;q=0.5", "he"), ("fr", "en"), ("", "en"), ("EN-gb", "en")],
)
def test_a_browser_gets_the_first_of_its_languages_that_there_is(wanted: str, code: str) -> None:
    assert chosen(wanted) == (code, languages()[code])


@pytest.mark.anyio
async def test_pages_can_list_the_languages(stage: Stage) -> None:
    listed = (await stage.get("/static/lang/languages.json")).json()
    assert {"code": "he", "name": "עברית", "dir": "rtl"} in listed
    assert [each["code"] for each in listed] == sorted(languages())


@pytest.mark.anyio
async def test_a_language_has_the_words_of_every_make_and_is_sent_once(stage: Stage) -> None:
    first = await stage.get("/static/lang/he.json")
    assert first.json() == {key: text for key, text in languages()["he"].items() if not key.startswith(OF_SETTINGS)}
    assert first.headers["cache-control"] == "no-cache"
    again = await stage.get("/static/lang/he.json", {"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.anyio
async def test_the_desktop_gets_its_own_words_alone(stage: Stage) -> None:
    """All that its files name is there; what the console alone shows is a third of the bytes, and is not."""
    sent = (await stage.get("/static/lang/he.json?for=desktop")).json()
    files = [STATIC / "desktop.html", *STATIC.glob("*.js"), *STATIC.glob("desktop/*.js")]
    text = "".join(file.read_text() for file in files)
    named = {key for key in languages()["he"] if f'"{key}"' in text}
    assert len(named) > 50
    assert named <= sent.keys()
    assert not any(key.startswith(("console.", "reason.found-", "reason.refused-")) for key in sent)


@pytest.mark.anyio
@pytest.mark.parametrize("code", ["xx", "HE", "..%2fen", "%00"])
async def test_a_language_that_there_is_not_is_not_found(stage: Stage, code: str) -> None:
    assert (await stage.get(f"/static/lang/{code}.json")).status_code == 404


@pytest.mark.anyio
async def test_the_answer_page_gives_the_reason_in_the_browsers_language(stage: Stage) -> None:
    link = f"/clicks/acme?agent={DANA}&token={TOKEN.reveal()}"
    page = await stage.get(link, {"accept": "text/html", "accept-language": "he-IL"})
    assert '<html lang="he" dir="rtl">' in page.text
    assert languages()["he"]["answer.title.no-active-call"] in page.text
    assert say(reason("no-call", count=1, extensions=["SIPDana1"]), "he") in page.text


@pytest.mark.anyio
async def test_the_buttons_script_brings_its_words_and_modules_along(stage: Stage) -> None:
    script = await stage.get("/button.js")
    assert script.headers["content-type"].startswith("text/javascript")
    for words in languages().values():
        assert words["button"] in script.text
        assert words["answer.next.no-active-call"] in script.text
        assert words["settings.theme"] not in script.text
    assert re.findall(r"^\s*(?:import|export) ", script.text, re.M) == []


# The same sentence from the bridge and from the pages.

PARAMS = {
    "extensions": ["10", "11"],
    "state": {"code": "state-hold"},
    "states": [
        {"code": "calls-in-state", "params": {"number": number, "state": {"code": f"state-{state}"}}}
        for number, state in ((2, "hold"), (1, "ringing"))
    ],
    "what": {"code": "timeout", "params": {"host": "pbx.example", "seconds": 2.5}, "also": [{"code": "only-call"}]},
    "seconds": 0.25,
    "number": 7,
    "host": "crm.example",
}


SAY_ALL = """
let given = "";
for await (const piece of process.stdin) given += piece;
const { module, reasons, words, code } = JSON.parse(given);
const { sayReason } = await import(`data:text/javascript,${encodeURIComponent(module)}`);
console.log(JSON.stringify(reasons.map((one) => sayReason(one, words, code))));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@each_language
@pytest.mark.parametrize("count", [1, 2, 3, 11])
def test_pages_and_bridge_say_every_reason_alike(code: str, count: int) -> None:
    reasons = [{"code": one, "params": {**PARAMS, "count": count}, "also": [{"code": "only-call"}]} for one in SAID]
    reasons.append({"code": "of-no-words", "params": {}, "also": []})
    given = {
        "module": (STATIC / "reasons.js").read_text(),
        "reasons": reasons,
        "words": languages()[code],
        "code": code,
    }
    command = ["node", "--input-type=module", "-e", SAY_ALL]
    ran = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [say(read(one), code) for one in reasons]
