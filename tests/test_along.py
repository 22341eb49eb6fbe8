"""Reads that come along with the rows they hang below: fewer statements, and the same answer."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from engine.cost import Limits
from engine.engine import Engine
from loaders.place import district_by_id
from loaders.review import rating_by_subject
from loaders.worker import worker_by_id
from models.account import Citizen
from models.worker import Worker
from runtime import clock
from runtime.along import Along
from runtime.batch import Access, Batch, Batches
from runtime.context import Context
from runtime.faults import formatted
from runtime.field import told
from runtime.language import Language
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import REQUEST_ID, SCHEMA, a_process
from tests.conftest import CHECKOUT, recorded, run_sql_async
from tests.make import LUCKNOW, NOON, a_booking, a_citizen, a_provider, a_rate, a_review, a_worker
from tests.test_home_view import EXAMPLES, workers_with_reviews
from tests.test_rights import World, a_world

MOST = 8
ANYONE = Viewer()
AGRA = "dt_118"
NAME = ("name_en",)
BENCH = CHECKOUT / "bench" / "operations"


class Answer(NamedTuple):
    data: Any
    errors: Sequence[str]
    statements: Sequence[str]

    @property
    def told(self) -> tuple[Any, Sequence[str]]:
        return self.data, self.errors


async def asked(
    process: Process, query: str, viewer: Viewer = ANYONE, *, most: int = MOST, **variables: Any
) -> Answer:
    """The answer where at most so many reads come along in one statement."""
    context = Context(viewer, Language.EN, process, REQUEST_ID, "127.0.0.1")
    with pytest.MonkeyPatch.context() as patch, recorded() as sent:
        patch.setattr("engine.along.MOST", most)
        # A new one: plans are kept, with what comes along in them.
        result = await Engine(SCHEMA, limits=Limits()).execute(query, variables, context)
    errors = formatted(result.errors or [], REQUEST_ID)
    told = sorted(json.dumps(error, sort_keys=True) for error in errors)
    return Answer(result.data, told, [statement for statement, _ in sent])


async def both(
    process: Process, query: str, viewer: Viewer = ANYONE, **variables: Any
) -> tuple[Answer, Answer]:
    """With everything that may come along, and with each read alone; the answers are the same."""
    along = await asked(process, query, viewer, **variables)
    alone = await asked(process, query, viewer, most=0, **variables)
    assert along.told == alone.told, query
    assert "INTERNAL" not in "".join(along.errors), query
    return along, alone


def joins(answer: Answer) -> list[int]:
    """How many reads came along, by statement."""
    return [statement.count("LEFT OUTER JOIN LATERAL") for statement in answer.statements]


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


BELOW_A_WORKER = {
    "district { name division { name } }": (1, 3),
    "provider { name rating { count } }": (1, 3),
    "rating { count mean }": (1, 2),
    "startingRate { amount { paise } service { name category { name } } }": (1, 4),
    "skills { category { name } }": (2, 3),
    "reviews { nodes { stars booking { state category { name } } } }": (2, 4),
}
"""What is asked for, and the statements of it: with what comes along, and of each read alone."""


async def test_what_there_is_at_most_one_of_costs_no_statement_for_any_number_of_rows(
    database_url: str, process: Process
) -> None:
    met = 0
    for more in (1, 3):
        await workers_with_reviews(database_url, more)
        await run_sql_async(database_url, "DELETE FROM rate_card")
        for id in await ids_of(process, "providers"):
            await a_rate(database_url, provider_id=id)
        met += more
        for asks, counts in BELOW_A_WORKER.items():
            query = f"{{ workers {{ nodes {{ code {asks} }} }} }}"

            answers = await both(process, query)

            assert tuple(len(answer.statements) for answer in answers) == counts, asks
            assert len(answers[0].data["workers"]["nodes"]) == met


async def ids_of(process: Process, root: str) -> list[str]:
    found = await asked(process, f"{{ {root} {{ nodes {{ id }} }} }}")
    return [node["id"] for node in found.data[root]["nodes"]]


async def test_what_is_not_there_is_null_and_takes_no_row_along(
    database_url: str, process: Process
) -> None:
    provider = await a_provider(database_url)
    await a_worker(database_url, code="SM1", provider_id=provider.id)
    await a_worker(database_url, code="SM2")
    known = await a_worker(database_url, code="SM3", district_id=AGRA)
    await a_rate(database_url, worker=known, amount_paise=30_000)
    await a_rate(database_url, worker=known, amount_paise=20_000, service_id=WIRING)
    await a_review(
        database_url, booking=await a_booking(database_url, worker=known, state="COMPLETED")
    )

    query = """{ workers { nodes { code district { name } provider { name } rating { count }
      startingRate { amount { paise } service { name } } } } }"""
    answer, _ = await both(process, query)

    def card(code: str, district: str = "Lucknow", **found: Any) -> dict[str, Any]:
        nothing = {"provider": None, "rating": None, "startingRate": None}
        return {"code": code, "district": {"name": district}, **nothing, **found}

    rate = {"amount": {"paise": 20_000}, "service": {"name": "Wiring repair"}}
    assert len(answer.statements) == 1
    assert answer.data["workers"]["nodes"] == [
        card("SM1", provider={"name": "Gomti Home Services"}),
        card("SM2"),
        card("SM3", "Agra", rating={"count": 1}, startingRate=rate),
    ]


WIRING = "sv_electrician-wiring-repair"


async def test_a_row_that_is_hidden_does_not_come_along_either(
    database_url: str, process: Process
) -> None:
    worker = await a_worker(database_url, code="SM1")
    booking = await a_booking(database_url, worker=worker, state="COMPLETED")
    await a_review(database_url, booking=booking)
    await run_sql_async(database_url, "UPDATE worker SET status = 'SUBMITTED'")
    query = "{ reviews { nodes { stars worker { code district { name } } } } }"
    officer = Viewer(Role.DISTRICT_OFFICER, "us_officer", districts=(LUCKNOW,))

    hidden, _ = await both(process, query)
    shown, _ = await both(process, query, officer)
    elsewhere, _ = await both(process, query, replace(officer, districts=(AGRA,)))

    assert hidden.data == elsewhere.data == {"reviews": {"nodes": [{"stars": 5, "worker": None}]}}
    there = {"code": "SM1", "district": {"name": "Lucknow"}}
    assert shown.data["reviews"]["nodes"] == [{"stars": 5, "worker": there}]
    assert {len(one.statements) for one in (hidden, shown, elsewhere)} == {1}


async def test_a_column_is_hidden_in_the_rows_that_come_along_as_in_others(
    database_url: str, process: Process
) -> None:
    worker, citizen = await a_worker(database_url), await a_citizen(database_url)
    await two_reviews(database_url, worker, citizen)
    query = "{ reviews { nodes { stars booking { number } } } }"

    answer, _ = await both(process, query, Viewer(Role.CITIZEN, citizen.id))

    shown = {one["stars"]: one["booking"]["number"] for one in answer.data["reviews"]["nodes"]}
    assert shown[4] is not None
    assert shown[2] is None
    assert len(answer.errors) == 1
    assert joins(answer)[0] == 1


async def two_reviews(url: str, worker: Worker, citizen: Citizen) -> None:
    """The citizen's, of four stars, and somebody else's."""
    for by, stars, day in ((citizen, 4, 1), (None, 2, 2)):
        starts = NOON.replace(day=day)
        booking = await a_booking(
            url, worker=worker, citizen=by, state="COMPLETED", starts_at=starts
        )
        await a_review(url, booking=booking, stars=stars)


def documents(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The example operations and those of the bench."""
    for operation in EXAMPLES.values():
        yield operation.name, operation.query, json.loads(operation.variables or "{}")
    for path in sorted(BENCH.glob("*.graphql")):
        given = {"id": world.worker.id, "district": 162, "years": 0}
        text = path.read_text(encoding="utf-8")
        yield path.stem, text, {name: v for name, v in given.items() if f"${name}:" in text}


