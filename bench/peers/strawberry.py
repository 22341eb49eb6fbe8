"""Stock Strawberry as an ASGI application, with aiodataloader and SQLAlchemy's async ORM."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from enum import Enum
from os import environ
from typing import Annotated, Any, TypeAlias

import strawberry
from aiodataloader import DataLoader
from sqlalchemy import ARRAY, Integer, Text, cast, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column
from starlette.applications import Starlette
from starlette.routing import Mount
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

ONCE_REGISTERED = ("ACTIVE", "INACTIVE", "SUSPENDED", "ERASED")
SHOWN = ("PUBLISHED", "RESTORED")


class Table(DeclarativeBase):
    type_annotation_map = {list[str]: ARRAY(Text), list[int]: ARRAY(Integer)}  # noqa: RUF012


class DivisionRow(Table):
    __tablename__ = "division"
    id: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name_en: Mapped[str]
    name_hi: Mapped[str]


class DistrictRow(Table):
    __tablename__ = "district"
    id: Mapped[str] = mapped_column(primary_key=True)
    lgd_code: Mapped[int]
    slug: Mapped[str]
    name_en: Mapped[str]
    name_hi: Mapped[str]
    headquarters_en: Mapped[str]
    headquarters_hi: Mapped[str]
    latitude: Mapped[float]
    longitude: Mapped[float]
    division_id: Mapped[str]


class ProviderRow(Table):
    __tablename__ = "provider"
    id: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str]
    name_en: Mapped[str]
    name_hi: Mapped[str]
    status: Mapped[str]
    empanelled_from: Mapped[date | None]
    empanelled_until: Mapped[date | None]


class WorkerRow(Table):
    __tablename__ = "worker"
    id: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str]
    status: Mapped[str]
    first_name_en: Mapped[str | None]
    first_name_hi: Mapped[str | None]
    initial_en: Mapped[str | None]
    initial_hi: Mapped[str | None]
    languages: Mapped[list[str]]
    years_experience: Mapped[int]
    latitude: Mapped[float]
    longitude: Mapped[float]
    district_id: Mapped[str]
    provider_id: Mapped[str | None]


class VerificationRow(Table):
    __tablename__ = "verification"
    id: Mapped[str] = mapped_column(primary_key=True)
    worker_id: Mapped[str]
    kind: Mapped[str]
    verified: Mapped[bool]


class CategoryRow(Table):
    __tablename__ = "service_category"
    id: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name_en: Mapped[str]
    name_hi: Mapped[str]
    number: Mapped[int]
    group: Mapped[str]
    nco_code: Mapped[str | None]


class ServiceRow(Table):
    __tablename__ = "service"
    id: Mapped[str] = mapped_column(primary_key=True)
    category_id: Mapped[str]
    position: Mapped[int]
    slug: Mapped[str]
    name_en: Mapped[str]
    name_hi: Mapped[str]
    unit: Mapped[str]
    duration_minutes: Mapped[int]


class SkillRow(Table):
    __tablename__ = "worker_skill"
    id: Mapped[str] = mapped_column(primary_key=True)
    worker_id: Mapped[str]
    category_id: Mapped[str]
    position: Mapped[int]
    years_experience: Mapped[int]
    nsqf_level: Mapped[str | None]
    verified: Mapped[bool]


class RatingRow(Table):
    __tablename__ = "rating_summary"
    subject_id: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    sum: Mapped[int]
    histogram: Mapped[list[int]]
    bayesian: Mapped[float]


class BookingRow(Table):
    __tablename__ = "booking"
    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    category_id: Mapped[str]
    completed_month: Mapped[date | None]


class BookingLineRow(Table):
    __tablename__ = "booking_line"
    booking_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    service_id: Mapped[str]


class ReviewRow(Table):
    __tablename__ = "review"
    id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    booking_id: Mapped[str]
    worker_id: Mapped[str]
    stars: Mapped[int]
    tags: Mapped[list[str]]
    text: Mapped[str | None]
    language: Mapped[str | None]
    reviewer_name_en: Mapped[str | None]
    reviewer_name_hi: Mapped[str | None]
    published_month: Mapped[date]
    state: Mapped[str]


class ReplyRow(Table):
    __tablename__ = "review_reply"
    review_id: Mapped[str] = mapped_column(primary_key=True)
    provider_id: Mapped[str]
    text: Mapped[str]
    replied_month: Mapped[date]


Sessions: TypeAlias = async_sessionmaker[AsyncSession]


class Loaders:
    """Those of one request. Each batch has a session of its own, since one session cannot run
    two statements at once."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.worker = self.one(WorkerRow.id, WorkerRow.status.in_(ONCE_REGISTERED))
        self.district = self.one(DistrictRow.id)
        self.district_by_code = self.one(DistrictRow.lgd_code)
        self.division = self.one(DivisionRow.id)
        self.provider = self.one(ProviderRow.id, ProviderRow.status != "APPLIED")
        self.verifications = self.many(VerificationRow.worker_id, VerificationRow.kind)
        self.skills = self.many(SkillRow.worker_id, SkillRow.position)
        self.category = self.one(CategoryRow.id)
        self.services_of_category = self.many(ServiceRow.category_id, ServiceRow.position)
        self.services_of_booking = DataLoader(self.booked)
        self.rating = self.one(RatingRow.subject_id)
        self.reply = self.one(ReplyRow.review_id)
        self.booking = self.one(BookingRow.id)
        self._reviews: dict[int, DataLoader[str, list[ReviewRow]]] = {}

    def one(self, key: Any, *conditions: Any) -> DataLoader[Any, Any]:
        async def batch(keys: Sequence[Any]) -> list[Any]:
            async with self.sessions() as session:
                found = await session.scalars(select(key.class_).where(key.in_(keys), *conditions))
                rows = {getattr(row, key.key): row for row in found}
            return [rows.get(wanted) for wanted in keys]

        return DataLoader(batch)

    def many(self, key: Any, order: Any) -> DataLoader[Any, Any]:
        async def batch(keys: Sequence[Any]) -> list[Any]:
            lists = defaultdict[Any, list[Any]](list)
            async with self.sessions() as session:
                for row in await session.scalars(
                    select(key.class_).where(key.in_(keys)).order_by(key, order)
                ):
                    lists[getattr(row, key.key)].append(row)
            return [lists[wanted] for wanted in keys]

        return DataLoader(batch)

    async def booked(self, keys: Sequence[str]) -> list[list[ServiceRow]]:
        lists = defaultdict[str, list[ServiceRow]](list)
        async with self.sessions() as session:
            for booking_id, row in await session.execute(
                select(BookingLineRow.booking_id, ServiceRow)
                .join(ServiceRow, ServiceRow.id == BookingLineRow.service_id)
                .where(BookingLineRow.booking_id.in_(keys))
                .order_by(BookingLineRow.booking_id, BookingLineRow.position)
            ):
                lists[booking_id].append(row)
        return [lists[key] for key in keys]

    def reviews(self, first: int) -> "DataLoader[str, list[ReviewRow]]":
        """The latest `first` of each worker, in one statement."""

        async def batch(keys: Sequence[str]) -> list[list[ReviewRow]]:
            keyed = func.unnest(cast(list(keys), ARRAY(Text))).table_valued("key").render_derived()
            latest = (
                select(ReviewRow)
                .where(ReviewRow.worker_id == keyed.c.key, ReviewRow.state.in_(SHOWN))
                .order_by(ReviewRow.position.desc())
                .limit(first)
                .lateral()
            )
            row = aliased(ReviewRow, latest)
            lists = defaultdict[str, list[ReviewRow]](list)
            async with self.sessions() as session:
                for review in await session.scalars(
                    select(row)
                    .select_from(keyed)
                    .join(latest, true())
                    .order_by(row.position.desc())
                ):
                    lists[review.worker_id].append(review)
            return [lists[key] for key in keys]

        if first not in self._reviews:
            self._reviews[first] = DataLoader(batch)
        return self._reviews[first]


