"""The desktop page's files: what it loads exists, is preloaded, and comes from this server only."""

import re
from pathlib import Path

from bridge.web.languages import STATIC

PAGE = (STATIC / "desktop.html").read_text(encoding="utf-8")
IMPORT = re.compile(r'^(?:import|export) .*?from "(\.[^"]+)";', re.M | re.S)


def modules_of(start: Path) -> set[Path]:
    """A module and all that it imports, directly or not."""
    found, waiting = set(), [start]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        waiting += [(module.parent / name).resolve() for name in IMPORT.findall(module.read_text(encoding="utf-8"))]
    return found


def test_every_module_is_preloaded() -> None:
    """Otherwise the browser would discover one import after the other, a round trip each."""
    preloaded = set(re.findall(r'rel="modulepreload" href="/static/([^"]+)"', PAGE))
    needed = {str(module.relative_to(STATIC)) for module in modules_of(STATIC / "desktop" / "page.js")}
    assert preloaded == needed - {"desktop/page.js"}


def test_every_module_of_the_folder_is_used() -> None:
    assert set((STATIC / "desktop").glob("*.js")) <= modules_of(STATIC / "desktop" / "page.js")


def test_the_page_loads_nothing_from_elsewhere_and_has_no_script_of_its_own() -> None:
    assert re.findall(r'(?:href|src)="(?!/static/)[^"]*"', PAGE) == []
    assert re.findall(r"<script(?![^>]*src=)|<style| on[a-z]+=| style=", PAGE) == []


def test_nothing_from_elsewhere_can_become_markup() -> None:
    """Only text nodes: no page uses what turns text into markup or code."""
    unsafe = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setHTML")
    pages = [*STATIC.rglob("*.js")]
    assert [page.name for page in pages if unsafe.search(page.read_text(encoding="utf-8"))] == []
