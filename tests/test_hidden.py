"""Filters, orders and totals tell no more than the fields they are about: a walk over all lists."""

import pkgutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from inspect import Parameter
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type
from sqlalchemy import BindParameter, Column, Label
from sqlalchemy.sql.visitors import iterate

import loaders
from models.worker import Provider, Worker
from runtime.batch import Batch, Read
from runtime.page import Pages, Window
from runtime.privacy import Privacy
from runtime.process import Process
from runtime.rights import EXACT, PRIVILEGES, READ, Area, Role, gates
from runtime.viewer import Viewer
from tests.asking import SCHEMA, a_process, answer
from tests.make import LUCKNOW, a_provider, a_worker
from tests.test_batch import sample

TOLD_OTHERWISE = {
    "availability_exception.day": "free time, which is told by whole hours to strangers",
    "availability_exception.worker_id": "free time",
    "worker_time.during": "free time",
    "worker_time.worker_id": "free time",
    "record_change.districts": "of a partner's own districts: what it may read, or may no longer",
    "record_change.categories": "likewise; the categories of a record are public",
    "grievance.assigned_to": "compared with the viewer's own id",
}
"""Columns that lists are narrowed by, though no field of a row shows them; and why that tells
nothing."""


ORDERED_OTHERWISE = {
    "account.accesses_by_subject: audit_entry.position": "a number that counts up, of one's own",
    "grievance.grievances_of_viewer: grievance.position": "the viewer's own complaints",
    "grievance.incidents: incident.position": "a number that counts up, of rows one may see",
    "partner.usage_by_client: partner_usage.day": "below a client, whose area it is of",
}
"""Likewise, for orders."""


def lists() -> Iterator[tuple[str, Pages]]:
    for module in pkgutil.iter_modules(loaders.__path__):
        namespace = vars(__import__(f"loaders.{module.name}", fromlist=["*"]))
        for name, found in namespace.items():
            if isinstance(found, Pages):
                yield f"{module.name}.{name}", found


LISTS = dict(lists())


def statement(batch: Batch, arguments: dict[str, Any], **others: Any) -> Read:
    given = batch.derive(**arguments, **others) if batch.derive else {**arguments, **others}
    return batch.statement((), **given)


def columns_in(read: Read) -> Counter[Column[Any]]:
    return Counter(part for part in iterate(read) if isinstance(part, Column))


def guards(read: Read) -> set[Area]:
    """The areas that the statement asks about: it has the rows that show them."""
    named = {part.key for part in iterate(read) if isinstance(part, BindParameter)}
    return {area for name, area, *_ in gates() if name in named}


def own_parameters(pages: Pages) -> list[Parameter]:
    return [parameter for parameter in pages.parameters if parameter.name != "order_by"]


def with_and_without(pages: Pages) -> Iterator[tuple[str, dict[str, Any], dict[str, Any] | None]]:
    """Each argument, and each field of a filter: all arguments, and all but that one."""
    whole = sample(own_parameters(pages))
    for parameter in own_parameters(pages):
        value = whole[parameter.name]
        if is_dataclass(value) and not isinstance(value, type):
            for field in fields(value):
                narrower = replace(value, **{field.name: None})
                yield f"{parameter.name}.{field.name}", whole, whole | {parameter.name: narrower}
        elif parameter.default is Parameter.empty:
            yield parameter.name, whole, None
        else:
            yield parameter.name, whole, whole | {parameter.name: parameter.default}


def area_of(column: Column[Any]) -> Area | None:
    for mapper in Worker.registry.mappers:
        if mapper.local_table is column.table:
            found: Area | None = mapper.class_.area_of(column.key)
            return found
    raise AssertionError(f"{column.table}.{column.key} is of no model")


def told_too_much(column: Column[Any], shown: set[Area]) -> bool:
    if f"{column.table}.{column.key}" in TOLD_OTHERWISE:
        return False
    return column.info["privacy"] is not Privacy.PUBLIC and area_of(column) not in shown


