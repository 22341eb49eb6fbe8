"""Domains as subgraphs: what each says of itself, what they make together, and whom they answer."""

import asyncio
import hashlib
import hmac
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from graphql import (
    ConstDirectiveNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    ObjectTypeDefinitionNode,
    build_schema,
    lexicographic_sort_schema,
    parse,
    print_schema,
    specified_directives,
)
from sqlalchemy import func, select

from deploy.compose import FOLDER, composed
from deploy.packages import is_installed
from models.account import OneTimeCode, SpentCall
from runtime import clock
from runtime.command import COMMAND
from runtime.field import told
from runtime.privacy import Privacy
from runtime.rights import READ, WRITE, Role
from runtime.settings import Settings
from runtime.signature import FORWARDED, HEADER, Call, secrets_in, sign
from schema import sdl
from schema.graph import DOMAINS, SUBGRAPHS, Graph, gateway
from schema.subgraph import subgraph
from server import create_subgraph
from tests.conftest import CHECKOUT, Statements, client_of
from tests.make import a_worker, scalar
from tests.provider import free_port
from tests.test_server import command

SECRET = "0123456789abcdef" * 4
OTHER_SECRET = "fedcba9876543210" * 4


def applied(name: str) -> dict[str, list[ConstDirectiveNode]]:
    """The directives on the types and fields of a subgraph."""
    found: dict[str, list[ConstDirectiveNode]] = {}
    for node in parse(subgraph(name).sdl).definitions:
        if isinstance(node, ObjectTypeDefinitionNode):
            found[node.name.value] = list(node.directives or ())
            for field in node.fields or ():
                found[f"{node.name.value}.{field.name.value}"] = list(field.directives or ())
    return found


def arguments(directives: list[ConstDirectiveNode], name: str) -> list[dict[str, Any]]:
    return [
        {argument.name.value: value(argument.value) for argument in directive.arguments or ()}
        for directive in directives
        if directive.name.value == name
    ]


def value(node: Any) -> Any:
    if hasattr(node, "values"):
        return [value(inner) for inner in node.values]
    return node.value


def test_each_domain_is_in_one_subgraph() -> None:
    cut = [domain for domains in SUBGRAPHS.values() for domain in domains]

    assert len(cut) == len(DOMAINS)
    assert set(cut) == set(DOMAINS)


@pytest.mark.parametrize("name", SUBGRAPHS)
def test_a_subgraph_is_of_the_version_that_every_composer_takes(name: str) -> None:
    assert subgraph(name).sdl.startswith(
        'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ['
    )


@pytest.mark.parametrize("name", SUBGRAPHS)
def test_a_subgraph_shows_routers_what_the_public_schema_hides(name: str) -> None:
    schema, text = subgraph(name).schema, subgraph(name).sdl
    assert schema.query_type is not None

    assert {"_entities", "_service"} < set(schema.query_type.fields)
    assert {"_Any", "_Entity", "_Service"} < set(schema.type_map)
    assert "@key(" in text
    for plumbing in ("_entities", "_service", "_Any", "_Entity", "_Service", "@key", "@link"):
        assert plumbing not in sdl.current()


def test_entities_of_others_are_stubs_that_say_where_else_to_ask() -> None:
    directives = applied("booking")

    assert arguments(directives["Booking"], "key") == [{"fields": "id"}]
    assert arguments(directives["Worker"], "key") == [{"fields": "id"}]
    assert arguments(directives["Service"], "key") == [{"fields": "id", "resolvable": False}]
    assert "Service.name" not in directives
    assert {"Worker.id", "Worker.bookings", "Worker.daysOff"} < set(directives)
    assert "Worker.displayName" not in directives
    assert arguments(applied("worker")["District"], "key") == [
        {"fields": "id"},
        {"fields": "lgdCode"},
    ]


def test_the_union_of_entities_holds_what_is_served_and_no_stubs() -> None:
    assert members("booking") == {"Booking", "Quote", "Worker", "Provider"}
    assert "Review" not in members("worker")


def members(name: str) -> set[str]:
    union = subgraph(name).schema.type_map["_Entity"]
    return {type_.name for type_ in union.types}  # type: ignore[attr-defined]


