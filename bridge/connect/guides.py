"""The guides: the makes' own READMEs and one for all of them, as HTML that is safe to show.

HTML in a guide is shown as text, and links lead to other guides, to places on the page, or to https addresses.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bridge.connect.folders import folders, guide_of
from bridge.core.reasons import FALLBACK, languages
from bridge.crm import registry as crms
from bridge.pbx import registry as pbxs

ADDRESS = "/docs/connect"
PATCHES = (
    ("<pre>", '<pre tabindex="0">'),
    ("<table>", '<div class="scroll" tabindex="0"><table>'),
    ("</table>", "</table></div>"),
    ("<th></th>", "<td></td>"),
)
"""What may be wider than a small screen, so that it can be scrolled by keyboard too; a heading of nothing is none."""
SECTIONS = (
    *("connect-it", "settings", "popups-without-a-click", "what-an-agent-sees-and-how-fast", "what-agents-see"),
    *("how-much-it-may-be-asked", "what-it-says-when-it-does-not-work", "how-it-is-read", "what-it-does-not-give"),
    *("how-far-this-was-proven", "samples", "samples-and-sources"),
    *("before-you-begin", "in-five-steps", "something-else"),
)
"""The anchors of headings that guides have in common: each has words in every language."""
NOT_GIVEN = re.compile(r"what-\w+-does-not-give")
GENERAL = Path(__file__).parent / "guide.md"


@dataclass(frozen=True, slots=True)
class Guide:
    """One make's guide. `group` is pbx or crm; `html` is the whole text, its title left out."""

    kind: str
    group: str
    title: str
    proven: str
    html: str = ""


@cache
def every() -> Mapping[str, Guide]:
    """The makes' guides by kind, without their text."""
    found: dict[str, Guide] = {}
    for group, kinds in (("crm", crms.kinds()), ("pbx", pbxs.kinds())):
        found |= {kind: Guide(kind, group, it.title, str(it.proven)) for kind, it in kinds.items()}
    return found


@cache
def guide(kind: str, language: str = FALLBACK) -> Guide:
    """One with its text, as `html` makes it. Raises `KeyError` for a make that there is not."""
    about = every()[kind]
    file = guide_of(kind)
    told = (
        html(file.read_text(encoding="utf-8"), file.parent, language)
        if file
        else "<p>There is no guide for this make.</p>"
    )
    return Guide(kind, about.group, about.title, about.proven, told)


@cache
def general(language: str = FALLBACK) -> str:
    """What is the same for every make, as HTML; in `language`, as one file more for each."""
    file = general_in(language) or GENERAL
    return html(file.read_text(encoding="utf-8"), file.parent, language)


def general_in(language: str) -> Path | None:
    """Its file in another language; None where it is not translated."""
    file = GENERAL.with_suffix(f".{language}.md")
    return file if file.is_file() else None


def html(text: str, folder: Path, language: str = FALLBACK) -> str:
    """The Markdown as HTML. Its first heading is the page's own and is left out; `folder` is where its links start. The
    usual headings are in `language`; what is between them is English."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        tokens = tokens[3:]
    names: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            anchor = _anchor(tokens[index + 1].content, names)
            token.attrSet("id", anchor)
            _translate(token, tokens[index + 1], anchor, language)
        token.attrs.pop("style", None)  # how a column is aligned: the page allows no styles within it
        token.children = _linked(token.children, folder) if token.children else token.children
    rendered: str = parser.renderer.render(tokens, parser.options, {})
    for plain, better in PATCHES:
        rendered = rendered.replace(plain, better)
    return rendered


def _translate(heading: Token, words: Token, anchor: str, language: str) -> None:
    usual, known = NOT_GIVEN.sub("what-it-does-not-give", anchor), languages()[language]
    if language == FALLBACK or usual not in SECTIONS:
        return
    heading.attrSet("lang", language)
    heading.attrSet("dir", known["dir"])
    words.children = [Token("text", "", 0, content=known[f"guide.section.{usual}"])]


def _anchor(heading: str, names: dict[str, int]) -> str:
    """As GitHub makes them, so that links between guides work in both places."""
    name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    names[name] = names.get(name, -1) + 1
    return f"{name}-{names[name]}" if names[name] else name


def _linked(tokens: list[Token], folder: Path) -> list[Token]:
    """With each link as it leads from a guide's page; one that leads nowhere here is plain text."""
    kept, dropped = [], 0
    for token in tokens:
        if token.type == "link_open":
            target = _target(str(token.attrGet("href") or ""), folder)
            if not target:
                dropped += 1
                continue
            token.attrSet("href", target)
            if target.startswith("https://"):
                token.attrSet("rel", "noreferrer noopener")
        elif token.type == "link_close" and dropped:
            dropped -= 1
            continue
        kept.append(token)
    return kept


def _target(href: str, folder: Path) -> str:
    if href.startswith(("https://", "#", "/docs/", "/console/")):
        return href
    path, _, anchor = href.partition("#")
    place = Path(os.path.normpath(folder / path)).parent
    kind = next((kind for kind, one in folders().items() if one == place), None)
    return f"{ADDRESS}/{kind}{f'#{anchor}' if anchor else ''}" if kind and path.endswith("README.md") else ""