def test_every_filter_is_about_what_the_rows_of_its_list_show() -> None:
    """A column that an argument brings into the statement is public, or of an area without which
    no row is in the list."""
    wrong, seen = [], 0
    for name, pages in LISTS.items():
        for argument, whole, without in with_and_without(pages):
            read = statement(pages.total, whole)
            more = columns_in(read)
            if without is not None:
                less = statement(pages.total, without)
                more, shown = more - columns_in(less), guards(less)
            else:
                shown = set()
            seen += len(more)
            wrong += [
                f"{name}({argument}): {column.table}.{column.key}"
                for column in more
                if told_too_much(column, shown)
            ]

    assert seen > 100
    assert wrong == []


def test_every_order_is_of_what_the_rows_of_its_list_show() -> None:
    wrong, seen = [], 0
    for name, pages in LISTS.items():
        for sort in pages.sorts:
            own = sample(own_parameters(pages))
            read = statement(pages.run, own, window=Window(5), sort=sort)
            shown = guards(read)
            for part in iterate(read):
                if isinstance(part, Label) and part.name.startswith("sort_"):
                    columns = [
                        column
                        for column in iterate(part.element)
                        if isinstance(column, Column) and "privacy" in column.info
                    ]
                    seen += len(columns)
                    wrong += [f"{name}: {c}" for c in columns if told_too_much(c, shown)]

    assert seen > 50
    assert set(wrong) == set(ORDERED_OTHERWISE)


def test_every_total_of_people_is_coarse_or_of_ones_own_charge() -> None:
    coarse, guarded = [], []
    for name, pages in LISTS.items():
        if pages.run.entity in (Worker, Provider):
            read = statement(pages.total, sample(own_parameters(pages)))
            named = {part.key for part in iterate(read) if isinstance(part, BindParameter)}
            if {"suppress_below", EXACT} <= named:
                coarse.append(name)
            else:
                assert guards(read), f"{name} counts people for anybody"
                guarded.append(name)

    assert {"worker.workers", "nearby.nearby_workers", "discovery.workers_by_text"} < set(coarse)
    assert {"worker.registrations", "worker.team_by_provider"} <= set(guarded)


def test_nobody_searches_by_gender() -> None:
    """It is asked for with a price, and shown as a field; no query takes one."""
    kinds = (type_ for type_ in SCHEMA.type_map.values() if isinstance(type_, GraphQLObjectType))
    assert not [
        f"{type_.name}.{name}({argument})"
        for type_ in kinds
        if type_ is not SCHEMA.mutation_type
        for name, field in type_.fields.items()
        for argument, taken in field.args.items()
        if argument == "gender" or get_named_type(taken.type).name == "Gender"
    ]
    assert Role.CITIZEN not in READ[Area.WORKER_RECORD]


@pytest.mark.parametrize("role", list(Role))
async def test_small_totals_of_people_are_told_to_those_who_read_statistics_whole(
    database_url: str, role: Role
) -> None:
    provider = await a_provider(database_url)
    for _ in range(9):
        await a_worker(database_url, provider_id=provider.id)
    viewer = Viewer(role, None if role is Role.ANONYMOUS else "us_1", districts=(LUCKNOW,))
    async with a_process(database_url) as process:
        few = await totals(process, viewer)
        await a_worker(database_url, provider_id=provider.id)
        many = await totals(process, viewer)

    exact = role in PRIVILEGES[EXACT]
    assert few == {
        "workers": 9 if exact else None,
        "none": 0,
        "district": 9 if exact else None,
        "nearbyWorkers": 9 if exact else None,
        "searchWorkers": 9 if exact else None,
        "providers": 1 if exact else None,
    }
    assert many == few | {
        "workers": 10,
        "district": 10,
        "nearbyWorkers": 10,
        "searchWorkers": 10,
    }


async def totals(process: Process, viewer: Viewer) -> dict[str, int | None]:
    data, errors = await answer(
        process,
        viewer,
        """{
          workers(filter: { districtCode: 162 }) { totalCount }
          none: workers(filter: { districtCode: 118 }) { totalCount }
          district(lgdCode: 162) { workers { totalCount } }
          nearbyWorkers(categorySlug: "electrician", latitude: 26.85, longitude: 81.0) {
            totalCount
          }
          searchWorkers(text: "anil") { totalCount }
          providers { totalCount }
        }""",
    )
    assert not errors, errors
    data["district"] = data["district"]["workers"]
    return {name: connection["totalCount"] for name, connection in data.items()}
