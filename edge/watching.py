"""Who watches what is served: the log; traces and figures where they are wanted; or nobody."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from edge.logged import Logged
from federation.observer import Observer
from federation.observers import Observers
from runtime.kept import Count, uncounted
from runtime.settings import Settings

if TYPE_CHECKING:
    from edge.metrics import Metrics
    from edge.tracing import Tracing


@dataclass(frozen=True)
class Watching:
    logged: Logged | None = None
    tracing: "Tracing | None" = None
    metrics: "Metrics | None" = None

    @property
    def observer(self) -> Observer | None:
        watching = [each for each in (self.logged, self.tracing, self.metrics) if each is not None]
        return Observers(*watching) if len(watching) > 1 else next(iter(watching), None)

    def counting(self, what: str) -> Count:
        return partial(self.metrics.kept, what) if self.metrics else uncounted

    def around(self, app: ASGIApp) -> ASGIApp:
        return self.tracing.continued(app) if self.tracing else app

    async def close(self) -> None:
        if self.tracing is not None:
            await self.tracing.close()


NOBODY = Watching()


def watching_of(settings: Settings, known: Collection[str] = ()) -> Watching:
    """`known` are the hashes of documents whose operations may be told apart. Where nobody wants
    traces or figures, their packages need not be there, or loaded."""
    tracing, metrics = None, None
    if settings.otel_exporter_otlp_endpoint is not None:
        from edge.tracing import traced_to

        tracing = traced_to(settings.otel_exporter_otlp_endpoint)
    if settings.metrics_port:
        from edge.metrics import Metrics

        metrics = Metrics(known)
    return Watching(Logged(settings.slow_seconds), tracing, metrics)


@contextmanager
def exposed(settings: Settings, folder: str | None = None) -> Iterator[Callable[[int], None]]:
    """The figures of this process, or of all that write into the folder, for whoever collects
    them. Given is what to tell of a process that has ended, by its id."""
    if not settings.metrics_port:
        yield lambda pid: None
        return
    from edge import metrics

    with metrics.exposed(settings.host, settings.metrics_port, folder):
        yield partial(metrics.forget, folder=folder or "")
