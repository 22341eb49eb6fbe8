"""Rows for tests: every argument a test does not care about has a plausible default."""

from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from asyncpg import Range
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Citizen, Department, DepartmentKind, Gender
from models.base import Row, new_id
from models.booking import (
    LIVE,
    AvailabilityRule,
    Booking,
    BookingChannel,
    BookingLine,
    BookingState,
    WorkerTime,
)
from models.discovery import WorkerPlace, WorkerWords
from models.review import SHOWN_STATES, RatingSummary, Review
from models.skill import RateCard, ServiceCategory, WorkerSkill
from models.worker import (
    Provider,
    ProviderDistrict,
    RegistrationChannel,
    Verification,
    VerificationKind,
    VerificationStatus,
    Worker,
    WorkerStatus,
)
from runtime.database import engine_for
from runtime.folding import words
from runtime.geography import INDIA, area_of, cell_at, centre_of

LUCKNOW = "dt_162"
GOMTI_NAGAR = (26.8496, 81.0072)
NOON = datetime(2030, 1, 7, 12, tzinfo=ZoneInfo(INDIA))
"""A Monday."""
BEFORE_CONTACT = (BookingState.REQUESTED, BookingState.ASSIGNED, BookingState.EXPIRED)
numbers = count(1)


async def save(url: str, *rows: Row) -> None:
    engine = engine_for(url)
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            for row in rows:
                session.add(row)
                await session.flush()
    finally:
        await engine.dispose()


async def scalar(url: str, statement: Any) -> Any:
    engine = engine_for(url)
    try:
        async with engine.connect() as connection:
            return (await connection.execute(statement)).scalar()
    finally:
        await engine.dispose()


async def a_citizen(url: str, **columns: Any) -> Citizen:
    number = next(numbers)
    citizen = Citizen(
        **{
            "id": new_id("cz"),
            "first_name_en": "Meera",
            "first_name_hi": "मीरा",
            "surname_en": "Saxena",
            "surname_hi": "सक्सेना",
            "gender": Gender.FEMALE,
            "mobile": f"+910000{number:06}",
            "language": "hi",
            "district_id": LUCKNOW,
            "registered_at": NOON - timedelta(days=2000),
            **columns,
        }
    )
    await save(url, citizen)
    return citizen


async def a_department(url: str, **columns: Any) -> Department:
    department = Department(
        **{
            "id": new_id("dp"),
            "kind": DepartmentKind.OFFICE,
            "name_en": "Public Works",
            "name_hi": "लोक निर्माण",
            "district_id": LUCKNOW,
            **columns,
        }
    )
    await save(url, department)
    return department


async def a_provider(
    url: str, *, districts: tuple[str, ...] = (LUCKNOW,), **columns: Any
) -> Provider:
    provider = Provider(
        **{
            "id": new_id("pv"),
            "code": f"SP{next(numbers):05}",
            "name_en": "Gomti Home Services",
            "name_hi": "गोमती होम सर्विसेज",
            "status": "EMPANELLED",
            "registered_at": NOON - timedelta(days=2000),
            **columns,
        }
    )
    served = [ProviderDistrict(provider_id=provider.id, district_id=id) for id in districts]
    await save(url, provider, *served)
    return provider


async def a_worker(
    url: str,
    *,
    home: tuple[float, float] = GOMTI_NAGAR,
    category: str = "electrician",
    score: float = 4.0,
    verified: bool = True,
    opens: time = time(9),
    closes: time = time(18),
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7),
    **columns: Any,
) -> Worker:
    """With a verified skill, checks, weekly hours, and findable if active."""
    number = next(numbers)
    cell = cell_at(*home)
    latitude, longitude = centre_of(cell)
    worker = Worker(
        **{
            "id": new_id("wk"),
            "code": f"SM{number:07}",
            "status": WorkerStatus.ACTIVE,
            "first_name_en": "Anil",
            "first_name_hi": "अनिल",
            "initial_en": "Y",
            "initial_hi": "या",
            "surname_en": "Yadav",
            "surname_hi": "यादव",
            "languages": ["hi"],
            "years_experience": 5,
            "district_id": LUCKNOW,
            "cell": cell,
            "latitude": latitude,
            "longitude": longitude,
            "home_latitude": home[0],
            "home_longitude": home[1],
            "home_address": "House 12, Ward 4",
            "registered_at": NOON - timedelta(days=2000),
            "gender": Gender.MALE,
            "birth_year": 1990,
            "mobile": f"+910000{number:06}",
            "channel": RegistrationChannel.SELF,
            **columns,
        }
    )
    category_id = f"ct_{category}"
    category_number = await scalar(
        url, select(ServiceCategory.number).where(ServiceCategory.id == category_id)
    )
    rows: list[Row] = [
        worker,
        WorkerSkill(
            id=new_id("sk"),
            worker_id=worker.id,
            category_id=category_id,
            position=0,
            years_experience=5,
            nsqf_level="4",
            verified=True,
        ),
    ]
    for kind in (VerificationKind.IDENTITY, VerificationKind.POLICE):
        rows.append(
            Verification(
                id=new_id("vf"),
                worker_id=worker.id,
                kind=kind,
                verified=verified,
                status=VerificationStatus.VERIFIED if verified else VerificationStatus.PENDING,
            )
        )
    for weekday in weekdays:
        rows.append(
            AvailabilityRule(
                id=new_id("av"),
                worker_id=worker.id,
                weekday=weekday,
                from_time=opens,
                until_time=closes,
                valid_from=date(2020, 1, 1),
            )
        )
    if worker.status == WorkerStatus.ACTIVE:
        rows.append(
            WorkerPlace(
                worker_id=worker.id,
                category_number=category_number,
                cell=cell,
                area=area_of(cell),
                score=score,
                verified=verified,
                languages=worker.languages,
            )
        )
        said = f"{worker.first_name_en} {worker.first_name_hi} {worker.code} {category}"
        rows.append(
            WorkerWords(worker_id=worker.id, words=func.array_to_tsvector(words(said)), score=score)
        )
    await save(url, *rows)
    return worker