Info: TypeAlias = strawberry.Info[dict[str, Any], None]


def loaders_of(info: Info) -> Loaders:
    loaders: Loaders = info.context["loaders"]
    return loaders


@strawberry.enum
class Language(Enum):
    EN = "EN"
    HI = "HI"


def spoken(language: Language | None, english: str | None, hindi: str | None) -> str | None:
    return (hindi or english) if language is Language.HI else (english or hindi)


def spoken_field(column: str, kind: Any) -> Any:
    """A field that gives the column in the language asked for."""

    def resolve(root: Any, language: Language | None = None) -> Any:
        return spoken(language, getattr(root, f"{column}_en"), getattr(root, f"{column}_hi"))

    resolve.__annotations__["return"] = kind
    return strawberry.field(resolver=resolve)


def loaded(loader: str, column: str, kind: Any) -> Any:
    """A field that loads what a column of the parent names."""

    async def resolve(root: Any, info: Info) -> Any:
        key = getattr(root, column)
        return None if key is None else await getattr(loaders_of(info), loader).load(key)

    resolve.__annotations__["return"] = kind
    return strawberry.field(resolver=resolve)


@strawberry.type
class Point:
    latitude: float
    longitude: float


def point(root: Any) -> Point:
    return Point(latitude=root.latitude, longitude=root.longitude)