def test_what_is_found_by_id_is_looked_for_in_one_subgraph_that_knows_every_entity() -> None:
    queries = {name: subgraph(name).schema.query_type for name in SUBGRAPHS}
    node = subgraph("worker").schema.type_map["Node"]
    everywhere = {
        type_.name
        for type_ in gateway().schema.get_possible_types(node)  # type: ignore[arg-type]
    }

    assert [name for name, query in queries.items() if query and "node" in query.fields] == [
        "worker"
    ]
    known = subgraph("worker").schema.get_possible_types(node)  # type: ignore[arg-type]
    assert {type_.name for type_ in known} == everywhere


@pytest.mark.parametrize("name", SUBGRAPHS)
def test_what_is_no_entity_is_shareable(name: str) -> None:
    directives = applied(name)
    for type_ in subgraph(name).schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("_"):
            if type_.name in ("Query", "Mutation"):
                continue
            kinds = {directive.name.value for directive in directives[type_.name]}
            assert kinds in ({"shareable"}, {"key"}), type_.name
    assert arguments(applied("review")["Query.viewer"], "shareable") == [{}]


@pytest.mark.parametrize("name", SUBGRAPHS)
def test_scopes_are_those_of_the_permission_matrix(name: str) -> None:
    directives = applied(name)
    told_of = 0
    for type_, field_name, field in fields(subgraph(name).schema):
        record, command = told(field), field.extensions.get(COMMAND)
        if record is None and command is None:
            continue
        roles: set[Role] = set(Role)
        if command is not None:
            roles = set(WRITE[command.may])
        elif record is not None and record.area is not None:
            roles = set(READ[record.area])
        here = directives.get(f"{type_.name}.{field_name}", [])
        scopes = [{"scopes": [[f"role:{role.lower()}"] for role in Role if role in roles]}]
        is_open = Role.ANONYMOUS in roles
        assert arguments(here, "requiresScopes") == ([] if is_open else scopes)
        assert arguments(here, "authenticated") == ([] if is_open else [{}])
        privacy = record.privacy if record else Privacy.PUBLIC
        tags = [] if privacy is Privacy.PUBLIC else [{"name": privacy.name.lower()}]
        told_as = arguments(here, "tag")
        assert told_as[: len(tags)] == tags
        # And for which purposes partners are shown it: only what they are shown at all.
        purposes = [tag["name"] for tag in told_as[len(tags) :]]
        assert all(purpose.startswith("purpose/") for purpose in purposes)
        assert Role.PARTNER in roles or not purposes
        told_of += not is_open
    assert told_of > 5


def fields(schema: GraphQLSchema) -> list[tuple[GraphQLObjectType, str, Any]]:
    return [
        (type_, name, field)
        for type_ in schema.type_map.values()
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("_")
        for name, field in type_.fields.items()
    ]


def test_prices_and_sizes_are_told_where_there_are_any() -> None:
    directives = applied("worker")

    assert arguments(directives["Query.node"], "cost") == [{"weight": "10"}]
    assert arguments(directives["Query.workers"], "listSize") == [
        {
            "assumedSize": "20",
            "slicingArguments": ["first", "last"],
            "sizedFields": ["edges", "nodes"],
            "requireOneSlicingArgument": False,
        }
    ]
    assert arguments(applied("booking")["Booking.timeline"], "listSize") == [{"assumedSize": "30"}]


def test_several_parts_are_one_subgraph() -> None:
    both = subgraph("booking", "review").schema

    assert set(both.type_map) > {"GrievanceConnection", "BookingConnection"}
    worker = both.type_map["Worker"]
    assert isinstance(worker, GraphQLObjectType)
    assert {"bookings", "rating"} < set(worker.fields)


def api_of(made: GraphQLSchema) -> str:
    """What clients of a router may ask: without its plumbing, and with no directives of the
    gateway's own."""

    def is_ours(type_: GraphQLNamedType) -> bool:
        return not type_.name.startswith(("join__", "link__", "requiresScopes__"))

    given = made.to_kwargs()
    given["types"] = tuple(type_ for type_ in made.type_map.values() if is_ours(type_))
    given["directives"] = specified_directives
    return print_schema(lexicographic_sort_schema(GraphQLSchema(**given)))