async def a_rate(
    url: str, *, provider: Provider | None = None, worker: Worker | None = None, **columns: Any
) -> RateCard:
    """In force, for fan repair in Lucknow."""
    rate = RateCard(
        **{
            "id": new_id("rc"),
            "provider_id": provider.id if provider else None,
            "worker_id": worker.id if worker else None,
            "service_id": "sv_electrician-fan-repair",
            "district_id": LUCKNOW,
            "amount_paise": 20_000,
            "visit_charge_paise": 5_000,
            "valid_from": date(2020, 1, 1),
            "version": 1,
            "approved_at": NOON - timedelta(days=3000),
            **columns,
        }
    )
    await save(url, rate)
    return rate


async def a_booking(
    url: str,
    *,
    worker: Worker,
    citizen: Citizen | None = None,
    state: str = BookingState.ACCEPTED,
    starts_at: datetime = NOON,
    hours: float = 2,
    **columns: Any,
) -> Booking:
    """Takes its worker's time while it is live."""
    citizen = citizen or await a_citizen(url)
    done = state == BookingState.COMPLETED
    booking = Booking(
        **{
            "id": new_id("bk"),
            "number": f"SM26-{next(numbers):07}",
            "state": state,
            "category_id": "ct_electrician",
            "completed_month": starts_at.date().replace(day=1) if done else None,
            "citizen_id": citizen.id,
            "created_by": citizen.id,
            "contact_from": None if state in BEFORE_CONTACT else starts_at - timedelta(hours=20),
            "contact_until": starts_at + timedelta(hours=hours + 24) if done else None,
            "call_id": None if state in BEFORE_CONTACT else new_id("cl"),
            "worker_id": worker.id,
            "provider_id": worker.provider_id,
            "district_id": LUCKNOW,
            "address": "Flat 3, Block B",
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(hours=hours),
            "channel": BookingChannel.APP,
            "language": "hi",
            "requested_at": starts_at - timedelta(days=1),
            "completed_at": starts_at + timedelta(hours=hours) if done else None,
            "cancellation_policy_version": 1,
            "version": 1,
            **columns,
        }
    )
    line = BookingLine(
        booking_id=booking.id, position=0, service_id="sv_electrician-fan-repair", quantity=1
    )
    rows: list[Row] = [booking, line]
    if state in LIVE:
        rows.append(time_of(worker, booking.starts_at, booking.ends_at, booking_id=booking.id))
    await save(url, *rows)
    return booking


def time_of(worker: Worker, start: datetime, end: datetime, **promise: str) -> WorkerTime:
    return WorkerTime(id=new_id("wt"), worker_id=worker.id, during=Range(start, end), **promise)


async def a_review(url: str, *, booking: Booking, stars: int = 5, **columns: Any) -> Review:
    """Keeps the worker's rating exact."""
    review = Review(
        **{
            "id": new_id("rv"),
            "booking_id": booking.id,
            "worker_id": booking.worker_id,
            "provider_id": booking.provider_id,
            "stars": stars,
            "tags": ["on-time"],
            "text": "बहुत अच्छा काम",
            "language": "hi",
            "reviewer_name_en": "Meera",
            "reviewer_name_hi": "मीरा",
            "published_month": booking.starts_at.date().replace(day=1),
            "state": "PUBLISHED",
            "citizen_id": booking.citizen_id,
            "published_at": booking.ends_at + timedelta(hours=1),
            **columns,
        }
    )
    await save(url, review)
    engine = engine_for(url)
    async with AsyncSession(engine) as session, session.begin():
        shown = list(
            await session.scalars(
                select(Review.stars).where(
                    Review.worker_id == booking.worker_id, Review.state.in_(SHOWN_STATES)
                )
            )
        )
        if shown:
            await session.merge(
                RatingSummary(
                    subject_id=booking.worker_id,
                    worker_id=booking.worker_id,
                    count=len(shown),
                    sum=sum(shown),
                    histogram=[shown.count(n) for n in range(1, 6)],
                    prior=4.0,
                    prior_weight=10,
                    bayesian=(sum(shown) + 40) / (len(shown) + 10),
                )
            )
    await engine.dispose()
    return review
