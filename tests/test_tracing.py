"""What traces tell, and what they must not."""

import json
import subprocess
import sys
from asyncio import StreamReader, StreamWriter
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import asyncpg
import orjson
import pytest
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from edge.federated import federated_app
from edge.tracing import Tracing
from edge.watching import Watching
from engine.engine import Engine
from federation.client import Request
from federation.faults import Unavailable
from federation.http import HttpClient
from federation.partner import Partner
from federation.plan import Fetch
from models.account import DemoAccount
from runtime.context import Context
from runtime.language import Language
from runtime.process import Process
from runtime.rights import Role
from runtime.settings import Settings
from runtime.viewer import Viewer
from server import create_app
from tests.asking import REQUEST_ID, SCHEMA, a_process
from tests.conftest import CHECKOUT, client_of
from tests.federation.test_partners import a_server, asked_of, response
from tests.federation.world import Federation, Hosts
from tests.federation.worlds import WORLDS
from tests.make import a_worker, save
from tests.test_home_view import EXAMPLES, workers_with_reviews

VIEW = EXAMPLES["home_view"]
VARIABLES = json.loads(VIEW.variables)


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


async def traced(
    process: Process, query: str, viewer: Viewer | None = None, **variables: Any
) -> Sequence[ReadableSpan]:
    memory = InMemorySpanExporter()
    tracing = Tracing(SimpleSpanProcessor(memory))
    context = Context(viewer or Viewer(), Language.EN, process, REQUEST_ID)
    await Engine(SCHEMA, observer=tracing).execute(query, variables, context)
    await tracing.close()
    return memory.get_finished_spans()


def tree(spans: Sequence[ReadableSpan]) -> Any:
    """Names within names."""
    below = defaultdict[int | None, list[ReadableSpan]](list)
    for span in spans:
        below[span.parent.span_id if span.parent else None].append(span)

    def names(id: int | None) -> dict[str, Any]:
        found = {span.name: names(span.context.span_id) for span in below[id]}
        assert len(found) == len(below[id])
        return found

    return names(None)


def told(spans: Sequence[ReadableSpan], name: str) -> dict[str, Any]:
    (span,) = (span for span in spans if span.name == name)
    return dict(span.attributes or {})


def everything(spans: Sequence[ReadableSpan]) -> str:
    return "\n".join(span.to_json() for span in spans)


async def test_the_home_view_is_an_operation_of_three_levels_and_five_reads(
    database_url: str, process: Process
) -> None:
    await workers_with_reviews(database_url, 2)

    assert tree(await traced(process, VIEW.query, **VARIABLES)) == {
        "query": {
            "level 1": {"loaders.nearby.nearby_run": {}, "loaders.skill.categories": {}},
            "level 2": {
                "loaders.skill.skills_by_worker": {},
                "loaders.booking.next_free_slot_by_worker": {},
                "loaders.review.reviews_by_worker": {},
            },
            "level 3": {},
        }
    }


async def test_more_objects_are_not_more_spans(database_url: str, process: Process) -> None:
    counts, objects = [], []
    for workers in (1, 11):
        await workers_with_reviews(database_url, workers)
        spans = await traced(process, VIEW.query, **VARIABLES)
        counts.append(len(spans))
        objects.append(told(spans, "level 2")["gateway.level.objects"])

    assert counts == [9, 9]
    assert objects == [5, 27]


async def test_an_operation_a_level_and_a_read_say_what_they_are(
    database_url: str, process: Process
) -> None:
    await workers_with_reviews(database_url, 2)

    spans = await traced(process, VIEW.query, **VARIABLES)

    assert told(spans, "query") == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "HomeView",
        "gateway.document.hash": Engine(SCHEMA).prepare(VIEW.query).hash,
        "gateway.request.id": REQUEST_ID,
    }
    assert told(spans, "level 3") == {
        "gateway.level.depth": 3,
        "gateway.level.fields": 4,
        "gateway.level.objects": 6,
    }
    read = told(spans, "loaders.review.reviews_by_worker")
    statement = read.pop("db.query.text")
    assert statement.startswith("SELECT")
    assert "review.worker_id = " in statement
    assert read == {
        "db.system.name": "postgresql",
        "db.query.summary": "loaders.review.reviews_by_worker",
        "db.response.returned_rows": 4,
        "gateway.read.keys": 2,
    }
    kinds = {span.name: span.kind for span in spans}
    assert kinds["query"] is SpanKind.INTERNAL
    assert kinds["level 3"] is SpanKind.INTERNAL
    assert kinds["loaders.review.reviews_by_worker"] is SpanKind.CLIENT


