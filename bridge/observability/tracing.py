"""Spans by OpenTelemetry: click, question to the phone system, transaction, and in the worker delivery and push.

It needs the extra `traces` and an endpoint in the standard `OTEL_…` variables; else nothing of it is even imported. No
attribute is a person, an extension, a number or an address, and no failure's text is told.
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
LAST_WORDS_SECONDS = 2.0
"""How long the end of a process waits for a collector to take the last spans."""
NOTHING: AbstractContextManager[None] = nullcontext()


@dataclass(frozen=True, slots=True)
class _Tracing:
    tracer: Any
    api: ModuleType
    propagator: Any


_tracing: _Tracing | None = None


@contextmanager
def exporting(process: str, environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Send this process's spans where the environment says, while the block lasts; mostly that is nowhere."""
    provider = _provider(process, environ) if _wanted(environ) else None
    if provider is None:
        yield
        return
    try:
        with using(provider):
            log.info("traces are sent")
            yield
    finally:
        last = threading.Thread(target=provider.shutdown, daemon=True)
        last.start()
        last.join(LAST_WORDS_SECONDS)


def _wanted(environ: Mapping[str, str]) -> bool:
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(name) for name in ENDPOINTS)


def _provider(process: str, environ: Mapping[str, str]) -> Any:
    """What makes spans and sends them in the background; None without the extra."""
    try:
        sdk, export = import_module("opentelemetry.sdk.trace"), import_module("opentelemetry.sdk.trace.export")
        otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        resources = import_module("opentelemetry.sdk.resources")
    except ImportError:
        log.warning("traces are asked for, but not installed: pip install popbridge[traces]")
        return None
    named = environ.get("OTEL_SERVICE_NAME") or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    about = {"service.version": __version__} | ({} if named else {"service.name": f"popbridge-{process}"})
    provider = sdk.TracerProvider(resource=resources.Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    return provider


@contextmanager
def using(provider: Any) -> Iterator[None]:
    """Make spans by this provider while the block lasts."""
    global _tracing  # like the log, it is the process's own: handed down, every call would bear it
    before = _tracing
    propagation = import_module("opentelemetry.trace.propagation.tracecontext")
    tracer = provider.get_tracer("popbridge", __version__)
    _tracing = _Tracing(tracer, import_module("opentelemetry.trace"), propagation.TraceContextTextMapPropagator())
    try:
        yield
    finally:
        _tracing = before


def span(name: str, kind: str, parent: str = "", **told: str | int) -> AbstractContextManager[None]:
    """A span that begins a trace, or goes on with the one of `parent` (`carried` elsewhere)."""
    if _tracing is None:
        return NOTHING
    context = _tracing.propagator.extract({"traceparent": parent}) if parent else None
    return _open(_tracing, name, kind, context, told)


def step(name: str, kind: str = "INTERNAL", **told: str | int) -> AbstractContextManager[None]:
    """A part of the span that is open in this task; nothing where none is."""
    if _tracing is None or not _tracing.api.get_current_span().get_span_context().is_valid:
        return NOTHING
    return _open(_tracing, name, kind, None, told)


@contextmanager
def _open(tracing: _Tracing, name: str, kind: str, context: Any, told: Mapping[str, str | int]) -> Iterator[None]:
    opened = tracing.tracer.start_as_current_span(
        name,
        context,
        tracing.api.SpanKind[kind],
        _named(told),
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


def tell(**told: str | int) -> None:
    """Add to the span that is open in this task."""
    if _tracing is not None:
        _tracing.api.get_current_span().set_attributes(_named(told))


def _named(told: Mapping[str, str | int]) -> dict[str, str | int]:
    return {f"popbridge.{name}": value for name, value in told.items()}


def carried() -> str:
    """The open span for another process to go on with (W3C's `traceparent`); empty without one."""
    carrier: dict[str, str] = {}
    if _tracing is not None:
        _tracing.propagator.inject(carrier)
    return carrier.get("traceparent", "")