ROLES = (Role.ANONYMOUS, Role.CITIZEN, Role.WORKER, Role.DISTRICT_OFFICER, Role.PARTNER)


def viewers(world: World) -> list[Viewer]:
    found = [world.near(role) for role in ROLES]
    why = world.reason
    return [replace(v, reason=why) if v.role is Role.DISTRICT_OFFICER else v for v in found]


async def test_every_operation_is_answered_the_same_to_everyone_with_and_without(
    database_url: str, process: Process
) -> None:
    world = await a_world(database_url)
    spared = 0
    for viewer in viewers(world):
        for name, query, variables in documents(world):
            along = await asked(process, query, viewer, **variables)
            alone = await asked(process, query, viewer, most=0, **variables)

            assert lasting(along) == lasting(alone), (viewer.role, name)
            assert "INTERNAL" not in "".join(along.errors), (viewer.role, name)
            spared += len(alone.statements) - len(along.statements)
    assert spared > 50


def lasting(answer: Answer) -> Any:
    """Without the record of access, which is longer each time."""
    data = {k: v for k, v in (answer.data or {}).items() if k != "audit"}
    return data, answer.errors


def selection(random: Random, type_: GraphQLObjectType, depth: int) -> str:
    """Leaves, and what there is one or a list of, without arguments."""
    parts = ["__typename"]
    for name, field in type_.fields.items():
        named = get_named_type(field.type)
        record = told(field)
        if record is None or any(a.default_value is None for a in field.args.values()):
            continue
        if is_leaf_type(named):
            parts += [name] if random.random() < 0.2 else []
        elif depth and isinstance(named, GraphQLObjectType) and isinstance(record.load, Batch):
            often = 0.25 if record.load.many else 0.6
            parts += [f"{name} {selection(random, named, depth - 1)}"][: random.random() < often]
    return f"{{ {' '.join(parts)} }}"


