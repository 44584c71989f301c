"""The words of a make's own adapter: what is kept of an answer when names are replaced."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from bridge.pbx.contract import PbxAdapter

WORD = re.compile(r"[^\W_\d]{2,}")


def vocabulary(adapter: PbxAdapter) -> frozenset[str]:
    """The words that stand in the adapter's code, which are the vendor's own: states, names of fields, commands."""
    texts = (text for tree in _modules(type(adapter).__module__) for text in _texts(tree))
    return frozenset(word for text in texts for word in WORD.findall(text))


def _modules(package: str) -> Iterator[ast.Module]:
    """The adapter's module, and those of its folder that it imports: its simulator is none of them."""
    folder = Path(str(import_module(package).__file__)).parent
    seen, left = set[str](), ["__init__"]
    while left:
        seen.add(name := left.pop())
        tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
        yield tree
        left += [inner for inner in _imported(tree, package) if inner not in seen and (folder / f"{inner}.py").exists()]


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package):
            yield from str(node.module).removeprefix(package).strip(".").split(".")
            yield from (alias.name for alias in node.names)


def _texts(tree: ast.Module) -> Iterator[str]:
    """The texts of the code; explanations are none of the vendor's."""
    explanations = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in explanations:
            text = node.value.decode("utf-8", "replace") if isinstance(node.value, bytes) else node.value
            if isinstance(text, str):
                yield text
