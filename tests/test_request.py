"""Asking what work would cost, and asking for it: nothing is promised that does not hold."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from models.account import Citizen, OneTimeCode, Outbox
from models.booking import (
    Booking,
    BookingLine,
    PriceTooHigh,
    Quote,
    QuoteLine,
    ServiceArea,
    TimelineEntry,
)
from models.worker import Provider, Worker
from runtime import clock
from runtime.geography import in_india
from runtime.language import Language
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import Inbox, a_process, answer, send
from tests.conftest import run_sql_async
from tests.make import (
    GOMTI_NAGAR,
    a_citizen,
    a_department,
    a_provider,
    a_rate,
    a_worker,
    save,
    scalar,
)
from tests.visiting import FAN_REPAIR, SWITCHES, rows

LUCKNOW_CODE, AGRA_CODE = 162, 118
PRICE = "... on Quote { id status total { paise } lines { kind quantity amount { paise } } }"
MADE = "... on Booking { id number state quote { total { paise } status } slot { startsAt } }"
HOME = {
    "line": "Flat 3, Block B",
    "districtLgdCode": LUCKNOW_CODE,
    "latitude": GOMTI_NAGAR[0],
    "longitude": GOMTI_NAGAR[1],
}


def at(hour: int, days: int = 1) -> str:
    day = in_india(clock.now()).replace(hour=hour, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=days)).isoformat()


@dataclass(frozen=True)
class Shop:
    """A provider with rates, and a citizen who would like to know them."""

    process: Process
    inbox: Inbox
    url: str
    provider: Provider
    citizen: Viewer

    async def price(self, viewer: Viewer | None = None, **given: Any) -> Any:
        asked = {
            "services": [{"serviceId": FAN_REPAIR, "quantity": 2}],
            "districtLgdCode": LUCKNOW_CODE,
        }
        return await send(
            self.process, viewer or self.citizen, "requestQuote", PRICE, **(asked | given)
        )

    async def book(self, viewer: Viewer | None = None, **given: Any) -> Any:
        if "quoteId" not in given:
            given["quoteId"] = (await self.price(viewer))["id"]
        asked: dict[str, Any] = {"startsAt": at(11), "place": HOME}
        if "addressId" in given:
            del asked["place"]
        return await send(
            self.process, viewer or self.citizen, "requestBooking", MADE, **(asked | given)
        )


@pytest_asyncio.fixture
async def shop(database_url: str, inbox: Inbox) -> AsyncIterator[Shop]:
    provider = await a_provider(database_url)
    await a_rate(database_url, provider=provider, amount_paise=20_000, visit_charge_paise=5_000)
    citizen = Viewer(Role.CITIZEN, (await a_citizen(database_url)).id)
    async with a_process(database_url, inbox, pool_size=25) as process:
        yield Shop(process, inbox, database_url, provider, citizen)


async def test_a_price_is_made_of_rates_and_one_visit(shop: Shop) -> None:
    await a_rate(shop.url, provider=shop.provider, service_id=SWITCHES, amount_paise=7_000)

    quote = await shop.price(
        services=[{"serviceId": FAN_REPAIR, "quantity": 2}, {"serviceId": SWITCHES}]
    )

    told = [(line["kind"], line["quantity"], line["amount"]["paise"]) for line in quote["lines"]]
    assert told == [("ITEM", 2, 40_000), ("ITEM", 1, 7_000), ("VISIT", 1, 5_000)]
    assert (quote["status"], quote["total"]["paise"]) == ("ESTIMATE", 52_000)


async def test_the_lowest_price_is_told_where_nobody_is_named(shop: Shop) -> None:
    dearer, cheaper = await a_provider(shop.url), await a_provider(shop.url)
    await a_rate(shop.url, provider=dearer, amount_paise=90_000)
    await a_rate(shop.url, provider=cheaper, amount_paise=10_000, visit_charge_paise=0)
    gone = await a_provider(shop.url, status="SUSPENDED")
    await a_rate(shop.url, provider=gone, amount_paise=100)

    assert (await shop.price())["total"]["paise"] == 20_000
    assert (await shop.price(providerId=dearer.id))["total"]["paise"] == 185_000


async def test_a_worker_is_asked_at_the_price_of_whom_they_work_for(shop: Shop) -> None:
    of_provider = await a_worker(shop.url, provider_id=shop.provider.id)
    alone = await a_worker(shop.url)
    await a_rate(shop.url, worker=alone, amount_paise=1_000, visit_charge_paise=0)

    assert (await shop.price(workerId=of_provider.id))["total"]["paise"] == 45_000
    assert (await shop.price(workerId=alone.id))["total"]["paise"] == 2_000


@pytest.mark.parametrize("rate", [{"approved_at": None}, {"valid_from": date(2099, 1, 1)}])
async def test_a_rate_that_is_not_in_force_is_not_offered(shop: Shop, rate: dict[str, Any]) -> None:
    other = await a_provider(shop.url)
    await a_rate(shop.url, provider=other, **rate)

    assert (await shop.price(providerId=other.id))["__typename"] == "NotOffered"


async def test_a_provider_offers_nothing_where_it_does_not_work(shop: Shop) -> None:
    elsewhere = await a_provider(shop.url, districts=("dt_118",))
    await a_rate(shop.url, provider=elsewhere, amount_paise=100)

    assert (await shop.price(providerId=elsewhere.id))["__typename"] == "NotOffered"
    assert (await shop.price())["total"]["paise"] == 45_000


async def test_a_price_says_whose_it_is_and_by_which_rates(shop: Shop) -> None:
    quote = await shop.price()
    fields = "minutes provider { id } worker { id } lines { kind rate { version } }"

    data, errors = await answer(
        shop.process,
        shop.citizen,
        f'{{ node(id: "{quote["id"]}") {{ ... on Quote {{ {fields} }} }} }}',
    )

    assert not errors
    assert data["node"] == {
        "minutes": 90,
        "provider": {"id": shop.provider.id},
        "worker": None,
        "lines": [{"kind": "ITEM", "rate": {"version": 1}}, {"kind": "VISIT", "rate": None}],
    }


async def test_nobody_offers_all_of_it(shop: Shop) -> None:
    both = [{"serviceId": FAN_REPAIR}, {"serviceId": SWITCHES}]

    assert (await shop.price(services=both))["__typename"] == "NotOffered"
    assert (await shop.price(districtLgdCode=AGRA_CODE))["__typename"] == "NotOffered"


@pytest.mark.parametrize(
    ("rate", "quantity", "comes"),
    [
        (1_000_000_000, 2, "Quote"),
        (1_000_000_000, 3, "PriceTooHigh"),
        (2**31 - 1, 1, "PriceTooHigh"),
        (2**31 - 1 - 5_000, 1, "Quote"),
        (2**31 - 1, 12, "PriceTooHigh"),
    ],
)
async def test_a_price_is_no_higher_than_the_schema_can_say(
    shop: Shop, rate: int, quantity: int, comes: str
) -> None:
    """The rates of the shop ask 5,000 for coming."""
    await a_rate(shop.url, provider=shop.provider, service_id=SWITCHES, amount_paise=rate)

    came = await shop.price(services=[{"serviceId": SWITCHES, "quantity": quantity}])

    if comes == "Quote":
        assert came["total"]["paise"] == rate * quantity + 5_000
    else:
        assert (
            came["message"]
            == "This comes to more than 21474836 rupees. Ask for a price of less at once."
        )
        assert "21474836 रुपये से अधिक" in PriceTooHigh(rupees=21_474_836).message(Language.HI)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rate_card SET amount_paise = 2147483648",
        "UPDATE rate_card SET visit_charge_paise = 2147483648",
        "UPDATE quote SET total_paise = 2147483648",
        "UPDATE quote_line SET amount_paise = -2147483648",
    ],
)
async def test_no_amount_that_cannot_be_told_is_ever_kept(shop: Shop, statement: str) -> None:
    await shop.price()

    with pytest.raises(IntegrityError, match="tellable"):
        await run_sql_async(shop.url, statement)


async def test_what_makes_no_sense_is_said_to(shop: Shop) -> None:
    fan = {"serviceId": FAN_REPAIR}
    for services in ([], [fan, fan], [fan | {"quantity": 0}], [fan | {"quantity": 500}]):
        assert await shop.price(services=services) == ["BAD_INPUT"]
    other = [fan, {"serviceId": "sv_plumber-tap-repair"}]
    assert await shop.price(services=other) in (["BAD_INPUT"], ["NOT_FOUND"])
    assert await shop.price(services=[{"serviceId": "sv_nothing"}]) == ["NOT_FOUND"]
    assert await shop.price(districtLgdCode=1) == ["NOT_FOUND"]


async def test_a_price_is_told_to_whoever_asked_alone(shop: Shop) -> None:
    quote = await shop.price()
    stranger = Viewer(Role.CITIZEN, (await a_citizen(shop.url)).id)
    query = f'{{ node(id: "{quote["id"]}") {{ ... on Quote {{ total {{ paise }} }} }} }}'

    mine, _ = await answer(shop.process, shop.citizen, query)
    theirs, _ = await answer(shop.process, stranger, query)

    assert mine["node"] == {"total": {"paise": 45_000}}
    assert theirs["node"] is None
    assert await shop.book(stranger, quoteId=quote["id"]) == ["NOT_FOUND"]


async def test_a_booking_is_made_at_the_price_that_was_told(shop: Shop) -> None:
    booking = await shop.book()

    assert booking["state"] == "REQUESTED"
    assert booking["quote"] == {"total": {"paise": 45_000}, "status": "ACCEPTED"}
    assert booking["number"].startswith("SM")
    lines = await rows(shop.url, select(BookingLine.service_id, BookingLine.quantity))
    assert [tuple(line) for line in lines] == [(FAN_REPAIR, 2)]
    (step,) = await rows(shop.url, select(TimelineEntry.command, TimelineEntry.to_state))
    assert tuple(step) == ("requestBooking", "REQUESTED")
    events = [row[0] for row in await rows(shop.url, select(Outbox.event))]
    assert events == ["QuoteMade", "BookingRequested"]


async def test_a_new_rate_does_not_change_what_was_agreed(shop: Shop) -> None:
    quote = await shop.price()
    await run_sql_async(shop.url, "UPDATE rate_card SET amount_paise = 999999")

    assert (await shop.book(quoteId=quote["id"]))["quote"]["total"]["paise"] == 45_000


async def test_a_price_is_booked_once_and_in_time(shop: Shop) -> None:
    quote, late = await shop.price(), await shop.price()

    await shop.book(quoteId=quote["id"])
    assert await shop.book(quoteId=quote["id"]) == ["NOT_FOUND"]

    await run_sql_async(shop.url, "UPDATE quote SET expires_at = :now WHERE booking_id IS NULL")
    assert (await shop.book(quoteId=late["id"]))["__typename"] == "QuoteExpired"


async def test_of_many_who_book_one_price_at_once_one_does(shop: Shop) -> None:
    quote = await shop.price()

    answers = await asyncio.gather(*(shop.book(quoteId=quote["id"]) for _ in range(10)))

    assert sum(isinstance(one, dict) for one in answers) == 1
    assert [one for one in answers if not isinstance(one, dict)] == [["NOT_FOUND"]] * 9
    assert await scalar(shop.url, select(func.count()).select_from(Booking)) == 1


async def test_the_same_key_books_once(shop: Shop) -> None:
    quote = await shop.price()
    given = {"quoteId": quote["id"], "startsAt": at(12), "idempotencyKey": "from the train"}

    answers = await asyncio.gather(*(shop.book(**given) for _ in range(5)))

    assert len({one["id"] for one in answers}) == 1
    assert await scalar(shop.url, select(func.count()).select_from(Booking)) == 1


async def test_the_time_is_soon_enough_and_not_too_soon(shop: Shop) -> None:
    now = clock.now()
    for starts_at in (now, now - timedelta(days=1), now + timedelta(days=90)):
        refused = await shop.book(startsAt=starts_at.isoformat())
        assert refused["__typename"] == "OutsideBookingWindow"
    assert await shop.book(startsAt="2031-01-07T10:00:00") == ["BAD_INPUT"]


async def test_the_place_lies_where_the_price_holds(shop: Shop) -> None:
    agra = HOME | {"districtLgdCode": AGRA_CODE, "latitude": 27.1767, "longitude": 78.0081}
    assert (await shop.book(place=agra))["__typename"] == "OutOfArea"
    far = HOME | {"latitude": 28.61, "longitude": 77.2}
    assert (await shop.book(place=far))["__typename"] == "PlaceOutsideDistrict"


async def test_a_pin_hints_at_a_slip_and_decides_nothing(shop: Shop) -> None:
    elsewhere = await shop.book(place=HOME | {"pin": "282001"})
    assert elsewhere["__typename"] == "PinElsewhere"
    assert (await shop.book(place=HOME | {"pin": "226010"}))["__typename"] == "Booking"


async def test_an_address_of_mine_will_do_and_nobody_elses(shop: Shop) -> None:
    given = {key: value for key, value in HOME.items() if key != "line"} | {"label": "Home"}
    selection = "... on Address { id }"
    own = await send(shop.process, shop.citizen, "addAddress", selection, line="Flat 3", **given)
    stranger = Viewer(Role.CITIZEN, (await a_citizen(shop.url)).id)

    assert (await shop.book(addressId=own["id"]))["__typename"] == "Booking"
    assert await shop.book(stranger, addressId=own["id"]) == ["NOT_FOUND"]
    assert await shop.book(addressId=own["id"], place=HOME) == ["BAD_INPUT"]


async def test_a_worker_who_was_chosen_must_be_free_and_in_reach(shop: Shop) -> None:
    worker = await a_worker(shop.url, opens=time(9), closes=time(13))
    await a_rate(shop.url, worker=worker, amount_paise=1_000)
    await save(shop.url, ServiceArea(worker_id=worker.id, radius_km=10))

    async def book(**given: Any) -> Any:
        quote = await shop.price(workerId=worker.id)
        return (await shop.book(quoteId=quote["id"], **given))["__typename"]

    assert await book(startsAt=at(15)) == "SlotNotOffered"
    assert await book(place=HOME | {"latitude": 26.6}) == "OutOfArea"
    assert await book(startsAt=at(11)) == "Booking"


async def test_a_worker_who_was_chosen_works_in_the_district(shop: Shop) -> None:
    far = await a_worker(shop.url, provider_id=shop.provider.id, district_id="dt_118")
    quote = await shop.price(workerId=far.id)

    assert (await shop.book(quoteId=quote["id"]))["__typename"] == "OutOfArea"


async def test_a_booking_says_whom_to_send(shop: Shop) -> None:
    worker = await a_worker(shop.url, provider_id=shop.provider.id)
    quote = await shop.price(workerId=worker.id)
    booking = await shop.book(quoteId=quote["id"], language="EN")
    plain = await shop.book()
    provider = Viewer(Role.PROVIDER, "pv_x", provider_id=shop.provider.id)
    fields = "language priority preferredWorker { id }"

    told = [
        (await answer(shop.process, provider, f'{{ booking(id: "{id}") {{ {fields} }} }}'))[0]
        for id in (booking["id"], plain["id"])
    ]

    assert [one["booking"] for one in told] == [
        {"language": "EN", "priority": False, "preferredWorker": {"id": worker.id}},
        {"language": "HI", "priority": False, "preferredWorker": None},
    ]


CHOOSE = "UPDATE service_category SET gender_preference = true WHERE slug = 'electrician'"


async def a_hand_of(shop: Shop, gender: str | None, provider: Provider | None = None) -> Worker:
    team = provider or shop.provider
    return await a_worker(shop.url, provider_id=team.id, gender=gender)


async def test_gender_is_chosen_with_the_price_and_only_where_the_trade_lets_one(
    shop: Shop,
) -> None:
    for gender in ("MALE", "FEMALE"):
        await a_hand_of(shop, gender)
    assert await shop.price(preferredWorkerGender="FEMALE") == ["BAD_INPUT"]

    await run_sql_async(shop.url, CHOOSE)
    price = await shop.price(preferredWorkerGender="FEMALE")
    booking = await shop.book(quoteId=price["id"])

    query = f'{{ booking(id: "{booking["id"]}") {{ preferredWorkerGender }} }}'
    provider = Viewer(Role.PROVIDER, "pv_x", provider_id=shop.provider.id)
    data, errors = await answer(shop.process, provider, query)
    assert data["booking"] == {"preferredWorkerGender": None}
    assert [error["extensions"]["code"] for error in errors] == ["FORBIDDEN"]
    data, _ = await answer(shop.process, shop.citizen, query)
    assert data["booking"] == {"preferredWorkerGender": "FEMALE"}
    assert await scalar(shop.url, select(Quote.preferred_worker_gender)) is None


async def test_a_price_with_a_gender_tells_only_whether_somebody_can_be_found(shop: Shop) -> None:
    await run_sql_async(shop.url, CHOOSE)
    man = await a_hand_of(shop, "MALE")
    unknown = await a_hand_of(shop, None)
    alone = await a_provider(shop.url)
    await a_rate(shop.url, provider=alone, amount_paise=100)
    woman = await a_hand_of(shop, "FEMALE", alone)
    direct = await a_worker(shop.url, gender="FEMALE")
    await a_rate(shop.url, worker=direct, amount_paise=100)

    # Nobody by whose price one person would be told from others.
    assert (await shop.price(preferredWorkerGender="FEMALE"))["__typename"] == "NotOffered"
    await a_hand_of(shop, "FEMALE")
    assert (await shop.price(preferredWorkerGender="FEMALE"))["total"]["paise"] == 45_000
    # Whoever is named would be told by the answer.
    for one in (man, unknown, woman, direct):
        named = await shop.price(preferredWorkerGender="FEMALE", workerId=one.id)
        assert named == ["BAD_INPUT"]
    named = await shop.price(preferredWorkerGender="FEMALE", providerId=alone.id)
    assert named == ["BAD_INPUT"]


async def code_for(shop: Shop, agent: Viewer, mobile: str, quote_id: str) -> str:
    about = {"purpose": "BOOKING", "subjectId": quote_id}
    await send(shop.process, agent, "requestCode", mobile=mobile, role="CITIZEN", **about)
    return shop.inbox.code(mobile)


@pytest.mark.parametrize("role", [Role.HELPLINE, Role.PROVIDER])
async def test_others_book_for_a_caller_who_has_the_phone_in_hand(shop: Shop, role: Role) -> None:
    provider_id = shop.provider.id if role is Role.PROVIDER else None
    agent, mobile = Viewer(role, "us_agent", provider_id=provider_id), "+910000810001"
    quote_id = (await shop.price(agent))["id"]
    caller = {"mobile": mobile, "code": await code_for(shop, agent, mobile, quote_id)}

    wrong = await shop.book(agent, quoteId=quote_id, caller=caller | {"code": "x"})
    booking = await shop.book(agent, quoteId=quote_id, caller=caller)

    assert wrong["__typename"] == "CodeWrong"
    assert await scalar(shop.url, select(OneTimeCode.tries)) == 2
    assert booking["__typename"] == "Booking"
    # They have read a code out, and not signed in with the number yet.
    citizen = select(Citizen.id).where(Citizen.unproven_mobile == mobile).scalar_subquery()
    made = select(Booking.created_by).where(Booking.citizen_id == citizen)
    assert await scalar(shop.url, made) == "us_agent"
    assert await shop.book(agent) == ["BAD_INPUT"]


async def test_an_office_books_for_itself(shop: Shop) -> None:
    department = await a_department(shop.url)
    clerk = Viewer(Role.DEPARTMENT, "us_clerk", department_id=department.id)

    booking = await shop.book(clerk)

    assert booking["__typename"] == "Booking"
    kept = await rows(shop.url, select(Booking.citizen_id, Booking.department_id, Booking.channel))
    assert [tuple(row) for row in kept] == [(None, department.id, "DEPARTMENT")]


async def test_everyone_lists_the_bookings_that_are_theirs_to_see(shop: Shop) -> None:
    for hour in (10, 11, 12):
        await shop.book(startsAt=at(hour))
    stranger = Viewer(Role.CITIZEN, (await a_citizen(shop.url)).id)
    officer = Viewer(Role.DISTRICT_OFFICER, "us_1", districts=("dt_162",))
    elsewhere = Viewer(Role.DISTRICT_OFFICER, "us_2", districts=("dt_118",))
    query = "{ bookings(first: 2) { totalCount nodes { slot { startsAt } } } }"

    async def count(viewer: Viewer, query: str = query) -> Any:
        data, errors = await answer(shop.process, viewer, query)
        assert not errors
        return data["bookings"]["totalCount"], len(data["bookings"]["nodes"])

    assert await count(shop.citizen) == (3, 2)
    assert await count(officer) == (3, 2)
    for nobody in (stranger, elsewhere, Viewer()):
        assert await count(nobody) == (0, 0)
    which = f'(filter: {{state: REQUESTED, startsFrom: "{at(12)}", districtCode: 162}})'
    assert await count(officer, query.replace("(first: 2)", which)) == (1, 1)
    mine, _ = await answer(shop.process, shop.citizen, "{ viewer { bookings { totalCount } } }")
    assert mine["viewer"]["bookings"]["totalCount"] == 3


async def test_the_lines_of_a_price_sum_to_its_total(shop: Shop) -> None:
    await a_rate(shop.url, provider=shop.provider, service_id=SWITCHES)
    await shop.price(services=[{"serviceId": FAN_REPAIR}, {"serviceId": SWITCHES, "quantity": 3}])

    lines = select(func.sum(QuoteLine.amount_paise)).where(QuoteLine.quote_id == Quote.id)
    sums = await rows(shop.url, select(Quote.total_paise, lines.scalar_subquery()))

    assert [tuple(row) for row in sums] == [(85_000, 85_000)]