async def test_random_selections_are_answered_the_same_with_and_without(
    database_url: str, process: Process
) -> None:
    world = await a_world(database_url)
    people = viewers(world)
    came = 0
    for seed in range(12):
        random = Random(seed)
        most = random.choice((1, 3, MOST))
        root = random.choice(("workers", "reviews", "providers"))
        type_ = SCHEMA.type_map[root[:-1].capitalize()]
        assert isinstance(type_, GraphQLObjectType)
        query = f"{{ {root}(first: 3) {{ nodes {selection(random, type_, 3)} }} }}"
        viewer = people[seed % len(people)]

        along = await asked(process, query, viewer, most=most)
        alone = await asked(process, query, viewer, most=0)

        assert along.told == alone.told, query
        assert along.data is not None, along.errors
        assert max(joins(along)) <= most
        came += sum(joins(along))
    assert came > 30


@pytest.mark.parametrize("order", ["CODE", "EXPERIENCE"])
async def test_pages_keep_their_order_from_either_end(
    database_url: str, process: Process, order: str
) -> None:
    codes = [f"SM{number}" for number in range(1, 6)]
    for code, years, district in zip(codes, (3, 1, 2, 5, 4), (LUCKNOW, AGRA) * 3, strict=False):
        await a_worker(database_url, code=code, years_experience=years, district_id=district)
    wanted = codes if order == "CODE" else ["SM4", "SM5", "SM1", "SM3", "SM2"]
    query = """query ($order: WorkerOrder!, $first: Int, $after: String, $last: Int,
        $before: String) {
      workers(orderBy: $order, first: $first, after: $after, last: $last, before: $before) {
        nodes { code district { name } rating { count } }
        pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }"""

    async def page(**arguments: Any) -> tuple[list[str], dict[str, Any]]:
        answer, _ = await both(process, query, order=order, **arguments)
        assert joins(answer)[0] == 2
        found = answer.data["workers"]
        return [node["code"] for node in found["nodes"]], found["pageInfo"]

    first, info = await page(first=2)
    then, _ = await page(first=2, after=info["endCursor"])
    last, info = await page(last=2)
    before, _ = await page(last=2, before=info["startCursor"])

    assert (first, then) == (wanted[:2], wanted[2:4])
    assert (before, last) == (wanted[1:3], wanted[3:])


