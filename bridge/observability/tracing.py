"""OpenTelemetry spans: click, request to the phone system, transaction, and in the worker delivery and attempt.

Requires the extra `traces` and an endpoint in the standard `OTEL_…` variables; otherwise nothing of it is imported. No
attribute contains a person, an extension, a number, an address or the text of an error.
"""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from bridge import __version__

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
FLUSH_SECONDS = 2.0
"""How long a process that ends waits for the collector to accept the last spans."""
NOTHING: AbstractContextManager[None] = nullcontext()


@dataclass(frozen=True, slots=True)
class _Tracing:
    tracer: Any
    api: ModuleType
    propagator: Any


_tracing: _Tracing | None = None


@contextmanager
def exporting(process: str, environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Send this process's spans to the endpoint in the environment, if there is one, while the block lasts."""
    provider = _provider(process, environ) if _wanted(environ) else None
    if provider is None:
        yield
        return
    try:
        with using(provider):
            log.info("sending traces")
            yield
    finally:
        last = threading.Thread(target=provider.shutdown, daemon=True)
        last.start()
        last.join(FLUSH_SECONDS)


def _wanted(environ: Mapping[str, str]) -> bool:
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(name) for name in ENDPOINTS)


def _provider(process: str, environ: Mapping[str, str]) -> Any:
    """Creates spans and sends them in the background; None without the extra."""
    try:
        sdk, export = import_module("opentelemetry.sdk.trace"), import_module("opentelemetry.sdk.trace.export")
        otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        resources = import_module("opentelemetry.sdk.resources")
    except ImportError:
        log.warning("traces are configured but not installed: pip install popbridge[traces]")
        return None
    named = environ.get("OTEL_SERVICE_NAME") or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    about = {"service.version": __version__} | ({} if named else {"service.name": f"popbridge-{process}"})
    provider = sdk.TracerProvider(resource=resources.Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    return provider


@contextmanager
def using(provider: Any) -> Iterator[None]:
    """Create spans with this provider while the block lasts."""
    global _tracing  # global like logging: otherwise every call would have to pass it on
    before = _tracing
    propagation = import_module("opentelemetry.trace.propagation.tracecontext")
    tracer = provider.get_tracer("popbridge", __version__)
    _tracing = _Tracing(tracer, import_module("opentelemetry.trace"), propagation.TraceContextTextMapPropagator())
    try:
        yield
    finally:
        _tracing = before


def span(name: str, kind: str, parent: str = "", **attributes: str | int) -> AbstractContextManager[None]:
    """A span that begins a trace, or continues the one of `parent` (from `carried` in another process)."""
    if _tracing is None:
        return NOTHING
    context = _tracing.propagator.extract({"traceparent": parent}) if parent else None
    return _open(_tracing, name, kind, context, attributes)


def step(name: str, kind: str = "INTERNAL", **attributes: str | int) -> AbstractContextManager[None]:
    """A child of the span that is open in this task; nothing where none is open."""
    if _tracing is None or not _tracing.api.get_current_span().get_span_context().is_valid:
        return NOTHING
    return _open(_tracing, name, kind, None, attributes)


@contextmanager
def _open(tracing: _Tracing, name: str, kind: str, context: Any, attributes: Mapping[str, str | int]) -> Iterator[None]:
    opened = tracing.tracer.start_as_current_span(
        name,
        context,
        tracing.api.SpanKind[kind],
        _named(attributes),
        record_exception=False,  # its text may quote what it was given
        set_status_on_exception=False,
    )
    with opened as current:
        try:
            yield
        except Exception as error:
            current.set_status(tracing.api.StatusCode.ERROR)
            current.set_attribute("error.type", type(error).__name__)
            raise


def annotate(**attributes: str | int) -> None:
    """Add attributes to the span that is open in this task."""
    if _tracing is not None:
        _tracing.api.get_current_span().set_attributes(_named(attributes))


def _named(attributes: Mapping[str, str | int]) -> dict[str, str | int]:
    return {f"popbridge.{name}": value for name, value in attributes.items()}


def carried() -> str:
    """The open span for another process to continue (W3C `traceparent`); empty without one."""
    carrier: dict[str, str] = {}
    if _tracing is not None:
        _tracing.propagator.inject(carrier)
    return carrier.get("traceparent", "")
