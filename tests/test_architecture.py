"""The house holds its shape: who may import whom, which libraries belong where, and that nothing happens at import."""

import ast
import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

from bridge.crm import registry as crm_makes
from bridge.pbx import registry as pbx_makes
from bridge.store import jobs

ROOT = Path(__file__).parent.parent
FOLDERS = {
    package.rpartition(".")[2]: kind for make in (pbx_makes, crm_makes) for kind, package in make.packages().items()
}
KINDS = set(FOLDERS.values())
LAYERS = (
    ("doors", {"workers", "bridge.__main__", "bridge.cli", "bridge.web", "bridge.demo", "bridge.reload"}),
    (
        "lines",
        {
            "bridge.clicks",
            "bridge.connect",
            "bridge.delivery",
            "bridge.doctor",
            "bridge.events",
            "bridge.services",
            "bridge.settings",
        },
    ),
    ("steps", {"bridge.agents", "bridge.calls", "bridge.contacts", "bridge.signin"}),
    ("adapters", {"bridge.pbx", "bridge.crm"}),
    ("edges", {"bridge.egress", "bridge.store", "bridge.audit"}),
    ("ground", {"bridge", "bridge.config", "bridge.core", "bridge.observability"}),
)
"""From top to bottom; imports go down. Within a layer only the pairs of SIDEWAYS, and modules of one room."""
SIDEWAYS = {
    ("bridge.__main__", "bridge.cli"): "it is the same command",
    ("bridge.cli", "bridge.web"): "popbridge serve and up start the web door",
    ("bridge.cli", "bridge.demo"): "popbridge simulate",
    ("bridge.cli", "bridge.reload"): "popbridge up reads the settings again at SIGHUP",
    ("bridge.web", "bridge.reload"): "so does the web door alone",
    ("workers", "bridge.reload"): "and the worker",
    ("bridge.demo", "bridge.web"): "it listens as the web door does",
    ("bridge.clicks", "bridge.services"): "the lines work with what the composition root makes",
    ("bridge.delivery", "bridge.services"): "the lines work with what the composition root makes",
    ("bridge.events", "bridge.services"): "the lines work with what the composition root makes",
    ("bridge.events", "bridge.clicks"): "an event is answered by the line of a click",
    ("bridge.events", "bridge.delivery"): "the end of a call is written as deliveries write it",
    ("bridge.doctor", "bridge.services"): "the lines work with what the composition root makes",
    ("bridge.connect", "bridge.delivery"): "a made-up popup is sent to whom a delivery would send it",
    ("bridge.connect", "bridge.doctor"): "an account is tried by the doctor's own tests",
    (
        "bridge.agents",
        "bridge.calls",
    ): "phone systems with a directory of their users are asked where they are known",
    ("bridge.signin", "bridge.agents"): "a person's claims are looked up in the directory",
    ("bridge.audit", "bridge.store"): "log entries move from Redis into SQL",
}
PURE = (
    "core.contact",
    "core.delivery",
    "core.json_fields",
    "core.model",
    "core.errors",
    "core.http_types",
    "core.finding",
    "core.tokens",
    "core.text",
    "core.number_text",
    "core.phone_numbers",
    "agents.directory",
    "calls.labels",
    "calls.snapshot",
    "clicks.choose",
    "clicks.popup",
    "contacts.matching",
    "contacts.variants",
    "crm.call_text",
    "crm.clicks",
    "crm.proofs",
    "crm.replies",
    "delivery.retry_policy",
    "pbx.fields",
    "egress.allowed_addresses",
    "egress.circuit_breaker",
    "egress.proxy",
    "egress.response_head",
    "signin.id_token",
    "signin.rights",
)
IMPURE = {"httpx", "aiohttp", "redis", "rq", "starlette", "uvicorn", "sqlalchemy", "asyncio", "os", "time", "socket"}
LIBRARIES = {
    "httpx": {"bridge.egress", "bridge.demo.once"},
    "httpx_aiohttp": {"bridge.egress.transport"},
    "aiohttp": {"bridge.egress"},
    "rq": {"bridge.store.jobs", "workers"},
    "redis": {"bridge.store", "workers"},
    "sqlalchemy": {"bridge.audit"},
    "alembic": {"bridge.audit.migrations"},
    "starlette": {"bridge.web", "bridge.demo"},
    "uvicorn": {"bridge.web", "bridge.demo"},
    "opentelemetry": {"bridge.observability.tracing"},
    "click": {"bridge.cli", "workers.__main__"},
    "cryptography": {"bridge.store.accounts", "bridge.store.signins", "bridge.crm"},
    "jwt": {"bridge.signin"},
    "markdown_it": {"bridge.connect.guides"},
    "phonenumbers": {"bridge.core.phone_numbers", "bridge.config.values"},
    "pydantic": {"bridge.config", "bridge.core.json_codec", "bridge.pbx", "bridge.crm"},
}
"""Where each library may be imported (the demo reads a stream as a browser would)."""
MAPPED = {"redis.exceptions", "sqlalchemy.exc"}
"""Failures of a library may be mapped anywhere."""
GRAB_BAGS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "misc"}
MAKERS = {
    "re.compile", "re.escape", "str.maketrans", "frozenset", "set", "tuple", "dict", "range", "bytes", "float",
    "timedelta", "datetime", "map", "len", "ip_network", "nullcontext",
    "logging.getLogger", "namedtuple", "click.option", "click.argument", "field",
    "BigInteger().with_variant", "String(24).with_variant", "main.add_command",
}  # fmt: skip
"""What a module may call while it is imported: makers of plain values, and classes but those that open something."""
OPENERS = {"Redis", "Queue", "AsyncClient", "Client", "ClientSession", "Thread", "Process", "Popen", "Archive", "Jobs"}