async def test_lists_keep_their_order(database_url: str, process: Process) -> None:
    worker = await a_worker(database_url)
    for day in range(4):
        booking = await a_booking(
            database_url, worker=worker, state="COMPLETED", starts_at=NOON.replace(day=1 + day)
        )
        await a_review(database_url, booking=booking, stars=1 + day)

    query = "{ workers { nodes { reviews(first: 3) { nodes { stars booking { state } } } } } }"
    answer, _ = await both(process, query)

    (found,) = answer.data["workers"]["nodes"]
    assert [review["stars"] for review in found["reviews"]["nodes"]] == [4, 3, 2]
    assert joins(answer) == [0, 1]


async def test_a_list_that_hangs_below_two_places_is_read_once(
    database_url: str, process: Process
) -> None:
    await workers_with_reviews(database_url, 2)
    query = """{ reviews { nodes { worker { code skills { category { name } } }
      booking { state } provider { workers { nodes { code district { name } } } } } } }"""

    answer, alone = await both(process, query)

    assert joins(answer) == [3, 1, 1]
    assert len(alone.statements) == 8
    assert len(answer.data["reviews"]["nodes"]) == 4


async def test_two_fields_of_one_read_each_get_what_hangs_below_them(
    database_url: str, process: Process
) -> None:
    await workers_with_reviews(database_url, 2)
    query = """{ a: workers { nodes { code district { name } } }
      b: workers { nodes { code provider { name } district { name division { name } } } }
      c: workers { nodes { code } } }"""

    answer, _ = await both(process, query)

    assert len(answer.statements) == 1
    a, b, c = (answer.data[key]["nodes"] for key in "abc")
    assert [one["district"] for one in a] == [{"name": "Lucknow"}] * 2
    assert all(one["provider"]["name"] and one["district"]["division"]["name"] for one in b)
    assert [one["code"] for one in a] == [one["code"] for one in b] == [one["code"] for one in c]


async def test_rows_that_were_known_before_are_completed_by_reads_of_their_own(
    database_url: str, process: Process
) -> None:
    await workers_with_reviews(database_url, 1)
    query = """query ($id: ID!) { worker(id: $id) { code
      skills { worker { district { name } rating { count } } } } }"""
    (id,) = await ids_of(process, "workers")

    answer, _ = await both(process, query, id=id)

    assert joins(answer) == [0, 3]
    known = {"district": {"name": "Lucknow"}, "rating": {"count": 2}}
    assert answer.data["worker"]["skills"] == [{"worker": known}]


async def test_at_most_eight_reads_come_along_and_the_others_follow(
    database_url: str, process: Process
) -> None:
    await workers_with_reviews(database_url, 2)
    query = """{ reviews { nodes {
      worker { district { name division { name } } provider { name rating { count } }
        rating { count } startingRate { service { name } district { name } } }
      provider { name rating { mean } } booking { state category { name } } } } }"""

    answer, alone = await both(process, query)

    assert joins(answer)[0] == MOST
    assert 1 < len(answer.statements) < len(alone.statements)


