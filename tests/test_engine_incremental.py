"""Answers in several parts: what `@defer` and `@stream` leave for later, and when it comes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any

import pytest
from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    build_schema,
    parse,
    validate,
)
from hypothesis import HealthCheck, assume, given, settings

from engine.engine import Engine, Operation
from engine.incremental import Delivery, Payload
from engine.observer import Observer
from runtime.faults import Invalid, code_of
from tests.conftest import Ask
from tests.delivery import (
    InParts,
    Merged,
    cases_in_parts,
    disagreements,
    graphql_core,
    merged,
    offering,
)
from tests.differential.values import World

SDL = """
type Query { worker: Worker  workers: [Worker!]  surely: Worker!  lists: [[Int]] }
type Worker {
  id: ID!  name: String  code: String!  rating: Int  skills: [Skill!]  spoken: [String!]!
  friend: Worker  surest: Worker!
}
type Skill { name: String  level: Int!  worker: Worker }
"""


def fails(message: str) -> Any:
    def resolve(*_: Any) -> Any:
        raise ValueError(message)

    return resolve


def a_worker(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"wk_{number}",
        "name": f"Anil {number}",
        "code": f"SM{number}",
        "rating": number,
        "skills": [{"name": f"skill {number}.{n}", "level": n} for n in range(3)],
        "spoken": ["hi", "en", "ur"],
        **fields,
    }


def engine_for(sdl: str = SDL) -> Engine:
    return Engine(offering(build_schema(sdl)))


ENGINE = engine_for()


async def parts(
    document: str, root: dict[str, Any] | None = None, **variables: Any
) -> list[Payload]:
    """The payloads as they leave, each error as its message and path."""
    given = {"worker": a_worker(), "workers": [a_worker(n) for n in (1, 2, 3)]} | (root or {})
    found = []
    merging = Merged()
    async for payload in ENGINE.deliver(ENGINE.prepare(document), variables, None, given):
        merging.take(payload)
        found.append(plain(payload))
    return found


def plain(value: Any) -> Any:
    if isinstance(value, GraphQLError):
        return value.message, value.path
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


async def test_what_is_deferred_follows_what_is_at_once() -> None:
    assert await parts("{ worker { id ... @defer { name } } }") == [
        {
            "data": {"worker": {"id": "wk_1"}},
            "pending": [{"id": "0", "path": ["worker"]}],
            "hasNext": True,
        },
        {
            "incremental": [{"id": "0", "data": {"name": "Anil 1"}}],
            "completed": [{"id": "0"}],
            "hasNext": False,
        },
    ]


async def test_an_answer_without_anything_to_follow_is_one_part() -> None:
    assert await parts("{ worker { id } }") == [{"data": {"worker": {"id": "wk_1"}}}]


async def test_the_objects_of_a_list_are_completed_together_each_under_its_own_path() -> None:
    first, second = await parts("{ workers { id ... @defer { name } } }")

    assert [entry["path"] for entry in first["pending"]] == [["workers", n] for n in range(3)]
    assert [entry["data"] for entry in second["incremental"]] == [
        {"name": f"Anil {n}"} for n in (1, 2, 3)
    ]
    assert [entry["id"] for entry in second["completed"]] == ["0", "1", "2"]


async def test_a_label_tells_fragments_apart() -> None:
    first, *later = await parts(
        '{ worker { ... @defer(label: "a") { name } ...Rest @defer(label: "b") } }'
        " fragment Rest on Worker { rating }"
    )

    assert [entry["label"] for entry in first["pending"]] == ["a", "b"]
    assert [payload["incremental"][0]["data"] for payload in later] == [
        {"name": "Anil 1"},
        {"rating": 1},
    ]
    assert [payload["hasNext"] for payload in (first, *later)] == [True, True, False]


async def test_the_outer_of_nested_fragments_comes_first() -> None:
    _, *later = await parts(
        "{ worker { id ... @defer { ... @defer { name } rating } } }",
    )

    assert [payload["incremental"][0]["data"] for payload in later] == [
        {"rating": 1},
        {"name": "Anil 1"},
    ]


async def test_a_fragment_inside_what_is_deferred_is_announced_when_its_object_is_there() -> None:
    first, second, third = await parts(
        "{ worker { ... @defer { friend { id ... @defer { name } } } } }",
        {"worker": a_worker(friend=a_worker(2))},
    )

    assert first["pending"] == [{"id": "0", "path": ["worker"]}]
    assert second["incremental"] == [{"id": "0", "data": {"friend": {"id": "wk_2"}}}]
    assert second["pending"] == [{"id": "1", "path": ["worker", "friend"]}]
    assert third["incremental"] == [{"id": "1", "data": {"name": "Anil 2"}}]


async def test_a_field_that_is_also_asked_for_at_once_comes_at_once_and_only_then() -> None:
    first, second = await parts("{ worker { name ... @defer { name rating } } }")

    assert first["data"] == {"worker": {"name": "Anil 1"}}
    assert second["incremental"] == [{"id": "0", "data": {"rating": 1}}]


async def test_a_fragment_that_adds_nothing_is_not_announced() -> None:
    assert await parts("{ worker { name ... @defer { name } } }") == [
        {"data": {"worker": {"name": "Anil 1"}}}
    ]


async def test_what_lies_below_a_field_that_is_there_already_comes_by_sub_path() -> None:
    first, second = await parts(
        "{ worker { friend { id } ... @defer { rating friend { name } } } }",
        {"worker": a_worker(friend=a_worker(2))},
    )

    assert first["data"] == {"worker": {"friend": {"id": "wk_2"}}}
    assert first["pending"] == [{"id": "0", "path": ["worker"]}]
    assert second["incremental"] == [
        {"id": "0", "data": {"rating": 1}},
        {"id": "0", "data": {"name": "Anil 2"}, "subPath": ["friend"]},
    ]
    assert second["completed"] == [{"id": "0"}]


@pytest.mark.parametrize(("directive", "pieces"), [("defer", 2), ("stream", 2)])
async def test_a_variable_decides_whether_anything_is_left_for_later(
    directive: str, pieces: int
) -> None:
    document = {
        "defer": "query($later: Boolean!) { worker { id ... @defer(if: $later) { name } } }",
        "stream": "query($later: Boolean!) { workers @stream(if: $later) { id name } }",
    }[directive]

    # Both ways twice: a plan made for one must not serve the other.
    for later in (True, False, True, False):
        assert len(await parts(document, later=later)) == (pieces if later else 1)


async def test_a_condition_left_out_is_not_one_that_is_null() -> None:
    document = "query($later: Boolean) { worker { id ... @defer(if: $later) { name } } }"

    for _ in range(2):
        (refused,) = await parts(document, later=None)
        assert refused["data"] == {"worker": None}
        assert len(await parts(document)) == 2


async def test_a_list_begins_at_once_and_its_rest_follows() -> None:
    assert await parts("{ workers @stream(initialCount: 1) { id } }") == [
        {
            "data": {"workers": [{"id": "wk_1"}]},
            "pending": [{"id": "0", "path": ["workers"]}],
            "hasNext": True,
        },
        {
            "incremental": [{"id": "0", "items": [{"id": "wk_2"}, {"id": "wk_3"}]}],
            "completed": [{"id": "0"}],
            "hasNext": False,
        },
    ]


async def test_a_list_no_longer_than_its_beginning_is_not_announced() -> None:
    assert len(await parts("{ workers @stream(initialCount: 3) { id } }")) == 1


async def test_a_list_of_leaves_is_streamed_too() -> None:
    first, second = await parts('{ worker { spoken @stream(initialCount: 1, label: "s") } }')

    assert first["pending"] == [{"id": "0", "path": ["worker", "spoken"], "label": "s"}]
    assert second["incremental"] == [{"id": "0", "items": ["en", "ur"]}]


async def test_lists_in_a_list_stay_whole() -> None:
    first, second = await parts("{ lists @stream(initialCount: 1) }", {"lists": [[1], [2, 3], []]})

    assert first["data"] == {"lists": [[1]]}
    assert second["incremental"] == [{"id": "0", "items": [[2, 3], []]}]


async def test_streamed_items_have_streams_of_their_own() -> None:
    first, *later = await parts(
        "{ workers @stream(initialCount: 1) { id skills @stream(initialCount: 2) { level } } }"
    )

    assert first["data"]["workers"] == [{"id": "wk_1", "skills": [{"level": 0}, {"level": 1}]}]
    assert [e["path"] for p in (first, *later) for e in p.get("pending", ())] == [
        ["workers"],
        ["workers", 0, "skills"],
        ["workers", 1, "skills"],
        ["workers", 2, "skills"],
    ]
    assert later[-1]["incremental"] == [
        {"id": "2", "items": [{"level": 2}]},
        {"id": "3", "items": [{"level": 2}]},
    ]


async def test_a_fragment_on_streamed_items_is_announced_as_they_arrive() -> None:
    _, *later = await parts(
        "{ worker { skills @stream(initialCount: 1) { name ... @defer { level } } } }"
    )

    announced = [entry["path"] for payload in later for entry in payload.get("pending", ())]
    assert announced == [["worker", "skills", 1], ["worker", "skills", 2]]
    deferred = [e["data"] for p in later for e in p.get("incremental", ()) if "data" in e]
    assert deferred == [{"level": 0}, {"level": 1}, {"level": 2}]


async def test_a_failure_in_what_is_deferred_is_told_with_it() -> None:
    first, second = await parts(
        "{ worker { id ... @defer { name rating } } }", {"worker": a_worker(name=fails("no name"))}
    )

    assert "errors" not in first
    assert second["incremental"] == [
        {
            "id": "0",
            "data": {"name": None, "rating": 1},
            "errors": [("no name", ["worker", "name"])],
        }
    ]


async def test_an_error_is_told_once_with_the_innermost_part_that_holds_it() -> None:
    _, second = await parts(
        "{ worker { friend { id } ... @defer { rating friend { name } } } }",
        {"worker": a_worker(friend=a_worker(2, name=fails("no name")))},
    )

    own, below = second["incremental"]
    assert "errors" not in own
    assert below["errors"] == [("no name", ["worker", "friend", "name"])]


async def test_a_fragment_is_there_as_a_whole_or_not_at_all() -> None:
    first, second = await parts(
        "{ worker { id friend { id } ... @defer { code name friend { name } } } }",
        {"worker": a_worker(code=None, friend=a_worker(2))},
    )

    assert first["data"] == {"worker": {"id": "wk_1", "friend": {"id": "wk_2"}}}
    message = "Cannot return null for non-nullable field Worker.code."
    assert second == {
        "completed": [{"id": "0", "errors": [(message, ["worker", "code"])]}],
        "hasNext": False,
    }


async def test_one_object_that_cannot_be_completed_does_not_hold_up_the_others() -> None:
    _, second = await parts(
        "{ workers { id ... @defer { code } } }",
        {"workers": [a_worker(1), a_worker(2, code=fails("no code"))]},
    )

    assert second["incremental"] == [{"id": "0", "data": {"code": "SM1"}}]
    assert second["completed"] == [
        {"id": "0"},
        {"id": "1", "errors": [("no code", ["workers", 1, "code"])]},
    ]


async def test_nothing_below_a_fragment_that_failed_is_announced() -> None:
    payloads = await parts(
        """{ worker { id ... @defer {
             code skills @stream { name } friend { id ... @defer { name } }
           } } }""",
        {"worker": a_worker(code=None, friend=a_worker(2))},
    )

    assert len(payloads) == 2
    assert "pending" not in payloads[1]


async def test_what_a_null_has_taken_announces_nothing() -> None:
    payloads = await parts(
        """{
          worker { friend { code ... @defer { name } skills @stream { name } } }
          workers { code ... @defer { name } }
        }""",
        {
            "worker": a_worker(friend=a_worker(2, code=None)),
            "workers": [a_worker(1), a_worker(2, code=None)],
        },
    )

    assert len(payloads) == 1
    assert payloads[0]["data"] == {"worker": {"friend": None}, "workers": None}


async def test_an_answer_that_is_null_as_a_whole_announces_nothing() -> None:
    (only,) = await parts("{ surely { id } worker { ... @defer { name } } }", {"surely": None})

    assert only["data"] is None
    assert len(only["errors"]) == 1


async def test_a_failure_among_streamed_items_makes_them_null_where_they_may_be() -> None:
    _, second = await parts(
        "{ workers @stream(initialCount: 1) { id name } }",
        {"workers": [a_worker(1), a_worker(2, name=fails("no name"))]},
    )

    assert second["incremental"] == [
        {
            "id": "0",
            "items": [{"id": "wk_2", "name": None}],
            "errors": [("no name", ["workers", 1, "name"])],
        }
    ]


async def test_a_stream_whose_items_may_not_be_null_ends_with_the_error() -> None:
    first, second = await parts(
        "{ workers @stream(initialCount: 1) { code } }",
        {"workers": [a_worker(1), a_worker(2, code=fails("no code"))]},
    )

    assert first["data"] == {"workers": [{"code": "SM1"}]}
    assert second == {
        "completed": [{"id": "0", "errors": [("no code", ["workers", 1, "code"])]}],
        "hasNext": False,
    }


async def test_a_stream_that_fails_leaves_the_other_streams_of_its_object_alone() -> None:
    _, *later = await parts(
        "{ worker { spoken @stream(initialCount: 1) skills @stream(initialCount: 1) { name } } }",
        {"worker": a_worker(spoken=["hi", None])},
    )

    message = "Cannot return null for non-nullable field Worker.spoken."
    assert later[0]["completed"] == [{"id": "0", "errors": [(message, ["worker", "spoken", 1])]}]
    assert [item["name"] for item in later[1]["incremental"][0]["items"]] == [
        "skill 1.1",
        "skill 1.2",
    ]
    assert later[1]["completed"] == [{"id": "1"}]


async def test_nothing_is_delivered_where_variables_are_refused() -> None:
    with pytest.raises(Invalid, match="Variable '\\$n' has invalid value"):
        await parts("query($n: Int!) { workers @stream(initialCount: $n) { id } }")


class Noticed(Observer):
    def __init__(self) -> None:
        self.errors: list[str] = []

    def failed(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        self.errors += [error.message for error in errors]


async def test_what_fails_in_any_part_is_told_to_who_observes() -> None:
    noticed = Noticed()
    operation = ENGINE.prepare("{ worker { name ... @defer { rating code } } }")
    broken = a_worker(name=fails("first"), rating=fails("later"), code=fails("last"))

    async for _ in ENGINE.deliver(operation, root={"worker": broken}, observer=noticed):
        pass

    assert noticed.errors[0] == "first"
    assert set(noticed.errors) >= {"last"}


async def forever(*_: Any) -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id": forever}, [{"data": None, "errors": "LIMIT_EXCEEDED"}]),
        (
            {"name": forever},
            [
                {
                    "data": {"worker": {"id": "wk_1"}},
                    "pending": [{"id": "0", "path": ["worker"]}],
                    "hasNext": True,
                },
                {"completed": [{"id": "0", "errors": "LIMIT_EXCEEDED"}], "hasNext": False},
            ],
        ),
    ],
)
async def test_what_takes_too_long_is_given_up_whatever_is_there_already(
    fields: dict[str, Any], expected: list[Payload]
) -> None:
    def coded(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: inner[0].extensions["code"] if key == "errors" else coded(inner)
                for key, inner in value.items()
            }
        return [coded(inner) for inner in value] if isinstance(value, list) else value

    engine = Engine(offering(build_schema(SDL)), seconds=0.05)
    operation = engine.prepare("{ worker { id ... @defer { name } } }")
    root = {"worker": a_worker(**fields)}

    told = [coded(payload) async for payload in engine.deliver(operation, root=root)]

    assert told == expected


@pytest.mark.parametrize("place", ["_deferred", "_rest", "_announced"])
async def test_what_has_begun_ends_well_formed_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    document = "{ worker { id ... @defer { name } } workers @stream(initialCount: 1) { id } }"
    whole, calls = getattr(Delivery, place), count()

    def breaks(*given: Any) -> Any:
        if place == "_announced" and next(calls) == 0:
            return whole(*given)
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(Delivery, place, breaks)
    root = {"worker": a_worker(), "workers": [a_worker(1), a_worker(2)]}
    found = Merged()
    seen = []
    async for payload in ENGINE.deliver(ENGINE.prepare(document), root=root):
        found.take(payload)
        seen.append(payload)

    assert seen[-1]["hasNext"] is False
    assert found.failed
    assert {code_of(error) for error in found.errors} == {"INTERNAL"}
    assert found.data["worker"]["id"] == "wk_1"


@pytest.mark.parametrize("count", [-1, None])
async def test_a_beginning_that_makes_no_sense_fails_the_list(count: int | None) -> None:
    document = "query($n: Int) { worker { id } workers @stream(initialCount: $n) { id } }"

    (only,) = await parts(document, n=count)

    assert only["data"] == {"worker": {"id": "wk_1"}, "workers": None}
    assert only["errors"] == [("initialCount must be a positive integer", ["workers"])]


async def test_a_mutation_is_carried_out_before_anything_follows() -> None:
    done: list[str] = []
    schema = build_schema(
        "type Query { a: Int } type Mutation { a: Job b: Job } type Job { x: Int y: Int }"
    )

    def resolve(_: Any, info: GraphQLResolveInfo[Any]) -> dict[str, int]:
        done.append(info.field_name)
        return {"x": 1, "y": 2}

    assert isinstance(schema.mutation_type, GraphQLObjectType)
    for field in schema.mutation_type.fields.values():
        field.resolve = resolve
    engine = Engine(offering(schema))

    parts_of = engine.deliver(engine.prepare("mutation { a { x ... @defer { y } } b { x } }"))
    first = await anext(parts_of)

    assert done == ["a", "b"]
    assert first["data"] == {"a": {"x": 1}, "b": {"x": 1}}
    await parts_of.aclose()


async def test_an_answer_in_one_piece_has_everything() -> None:
    document = "{ worker { id ... @defer { name } } workers @stream(initialCount: 1) { id } }"
    root = {"worker": a_worker(), "workers": [a_worker(1), a_worker(2)]}

    assert (await ENGINE.execute(document, root=root)).data == {
        "worker": {"id": "wk_1", "name": "Anil 1"},
        "workers": [{"id": "wk_1"}, {"id": "wk_2"}],
    }


def test_only_a_schema_that_declares_the_directives_has_them() -> None:
    without = Engine(build_schema(SDL))

    for document in ("{ worker { ... @defer { id } } }", "{ workers @stream { id } }"):
        ENGINE.prepare(document)
        with pytest.raises(Invalid) as refused:
            without.prepare(document)
        assert "Unknown directive" in refused.value.errors[0].message


async def test_the_gateway_answers_them_in_one_piece(ask: Ask) -> None:
    document = """{
      ... @defer(label: "rest") { serviceCategories(first: 2) { nodes @stream { id } } }
    }"""

    assert len((await ask(document))["serviceCategories"]["nodes"]) == 2


# graphql-core itself leaves coroutines behind where a null takes their place.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def or_refused(payloads: AsyncIterator[Payload]) -> AsyncIterator[Payload]:
    try:
        async for payload in payloads:
            yield payload
    except Invalid as invalid:
        yield {"errors": list(invalid.errors)}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("by", ["us", "graphql-core"])
def test_the_parts_of_an_answer_are_the_answer_in_one_piece(by: str) -> None:
    async def wrong_in(case: InParts) -> list[str]:
        engine = Engine(case.schema)
        found = []
        for run in case.case.runs[:2]:

            def world() -> World:
                return World(case.schema, run.data_seed, run.trouble)  # noqa: B023

            root = world().root()
            if by == "us":
                operation = engine.prepare(case.document)
                payloads = or_refused(engine.deliver(operation, run.variables, world(), root))
            else:
                payloads = graphql_core(case.schema, case.document, root, world(), run.variables)
            whole = await engine.execute(case.in_one, run.variables, world(), root)
            found += disagreements(await merged(payloads), whole)
        return found

    with asyncio.Runner() as runner:

        @settings(
            max_examples=40,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(cases_in_parts(range(20)))
        def check(case: InParts) -> None:
            # Effects are told in the order in which they happen, and that is another one here.
            assume(not case.document.startswith("mutation"))
            assume(not validate(case.schema, parse(case.document)))
            wrong = runner.run(wrong_in(case))
            assert wrong == [], "\n".join(wrong)

        check()