def test_clients_of_a_router_may_ask_what_clients_of_the_gateway_may() -> None:
    """They are told nothing by themselves: that is the gateway's alone."""
    supergraph = build_schema(sdl.SUPERGRAPH.read_text(encoding="utf-8"), assume_valid=True)

    assert gateway().schema.subscription_type is not None
    assert api_of(supergraph) == api_of(Graph(*DOMAINS).schema)


def test_subgraphs_that_have_changed_are_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    kept = sdl.snapshots()
    changed = {tmp_path / file.name: text for file, text in kept.items()}
    for file, text in changed.items():
        file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(sdl, "snapshots", lambda: changed)
    assert sdl.check() == []

    (tmp_path / "skill.graphql").write_text("type Query { nothing: Int }", encoding="utf-8")

    assert sdl.check()


@pytest.mark.slow
@pytest.mark.skipif(
    not is_installed(FOLDER), reason="the composers are installed by `make compose`"
)
def test_three_composers_make_the_supergraph_without_errors_and_with_no_hint_unexplained() -> None:
    done = composed("--check")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": 0 errors") == 3


@pytest_asyncio.fixture
async def known(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    chosen = replace(settings, gateway_secrets=f"router={SECRET}, next={OTHER_SECRET}")
    async with client_of(create_subgraph(chosen, "worker")) as client:
        yield client


def a_call(body: bytes, authorization: str = "", path: str = "/graphql") -> Call:
    return Call("POST", path, {"authorization": authorization} if authorization else {}, body)


async def post(client: httpx.AsyncClient, body: bytes, **headers: str) -> httpx.Response:
    given = {"content-type": "application/json"}
    given |= {name.replace("_", "-"): text for name, text in headers.items()}
    return await client.post("/graphql", content=body, headers=given)


ASKED = orjson.dumps({"query": "{ viewer { role } }"})
NAME = HEADER.decode()


async def test_a_signed_call_is_answered(known: httpx.AsyncClient) -> None:
    for name, secret in (("router", SECRET), ("next", OTHER_SECRET)):
        signature = sign(a_call(ASKED), name, secret)
        answer = await post(known, ASKED, **{NAME: signature})

        assert answer.json() == {"data": {"viewer": {"role": "ANONYMOUS"}}}


def test_the_signature_is_what_the_page_says_it_is() -> None:
    """Worked out once more, as a gateway in another language would."""
    call = a_call(b'{"query":"{a}"}', "Bearer x")
    name, at, nonce, given = sign(call, "router", SECRET).split(" ")
    text = f'POST\n/graphql\n{at}\n{nonce}\nBearer x\n\n\n\n{{"query":"{{a}}"}}'

    assert name == "router"
    assert given == hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def changed(signature: str, **parts: str) -> str:
    names = ("name", "at", "nonce", "given")
    found = dict(zip(names, signature.split(" "), strict=True)) | parts
    return " ".join(found[name] for name in names)


def good() -> str:
    return sign(a_call(ASKED), "router", SECRET)


UNSIGNED: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "a name alone": lambda: "router",
    "no HMAC": lambda: "router 1",
    "the form of before": lambda: " ".join(good().split(" ")[::3]),
    "another nonce": lambda: changed(good(), nonce="n" * 32),
    "no nonce": lambda: changed(good(), nonce=""),
    "a short nonce": lambda: changed(good(), nonce="n" * 15),
    "a nonce of other letters": lambda: changed(good(), nonce="n" * 31 + "é"),
    "another scheme": lambda: "Bearer router",
    "nobody's": lambda: changed(good(), name="nobody"),
    "another gateway's": lambda: changed(good(), name="next"),
    "before 1970": lambda: changed(good(), at="-1"),
    "no whole seconds": lambda: changed(good(), at="1e9"),
    "no time of ours": lambda: changed(good(), at="9" * 400),
    "another second": lambda: changed(good(), at=str(int(clock.timestamp()) + 1)),
    "an empty HMAC": lambda: changed(good(), given=""),
    "zeros": lambda: changed(good(), given="0" * 64),
    "no hexadecimal": lambda: changed(good(), given="é"),
    "a space too many": lambda: good() + " ",
    "another secret": lambda: sign(a_call(ASKED), "router", OTHER_SECRET),
    "another path": lambda: sign(a_call(ASKED, path="/other"), "router", SECRET),
    "another body": lambda: sign(a_call(ASKED + b" "), "router", SECRET),
    "another viewer": lambda: sign(a_call(ASKED, "Bearer demo:officer"), "router", SECRET),
    "another method": lambda: sign(Call("GET", "/graphql", {}, ASKED), "router", SECRET),
}
"""Made when they are sent: an hour later, all of them would be refused for their age."""