@strawberry.type
class Division:
    id: strawberry.ID
    slug: str
    name: str = spoken_field("name", str)


@strawberry.type
class District:
    id: strawberry.ID
    lgd_code: int
    slug: str
    name: str = spoken_field("name", str)
    headquarters: str = spoken_field("headquarters", str)
    location: Point = strawberry.field(resolver=point)
    division: Division | None = loaded("division", "division_id", Division | None)


@strawberry.type
class RatingSummary:
    count: int
    sum: int
    histogram: list[int]

    @strawberry.field
    def mean(root: RatingRow) -> float | None:  # noqa: N805
        return round(root.sum / root.count, 1) if root.count else None

    @strawberry.field
    def bayesian(root: RatingRow) -> float:  # noqa: N805
        return round(root.bayesian, 3)


@strawberry.type
class Provider:
    id: strawberry.ID
    code: str
    status: str
    empanelled_from: date | None
    empanelled_until: date | None
    name: str = spoken_field("name", str)
    rating: RatingSummary | None = loaded("rating", "id", RatingSummary | None)


@strawberry.type
class Verification:
    id: strawberry.ID
    kind: str
    verified: bool


@strawberry.type
class Service:
    id: strawberry.ID
    slug: str
    unit: str
    duration_minutes: int
    name: str = spoken_field("name", str)
    category: Annotated["ServiceCategory", strawberry.lazy(__name__)] | None = loaded(
        "category",
        "category_id",
        Annotated["ServiceCategory", strawberry.lazy(__name__)] | None,
    )


@strawberry.type
class ServiceCategory:
    id: strawberry.ID
    slug: str
    number: int
    group: str
    nco_code: str | None
    name: str = spoken_field("name", str)
    services: list[Service] = loaded("services_of_category", "id", list[Service])


@strawberry.type
class WorkerSkill:
    id: strawberry.ID
    position: int
    years_experience: int
    nsqf_level: str | None
    verified: bool
    category: ServiceCategory | None = loaded("category", "category_id", ServiceCategory | None)


@strawberry.type
class Booking:
    id: strawberry.ID
    state: str
    category: ServiceCategory | None = loaded("category", "category_id", ServiceCategory | None)
    services: list[Service] = loaded("services_of_booking", "id", list[Service])

    @strawberry.field
    def completed_month(root: BookingRow) -> str | None:  # noqa: N805
        return f"{root.completed_month:%Y-%m}" if root.completed_month else None


@strawberry.type
class ReviewReply:
    text: str
    provider: Provider | None = loaded("provider", "provider_id", Provider | None)

    @strawberry.field
    def month(root: ReplyRow) -> str:  # noqa: N805
        return f"{root.replied_month:%Y-%m}"


