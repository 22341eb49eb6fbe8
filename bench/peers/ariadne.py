"""Ariadne as an ASGI application, with aiodataloader and asyncpg: `uvicorn …ariadne:app`."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from aiodataloader import DataLoader
from ariadne import ObjectType, QueryType, load_schema_from_path, make_executable_schema
from ariadne.asgi import GraphQL
from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, validate
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from bench.peers.reads import STATEMENTS, a_pool

LISTS = {
    *("verifications_by_worker", "skills_by_worker", "services_by_category"),
    "services_by_booking",
}


class Loaders:
    """Those of one request, each made when it is first asked for."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self._made: dict[Any, DataLoader[Any, Any]] = {}

    def load(self, name: str, key: Any) -> Any:
        if key is None:
            return None
        if name not in self._made:
            read = self._lists if name in LISTS else self._rows

            async def batch(keys: list[Any]) -> list[Any]:
                return await read(keys, STATEMENTS[name])

            self._made[name] = DataLoader(batch)
        return self._made[name].load(key)

    def reviews(self, worker_id: str, first: int) -> Any:
        if first not in self._made:

            async def batch(keys: list[Any]) -> list[Any]:
                return await self._lists(keys, STATEMENTS["reviews_by_worker"], first)

            self._made[first] = DataLoader(batch)
        return self._made[first].load(worker_id)

    async def _rows(self, keys: list[Any], statement: str) -> list[Any]:
        found = {row["key"]: dict(row) for row in await self.pool.fetch(statement, keys)}
        return [found.get(key) for key in keys]

    async def _lists(self, keys: list[Any], statement: str, *values: Any) -> list[Any]:
        found = defaultdict(list)
        for row in await self.pool.fetch(statement, keys, *values):
            found[row["key"]].append(dict(row))
        return [found[key] for key in keys]


def loaded(name: str, column: str) -> Callable[..., Any]:
    def resolve(row: Any, info: Any) -> Any:
        return info.context["loaders"].load(name, row[column])

    return resolve


def plain(column: str) -> Callable[..., Any]:
    return lambda row, info: row[column]


def spoken(column: str) -> Callable[..., Any]:
    """The text in the language asked for, or in the other where there is none."""

    def resolve(row: Any, info: Any, language: str | None = None) -> Any:
        english, hindi = row[f"{column}_en"], row[f"{column}_hi"]
        return (hindi or english) if language == "HI" else (english or hindi)

    return resolve


def display_name(row: Any, info: Any, language: str | None = None) -> str:
    first = spoken("first_name")(row, info, language)
    letter = spoken("initial")(row, info, language)
    if not first:
        return "पूर्व सेवा मित्र" if language == "HI" else "Former worker"
    return f"{first} {letter}." if letter else first


async def worker(_: Any, info: Any, id: str) -> Any:
    return await info.context["loaders"].load("worker_by_id", id)


async def district(_: Any, info: Any, lgdCode: int) -> Any:  # noqa: N803
    return await info.context["loaders"].load("district_by_lgd_code", lgdCode)


async def workers(_: Any, info: Any, first: int, filter: dict[str, Any] | None = None) -> Any:
    wanted = filter or {}
    values: list[Any] = [first]
    statement = STATEMENTS["workers"]
    if (code := wanted.get("districtCode")) is not None:
        values.append(code)
        statement += f" AND district_id = (SELECT id FROM district WHERE lgd_code = ${len(values)})"
    if (years := wanted.get("minimumYearsExperience")) is not None:
        values.append(years)
        statement += f" AND years_experience >= ${len(values)}"
    pool = info.context["loaders"].pool
    found = await pool.fetch(f"{statement} ORDER BY code LIMIT $1", *values)
    return {"nodes": [dict(row) for row in found]}


async def reviews_of_worker(row: Any, info: Any, first: int) -> Any:
    return {"nodes": await info.context["loaders"].reviews(row["id"], first)}


def point(row: Any, info: Any) -> Any:
    return {"latitude": row["latitude"], "longitude": row["longitude"]}


FIELDS: dict[str, dict[str, Callable[..., Any]]] = {
    "Worker": {
        "firstName": spoken("first_name"),
        "initial": spoken("initial"),
        "displayName": display_name,
        "yearsExperience": plain("years_experience"),
        "location": point,
        "district": loaded("district_by_id", "district_id"),
        "provider": loaded("provider_by_id", "provider_id"),
        "verifications": loaded("verifications_by_worker", "id"),
        "skills": loaded("skills_by_worker", "id"),
        "rating": loaded("rating_by_subject", "id"),
        "reviews": reviews_of_worker,
    },
    "District": {
        "lgdCode": plain("lgd_code"),
        "name": spoken("name"),
        "headquarters": spoken("headquarters"),
        "location": point,
        "division": loaded("division_by_id", "division_id"),
    },
    "Division": {"name": spoken("name")},
    "Provider": {
        "name": spoken("name"),
        "empanelledFrom": plain("empanelled_from"),
        "empanelledUntil": plain("empanelled_until"),
        "rating": loaded("rating_by_subject", "id"),
    },
    "WorkerSkill": {
        "category": loaded("category_by_id", "category_id"),
        "yearsExperience": plain("years_experience"),
        "nsqfLevel": plain("nsqf_level"),
    },
    "ServiceCategory": {
        "name": spoken("name"),
        "ncoCode": plain("nco_code"),
        "services": loaded("services_by_category", "id"),
    },
    "Service": {
        "name": spoken("name"),
        "durationMinutes": plain("duration_minutes"),
        "category": loaded("category_by_id", "category_id"),
    },
    "RatingSummary": {
        "mean": lambda row, _: round(row["sum"] / row["count"], 1) if row["count"] else None,
        "bayesian": lambda row, _: round(row["bayesian"], 3),
    },
    "Review": {
        "reviewerName": spoken("reviewer_name"),
        "worker": loaded("worker_by_id", "worker_id"),
        "booking": loaded("booking_by_id", "booking_id"),
        "reply": loaded("reply_by_review", "id"),
    },
    "ReviewReply": {"provider": loaded("provider_by_id", "provider_id")},
    "Booking": {
        "completedMonth": plain("completed_month"),
        "category": loaded("category_by_id", "category_id"),
        "services": loaded("services_by_booking", "id"),
    },
}


def a_schema() -> GraphQLSchema:
    query = QueryType()
    query.set_field("worker", worker)
    query.set_field("workers", workers)
    query.set_field("district", district)
    bindables = [query]
    for name, fields in FIELDS.items():
        bindable = ObjectType(name)
        for field, resolve in fields.items():
            bindable.set_field(field, resolve)
        bindables.append(bindable)
    types = load_schema_from_path(str(Path(__file__).parent / "schema.graphql"))
    schema: GraphQLSchema = make_executable_schema(types, *bindables)
    return schema


@cache
def parsed(query: str) -> DocumentNode:
    return parse(query)


@cache
def validated(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    return validate(schema, document)


def context(request: Request, _: Any) -> dict[str, Any]:
    return {"request": request, "loaders": Loaders(request.state.pool)}


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
    async with await a_pool() as pool:
        yield {"pool": pool}


SCHEMA = a_schema()
app = Starlette(
    routes=[
        Mount(
            "/graphql",
            GraphQL(
                SCHEMA,
                context_value=context,
                # It remembers no documents by itself; these hooks are there for that.
                query_parser=lambda _, data: parsed(data["query"]),
                query_validator=lambda schema, document, *_, **__: validated(schema, document),
                explorer=None,
            ),
        )
    ],
    lifespan=lifespan,
)