async def test_what_came_along_is_not_read_again(process: Process, database_url: str) -> None:
    """What did not come for want of a row is known too; other columns are another read."""
    worker = await a_worker(database_url)
    batches = Batches(process.database.reads, Access(ANYONE))
    district = Along(district_by_id, "district_id", NAME)
    rating = Along(rating_by_subject, "id", ("count",))
    columns = ("district_id", "id")

    with recorded() as sent:
        await batches.level(worker_by_id, [worker.id], columns, along=(district, rating))
        (there,) = await batches.level(district_by_id, [LUCKNOW], NAME)
        same = await batches.load(district_by_id, LUCKNOW, NAME)
        absent = await batches.level(rating_by_subject, [worker.id], ("count",))
        assert len(sent) == 1
        await batches.level(district_by_id, [LUCKNOW], ("name_hi",))
        await batches.level(district_by_id, [AGRA], NAME)
        await batches.level(district_by_id, [LUCKNOW], NAME, Access(Viewer(Role.CITIZEN, "cz_1")))
        assert len(sent) == 4

    assert there.name_en == same.name_en == "Lucknow"
    assert absent == [None]


async def test_what_is_known_is_not_replaced_by_what_comes_along(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url)
    batches = Batches(process.database.reads, Access(ANYONE))
    (known,) = await batches.level(district_by_id, [LUCKNOW], NAME)

    along = (Along(district_by_id, "district_id", NAME),)
    await batches.level(worker_by_id, [worker.id], ("district_id",), along=along)

    assert (await batches.level(district_by_id, [LUCKNOW], NAME))[0] is known


async def test_after_a_command_what_comes_along_is_read_afresh(
    process: Process, database_url: str
) -> None:
    worker, citizen = await a_worker(database_url), await a_citizen(database_url)
    viewer = Viewer(Role.CITIZEN, citizen.id)
    given: dict[str, Any] = {}
    for name, stars, days in (("a", 5, 2), ("b", 1, 3)):
        booking = await a_booking(
            database_url,
            worker=worker,
            citizen=citizen,
            state="COMPLETED",
            starts_at=clock.now() - timedelta(days=days),
        )
        given[name] = {"bookingId": booking.id, "said": {"stars": stars}}
    query = """mutation ($a: SubmitReviewInput!, $b: SubmitReviewInput!) {
      a: submitReview(input: $a) { ...R } b: submitReview(input: $b) { ...R } }
      fragment R on SubmitReviewResult { ... on Refusal { message }
        ... on Review { stars worker { code rating { count mean } } } }"""

    answer = await asked(process, query, viewer, **given)

    assert not answer.errors
    found = [answer.data[name]["worker"]["rating"] for name in "ab"]
    assert found == [{"count": 1, "mean": 5.0}, {"count": 2, "mean": 3.0}]


NEVER = {
    "an argument": "nextFreeSlot { startsAt }",
    "a list": "skills { verified }",
    "a page": "reviews { nodes { stars } }",
    "a count": "reviews { totalCount }",
}


@pytest.mark.parametrize("what", NEVER)
async def test_what_is_more_than_one_row_by_a_column_is_a_read_of_its_own(
    process: Process, database_url: str, what: str
) -> None:
    await workers_with_reviews(database_url, 1)

    answer, alone = await both(process, f"{{ workers {{ nodes {{ code {NEVER[what]} }} }} }}")

    assert sum(joins(answer)) == 0
    assert len(answer.statements) == len(alone.statements) > 1


async def test_what_only_some_rows_show_is_read_for_those(
    process: Process, database_url: str
) -> None:
    """Which they are is known when the rows are there; what hangs below it is read then too."""
    worker, citizen = await a_worker(database_url), await a_citizen(database_url)
    await two_reviews(database_url, worker, citizen)
    query = "{ reviews { nodes { stars booking { citizen { firstName } } } } }"

    answer, _ = await both(process, query, Viewer(Role.CITIZEN, citizen.id))

    found = {one["stars"]: one["booking"]["citizen"] for one in answer.data["reviews"]["nodes"]}
    assert found == {4: {"firstName": "Meera"}, 2: None}
    assert joins(answer)[:2] == [1, 0]