async def test_reads_of_plain_resolvers_are_seen_too(database_url: str, process: Process) -> None:
    worker = await a_worker(database_url)

    spans = await traced(process, "query ($id: ID!) { node(id: $id) { id } }", id=worker.id)

    assert tree(spans) == {"query": {"level 1": {"loaders.worker.worker_by_id": {}}, "level 2": {}}}
    assert worker.id not in everything(spans)


async def test_no_value_and_no_key_is_told(database_url: str, process: Process) -> None:
    await workers_with_reviews(database_url, 1)
    worker = await a_worker(database_url, first_name_en="Meenakshi")
    viewer = Viewer(Role.CITIZEN, "ct_who-asks", session_id="session-of-theirs")
    query = """
      query ($text: String!, $id: ID!) {
        searchWorkers(text: $text) { nodes { displayName skills { verified } } }
        worker(id: $id) { displayName }
      }
    """

    spans = await traced(process, query, viewer, text="meenakshi", id=worker.id)

    assert len(spans) > 5
    for secret in ("eenakshi", worker.id, "ct_who-asks", "session-of-theirs"):
        assert secret not in everything(spans)


async def test_what_a_viewer_may_not_see_is_counted_and_no_failure(
    database_url: str, process: Process
) -> None:
    await a_worker(database_url)

    spans = await traced(process, "{ workers { nodes { mobile kycReference: fullName } } }")

    span = spans[-1]
    assert told(spans, "query")["gateway.error.count"] == 2
    assert told(spans, "query")["gateway.error.codes"] == ("FORBIDDEN",)
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (ConnectionError("9415012345 is not there"), "UNAVAILABLE", None),
        (asyncpg.UndefinedTableError("9415012345 is no table"), "INTERNAL", "42P01"),
    ],
)
async def test_a_failing_read_is_a_failure_and_keeps_its_words_to_itself(
    process: Process,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: str,
    status: str | None,
) -> None:
    async def fetch(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(type(process.database.reads), "fetch", fetch)
    spans = await traced(process, "{ workers { nodes { id } } }")

    read = told(spans, "loaders.worker.workers")
    assert read["error.type"] == type(error).__qualname__
    assert read.get("db.response.status_code") == status
    assert told(spans, "query")["gateway.error.codes"] == (code,)
    assert told(spans, "query")["error.type"] == code
    failed = [span.name for span in spans if span.status.status_code is StatusCode.ERROR]
    assert failed == ["loaders.worker.workers", "query"]
    assert "9415012345" not in everything(spans)


class Collector(HTTPServer):
    """Takes what is sent to an OpenTelemetry collector."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.bodies: list[bytes] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Any]:
        requests = map(ExportTraceServiceRequest.FromString, self.bodies)
        resources = [one for request in requests for one in request.resource_spans]
        return [span for one in resources for scope in one.scope_spans for span in scope.spans]


class Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        self.server.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def a_collector() -> Iterator[Collector]:
    with Collector() as collector:
        thread = Thread(target=collector.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()


async def test_spans_are_sent_to_the_collector_as_part_of_the_clients_trace(
    settings: Settings, database_url: str
) -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    account = DemoAccount(
        name="sunita", role=Role.CITIZEN, person_id="ct_1", district_ids=[], purposes=[]
    )
    await save(database_url, account)
    with a_collector() as collector:
        app = create_app(replace(settings, otel_exporter_otlp_endpoint=collector.address))
        async with client_of(app) as client:
            answer = await client.post(
                "/graphql",
                json={
                    "query": "query ($code: Int!) { district(lgdCode: $code) { id } }",
                    "variables": {"code": 987654},
                },
                headers={
                    "traceparent": f"00-{trace}-{parent}-01",
                    "authorization": "Bearer demo:sunita",
                },
            )

    assert answer.json() == {"data": {"district": None}}
    assert {span.trace_id.hex() for span in collector.spans} == {trace}
    (operation,) = (span for span in collector.spans if span.name == "query")
    (request,) = (span for span in collector.spans if span.name == "POST /graphql")
    assert request.parent_span_id.hex() == parent
    assert request.kind == SpanKind.SERVER.value + 1  # OTLP counts from UNSPECIFIED
    assert {each.key: each.value.int_value for each in request.attributes}[
        "http.response.status_code"
    ] == 200
    assert operation.parent_span_id == request.span_id
    sent = b"".join(collector.bodies)
    assert b"sewa-mitra-gateway" in sent
    assert answer.headers["x-request-id"].encode() in sent
    for secret in (b"987654", b"sunita", b"ct_1"):
        assert secret not in sent


@pytest.mark.slow
def test_without_a_collector_nothing_of_it_is_loaded() -> None:
    code = (
        "import sys; from runtime.settings import Settings; from server import create_app;"
        " app = create_app(Settings(database_url='postgresql://nowhere'));"
        " sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT).returncode == 0


@pytest.mark.slow
def test_that_packages_are_missing_is_said_in_a_sentence() -> None:
    code = "import sys; sys.modules['opentelemetry'] = None; import server; server.cli(['serve'])"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )

    assert result.returncode == 1
    assert "requirements/tracing.txt" in result.stderr


async def test_what_a_partner_is_asked_is_a_span_and_counted() -> None:
    memory, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracing = Tracing(SimpleSpanProcessor(memory), reader)
    answer = orjson.dumps({"data": {"me": None}})
    given = []

    def up(request: HttpRequest) -> Response:
        given.append(request.headers["traceparent"])
        return Response(answer, media_type="application/json")

    served = Starlette(
        routes=[
            Route("/up", up, methods=["POST"]),
            Route("/down", lambda _: Response(status_code=503), methods=["POST"]),
        ]
    )
    fetch = Fetch(3, "FUND", "query", "{ me { pin } }", (), (), (), frozenset())
    for name in ("up", "down"):
        partner = Partner(url=f"http://fund/{name}", private_addresses=True)
        client = HttpClient(name, partner, Hosts({"fund": served}), tracing)
        with suppress(Unavailable):
            await client.ask(Request(name, fetch, {}, {}, {}))
    metrics = reader.get_metrics_data()
    await tracing.close()

    answered, failed = memory.get_finished_spans()
    assert (answered.name, answered.kind) == ("up", SpanKind.CLIENT)
    assert [each.split("-")[2] for each in given] == [f"{answered.context.span_id:016x}"]
    assert dict(answered.attributes or {}) == {
        "gateway.partner": "up",
        "gateway.fetch.number": 3,
        "graphql.operation.type": "query",
        "gateway.partner.tries": 1,
        "http.response.body.size": len(answer),
        "http.response.status_code": 200,
    }
    assert (failed.attributes or {})["gateway.partner.tries"] == 2
    assert failed.status.status_code is StatusCode.ERROR
    assert "pin" not in everything([answered, failed])
    assert metrics is not None
    (scope,) = json.loads(metrics.to_json())["resource_metrics"][0]["scope_metrics"]
    events, _ = (metric["data"]["data_points"] for metric in scope["metrics"])
    assert {tuple(sorted(point["attributes"].values())): point["value"] for point in events} == {
        ("asked", "up"): 1,
        ("asked", "down"): 1,
        ("down", "retried"): 1,
        ("down", "failed"): 1,
    }


async def test_each_try_carries_the_clients_trace_on_to_the_partner(tmp_path: Path) -> None:
    trace, shop = "4bf92f3577b34da6a3ce929d0e0e4736", Federation("shop", WORLDS["shop"])
    known = {"data": {"products": [{"upc": "u1"}]}}
    answers = [response(b"", "503 Service Unavailable"), response(orjson.dumps(known))]
    given: list[dict[str, str]] = []

    async def behave(reader: StreamReader, writer: StreamWriter) -> None:
        headers, _ = await asked_of(reader)
        writer.write(answers[len(given)])
        given.append(headers)
        await writer.drain()

    memory = InMemorySpanExporter()
    watching = Watching(tracing=Tracing(SimpleSpanProcessor(memory)))
    (tmp_path / "supergraph.graphql").write_text(shop.text)
    (tmp_path / "partners.toml").write_text("[catalog]\nprivate_addresses = true\nattempts = 2\n")
    async with a_server(behave) as url:
        settings = Settings(
            partners=str(tmp_path / "partners.toml"), subgraph_urls=f"catalog={url}"
        )
        app = federated_app(tmp_path / "supergraph.graphql", settings, watching=watching)
        async with client_of(app) as client:
            answer = await client.post(
                "/graphql",
                json={"query": "{ products(first: 1) { upc } }"},
                headers={
                    "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
                    "tracestate": "up=1",
                },
            )

    assert answer.json() == known
    (call,) = (span for span in memory.get_finished_spans() if span.name == "catalog")
    assert [each["traceparent"] for each in given] == [
        f"00-{trace}-{call.context.span_id:016x}-01"
    ] * 2
    assert [each["tracestate"] for each in given] == ["up=1"] * 2
