"""Metrics in Prometheus' text format. No label is a person, an extension or a number."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge import __version__
from bridge.egress.circuit_breaker import CircuitState
from bridge.services import Services
from bridge.store import counters, foreign, health, keys, listeners, workers
from bridge.store.jobs import QUEUE_KEY

COUNTERS = {
    "clicks": ("Accepted clicks by outcome", ("crm", "outcome")),
    "clicks_refused": ("Refused clicks", ("crm", "reason")),
    "reads_refused": ("Refused reads of the API and the desktop page", ("reason",)),
    "clicks_overload": ("Clicks that were turned away because too many were waiting", ("crm",)),
    "clicks_repeated": ("Repeated clicks, answered with the stored answer", ("crm",)),
    "attempts": ("Delivery attempts by result", ("target", "result")),
    "deliveries": ("Deliveries that ended, by final state", ("target", "outcome")),
    "recovered": ("Deliveries queued again because their worker died or their job was lost", ()),
}
HISTOGRAMS = {
    counters.POPUP_LATENCY: ("popup_latency", "From the click to the popup", "target"),
    counters.CLICK: ("click_duration", "From the click to its answer", "crm"),
    counters.QUESTION: (
        "pbx_question_duration",
        "From the request to the phone system to its response or failure",
        "pbx",
    ),
}
STATES = {CircuitState.CLOSED: 0, CircuitState.HALF_OPEN: 1, CircuitState.OPEN: 2}

Counts = Mapping[tuple[str, ...], int]


async def text(services: Services) -> bytes:
    """All metrics."""
    counts = await counters.every(services.redis)
    now = services.clock.now()
    alive, _ = await workers.statuses(services.redis, now)
    families = [*_counters(counts), *_histograms(counts), *await _queue(services, now.timestamp()), *_of_workers(alive)]
    registry = CollectorRegistry()
    build = GaugeMetricFamily("popbridge_build_info", "The version", labels=["version"])
    build.add_metric([__version__], 1)
    own = [_circuits("pbx", [services.lookup.circuits()]), _partners(services)]
    registry.register(_Families([build, *families, *own]))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _counters(counts: Counts) -> list[Metric]:
    families = {
        name: CounterMetricFamily(f"popbridge_{name}", told, labels=labels) for name, (told, labels) in COUNTERS.items()
    }
    for (name, *labels), value in sorted(counts.items()):
        if name in families:
            families[name].add_metric(labels, value)
    return list(families.values())


def _histograms(counts: Counts) -> Iterator[Metric]:
    for what, (metric, told, label) in HISTOGRAMS.items():
        family = HistogramMetricFamily(f"popbridge_{metric}_seconds", told, labels=[label])
        for value in sorted({labels[0] for name, *labels in counts if name == what}):
            seen, buckets = 0, []
            for end in counters.BUCKETS:
                seen += counts.get((what, value, f"{end:g}"), 0)
                buckets.append((f"{end:g}".replace("inf", "+Inf"), float(seen)))
            family.add_metric([value], buckets, counts.get((f"{what}_ms", value), 0) / 1000)
        yield family


async def _queue(services: Services, now: float) -> list[Metric]:
    age = await health.overdue(services.redis, services.clock.now())
    return [
        _gauge("queue_jobs", "Jobs that wait for a worker", await services.redis.llen(QUEUE_KEY)),
        _gauge(
            "foreign_workers",
            "RQ workers that are not popbridge's and take its jobs",
            len(await foreign.workers(services.redis)),
        ),
        _gauge("deliveries_pending", "Deliveries that have not ended", await services.redis.zcard(keys.DUE)),
        _gauge("oldest_due_seconds", "How long the longest overdue delivery has been due", age),
        *await _listeners(services, now),
        _gauge("audit_waiting", "Log entries that are not archived yet", await services.redis.xlen(keys.AUDIT)),
    ]


async def _listeners(services: Services, now: float) -> list[Metric]:
    """How it goes with each phone system that is to be listened to."""
    listened = _by_pbx("events_listened", "Whether anybody listens to a phone system that makes popups without a click")
    heard = _by_pbx("events_heard_seconds", "How long ago a phone system was heard")
    connected = _by_pbx("events_connected", "Whether the connection that events come on is there")
    unannounced = _by_pbx("events_unannounced", "Changes of calls since the last event that were found by asking alone")
    missing = _by_pbx("events_unsubscribed", "Extensions whose subscription to events could not be made yet")
    for name, account in services.settings.pbx.items():
        if account.events == "off":
            continue
        status = await listeners.status(services.redis, name)
        listened.add_metric([name], 0 if status is None else 1)
        if status is None:
            continue
        heard.add_metric([name], max(0.0, now - status.heard_at))
        if account.events == "connect":
            connected.add_metric([name], 0 if status.down else 1)
        if account.events != "poll":
            unannounced.add_metric([name], status.unannounced)
        if services.lookup.systems[name].is_to_subscribe:
            missing.add_metric([name], status.missing)
    return [listened, heard, connected, unannounced, missing]


def _partners(services: Services) -> Metric:
    told = "Other web processes that have clicks for a phone system and share questions to it with this one"
    family = _by_pbx("pbx_partners", told)
    for name, count in services.lookup.partners().items():
        family.add_metric([name], count)
    return family


def _by_pbx(name: str, told: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"popbridge_{name}", told, labels=["pbx"])


def _of_workers(alive: list[workers.Status]) -> list[Metric]:
    return [
        _gauge("workers", "Worker processes that are alive", len(alive)),
        _gauge("in_flight", "Jobs running now, in all workers", sum(one.in_flight for one in alive)),
        _circuits("target", [one.circuits for one in alive]),
    ]


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"popbridge_{name}", told, value=value)


def _circuits(label: str, told: Iterable[Mapping[str, str]]) -> Metric:
    """The worst state of each, over all processes that reported theirs."""
    family = GaugeMetricFamily(f"popbridge_{label}_circuit", "0 closed, 1 half-open, 2 open", labels=[label])
    worst: dict[str, int] = {}
    for states in told:
        for name, state in states.items():
            worst[name] = max(worst.get(name, 0), STATES[CircuitState(state)])
    for name, number in sorted(worst.items()):
        family.add_metric([name], number)
    return family
