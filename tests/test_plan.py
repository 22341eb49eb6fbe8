"""The plan of an operation: printed, sent along with an answer, and quoted in docs/engine.md."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType, OperationDefinitionNode, parse

from engine.arguments import NO_VARIABLES
from engine.compile import Compiler
from engine.cost import Limits
from engine.describe import Description, Sent, described
from engine.engine import Engine
from runtime.context import Context
from runtime.faults import Invalid
from runtime.field import told
from runtime.language import Language
from runtime.reason import Reason
from runtime.rights import Role
from runtime.settings import Settings
from runtime.tokens import rotate
from runtime.viewer import ANYONE, Viewer
from server import create_app
from tests.asking import SCHEMA, a_process, because
from tests.conftest import CHECKOUT, Statements, client_of
from tests.make import LUCKNOW, a_worker
from tests.test_home_view import EXAMPLES, OPERATIONS, workers_with_reviews
from tests.test_server import command

ENGINE = Engine(SCHEMA, limits=Limits())
PAGE = (CHECKOUT / "docs" / "engine.md").read_text(encoding="utf-8")
AGRA = "dt_118"
VIEW = EXAMPLES["home_view"]
VARIABLES = json.loads(VIEW.variables)


def block(kind: str) -> str:
    """The first one of its kind in the page."""
    found = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def parts_of(document: str) -> tuple[OperationDefinitionNode, dict[str, Any]]:
    (definition,) = parse(document).definitions
    assert isinstance(definition, OperationDefinitionNode)
    return definition, {}


def planned(
    query: str, role: Role = Role.ANONYMOUS, reason: Reason | None = None, **variables: Any
) -> Description:
    return ENGINE.plan(ENGINE.prepare(query), variables, Viewer(role, reason=reason), 100)


def hows(query: str, *viewer: Any) -> dict[str, str]:
    levels = planned(query, *viewer).levels
    return {at: place.how for level in levels for at, place in level.fields.items()}


def loaders(plan: Description) -> list[list[str]]:
    return [[read.loader for read in level.reads] for level in plan.levels]


async def three_workers(url: str) -> None:
    """Those of the page."""
    await a_worker(url, first_name_en="Anita", district_id=LUCKNOW)
    await a_worker(url, first_name_en="Bilal", district_id=AGRA, category="plumber")
    await a_worker(url, first_name_en="Chanda", district_id=LUCKNOW)


async def with_plan(client: httpx.AsyncClient, query: str, **variables: Any) -> Any:
    body = {"query": query, "variables": variables, "extensions": {"plan": True}}
    return (await client.post("/graphql", json=body)).json()


@pytest.mark.slow
def test_the_command_prints_the_plan_that_the_page_shows(tmp_path: Path) -> None:
    document = tmp_path / "cards.graphql"
    document.write_text(block("graphql"), encoding="utf-8")

    printed = command("plan", str(document), DATABASE_URL="postgresql://x@127.0.0.1:1/y")

    assert printed.stderr == ""
    assert printed.stdout == block("text")


def test_the_loop_that_the_page_shows_is_the_one_that_is_made() -> None:
    plan = Compiler(SCHEMA, *parts_of(block("graphql")), NO_VARIABLES, ANYONE).plan()
    described(SCHEMA, plan, NO_VARIABLES, 100)

    selection = plan.steps[0]
    for key in ("workers", "nodes", "skills"):
        (planned,) = (each for each in selection.fields if each.key == key)
        assert isinstance(planned.output.named, GraphQLObjectType)
        selection = planned.below(planned.output.named)

    assert selection.direct is not None
    assert f"{selection.direct.code}\n" == block("python")


async def test_the_answer_of_the_page_and_what_it_took_are_true(
    database_url: str, client: httpx.AsyncClient
) -> None:
    await three_workers(database_url)

    answer = await with_plan(client, block("graphql"))

    levels = answer.pop("extensions")["plan"]["levels"]
    assert answer == json.loads(block("json"))
    took = [
        f"| {number} | `{read['loader']}` | {read['keys']} | {read['rows']} |"
        for number, level in enumerate(levels, 1)
        for read in level["reads"]
    ]
    assert len(took) == 2
    assert "\n".join(took) in PAGE


def test_the_page_names_every_field_that_is_resolved_one_by_one() -> None:
    (sentence,) = re.findall(r"one object at a time: (.*)\.", PAGE)

    undeclared = {
        f"{type_.name}.{name}"
        for type_ in SCHEMA.type_map.values()
        if isinstance(type_, GraphQLObjectType) and type_ is not SCHEMA.mutation_type
        for name, field in type_.fields.items()
        if not type_.name.startswith("__") and not ((record := told(field)) and record.is_declared)
    }
    assert set(re.findall(r"`(\w+\.\w+)`", sentence)) == undeclared
    assert SCHEMA.mutation_type is not None
    assert not any(map(told, SCHEMA.mutation_type.fields.values()))


async def test_a_plan_names_the_reads_that_running_it_sends(
    database_url: str, statements: Statements
) -> None:
    await workers_with_reviews(database_url, 2)
    operation, viewer, sent = ENGINE.prepare(VIEW.query), Viewer(), Sent()

    async with a_process(database_url) as process:
        context = Context(viewer, Language.EN, process)
        with statements(at_most=5) as texts:
            await ENGINE.run(operation, VARIABLES, context, observer=sent)

    before = ENGINE.plan(operation, VARIABLES, viewer, 100)
    after = ENGINE.plan(operation, VARIABLES, viewer, 100, sent)
    assert loaders(before) == loaders(after)
    assert sorted(read.sql for level in before.levels for read in level.reads) == sorted(texts)
    assert before.points == 925


def test_a_plan_says_how_each_field_is_answered() -> None:
    found = hows(
        """
        { worker(id: "wk_1") {
            status mobile displayName
            reviews(first: 1) { pageInfo { hasNextPage } }
          }
          node(id: "wk_1") { id ... on Worker { yearsExperience } }
          __schema { queryType { name } }
        }
        """
    )

    others = len(SCHEMA.get_possible_types(SCHEMA.type_map["Node"])) - 2  # type: ignore[arg-type]
    alone = "its own resolver, for one object at a time"
    assert found == {
        "worker": "read by loaders.worker.worker_by_id, for its argument id",
        "worker.status": "column status",
        "worker.mobile": "hidden",
        "worker.displayName": "computed from first_name_en, first_name_hi, initial_en, initial_hi",
        "worker.reviews": "a page, read by loaders.review.reviews_by_worker, for each id",
        "worker.reviews.pageInfo": "computed",
        "worker.reviews.pageInfo.hasNextPage": "known from its parent, or else read",
        "node": alone,
        "node(Worker).id": "column id",
        "node(Worker).yearsExperience": "column years_experience",
        f"node(Division and {others} more).id": "column id",
        "__schema": alone,
        "__schema.queryType": alone,
        "__schema.queryType.name": alone,
    }


def test_a_plan_shows_what_is_hidden_from_whom() -> None:
    mobile = '{ worker(id: "wk_1") { mobile } }'

    assert hows(mobile)["worker.mobile"] == "hidden"
    assert hows(mobile, Role.WORKER)["worker.mobile"] == (
        "computed from mobile, unproven_mobile; hidden in rows that do not show it"
    )
    officer = hows(mobile, Role.STATE_OFFICER)["worker.mobile"]
    assert officer == "hidden, unless a reason is given"
    reasoned = hows(mobile, Role.STATE_OFFICER, because("ticket 4711"))["worker.mobile"]
    assert reasoned.startswith("computed from mobile")


def test_the_fields_of_a_mutation_are_levels_after_one_another() -> None:
    plan = planned(
        "mutation { first: signOut { __typename } second: signOut { __typename } }", Role.CITIZEN
    )

    assert [list(level.fields) for level in plan.levels] == [["first"], ["second"]]


def test_the_two_reads_of_one_list_by_other_arguments_are_both_shown() -> None:
    plan = planned("{ a: workers(first: 1) { nodes { id } } b: workers(last: 1) { nodes { id } } }")

    assert loaders(plan)[0] == ["loaders.worker.workers"] * 2
    forward, backward = plan.levels[0].reads
    assert forward.sql != backward.sql


def test_what_would_be_refused_has_no_plan() -> None:
    with pytest.raises(Invalid) as missing:
        planned("query ($id: ID!) { worker(id: $id) { id } }")
    assert "$id" in str(missing.value.errors[0])
    with pytest.raises(Invalid) as refusal:
        planned(
            "{ workers(first: 100) { nodes { reviews(first: 100) { nodes { stars "
            "worker { id } booking { state } } } } } }"
        )
    assert "30," in str(refusal.value.errors[0])
    # Which page is wanted cannot be told, so nothing is read: running it says why.
    assert loaders(planned("{ workers(first: 1, last: 1) { nodes { id } } }"))[0] == []


async def test_in_development_an_answer_brings_its_plan_along(
    database_url: str, client: httpx.AsyncClient
) -> None:
    await workers_with_reviews(database_url, 2)

    answer = await with_plan(client, VIEW.query, **VARIABLES)

    assert len(answer["data"]["nearbyWorkers"]["edges"]) == 2
    plan = answer["extensions"]["plan"]
    assert plan["points"] == 925
    assert [len(level["reads"]) for level in plan["levels"]] == [2, 3, 0]
    assert plan["levels"][0]["fields"]["nearbyWorkers"] == {
        "how": "a page, read by loaders.nearby.nearby_run",
        "points": 863,
    }
    assert plan["levels"][2]["fields"]["nearbyWorkers.edges.node.reviews.nodes.booking"] == {
        "how": "read by loaders.review.booking_by_review, for each id, along with its parent",
        "points": 110,
    }
    (read,) = (r for r in plan["levels"][1]["reads"] if r["loader"].endswith("reviews_by_worker"))
    assert read.pop("ms") > 0
    assert "JOIN booking ON booking.id = review.booking_id" in read.pop("sql")
    assert read == {"loader": "loaders.review.reviews_by_worker", "keys": 2, "rows": 4}


async def test_a_plan_shows_reads_that_only_running_it_tells_of(
    database_url: str, client: httpx.AsyncClient
) -> None:
    await three_workers(database_url)
    query = "{ workers(first: 1) { nodes { code } pageInfo { endCursor } } }"
    cursor = (await with_plan(client, query))["data"]["workers"]["pageInfo"]["endCursor"]

    after = f'{{ workers(after: "{cursor}") {{ pageInfo {{ hasPreviousPage }} }} }}'
    answer = await with_plan(client, after)

    reads = [level["reads"] for level in answer["extensions"]["plan"]["levels"]]
    assert [[read["loader"] for read in level] for level in reads] == [
        ["loaders.worker.workers"],
        ["loaders.worker.workers.beyond"],
    ]
    assert loaders(planned(after))[1] == []


async def test_an_operation_that_fails_has_its_plan_or_its_error(
    client: httpx.AsyncClient,
) -> None:
    forbidden = await with_plan(client, "{ workers { nodes { mobile } } }")
    nameless = await with_plan(client, "query ($id: ID!) { worker(id: $id) { id } }")

    assert forbidden["extensions"]["plan"]["levels"]
    assert "extensions" not in nameless
    assert nameless["errors"][0]["extensions"]["code"] == "BAD_INPUT"


async def test_nobody_is_told_a_plan_outside_development_or_unasked(
    settings: Settings, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    rotate(tmp_path / "keys.json")
    public = replace(settings, development=False, signing_keys=str(tmp_path / "keys.json"))
    query = "{ workers { nodes { id } } }"
    alone: Any = {"data": {"workers": {"nodes": []}}}

    async with client_of(create_app(public)) as outside:
        assert await with_plan(outside, query) == alone
    for extensions in ({"plan": "yes"}, {}, None):
        body = {"query": query, "extensions": extensions}
        assert (await client.post("/graphql", json=body)).json() == alone


@pytest.mark.slow
@pytest.mark.parametrize(
    ("document", "given", "arguments", "said"),
    [
        ("{ nothing }", "{}", [], "Cannot query field 'nothing'"),
        ("{ viewer { role } }", "{}", ["--as", "nobody"], "choose one of citizen, worker"),
        ("{ viewer { role } }", "[1]", [], "must hold an object"),
    ],
)
def test_what_has_no_plan_is_said_in_a_sentence(
    tmp_path: Path, document: str, given: str, arguments: Sequence[str], said: str
) -> None:
    path = tmp_path / "one.graphql"
    path.write_text(document)
    path.with_suffix(".json").write_text(given)

    result = command("plan", str(path), *arguments)

    assert result.returncode == 1
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_variables_are_those_beside_the_document_or_those_given(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**VARIABLES, "first": 1}))
    view = str(OPERATIONS / "home_view.graphql")

    assert command("plan", view).stdout.startswith("925 points · 3 levels · 5 reads\n")
    assert command("plan", view, "--variables", str(other)).stdout.startswith("203 points")
