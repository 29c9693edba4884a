"""Prometheus metrics: requests by route as they come, jobs from the database at the scrape."""

import time
from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.errors import DependencyUnavailable
from app.services import blobs, health

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


class JobsCollector(Collector):
    """Counts of jobs and workers."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the counts; nothing where the database is away."""
        counted = GaugeMetricFamily("adaptnet_jobs", "Jobs", labels=["queue", "kind", "status"])
        alive = GaugeMetricFamily("adaptnet_workers", "Workers alive", labels=["queue"])
        try:
            depth, workers = health.counts()
        except DependencyUnavailable:
            return
        for queue, kind, status, count in depth:
            counted.add_metric([queue, kind, status], count)
        for queue, count in workers.items():
            alive.add_metric([queue], count)
        yield counted
        yield alive


REGISTRY.register(JobsCollector())
REGISTRY.register(blobs.DAMAGED)


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
        started = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "unmatched")
                REQUESTS.labels(scope["method"], route, message["status"]).inc()
                SECONDS.labels(scope["method"], route).observe(time.perf_counter() - started)
            await send(message)

        await self._app(scope, receive, counted)
