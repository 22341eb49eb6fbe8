"""Traces: a request, its operations, their levels and reads, and what partners are asked, as
spans of OpenTelemetry; and how often partners were asked, and what came of it, as its metrics.

Statements are told, and how many keys they were for; neither keys, nor variables, nor what an
error says: traces are read by more people than our data. Imported only where traces are wanted,
for it takes packages that nothing else does (requirements/tracing.txt).
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from graphql import GraphQLError
from opentelemetry.context import attach, get_current
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.engine import Operation
from engine.group import Group
from federation.observer import Call, Event, Observer
from runtime.batch import Reading
from runtime.context import Context
from runtime.faults import code_of, sqlstate
from runtime.http import as_text

NAME = "sewa-mitra-gateway"
PROPAGATOR = TraceContextTextMapPropagator()
OURS = {"INTERNAL", "UNAVAILABLE"}
"""The codes of errors that whoever runs the gateway has to look at."""


class Tracing(Observer):
    def __init__(self, processor: SpanProcessor, reader: MetricReader | None = None) -> None:
        self._provider = TracerProvider(resource=resource())
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(NAME)
        self._meters = MeterProvider([reader] if reader else (), resource=resource())
        meter = self._meters.get_meter(NAME)
        self._partner_events = meter.create_counter(
            "gateway.partner.events", description="What happened with partners, by its kind."
        )
        self._partner_seconds = meter.create_histogram(
            "gateway.partner.duration", "s", "How long partners took, all tries together."
        )

    def continued(self, app: ASGIApp) -> ASGIApp:
        return Continued(app, self)

    async def close(self) -> None:
        """Once what is waiting has been sent."""
        await asyncio.to_thread(self._provider.shutdown)
        await asyncio.to_thread(self._meters.shutdown)

    def operation(self, operation: Operation, context: Any) -> AbstractContextManager[Any]:
        told: dict[str, AttributeValue] = {
            "graphql.operation.type": operation.kind.value,
            "gateway.document.hash": operation.hash,
        }
        if operation.name is not None:
            told["graphql.operation.name"] = operation.name
        if isinstance(context, Context):
            told["gateway.request.id"] = context.request_id
        return self.span(operation.kind.value, told)

    @contextmanager
    def level(self, depth: int, groups: Sequence[Group]) -> Iterator[None]:
        with self.span(f"level {depth}", {"gateway.level.depth": depth}) as span:
            yield
            # Objects that are made with others join them on the way.
            fields = sum(len(group.selection.fields) for group in groups)
            objects = sum(len(group.rows) for group in groups)
            span.set_attributes({"gateway.level.fields": fields, "gateway.level.objects": objects})

    @contextmanager
    def read(self, reading: Reading) -> Iterator[None]:
        told: dict[str, AttributeValue] = {
            "db.system.name": "postgresql",
            "db.query.summary": reading.batch.name,
            "db.query.text": reading.query.sql,
            "gateway.read.keys": len(reading.keys),
        }
        with self.span(reading.batch.name, told, SpanKind.CLIENT) as span:
            try:
                yield
            except Exception as error:
                if (code := sqlstate(error)) is not None:
                    span.set_attribute("db.response.status_code", code)
                raise
            if reading.rows is not None:
                span.set_attribute("db.response.returned_rows", reading.rows)

    @contextmanager
    def call(self, call: Call) -> Iterator[None]:
        told: dict[str, AttributeValue] = {
            "gateway.partner": call.partner,
            "gateway.fetch.number": call.fetch.number,
            "graphql.operation.type": call.fetch.kind,
        }
        began, outcome = time.monotonic(), "answered"
        with self.span(call.partner, told, SpanKind.CLIENT) as span:
            try:
                yield
            except BaseException as error:
                outcome = type(error).__name__.lower()
                raise
            finally:
                span.set_attributes(
                    {"gateway.partner.tries": call.tries, "http.response.body.size": call.size}
                )
                if call.status is not None:
                    span.set_attribute("http.response.status_code", call.status)
                took = {"gateway.partner": call.partner, "gateway.outcome": outcome}
                self._partner_seconds.record(time.monotonic() - began, took)

    def carried(self) -> Mapping[str, str]:
        carrier: dict[str, str] = {}
        PROPAGATOR.inject(carrier)
        return carrier

    def counted(self, partner: str, event: Event, count: int = 1) -> None:
        if count:
            told = {"gateway.partner": partner, "gateway.partner.event": event.value}
            self._partner_events.add(count, told)

    def failed(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        span, codes = get_current_span(), sorted(set(map(code_of, errors)))
        span.set_attributes({"gateway.error.count": len(errors), "gateway.error.codes": codes})
        for code in OURS.intersection(codes):
            failing(span, code)

    @contextmanager
    def span(
        self, name: str, told: Mapping[str, AttributeValue], kind: SpanKind = SpanKind.INTERNAL
    ) -> Iterator[Span]:
        span = self._tracer.start_span(name, kind=kind, attributes=told)
        around = get_current()
        attach(set_span_in_context(span))
        try:
            yield span
        except GeneratorExit:
            raise  # nobody listens any more, which is no failure
        except BaseException as error:
            failing(span, type(error).__qualname__)
            raise
        finally:
            # Not detached, which may be done only where it was attached: a delivery that nobody
            # listens to any more is closed from elsewhere.
            attach(around)
            span.end()


def failing(span: Span, kind: str) -> None:
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", kind)


def traced_to(address: str) -> Tracing:
    """Sends spans and metrics to the OTLP collector at the address, over HTTP, in the background.
    The specification's other variables (OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER …) hold
    too."""
    base = f"{address.rstrip('/')}/v1"
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}/metrics"))
    return Tracing(BatchSpanProcessor(OTLPSpanExporter(f"{base}/traces")), reader)


def resource() -> Resource:
    """What we are, as OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say, or else by our name."""
    told = Resource.create()
    if str(told.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return told.merge(Resource({SERVICE_NAME: NAME}))
    return told


class Continued:
    """Around each request: a span in the trace that the client has begun (`traceparent`)."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self.app = app
        self.tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        names = ("traceparent", "tracestate")
        given = as_text(scope["headers"])
        carrier = {name: given[name] for name in names if name in given}
        around = get_current()
        attach(PROPAGATOR.extract(carrier, around))
        told: dict[str, AttributeValue] = {
            "http.request.method": scope["method"],
            "url.path": scope["path"],
            "url.scheme": scope["scheme"],
            "network.protocol.version": scope["http_version"],
        }
        try:
            name = f"{scope['method']} {scope['path']}"
            with self.tracing.span(name, told, SpanKind.SERVER) as span:

                async def noted(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        status = message["status"]
                        span.set_attribute("http.response.status_code", status)
                        if status >= 500:
                            failing(span, str(status))
                    await send(message)

                await self.app(scope, receive, noted)
        finally:
            attach(around)