@pytest.mark.parametrize("kind", UNSIGNED)
async def test_an_unsigned_call_is_refused_as_json_with_a_code(
    known: httpx.AsyncClient, statements: Statements, kind: str
) -> None:
    with statements(at_most=0):
        answer = await known.post(
            "/graphql",
            content=ASKED,
            headers=[
                (b"content-type", b"application/json"),
                (HEADER, UNSIGNED[kind]().encode("latin-1")),
            ],
        )

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/json")
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "GATEWAY_UNKNOWN"
    assert SECRET not in answer.text


async def test_a_viewer_is_not_to_be_put_into_a_call_that_is_signed_for_another(
    known: httpx.AsyncClient,
) -> None:
    signature = sign(a_call(ASKED), "router", SECRET)
    answer = await post(known, ASKED, **{NAME: signature, "authorization": "Bearer demo:officer"})

    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "GATEWAY_UNKNOWN"


@pytest.mark.parametrize("header", FORWARDED)
async def test_what_is_forwarded_is_under_the_signature(
    known: httpx.AsyncClient, header: str
) -> None:
    """Nobody on the way puts another client, language or request in, or takes one away."""
    value = "Bearer demo:officer" if header == "authorization" else "one"
    without, with_it = (Call("POST", "/graphql", given, ASKED) for given in ({}, {header: value}))

    added = await post(known, ASKED, **{NAME: sign(without, "router", SECRET), header: value})
    taken = await post(known, ASKED, **{NAME: sign(with_it, "router", SECRET)})
    moved = await post(known, ASKED, **{NAME: sign(with_it, "router", SECRET), header: "other"})
    assert [answer.status_code for answer in (added, taken, moved)] == [401] * 3
    as_sent = await post(known, ASKED, **{NAME: sign(with_it, "router", SECRET), header: value})
    assert "GATEWAY_UNKNOWN" not in as_sent.text


@pytest.mark.parametrize("seconds", [-61, 61])
async def test_a_call_of_another_time_is_refused(
    known: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    then = clock.now() + timedelta(seconds=seconds)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: then)
        signature = sign(a_call(ASKED), "router", SECRET)
    answer = await post(known, ASKED, **{NAME: signature})

    assert answer.status_code == 401
    assert "more than 60 seconds" in answer.json()["errors"][0]["message"]


async def test_a_viewer_is_passed_on_with_the_reason_and_errors_say_which_entity_they_are_about(
    known: httpx.AsyncClient, database_url: str
) -> None:
    asha = await a_worker(database_url, mobile="+910000000042")
    query = "query ($of: [_Any!]!) { _entities(representations: $of) { ... on Worker { mobile } } }"
    nobody, someone = ({"__typename": "Worker", "id": id} for id in ("wk_nobody", asha.id))
    body = orjson.dumps({"query": query, "variables": {"of": [nobody, someone]}})
    answer = (await post(known, body, **{NAME: sign(a_call(body), "router", SECRET)})).json()

    assert answer["data"]["_entities"] == [None, {"mobile": None}]
    (error,) = answer["errors"]
    assert error["path"] == ["_entities", 1, "mobile"]
    assert error["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("count", "status", "code"),
    [(1000, 200, None), (5000, 200, "LIMIT_EXCEEDED"), (50_000, 413, "LIMIT_EXCEEDED")],
)
async def test_a_thousand_entities_are_answered_and_five_thousand_refused(
    known: httpx.AsyncClient, statements: Statements, count: int, status: int, code: str | None
) -> None:
    query = "query ($of: [_Any!]!) { _entities(representations: $of) { ... on Worker { id } } }"
    of = [{"__typename": "Worker", "id": f"wk_{n:026}"} for n in range(count)]
    body = orjson.dumps({"query": query, "variables": {"of": of}})
    signature = sign(a_call(body), "router", SECRET)
    with statements(at_most=0 if code else 1):
        answer = await post(known, body, **{NAME: signature})

    assert answer.status_code == status
    errors = answer.json().get("errors", [])
    assert [error["extensions"]["code"] for error in errors] == ([code] if code else [])
    assert code or answer.json()["data"]["_entities"] == [None] * 1000