@strawberry.type
class Review:
    id: strawberry.ID
    stars: int
    tags: list[str]
    text: str | None
    language: str | None
    state: str
    reviewer_name: str | None = spoken_field("reviewer_name", str | None)
    worker: Annotated["Worker", strawberry.lazy(__name__)] | None = loaded(
        "worker", "worker_id", Annotated["Worker", strawberry.lazy(__name__)] | None
    )
    booking: Booking | None = loaded("booking", "booking_id", Booking | None)
    reply: ReviewReply | None = loaded("reply", "id", ReviewReply | None)

    @strawberry.field
    def month(root: ReviewRow) -> str:  # noqa: N805
        return f"{root.published_month:%Y-%m}"


@strawberry.type
class ReviewConnection:
    nodes: list[Review]


@strawberry.type
class Worker:
    id: strawberry.ID
    code: str
    status: str
    languages: list[str]
    years_experience: int
    first_name: str | None = spoken_field("first_name", str | None)
    initial: str | None = spoken_field("initial", str | None)
    location: Point = strawberry.field(resolver=point)
    district: District | None = loaded("district", "district_id", District | None)
    provider: Provider | None = loaded("provider", "provider_id", Provider | None)
    verifications: list[Verification] = loaded("verifications", "id", list[Verification])
    skills: list[WorkerSkill] | None = loaded("skills", "id", list[WorkerSkill] | None)
    rating: RatingSummary | None = loaded("rating", "id", RatingSummary | None)

    @strawberry.field
    def display_name(root: WorkerRow, language: Language | None = None) -> str:  # noqa: N805
        first = spoken(language, root.first_name_en, root.first_name_hi)
        letter = spoken(language, root.initial_en, root.initial_hi)
        if not first:
            return "पूर्व सेवा मित्र" if language is Language.HI else "Former worker"
        return f"{first} {letter}." if letter else first

    @strawberry.field
    async def reviews(root: WorkerRow, info: Info, first: int = 20) -> ReviewConnection:  # noqa: N805
        found: Any = await loaders_of(info).reviews(first).load(root.id)
        return ReviewConnection(nodes=found)


@strawberry.type
class WorkerConnection:
    nodes: list[Worker]


@strawberry.input
class WorkerFilter:
    district_code: int | None = None
    minimum_years_experience: int | None = None


@strawberry.type
class Query:
    @strawberry.field
    async def worker(self, info: Info, id: strawberry.ID) -> Worker | None:
        found: Any = await loaders_of(info).worker.load(id)
        return found  # type: ignore[no-any-return]

    @strawberry.field
    async def district(self, info: Info, lgd_code: int) -> District | None:
        found: Any = await loaders_of(info).district_by_code.load(lgd_code)
        return found  # type: ignore[no-any-return]

    @strawberry.field
    async def workers(
        self, info: Info, filter: WorkerFilter | None = None, first: int = 20
    ) -> WorkerConnection:
        statement = select(WorkerRow).where(WorkerRow.status == "ACTIVE")
        wanted = filter or WorkerFilter()
        if wanted.district_code is not None:
            district = select(DistrictRow.id).where(DistrictRow.lgd_code == wanted.district_code)
            statement = statement.where(WorkerRow.district_id == district.scalar_subquery())
        if wanted.minimum_years_experience is not None:
            statement = statement.where(
                WorkerRow.years_experience >= wanted.minimum_years_experience
            )
        async with loaders_of(info).sessions() as session:
            found: Any = await session.scalars(statement.order_by(WorkerRow.code).limit(first))
            return WorkerConnection(nodes=found.all())


class Server(GraphQL[dict[str, Any], None]):
    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        return {"loaders": Loaders(request.state.sessions)}


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Sessions]]:
    engine = create_async_engine(
        environ["DATABASE_URL"], pool_size=int(environ["POOL_SIZE"]), max_overflow=0
    )
    yield {"sessions": async_sessionmaker(engine, expire_on_commit=False)}
    await engine.dispose()


schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
app = Starlette(
    routes=[Mount("/graphql", Server(schema, graphql_ide=None))],
    lifespan=lifespan,
)