@dataclass(frozen=True)
class Module:
    """One Python file of the program."""

    root: Path
    file: Path

    @cached_property
    def name(self) -> str:
        parts = self.file.relative_to(self.root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.file.read_text(encoding="utf-8"), str(self.file))

    @cached_property
    def imports(self) -> set[str]:
        """Every module that is imported anywhere in the file, by its full name."""
        return {name for node in ast.walk(self.tree) for name in self._imported(node)}

    def _imported(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{self.name}: relative import"
            origin = node.module or ""
            for alias in node.names:
                yield f"{origin}.{alias.name}" if _is_module(self.root, f"{origin}.{alias.name}") else origin


def _is_module(root: Path, name: str) -> bool:
    path = root.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


@cache
def modules(root: Path) -> list[Module]:
    return [Module(root, file) for top in ("bridge", "workers") for file in sorted((root / top).rglob("*.py"))]


def within(name: str, parents: set[str]) -> str | None:
    """The longest of `parents` that `name` is or lies in."""
    found = [parent for parent in parents if name == parent or name.startswith(f"{parent}.")]
    return max(found, key=len) if found else None


def place(name: str) -> tuple[int, str]:
    """Layer (0 is the top) and part of the house. A module at the top of `bridge` that no layer names has none."""
    for level, (_, parts) in enumerate(LAYERS):
        part = within(name, parts - {"bridge"})
        if part:
            return level, part
    return (len(LAYERS) - 1, "bridge") if name == "bridge" else (-1, name)


def homeless(found: list[Module]) -> Iterator[str]:
    """Modules that no layer names."""
    return (module.name for module in found if place(module.name)[0] < 0)


def wrong_imports(found: list[Module]) -> Iterator[str]:
    """Imports that do not go down."""
    for module in found:
        level, part = place(module.name)
        for other in sorted(name for name in module.imports if name.split(".")[0] in ("bridge", "workers")):
            below, other_part = place(other)
            sideways = (part, other_part) in SIDEWAYS
            level_ground = level == len(LAYERS) - 1
            if below < level or (below == level and part != other_part and not sideways and not level_ground):
                yield f"{module.name} imports {other}"


def mixed_adapters(found: list[Module]) -> Iterator[str]:
    """Adapters that know another adapter, and folders above them that know one by name."""
    for module in found:
        mine = module.name.split(".")[:3]
        for other in module.imports:
            theirs = other.split(".")[:3]
            is_vendor = len(theirs) == 3 and theirs[1] in ("pbx", "crm") and theirs[2] in FOLDERS
            if is_vendor and theirs != mine:
                yield f"{module.name} imports {other}"


def crossed_doors(found: list[Module]) -> Iterator[str]:
    """`bridge` never knows `workers`; `workers` never know the web; neither knows the tests."""
    for module in found:
        forbidden = {"tests", "workers"} if module.name.startswith("bridge") else {"tests", "bridge.web", "bridge.cli"}
        yield from (f"{module.name} imports {other}" for other in module.imports if within(other, forbidden))


def impure(found: list[Module]) -> Iterator[str]:
    """Pure modules that could touch the world or read a clock: of an adapter all but door, connection for events
    and simulator."""
    for module in found:
        part_of_adapter = place(module.name)[1] in ("bridge.pbx", "bridge.crm") and module.name.count(".") == 3
        if module.name in {f"bridge.{name}" for name in PURE} or (part_of_adapter and module.file.stem not in WORLDLY):
            yield from (f"{module.name} imports {o}" for o in module.imports if o.split(".")[0] in IMPURE)
            yield from (f"{module.name} calls {call}" for call in calls_of(module.tree) if call in CLOCKS)


WORLDLY = {"connection", "simulator", "simulated_port"}
CLOCKS = {"datetime.now", "datetime.utcnow", "date.today", "datetime.today", "open", "print", "input"}


def misplaced_libraries(found: list[Module]) -> Iterator[str]:
    """Libraries outside the one place that knows them. A vendor's simulator is a web app of its own."""
    for module in found:
        is_simulator = module.name.endswith((".simulator", ".simulated_port"))
        for other in module.imports - MAPPED:
            library = other.split(".")[0]
            homes = LIBRARIES.get(library, {module.name}) | (
                {module.name} if library == "starlette" and is_simulator else set()
            )
            if not within(module.name, homes):
                yield f"{module.name} imports {other}"


def reaching_adapters(found: list[Module]) -> Iterator[str]:
    """Adapters that reach for an edge: what they send goes through what they are handed."""
    for module in found:
        if place(module.name)[1] in ("bridge.pbx", "bridge.crm"):
            edges = (other for other in module.imports if LAYERS[place(other)[0]][0] == "edges")
            yield from (f"{module.name} imports {other}" for other in edges)


def grab_bags(found: list[Module]) -> Iterator[str]:
    """Modules named after nothing."""
    return (module.name for module in found if module.name.split(".")[-1] in GRAB_BAGS)


def undocumented(found: list[Module]) -> Iterator[str]:
    """Modules without a first line that says what they are."""
    return (module.name for module in found if not ast.get_docstring(module.tree))


def busy_imports(found: list[Module]) -> Iterator[str]:
    """Statements at the top of a module that do something."""
    for module in found:
        own = {statement.name for statement in module.tree.body if isinstance(statement, ast.ClassDef)}
        for statement in module.tree.body:
            if not _is_quiet(statement, MAKERS | own):
                yield f"{module.name}:{statement.lineno}"


def _is_quiet(statement: ast.stmt, makers: set[str]) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Pass():
            return True
        case ast.ClassDef() | ast.For(iter=ast.Tuple() | ast.List()) | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return all(_is_quiet(inner, makers) for inner in statement.body)
        case ast.Expr(value=ast.Constant()) | ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case ast.Assign() | ast.AnnAssign() | ast.Expr():
            return all(_makes_a_value(call, makers) for call in calls_of(statement))
    return False


def _makes_a_value(call: str, makers: set[str]) -> bool:
    last = call.split(".")[-1]
    return call in makers or last == "decode" or (last[0].isupper() and last not in OPENERS)


def calls_of(tree: ast.AST) -> list[str]:
    """What is called in it, by name. What only a lambda would call is not called."""
    if isinstance(tree, ast.Lambda):
        return []
    inner = [name for child in ast.iter_child_nodes(tree) for name in calls_of(child)]
    return [ast.unparse(tree.func), *inner] if isinstance(tree, ast.Call) else inner


WORDS = {kind: re.compile(rf"(?<![a-z]){re.escape(kind)}(?![a-z])", re.I) for kind in KINDS}
OTHER_MEANINGS = {
    "webhook": re.compile(
        r"webhook-|webhooks|standard webhooks|_webhook|webhook_|(?:by|a|the|one|active|this|incoming|teams) webhook"
        r"|webhook message|webhook\\\.|(?-i:WebHook)",
        re.I,
    ),
    "slack": re.compile(r"SLACK"),
}
"""Where a make's name is a word of the field too."""


def vendor_words(found: list[Module]) -> Iterator[str]:
    """Names of makes outside their folders. The demo says which ones it shows unless it is told otherwise."""
    for module in found:
        if module.name == "bridge.demo.cast":
            continue
        text = module.file.read_text(encoding="utf-8")
        for kind in sorted(KINDS - {FOLDERS.get(part) for part in module.name.split(".")}):
            said = OTHER_MEANINGS[kind].sub("", text) if kind in OTHER_MEANINGS else text
            if WORDS[kind].search(said):
                yield f"{module.name}: {kind}"


RULES: tuple[Callable[[list[Module]], Iterator[str]], ...] = (
    homeless, wrong_imports, mixed_adapters, reaching_adapters, crossed_doors, impure, misplaced_libraries, grab_bags,
    undocumented, busy_imports, vendor_words,
)  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Callable[[list[Module]], Iterator[str]]) -> None:
    assert sorted(rule(modules(ROOT))) == []