async def test_a_subgraph_has_nothing_for_browsers(known: httpx.AsyncClient) -> None:
    page = await known.get("/graphql", headers={"accept": "text/html"})

    assert page.status_code == 405
    assert (await known.get("/healthz")).json() == {"healthy": True}
    assert (await known.get("/schema.graphql")).text == subgraph("worker").sdl
    assert (await known.get("/documents/any")).status_code == 404


async def test_a_command_that_was_overheard_is_not_done_again_in_another_process(
    database_url: str,
) -> None:
    """Two processes of one subgraph, over sockets; what is sent is what was captured, byte for
    byte."""
    query = "mutation ($mobile: String!) { requestCode(input: { mobile: $mobile, role: CITIZEN })"
    query += " { __typename } }"
    command_sent, asked = (
        captured({"query": query, "variables": {"mobile": "+910000810009"}}),
        captured({"query": "{ viewer { role } }"}),
    )
    keys = {"GATEWAY_SECRETS": f"router={SECRET}", "DATABASE_URL": database_url}
    async with a_subgraph_process(keys) as here, a_subgraph_process(keys) as there:
        done = await sent(here, command_sent)
        again = [await sent(where, command_sent) for where in (there, here)]
        read = [await sent(where, asked) for where in (here, there, here)]

    assert b" 200 OK" in done
    assert b"CodeSent" in done
    for answer in again:
        assert b" 401 " in answer
        assert b"GATEWAY_UNKNOWN" in answer
    assert all(b"ANONYMOUS" in answer for answer in read)
    assert await scalar(database_url, select(func.count()).select_from(OneTimeCode)) == 1
    assert await scalar(database_url, select(func.count()).select_from(SpentCall)) == 1


def captured(asked: dict[str, Any]) -> bytes:
    """A whole request, as it goes over the wire."""
    body = orjson.dumps(asked)
    lines = (
        "POST /graphql HTTP/1.1",
        "host: subgraph",
        "content-type: application/json",
        "connection: close",
        f"content-length: {len(body)}",
        f"{NAME}: {sign(a_call(body), 'router', SECRET)}",
    )
    return "\r\n".join([*lines, "", ""]).encode() + body


async def sent(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


@asynccontextmanager
async def a_subgraph_process(environment: dict[str, str]) -> AsyncIterator[int]:
    """Of the workers' subgraph; its port."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(CHECKOUT / "server.py"), "serve", "--subgraph", "worker"),
        env={**os.environ, **environment, "PORT": str(port)},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(60):
            while True:
                with suppress(httpx.TransportError):
                    if (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200:
                        break
                await asyncio.sleep(0.1)
        yield port
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize(
    ("secrets", "told"),
    [
        ("router", "reads `name=secret`"),
        ("=0123", "reads `name=secret`"),
        (f"router={SECRET},", "reads `name=secret`"),
        ("router=short", "fewer than 32 characters"),
    ],
)
def test_secrets_that_are_none_are_refused_without_repeating_them(secrets: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as refused:
        secrets_in(secrets)

    assert "short" not in str(refused.value)
    assert secrets_in(f"a={SECRET},b={OTHER_SECRET}=") == {"a": SECRET, "b": f"{OTHER_SECRET}="}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "secrets", "told"),
    [
        ("booking", "", "GATEWAY_SECRETS is required"),
        ("payment", f"router={SECRET}", "There is no subgraph payment"),
    ],
)
def test_a_subgraph_that_would_answer_anybody_or_nothing_is_not_served(
    name: str, secrets: str, told: str
) -> None:
    done = command("serve", "--subgraph", name, GATEWAY_SECRETS=secrets)

    assert done.returncode == 1
    assert told in " ".join(done.stderr.split())
