"""Prometheus metrics: requests by route as they come, the rest from the database at the scrape."""

import time
from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.services import metrics

MEDIA_TYPE = CONTENT_TYPE_LATEST
REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "adaptnet_http_requests", "Requests by route and status",
    ["method", "route", "status"], registry=REGISTRY,
)  # fmt: skip
SECONDS = Histogram(
    "adaptnet_http_seconds", "Seconds to the first byte of the answer",
    ["method", "route"], registry=REGISTRY,
)  # fmt: skip


class DatabaseCollector(Collector):
    """What the database knows, read at each scrape."""

    def collect(self) -> Iterator[Metric]:
        """One family a metric, empty ones included."""
        found = metrics.read()
        for metric in metrics.METRICS:
            kind = CounterMetricFamily if metric.counter else GaugeMetricFamily
            family = kind(metric.name, metric.meaning, labels=metric.labels)
            for labels, value in found.get(metric.name, ()):
                family.add_metric(labels, value)
            yield family


REGISTRY.register(DatabaseCollector())


def render() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)


class Metered:
    """Middleware that counts requests under their route's template, never under raw paths."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, answered = time.perf_counter(), False

        def count(status: int) -> None:
            nonlocal answered
            answered = True
            route = getattr(scope.get("route"), "path", "unmatched")
            REQUESTS.labels(scope["method"], route, status).inc()
            SECONDS.labels(scope["method"], route).observe(time.perf_counter() - started)

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                count(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception:
            if not answered:  # the answer to this is made outside of all middleware
                count(500)
            raise
