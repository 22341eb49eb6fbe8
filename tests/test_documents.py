"""Documents by name: sent before, agreed beforehand, and what of them is to go."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType, OperationDefinitionNode, build_schema, parse

from edge.documents import BadManifest, Documents, Trusted, examples_for
from edge.endpoint import in_header
from edge.negotiation import GRAPHQL
from engine.deprecations import announces, deprecated_in
from runtime.faults import Invalid
from runtime.redis import SharedRedis
from runtime.rights import Role
from runtime.settings import Settings
from runtime.store import store_of
from schema.graph import gateway
from schema.sdl import current
from server import create_app
from tests.conftest import client_of
from tests.test_server import command

SLUG = "query Slug($code: Int!) { district(lgdCode: $code) { slug } }"
HASH = sha256(SLUG.encode()).hexdigest()
LUCKNOW = {"data": {"district": {"slug": "lucknow"}}}
VARIABLES = {"code": 162}
DEAR = """query Dear($first: Int) { workers(first: $first) { nodes { reviews(first: $first) {
  nodes { worker { reviews(first: $first) { nodes { id } } } } } } } }"""


def by_hash(hash: str = HASH, **more: Any) -> dict[str, Any]:
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": hash}}
    return {"extensions": persisted, "variables": VARIABLES, **more}


@asynccontextmanager
async def serving(settings: Settings, **given: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(replace(settings, **given))) as client:
        yield client


def code(response: httpx.Response) -> Any:
    return response.json()["errors"][0]["extensions"]["code"]


async def test_a_document_sent_once_is_known_by_its_hash(client: httpx.AsyncClient) -> None:
    unknown = await client.post("/graphql", json=by_hash())
    newer = await client.post("/graphql", json=by_hash(), headers={"accept": GRAPHQL})
    sent = await client.post("/graphql", json=by_hash(query=SLUG))
    known = await client.post("/graphql", json=by_hash())
    params = {key: json.dumps(value) for key, value in by_hash().items()}
    got = await client.get("/graphql", params=params)

    assert (code(unknown), unknown.status_code) == ("PERSISTED_QUERY_NOT_FOUND", 200)
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert newer.status_code == 400
    assert sent.json() == known.json() == got.json() == LUCKNOW


async def test_what_is_not_what_its_hash_says_is_not_run(client: httpx.AsyncClient) -> None:
    other = "{ __typename }"
    lie = await client.post("/graphql", json=by_hash(query=other))

    assert code(lie) == "PERSISTED_QUERY_MISMATCH"
    assert code(await client.post("/graphql", json=by_hash())) == "PERSISTED_QUERY_NOT_FOUND"


async def test_what_is_not_valid_is_not_kept(client: httpx.AsyncClient) -> None:
    wrong = "{ wrokers }"
    hash = sha256(wrong.encode()).hexdigest()
    await client.post("/graphql", json=by_hash(hash, query=wrong))

    assert code(await client.post("/graphql", json=by_hash(hash))) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "persisted",
    [{}, {"version": 2, "sha256Hash": HASH}, {"version": 1, "sha256Hash": "x" * 64}]
    + [{"version": 1, "sha256Hash": value} for value in (7, None, HASH[:-1])],
)
async def test_a_name_that_is_none_is_refused(
    client: httpx.AsyncClient, persisted: dict[str, Any]
) -> None:
    asked = {"extensions": {"persistedQuery": persisted}}
    response = await client.post("/graphql", json=asked)

    assert (response.status_code, code(response)) == (400, "BAD_INPUT")
    assert (await client.post("/graphql", json={"documentId": 7})).status_code == 400


async def test_processes_share_documents_and_believe_no_store(redis_url: str) -> None:
    redis = SharedRedis(redis_url, seconds=10)
    shared = store_of(redis, "documents:", 0)
    one, other, third = (Documents(Trusted(None), [], 1_000, shared) for _ in range(3))
    await one.keep(await one.find(by_hash(query=SLUG), Role.ANONYMOUS))
    found = await other.find(by_hash(), Role.ANONYMOUS)
    await redis.ask(None, lambda asked: asked.set(f"documents:{HASH}", "{ __typename }"))
    with pytest.raises(Invalid):
        await third.find(by_hash(), Role.ANONYMOUS)
    await other.keep(found)
    await redis.close()

    assert found.text == SLUG
    assert (await other.find(by_hash(), Role.ANONYMOUS)).text == SLUG


async def test_what_a_process_holds_is_not_written_again(redis_url: str) -> None:
    redis = SharedRedis(redis_url, seconds=10)
    documents = Documents(Trusted(None), [], 1_000, store_of(redis, "held:", 0))
    first = await documents.find(by_hash(query=SLUG), Role.ANONYMOUS)
    await documents.keep(first)
    again = [
        await documents.find(by_hash(**more), Role.ANONYMOUS) for more in ({}, {"query": SLUG})
    ]
    await redis.close()

    assert first.keep_as == HASH
    assert [(found.text, found.keep_as) for found in again] == [(SLUG, None)] * 2


async def test_a_process_holds_so_many_bytes_at_most() -> None:
    documents = Documents(Trusted(None), [], 1_000)
    for number in range(50):
        text = f"query Number{number} {{ __typename }}"
        hash = sha256(text.encode()).hexdigest()
        await documents.keep(await documents.find(by_hash(hash, query=text), Role.ANONYMOUS))
        assert (await documents.find(by_hash(hash), Role.ANONYMOUS)).text == text
    with pytest.raises(Invalid):
        await documents.find(
            by_hash(sha256(b"query Number0 { __typename }").hexdigest()), Role.CITIZEN
        )


def apollo(documents: Mapping[str, str]) -> Any:
    operations = [
        {"id": id, "body": text, "name": "x", "type": "query"} for id, text in documents.items()
    ]
    form = "apollo-persisted-query-manifest"
    return {"format": form, "version": 1, "operations": operations}


FORMS: dict[str, Callable[[Mapping[str, str]], Any]] = {
    "apollo": apollo,
    "relay": dict,
    "codegen": lambda documents: {f"sha256:{id}": text for id, text in documents.items()},
}


@pytest.mark.parametrize("form", FORMS)
async def test_agreed_documents_are_known_in_every_form(
    settings: Settings, tmp_path: Path, form: str
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(FORMS[form]({"slug-1": SLUG})))
    async with serving(settings, documents=str(tmp_path)) as client:
        names = [
            {"documentId": "slug-1"},
            {"documentId": f"sha256:{HASH}"},
            {"doc_id": "slug-1"},
            {"extensions": by_hash()["extensions"]},
        ]
        found = [
            await client.post("/graphql", json={**name, "variables": VARIABLES}) for name in names
        ]

    assert [response.json() for response in found] == [LUCKNOW] * 4


async def test_some_may_send_none_but_agreed_documents(settings: Settings, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"slug-1": SLUG}))
    chosen = {"documents": str(manifest), "trusted_only": "anonymous"}
    async with serving(settings, **chosen) as client:
        named = await client.post("/graphql", json={"documentId": "slug-1", "variables": VARIABLES})
        whole = await client.post("/graphql", json={"query": SLUG, "variables": VARIABLES})
        other = await client.post("/graphql", json={"query": "{ __typename }"})
        hidden = await client.post("/graphql", json=by_hash(query="{ __typename }"))

    assert named.json() == whole.json() == LUCKNOW
    assert code(other) == code(hidden) == "DOCUMENT_NOT_TRUSTED"


async def test_others_may_send_what_they_like(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"slug-1": SLUG}))
    documents = Documents(Trusted(manifest), [Role.ANONYMOUS], 1_000)

    assert (await documents.find({"query": "{ a }"}, Role.PARTNER)).text == "{ a }"
    with pytest.raises(Invalid):
        await documents.find({"query": "{ a }"}, Role.ANONYMOUS)


@pytest.mark.parametrize("folder", [True, False])
async def test_a_changed_manifest_is_taken_over_and_a_broken_one_is_not(
    tmp_path: Path, folder: bool
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"a": "{ a }"}))
    trusted = Trusted(tmp_path if folder else manifest)
    manifest.write_text(json.dumps({"b": "{ b }", "c": "{ c }"}))
    await trusted.look()
    after = set(trusted.texts)
    manifest.write_text("{")
    await trusted.look()

    assert after == set(trusted.texts) == {"{ b }", "{ c }"}


async def test_a_manifest_that_came_later_is_followed_too(tmp_path: Path) -> None:
    trusted = Trusted(tmp_path)
    for text in ("{ b }", "{ longer }"):
        (tmp_path / "later.json").write_text(json.dumps({"b": text}))
        await trusted.look()

        assert set(trusted.texts) == {text}


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"operations": [{"id": "a"}]}'])
def test_what_is_no_manifest_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(content)
    with pytest.raises(BadManifest, match=r"manifest\.json"):
        Trusted(manifest)


@pytest.mark.slow
def test_a_manifest_is_checked_before_it_is_shipped(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps({"1": "query Roles { viewer { role } }", "2": SLUG}))
    bad.write_text(json.dumps({"1": "query Wrong { wrokers }", "2": DEAR}))
    passed, failed = command("documents", str(good)), command("documents", str(bad))

    assert passed.returncode == 0
    assert re.search(r"\d query Roles", passed.stdout)
    assert re.search(r"\d query Slug", passed.stdout)
    assert failed.returncode == 1
    assert "wrokers" in failed.stdout
    assert "costs 1,030,242 points" in failed.stdout


def test_variables_without_a_default_are_as_large_as_they_may_be() -> None:
    kinds = "type Query { a(i: Int, e: [E!], o: O, d: Date): Int } enum E { X Y } scalar Date"
    schema = build_schema(f"{kinds} input O {{ n: Int! s: [String!]! left: Int }}")
    document = parse(
        "query ($i: Int, $j: Int = 2, $e: [E!]!, $o: O!, $d: Date!, $s: String, $b: Boolean!) { a }"
    )
    (definition,) = document.definitions
    assert isinstance(definition, OperationDefinitionNode)

    assert examples_for(schema, definition, 100) == {
        "i": 100,
        "e": ["X"],
        "o": {"n": 100, "s": [""]},
        "d": "2030-01-01",
        "b": True,
    }


OLD = """
type Query {
  old(by: Int, was: Int @deprecated(reason: "Use `by`. Until 2027-01-01.")): Int
    @deprecated(reason: "Use `new`. Until 2027-06-01.")
  new(given: Given, kind: Kind): Int
}
input Given { a: Int, b: Int @deprecated(reason: "Use `a`. Until 2027-02-01.") }
enum Kind { GOOD BAD @deprecated(reason: "Use GOOD. Until 2027-03-01.") }
"""


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ("{ new }", []),
        ("{ new(given: {a: 1}, kind: GOOD) }", []),
        ("{ old(by: 1) }", ["Query.old"]),
        ("{ old(was: 1) }", ["Query.old", "Query.old(was:)"]),
        ("{ new(given: {b: 1}, kind: BAD) }", ["Given.b", "Kind.BAD"]),
        ("{ ...F } fragment F on Query { a: old b: old }", ["Query.old"]),
    ],
)
def test_what_of_a_document_is_to_go_is_named_once(document: str, named: list[str]) -> None:
    found = deprecated_in(build_schema(OLD), parse(document))

    assert [coordinate.partition(" (")[0] for coordinate in found] == named
    assert all(re.search(r"\(.+ Until 20\d\d-\d\d-\d\d\.\)$", each) for each in found)


async def test_an_answer_names_what_of_its_document_is_to_go(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    district = gateway().schema.type_map["District"]
    assert isinstance(district, GraphQLObjectType)
    reason = "Use `lgdCode`. Until 2027-06-01."
    monkeypatch.setattr(district.fields["slug"], "deprecation_reason", reason)
    announces.cache_clear()
    try:
        async with serving(settings) as client:
            old = await client.post("/graphql", json={"query": SLUG, "variables": VARIABLES})
            new = await client.post("/graphql", json={"query": "{ viewer { role } }"})
    finally:
        announces.cache_clear()

    assert old.headers["deprecated-fields"] == f"District.slug ({reason})"
    assert "deprecated-fields" not in new.headers


def test_reasons_are_told_in_one_line_and_not_without_end() -> None:
    one = in_header(("Query.old (Use `new`.\r\nSet-Cookie: a=b\x00)", "Query.hi (`नया` लें)"))
    many = in_header(tuple(f"Query.old{number} (Use `new`.)" for number in range(1_000)))

    assert one == "Query.old (Use `new`. Set-Cookie: a=b); Query.hi (`नया` लें)".encode()
    assert len(many) < 2_100
    assert re.search(rb"; and 9\d\d more$", many)


def test_whatever_is_to_go_says_what_takes_its_place_and_until_when_it_is_there() -> None:
    reasons = re.findall(r'@deprecated\(reason: "(.*?)"\)', current())

    assert current().count("@deprecated") == len(reasons)
    assert all(re.fullmatch(r"Use .+\. Until 20\d\d-\d\d-\d\d\.", each) for each in reasons)
