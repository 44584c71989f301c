"""Spans: one trace from the button to the push, across web and worker, without a word about anybody."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from bridge.observability import tracing
from tests.jobs.test_worker import working
from tests.stage import CALLER, CODE, DANA, DID, Stage, until

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with tracing.using(provider):
        yield exporter
    provider.shutdown()


async def spans(exporter: InMemorySpanExporter, *names: str) -> dict[str, ReadableSpan]:
    """The ended spans by name, once all of these are there."""

    async def there() -> dict[str, ReadableSpan]:
        found = {span.name: span for span in exporter.get_finished_spans()}
        return found if found.keys() >= set(names) else {}

    ended: dict[str, ReadableSpan] = await until(there)
    return ended


def parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


async def test_one_trace_from_the_button_to_the_delivery(stage: Stage, exporter: InMemorySpanExporter) -> None:
    stage.talk()
    given = (await stage.click()).json()
    async with working(stage):
        found = await spans(exporter, "click", "question", "transaction", "push")
        await stage.crm.wait_for(given["click_id"], 10)
        deliveries = await until(lambda: both(exporter))
    ids = {name: span.context.span_id for name, span in found.items() if span.context}
    assert {span.context.trace_id for span in exporter.get_finished_spans() if span.context} == {
        found["click"].context.trace_id if found["click"].context else 0
    }
    assert parent(found["click"]) is None
    assert parent(found["question"]) == parent(found["transaction"]) == ids["click"]
    assert {parent(span) for span in deliveries} == {ids["transaction"]}
    assert parent(found["push"]) in {span.context.span_id for span in deliveries if span.context}
    assert (found["push"].kind, found["click"].kind) == (SpanKind.CLIENT, SpanKind.SERVER)
    assert dict(found["click"].attributes or {}) == {
        "popbridge.click_id": given["click_id"],
        "popbridge.crm": "acme",
        "popbridge.outcome": "found",
        "popbridge.duplicate": False,
    }
    assert (found["push"].attributes or {})["popbridge.status"] == 200


async def both(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    """The deliveries to the CRM and to the desktop, once both were tried."""
    found = [span for span in exporter.get_finished_spans() if span.name == "delivery"]
    return found if len(found) >= 2 else []


async def test_no_span_names_a_person_or_a_secret(stage: Stage, exporter: InMemorySpanExporter) -> None:
    stage.talk(name="Moshe Private")
    stage.crm.faults.status = 500
    await stage.click()
    async with working(stage):
        await spans(exporter, "push")
    told = "".join(span.to_json() for span in exporter.get_finished_spans())
    foreign = (DANA, CALLER, DID, CODE.reveal(), stage.make.dana, "Moshe", "whsec_", "127.0.0.1", "Bearer")
    assert [word for word in foreign if word in told] == []


async def test_a_failure_is_named_by_its_kind_alone(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="0501234567"), tracing.span("click", "SERVER"), tracing.step("question"):
        raise ValueError("0501234567")
    for span in exporter.get_finished_spans():
        assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())
        assert dict(span.attributes or {}) == {"error.type": "ValueError"}


async def test_what_nobody_clicked_for_makes_no_trace(stage: Stage, exporter: InMemorySpanExporter) -> None:
    await stage.services.lookup.systems["main"].snapshot(None)
    assert exporter.get_finished_spans() == ()


async def test_without_tracing_nothing_is_carried(stage: Stage) -> None:
    stage.talk()
    popup = (await stage.click()).json()["popup"]
    async for key in stage.redis.scan_iter("popbridge:delivery:*", 100):
        assert "traceparent" not in await stage.redis.hgetall(key)
    assert popup is not None
    assert tracing.carried() == ""


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_imported_where_nothing_is_wanted(environ: dict[str, str]) -> None:
    program = (
        "import sys; from bridge.observability import tracing; import bridge.web.app, workers.__main__\n"
        f"with tracing.exporting('web', {environ!r}), tracing.span('click', 'SERVER'), tracing.step('question'):\n"
        "    tracing.annotate(outcome='found'); assert tracing.carried() == ''\n"
        "assert not {'opentelemetry.sdk.trace', 'opentelemetry.exporter'} & set(sys.modules)"  # redis-py takes the rest
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("bridge.observability.tracing.import_module", missing)
    with (
        tracing.exporting("web", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}),
        tracing.span("click", "SERVER"),
    ):
        assert tracing.carried() == ""
    assert "pip install popbridge[traces]" in caplog.text


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A collector on this machine: its address, and what came."""
    came: list[tuple[str, bytes]] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", came
        server.shutdown()


def test_the_standard_variables_lead_to_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as (address, came):
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test"}
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        with tracing.exporting("web", environ), tracing.span("click", "SERVER", click_id="clk_1"):
            assert tracing.carried().startswith("00-")
    ((path, body),) = came
    assert path == "/v1/traces"
    wire = import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    (sent,) = wire.ExportTraceServiceRequest.FromString(body).resource_spans
    about = {pair.key: pair.value.string_value for pair in sent.resource.attributes}
    assert (about["service.name"], about["deployment.environment"]) == ("popbridge-web", "test")
    assert sent.scope_spans[0].spans[0].name == "click"