def test_no_exception_outlives_its_need() -> None:
    """Whoever removes an import takes its line out of SIDEWAYS too."""
    used = {(place(m.name)[1], place(other)[1]) for m in modules(ROOT) for other in m.imports}
    assert sorted(set(SIDEWAYS) - used) == []


@pytest.mark.parametrize("name", sorted(jobs.NAMES))
def test_every_job_name_is_a_callable(name: str) -> None:
    module, _, function = name.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))


WATCH = """
import importlib, sys
def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if watching and (writes or event.startswith(("socket.bind", "socket.connect", "subprocess.", "os.system", "os.fork",
                                                 "os.mkdir", "os.remove", "os.rename", "_thread.start"))):
        told.append(f"{event} {arguments!r}")
told, watching = [], True
sys.addaudithook(watch)
for name in sys.argv[1:]:
    importlib.import_module(name)
watching = False
print(*told, sep="\\n")
"""


def test_importing_everything_touches_nothing() -> None:
    names = [module.name for module in modules(ROOT)]
    command = [sys.executable, "-W", "error", "-B", "-c", WATCH, *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("", "", 0)


PLANTED = [
    ("homeless", "bridge/leftover.py", '"""Nobody knows where this belongs."""\n'),
    ("wrong_imports", "bridge/core/model.py", "import bridge.egress.client\n"),
    ("wrong_imports", "bridge/clicks/choose.py", "from bridge.directory import ResolvedAgent\n"),
    ("wrong_imports", "bridge/store/keys.py", "def late() -> None:\n    from bridge.clicks import answer\n"),
    ("mixed_adapters", "bridge/pbx/voicenter/wire.py", "from bridge.crm.webhook import signature\n"),
    ("mixed_adapters", "bridge/calls/live_calls.py", "from bridge.pbx import voicenter\n"),
    ("reaching_adapters", "bridge/pbx/voicenter/__init__.py", "from bridge.egress.client import EgressClient\n"),
    ("crossed_doors", "bridge/delivery/deliver.py", "from workers import deliver\n"),
    ("crossed_doors", "workers/sweep.py", "from bridge.web import app\n"),
    ("impure", "bridge/clicks/choose.py", "import time\n"),
    ("impure", "bridge/crm/webhook/wire.py", "def when() -> object:\n    return datetime.now(UTC)\n"),
    ("misplaced_libraries", "bridge/clicks/commit.py", "from redis import Redis\n"),
    ("misplaced_libraries", "bridge/delivery/deliver.py", "import httpx\n"),
    ("misplaced_libraries", "bridge/clicks/answer.py", "from rq import Queue\n"),
    ("grab_bags", "bridge/store/utils.py", '"""Things."""\n'),
    ("undocumented", "bridge/store/silent.py", "A = 1\n"),
    ("busy_imports", "bridge/calls/live_calls.py", "log.info('here')\n"),
    ("busy_imports", "bridge/core/clock.py", "STARTED = time.time()\n"),
    ("busy_imports", "bridge/clicks/commit.py", "CLIENT = Redis()\n"),
    ("vendor_words", "bridge/clicks/answer.py", "# Voicenter is different\n"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "file", "text"), PLANTED, ids=lambda value: str(value)[:40])
def test_a_planted_violation_is_found(tmp_path: Path, rule: str, file: str, text: str) -> None:
    for top in ("bridge", "workers"):
        shutil.copytree(ROOT / top, tmp_path / top, ignore=shutil.ignore_patterns("__pycache__", "samples", "static"))
    planted = tmp_path / file
    planted.write_text((planted.read_text(encoding="utf-8") if planted.exists() else "") + text, encoding="utf-8")
    check = next(each for each in RULES if each.__name__ == rule)
    before = [Module(ROOT, ROOT / file)] if (ROOT / file).exists() else []
    assert len(set(check([Module(tmp_path, planted)])) - set(check(before))) == 1
