"""Providers, and workers with their skills, checks, hours and rates."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

from data.demo.people import a_name, phone_numbers
from data.demo.profile import Profile
from data.demo.writer import Rows
from data.reference import Values, categories, districts, services
from models.account import Gender
from models.base import identifier
from models.booking import AvailabilityException, AvailabilityRule, ServiceArea
from models.skill import RateCard, WorkerSkill
from models.worker import (
    Provider,
    ProviderDistrict,
    ProviderStatus,
    RegistrationChannel,
    Verification,
    VerificationKind,
    VerificationStatus,
    Worker,
    WorkerStatus,
)
from runtime.geography import INDIA, cell_at, centre_of

CROWDED = {"lucknow": 24, "kanpur-nagar": 9, "ghaziabad": 8, "gautam-buddha-nagar": 7}
LARGE = dict.fromkeys(["varanasi", "prayagraj", "agra", "meerut", "gorakhpur", "bareilly"], 4)
KM_PER_DEGREE = 111.2
WOMEN = {"beautician": 0.9, "mehndi-artist": 0.85, "child-care": 0.95, "nursing": 0.7, "cook": 0.6}
COMMON = {
    "ct_electrician": 9,
    "ct_plumber": 7,
    "ct_carpenter": 4,
    "ct_painter": 4,
    "ct_beautician": 4,
}
LANGUAGES = [["hi"], ["hi", "en"], ["hi", "ur"], ["hi", "bho"], ["hi", "awa"], ["hi", "en", "ur"]]
AWARDING = ["UPSDM", "NCVT", "NSDC", "ITI"]
PREFIXES = ["Gomti", "Ganga", "Saryu", "Triveni", "Awadh", "Kashi", "Braj", "Himalaya", "Vindhya"]
PREFIXES_HI = ["गोमती", "गंगा", "सरयू", "त्रिवेणी", "अवध", "काशी", "ब्रज", "हिमालय", "विन्ध्य"]
TRADES = ["Home Services", "Seva Kendra", "Multi Services", "Works", "Care", "Sahayak"]
TRADES_HI = ["होम सर्विसेज", "सेवा केन्द्र", "मल्टी सर्विसेज", "वर्क्स", "केयर", "सहायक"]
HOURS = [(time(9), time(18)), (time(8), time(13)), (time(10), time(19)), (time(7), time(16))]
PRICE_PER_MINUTE = {"job": 550, "visit": 500, "point": 450, "sqft": 3, "unit": 700, "shift": 220}


@dataclass(frozen=True)
class Rate:
    id: str
    amount_paise: int
    visit_charge_paise: int


Rates = dict[str, Rate]
"""What is asked today, by service."""


@dataclass(frozen=True)
class Agency:
    id: str
    category_ids: tuple[str, ...]
    rates: dict[str, Rates]
    """By district served."""


@dataclass(frozen=True)
class Hand:
    """A worker who can be booked: what making their bookings needs to know."""

    id: str
    provider_id: str | None
    district_id: str
    category_id: str
    home: tuple[float, float]
    weekdays: tuple[int, ...]
    opens: time
    closes: time
    skill: float
    rates: Rates


class Town:
    """The state as the generator sees it: places, trades, and whom there is already."""

    def __init__(self, random: Random, as_of: datetime, rows: Rows) -> None:
        self.random, self.as_of, self.rows = random, as_of, rows
        self.today: date = as_of.astimezone(ZoneInfo(INDIA)).date()
        self.districts = list(districts())
        self.weights = [
            CROWDED.get(d["slug"]) or LARGE.get(d["slug"]) or 0.35 + 1.6 * random.random()
            for d in self.districts
        ]
        self.categories = {category["id"]: category for category in categories()}
        self.services: dict[str, list[Values]] = {}
        for service in services():
            self.services.setdefault(service["category_id"], []).append(service)
        self.agencies: dict[str, list[Agency]] = {}
        self.phones = phone_numbers()
        self.certificates = (f"UP/{self.today.year}/{n:07}" for n in count(1))

    def id(self, prefix: str) -> str:
        return identifier(prefix, self.random.getrandbits(130))

    def price(self, service: Values) -> int:
        """In paise, to the ten rupees."""
        minute = PRICE_PER_MINUTE.get(service["unit"], 500)
        minutes = 60 if service["unit"] == "sqft" else service["duration_minutes"]
        rupees = minute * minutes / 100 * self.random.uniform(0.7, 1.4)
        return max(20, round(rupees / 10) * 10) * 100

    def add_rates(
        self, owner: dict[str, str | None], district_id: str, category_ids: Iterable[str]
    ) -> Rates:
        rates: Rates = {}
        for category_id in category_ids:
            for service in self.services[category_id]:
                rates[service["id"]] = self.add_rate(owner, district_id, service)
        return rates

    def add_rate(self, owner: dict[str, str | None], district_id: str, service: Values) -> Rate:
        """The rate of today, and for some the one it has replaced."""
        amount, visit = self.price(service), self.random.choice([0, 4900, 9900])
        ages = (700, 90) if self.random.random() < 0.1 else (700,)
        rate = None
        for version, age in enumerate(ages, start=1):
            rate = Rate(self.id("rc"), amount + (version - 1) * 2000, visit)
            self.rows.add(
                RateCard,
                id=rate.id,
                **owner,
                service_id=service["id"],
                district_id=district_id,
                amount_paise=rate.amount_paise,
                visit_charge_paise=rate.visit_charge_paise,
                valid_from=self.today - timedelta(days=age),
                valid_until=self.today - timedelta(days=ages[version])
                if version < len(ages)
                else None,
                version=version,
                approved_at=self.as_of - timedelta(days=age),
            )
        assert rate is not None
        return rate

    def add_providers(self, profile: Profile) -> None:
        besides = {
            ProviderStatus.APPLIED: profile.providers // 20,
            ProviderStatus.SUSPENDED: profile.providers // 60,
            ProviderStatus.EXPIRED: profile.providers // 30,
            ProviderStatus.TERMINATED: profile.providers // 100,
        }
        statuses = [ProviderStatus.EMPANELLED] * profile.providers
        for status, more in besides.items():
            statuses += [status] * more
        for number, status in enumerate(statuses, start=1):
            self.add_provider(number, status)

    def add_provider(self, number: int, status: ProviderStatus) -> None:
        random = self.random
        seat = self.districts[(number - 1) % len(self.districts)]
        near = [d for d in self.districts if d["division_id"] == seat["division_id"]]
        served = {seat["id"], *(d["id"] for d in random.sample(near, random.randint(0, 2)))}
        trades = random.sample(list(self.categories), random.randint(6, 11))
        trades += [trade for trade in random.sample(list(COMMON), 2) if trade not in trades]
        agency = Agency(self.id("pv"), tuple(trades), {})
        first, second = random.randrange(len(PREFIXES)), random.randrange(len(TRADES))
        start = self.today - timedelta(days=random.randint(60, 900))
        valid = status is not ProviderStatus.APPLIED
        until = start + timedelta(days=3 * 365)
        if status is ProviderStatus.EXPIRED:
            start, until = self.today - timedelta(days=1200), self.today - timedelta(days=100)
        self.rows.add(
            Provider,
            id=agency.id,
            code=f"SP{number:05}",
            name_en=f"{PREFIXES[first]} {TRADES[second]} {seat['name_en']}",
            name_hi=f"{PREFIXES_HI[first]} {TRADES_HI[second]} {seat['name_hi']}",
            status=status,
            empanelled_from=start if valid else None,
            empanelled_until=until if valid else None,
            mou_reference=f"MOU/{start.year}/{number:05}" if valid else None,
            gstin=None,
            pan_masked=f"XXXXXX{random.randint(1000, 9999)}",
            mobile=None,
            registered_at=self.as_of - timedelta(days=random.randint(60, 950)),
        )
        for district_id in sorted(served):
            self.rows.add(ProviderDistrict, provider_id=agency.id, district_id=district_id)
            if status is ProviderStatus.EMPANELLED:
                self.agencies.setdefault(district_id, []).append(agency)
                owner = {"provider_id": agency.id, "worker_id": None}
                agency.rates[district_id] = self.add_rates(owner, district_id, trades)

    def a_home(self, district: Values) -> tuple[float, float]:
        """Around the headquarters: most in town, some in the villages."""
        km = abs(self.random.gauss(0, 4 if self.random.random() < 0.7 else 14))
        angle = self.random.uniform(0, 2 * math.pi)
        latitude = district["latitude"] + km * math.sin(angle) / KM_PER_DEGREE
        stretch = KM_PER_DEGREE * math.cos(math.radians(latitude))
        return latitude, district["longitude"] + km * math.cos(angle) / stretch

    def add_worker(self, number: int, status: WorkerStatus, rules: int) -> Hand | None:
        """None unless they can be booked."""
        random, rows = self.random, self.rows
        if number <= len(self.districts):
            district = self.districts[number - 1]
        else:
            district = random.choices(self.districts, self.weights)[0]
        agency = None
        if random.random() < 0.7 and district["id"] in self.agencies:
            agency = random.choice(self.agencies[district["id"]])
        choice = agency.category_ids if agency else tuple(self.categories)
        usual = [COMMON.get(category_id, 1) for category_id in choice]
        trades = random.choices(choice, usual)
        # Other trades are near the first: electricians mend appliances, not teeth.
        group = self.categories[trades[0]]["group"]
        near = [id for id in choice if self.categories[id]["group"] == group and id not in trades]
        besides = random.choices([0, 1, 2], [60, 30, 10])[0]
        trades += random.sample(near, min(besides, len(near)))
        main = trades[0].removeprefix("ct_")
        female = random.random() < WOMEN.get(main, 0.06)
        name = a_name(random, female)
        home = self.a_home(district)
        cell = cell_at(*home)
        latitude, longitude = centre_of(cell)
        erased = status is WorkerStatus.ERASED
        checked = status in (WorkerStatus.ACTIVE, WorkerStatus.SUSPENDED, WorkerStatus.INACTIVE)
        born = self.today - timedelta(days=random.randint(20 * 365, 58 * 365))
        years = random.randint(1, max(1, min(30, (self.today.year - born.year) - 18)))
        registered = self.as_of - timedelta(days=random.randint(30, 1200), seconds=number % 86400)
        id = self.id("wk")
        rows.add(
            Worker,
            id=id,
            code=f"SM{number:07}",
            status=status,
            first_name_en=None if erased else name.first_en,
            first_name_hi=None if erased else name.first_hi,
            initial_en=None if erased else name.initial_en,
            initial_hi=None if erased else name.initial_hi,
            languages=random.choice(LANGUAGES),
            years_experience=years,
            photo_url=None,
            district_id=district["id"],
            provider_id=agency.id if agency else None,
            cell=cell,
            latitude=latitude,
            longitude=longitude,
            surname_en=None if erased else name.surname_en,
            surname_hi=None if erased else name.surname_hi,
            registered_at=registered,
            gender=None if erased else (Gender.FEMALE if female else Gender.MALE),
            birth_year=None if erased else born.year,
            # Nobody's: real ones do not begin with zeros.
            eshram_uan=None if erased else f"{number:012}",
            mobile=None if erased else next(self.phones),
            alternate_mobile=None,
            email=None,
            home_latitude=None if erased else home[0],
            home_longitude=None if erased else home[1],
            channel=random.choice(list(RegistrationChannel)),
            birth_date=None if erased else born,
            home_address=None if erased else f"House {random.randint(1, 400)}, Ward {number % 60}",
            aadhaar_last4=None if erased or not checked else f"{random.randint(0, 9999):04}",
            kyc_method="OFFLINE_EKYC" if checked and not erased else None,
            bank_last4=None,
            emergency_contact=None,
            tablet_serial=None,
        )
        for position, category_id in enumerate(trades):
            self.add_skill(id, category_id, position, years, checked, registered)
        self.add_checks(id, checked, registered)
        if status is not WorkerStatus.ACTIVE:
            return None
        if agency is None:
            owner = {"provider_id": None, "worker_id": id}
            rates = self.add_rates(owner, district["id"], trades[:1])
        else:
            rates = agency.rates[district["id"]]
        opens, closes = random.choice(HOURS)
        weekdays = tuple(sorted(random.sample(range(1, 7), min(rules, 6))))
        for weekday in weekdays:
            rows.add(
                AvailabilityRule,
                id=self.id("av"),
                worker_id=id,
                weekday=weekday,
                from_time=opens,
                until_time=closes,
                valid_from=self.today - timedelta(days=1200),
                valid_until=None,
            )
        if random.random() < 0.08:
            day = self.today + timedelta(days=random.randint(1, 20))
            rows.add(AvailabilityException, worker_id=id, day=day, reason=None)
        rows.add(ServiceArea, worker_id=id, radius_km=random.choice([5, 8, 10, 15, 20, 25]))
        return Hand(
            id,
            agency.id if agency else None,
            district["id"],
            trades[0],
            home,
            weekdays,
            opens,
            closes,
            min(1.0, max(0.1, random.gauss(0.8, 0.15))),
            rates,
        )

    def add_skill(
        self, worker_id: str, category_id: str, position: int, years: int, ok: bool, at: datetime
    ) -> None:
        random = self.random
        category = self.categories[category_id]
        code = category["qp_code"]
        self.rows.add(
            WorkerSkill,
            id=self.id("sk"),
            worker_id=worker_id,
            category_id=category_id,
            position=position,
            years_experience=max(1, years - 2 * position),
            nsqf_level=category["nsqf_level"],
            verified=ok,
            qp_code=code,
            qp_version=random.choice(["1.0", "2.0", "3.0"]) if code else None,
            certificate_number=next(self.certificates) if ok else None,
            awarding_body=random.choice(AWARDING) if ok else None,
            verified_at=at + timedelta(days=9) if ok else None,
        )

    def add_checks(self, worker_id: str, checked: bool, at: datetime) -> None:
        for kind in (VerificationKind.IDENTITY, VerificationKind.SKILL, VerificationKind.POLICE):
            stands = checked and (
                kind is not VerificationKind.POLICE or self.random.random() < 0.93
            )
            status = VerificationStatus.VERIFIED if stands else VerificationStatus.PENDING
            self.rows.add(
                Verification,
                id=self.id("vf"),
                worker_id=worker_id,
                kind=kind,
                verified=stands,
                status=status,
                method="DOCUMENT" if stands else None,
                verified_by="District employment office" if stands else None,
                verified_at=(at + timedelta(days=7)).astimezone(UTC) if stands else None,
                valid_until=self.today + timedelta(days=700)
                if stands and kind is VerificationKind.POLICE
                else None,
                evidence_reference=None,
            )
