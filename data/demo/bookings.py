"""Citizens, bookings with everything that happened in them, and reviews."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from asyncpg import Range

from data.demo.people import Name, a_name
from data.demo.phrases import REPLIES, TAGS, a_review
from data.demo.workers import Hand, Town
from data.reference import Values
from models.account import Citizen, Department, Gender
from models.booking import (
    LIVE,
    Actor,
    Assignment,
    AssignmentOutcome,
    Booking,
    BookingChannel,
    BookingLine,
    BookingState,
    Quote,
    QuoteLine,
    QuoteLineKind,
    QuoteStatus,
    TimelineEntry,
    WorkerTime,
)
from models.review import SHOWN_STATES, RatingSummary, Review, ReviewReply, ReviewState
from models.worker import Engagement, EngagementStatus
from runtime.geography import INDIA

PRIOR_WEIGHT = 10
CONTACT_AFTER = timedelta(hours=24)
PUBLIC_WORKS = "dp_public-works"
ENDED = (BookingState.COMPLETED, BookingState.CANCELLED, BookingState.NO_SHOW)
ASK, ASSIGN, ACCEPT = "requestBooking", "assignWorker", "acceptBooking"
TRAVEL, ARRIVE, BEGIN = "startTravel", "markArrived", "startService"
STEPS = {
    ASK: (None, "REQUESTED", Actor.CITIZEN),
    ASSIGN: ("REQUESTED", "ASSIGNED", Actor.PROVIDER),
    "declineBooking": ("ASSIGNED", "REQUESTED", Actor.WORKER),
    ACCEPT: ("ASSIGNED", "ACCEPTED", Actor.WORKER),
    TRAVEL: ("ACCEPTED", "EN_ROUTE", Actor.WORKER),
    ARRIVE: ("EN_ROUTE", "ARRIVED", Actor.WORKER),
    BEGIN: ("ARRIVED", "IN_PROGRESS", Actor.WORKER),
    "reviseQuote": ("IN_PROGRESS", "QUOTE_REVISED", Actor.WORKER),
    "completeService": ("IN_PROGRESS", "COMPLETED", Actor.WORKER),
}
UP_TO = [ASK, ASSIGN, ACCEPT, TRAVEL, ARRIVE, BEGIN]
PATHS = {
    BookingState.REQUESTED: UP_TO[:1],
    BookingState.ASSIGNED: UP_TO[:2],
    BookingState.ACCEPTED: UP_TO[:3],
    BookingState.EN_ROUTE: UP_TO[:4],
    BookingState.ARRIVED: UP_TO[:5],
    BookingState.IN_PROGRESS: UP_TO,
    BookingState.QUOTE_REVISED: [*UP_TO, "reviseQuote"],
    BookingState.COMPLETED: [*UP_TO, "completeService"],
}
NOW = (
    BookingState.EN_ROUTE,
    BookingState.ARRIVED,
    BookingState.IN_PROGRESS,
    BookingState.QUOTE_REVISED,
)
AHEAD = (BookingState.REQUESTED, BookingState.ASSIGNED, BookingState.ACCEPTED)
DAYS_AGO = {
    **dict.fromkeys(NOW, range(1, 8)),  # every day of the week: on a Monday, nobody works yesterday
    **dict.fromkeys(AHEAD, range(-1, -14, -1)),
}
EARLIER = range(2, 381)
"""How many days ago what has ended was."""


class NoDayLeft(Exception):
    """There are too many bookings for so few workers."""


@dataclass(frozen=True)
class Client:
    id: str
    name: Name
    language: str


@dataclass(frozen=True)
class Step:
    command: str
    from_state: str | None
    to_state: str
    actor: Actor
    at: datetime
    reason: str | None = None


class Diary:
    """Bookings over the hands there are, none of whom is in two places at once."""

    def __init__(self, town: Town, hands: list[Hand]) -> None:
        self.town, self.hands = town, hands
        self.random, self.rows = town.random, town.rows
        self.taken: dict[str, set[date]] = defaultdict(set)
        self.clients: dict[str, list[Client]] = defaultdict(list)
        self.reviews: list[dict[str, Any]] = []
        self.replies: list[dict[str, Any]] = []
        self.count = 0

    def add_citizens(self, count: int) -> None:
        for _ in range(count):
            female = self.random.random() < 0.45
            name = a_name(self.random, female)
            district = self.random.choices(self.town.districts, self.town.weights)[0]
            client = Client(self.town.id("cz"), name, self.random.choice(["hi", "hi", "en"]))
            self.clients[district["id"]].append(client)
            self.rows.add(
                Citizen,
                id=client.id,
                first_name_en=name.first_en,
                first_name_hi=name.first_hi,
                surname_en=name.surname_en,
                surname_hi=name.surname_hi,
                gender=Gender.FEMALE if female else Gender.MALE,
                mobile=next(self.town.phones),
                language=client.language,
                district_id=district["id"],
                registered_at=self.town.as_of - timedelta(days=self.random.randint(400, 900)),
            )

    def a_day(self, state: BookingState) -> tuple[Hand, date]:
        """A hand and a working day of theirs that no other booking is on: the first there is, from
        a hand and a day on that are drawn. NoDayLeft, if there is none."""
        count, days = len(self.hands), DAYS_AGO.get(state, EARLIER)
        first = self.random.randrange(max(1, count))
        # What is under way is on the latest day that is worked.
        start = 0 if state in NOW else self.random.randrange(len(days))
        for number in range(count):
            hand = self.hands[(first + number) % count]
            taken = self.taken.get(hand.id, ())
            for later in range(len(days)):
                day = self.town.today - timedelta(days=days[(start + later) % len(days)])
                if day.isoweekday() in hand.weekdays and day not in taken:
                    self.taken[hand.id].add(day)
                    return hand, day
        ends = sorted(self.town.today - timedelta(days=ago) for ago in (days[0], days[-1]))
        raise NoDayLeft(
            f"No day is left for one more {state} booking as of {self.town.today}:"
            f" all that the {count} workers work from {ends[0]} to {ends[1]} is taken."
        )

    def add(self, state: BookingState) -> None:
        hand, day = self.a_day(state)
        random, town = self.random, self.town
        client = random.choice(self.clients[hand.district_id] or next(iter(self.clients.values())))
        service = random.choice(town.services[hand.category_id])
        opens = datetime.combine(day, hand.opens, ZoneInfo(INDIA))
        closes = datetime.combine(day, hand.closes, ZoneInfo(INDIA))
        length = timedelta(minutes=min(service["duration_minutes"], 240))
        half_hours = int((closes - opens - length) / timedelta(minutes=30))
        starts_at = opens + timedelta(minutes=30 * random.randint(0, max(0, half_hours)))
        ends_at = starts_at + length
        steps = self.steps(state, starts_at, ends_at)
        offered = [step for step in steps if step.command == ASSIGN]
        accepted = [step for step in steps if step.command == ACCEPT]
        self.count += 1
        id = town.id("bk")
        done = steps[-1].at if state is BookingState.COMPLETED else None
        self.rows.add(
            Booking,
            id=id,
            state=state,
            category_id=hand.category_id,
            completed_month=done.astimezone(ZoneInfo(INDIA)).date().replace(day=1)
            if done
            else None,
            number=f"SM{town.today:%y}-{self.count:07}",
            citizen_id=client.id,
            department_id=None,
            created_by=client.id,
            contact_from=accepted[-1].at if accepted else None,
            contact_until=steps[-1].at + CONTACT_AFTER if accepted and state in ENDED else None,
            worker_id=hand.id if offered and state is not BookingState.EXPIRED else None,
            provider_id=hand.provider_id,
            district_id=hand.district_id,
            address=f"Flat {random.randint(1, 90)}, Block {random.choice('ABCDE')}, by the market",
            latitude=hand.home[0] + random.uniform(-0.03, 0.03),
            longitude=hand.home[1] + random.uniform(-0.03, 0.03),
            starts_at=starts_at,
            ends_at=ends_at,
            channel=random.choice([BookingChannel.APP, BookingChannel.APP, BookingChannel.PORTAL]),
            language=client.language,
            requested_at=steps[0].at,
            completed_at=done,
            cancellation_policy_version=1,
            rework_of_id=None,
            version=len(steps),
            preferred_worker_gender=None,
        )
        quantity = random.choice([1, 1, 1, 2])
        self.rows.add(
            BookingLine, booking_id=id, position=0, service_id=service["id"], quantity=quantity
        )
        self.add_quote(id, hand, service, quantity, steps)
        for position, step in enumerate(steps):
            self.rows.add(
                TimelineEntry,
                booking_id=id,
                position=position,
                command=step.command,
                from_state=step.from_state,
                to_state=step.to_state,
                actor=step.actor,
                reason=step.reason,
                happened_at=step.at,
            )
        self.add_assignments(id, hand, state, steps)
        if state in LIVE:
            self.rows.add(
                WorkerTime,
                id=town.id("wt"),
                worker_id=hand.id,
                during=Range(starts_at, ends_at),
                booking_id=id,
                engagement_id=None,
            )
        if done and random.random() < 0.6:
            self.add_review(id, hand, client, service, done)

    def steps(self, state: BookingState, starts_at: datetime, ends_at: datetime) -> list[Step]:
        random = self.random
        path = PATHS.get(state, [])
        last: tuple[str, BookingState, Actor, str | None] | None = None
        if state is BookingState.CANCELLED:
            path = UP_TO[: random.randint(1, 3)]
            last = ("cancelBooking", BookingState.CANCELLED, Actor.CITIZEN, "Plans changed")
        elif state is BookingState.EXPIRED:
            path = UP_TO[:1]
            last = ("expireBooking", BookingState.EXPIRED, Actor.SYSTEM, None)
        elif state is BookingState.NO_SHOW:
            absent_worker = random.random() < 0.5
            path = UP_TO[:3] if absent_worker else UP_TO[:5]
            who = Actor.CITIZEN if absent_worker else Actor.WORKER
            last = ("recordNoShow", BookingState.NO_SHOW, who, "Nobody came to the door")
        if ASSIGN in path and random.random() < 0.12:
            path = [ASK, ASSIGN, "declineBooking", *path[1:]]
        asked = min(starts_at, self.town.as_of) - timedelta(hours=random.randint(20, 70))
        on_the_day = {
            TRAVEL: starts_at - timedelta(minutes=40),
            ARRIVE: starts_at - timedelta(minutes=4),
            BEGIN: starts_at + timedelta(minutes=2),
            "reviseQuote": starts_at + timedelta(minutes=20),
            "completeService": ends_at - timedelta(minutes=random.randint(0, 10)),
        }
        made: list[Step] = []
        at = asked
        for command in path:
            from_state, to_state, actor = STEPS[command]
            at = on_the_day.get(command, at)
            reason = {"declineBooking": "Busy elsewhere", "reviseQuote": "A part is needed"}
            made.append(Step(command, from_state, to_state, actor, at, reason.get(command)))
            at += timedelta(minutes=random.randint(3, 25))
        if last is not None:
            command, to, who, why = last
            if command == "recordNoShow":
                at = max(at, starts_at + timedelta(minutes=35))
            made.append(Step(command, made[-1].to_state, to, who, at, why))
        return made

    def add_quote(
        self, booking_id: str, hand: Hand, service: Values, quantity: int, steps: list[Step]
    ) -> None:
        rate = hand.rates[service["id"]]
        lines = [(QuoteLineKind.ITEM, rate.amount_paise * quantity)]
        if rate.visit_charge_paise:
            lines.append((QuoteLineKind.VISIT, rate.visit_charge_paise))
        if self.random.random() < 0.1:
            lines.append((QuoteLineKind.DISCOUNT, -(rate.amount_paise // 10)))
        asked = steps[0].at
        revised = any(step.command == "reviseQuote" for step in steps)
        for revision in (1, 2) if revised else (1,):
            if revision == 2:
                lines.append((QuoteLineKind.FEE, 15_000))
            id = self.town.id("qt")
            at = asked if revision == 1 else steps[-1].at
            self.rows.add(
                Quote,
                id=id,
                booking_id=booking_id,
                revision=revision,
                status=QuoteStatus.ACCEPTED if revision == 1 else QuoteStatus.OFFERED,
                total_paise=sum(paise for _, paise in lines),
                offered_at=at,
                expires_at=at + timedelta(days=1),
            )
            for position, (kind, paise) in enumerate(lines):
                item = kind is QuoteLineKind.ITEM
                self.rows.add(
                    QuoteLine,
                    quote_id=id,
                    position=position,
                    kind=kind,
                    service_id=service["id"] if item else None,
                    rate_card_id=rate.id if item else None,
                    quantity=quantity if item else 1,
                    amount_paise=paise,
                )

    def add_assignments(
        self, booking_id: str, hand: Hand, state: BookingState, steps: list[Step]
    ) -> None:
        commands = [step.command for step in steps]
        offers = [index for index, command in enumerate(commands) if command == ASSIGN]
        for position, index in enumerate(offers):
            follows = commands[index + 1] if index + 1 < len(commands) else None
            outcome = {
                None: AssignmentOutcome.OFFERED,
                ACCEPT: AssignmentOutcome.ACCEPTED,
                "declineBooking": AssignmentOutcome.DECLINED,
            }.get(follows, AssignmentOutcome.CANCELLED)
            declined = outcome is AssignmentOutcome.DECLINED
            self.rows.add(
                Assignment,
                booking_id=booking_id,
                position=position,
                worker_id=self.random.choice(self.hands).id if declined else hand.id,
                offered_at=steps[index].at,
                expires_at=steps[index].at + timedelta(minutes=30),
                outcome=outcome,
                reason="Busy elsewhere" if declined else None,
            )

    def add_review(
        self, booking_id: str, hand: Hand, client: Client, service: Values, done: datetime
    ) -> None:
        random, as_of = self.random, self.town.as_of
        good = random.random() < hand.skill
        stars = random.choice([4, 5, 5]) if good else random.choices([1, 2, 3, 4], [1, 2, 4, 3])[0]
        spoken = random.choice(["hi", "hi", "en"])
        at = done + timedelta(minutes=random.randint(20, 25 * 24 * 60))
        if at > as_of:
            at = done + (as_of - done) / 2
        id = self.town.id("rv")
        said = random.random() < 0.85
        state = random.choices(list(ReviewState), [950, 8, 10, 10, 12])[0]
        named = service["name_hi"] if spoken == "hi" else service["name_en"]
        self.reviews.append(
            {
                "id": id,
                "booking_id": booking_id,
                "worker_id": hand.id,
                "provider_id": hand.provider_id,
                "stars": stars,
                "tags": random.sample(TAGS[stars > 3], random.randint(0, 2)),
                "text": a_review(random, spoken, stars > 3, named) if said else None,
                "language": spoken if said else None,
                "reviewer_name_en": client.name.first_en,
                "reviewer_name_hi": client.name.first_hi,
                "published_month": at.astimezone(ZoneInfo(INDIA)).date().replace(day=1),
                "state": state,
                "citizen_id": client.id,
                "published_at": at,
                "edited_at": None,
                "moderation_reason": "Names a third person"
                if state in (ReviewState.HIDDEN, ReviewState.RESTORED)
                else None,
                "category_id": hand.category_id,
            }
        )
        if hand.provider_id and random.random() < 0.2:
            replied = min(at + timedelta(days=1), as_of)
            self.replies.append(
                {
                    "review_id": id,
                    "provider_id": hand.provider_id,
                    "text": random.choice(REPLIES[spoken]),
                    "replied_month": replied.astimezone(ZoneInfo(INDIA)).date().replace(day=1),
                    "replied_at": replied,
                }
            )

    def add_engagements(self) -> None:
        """A few hands without bookings are held by a department for a fortnight."""
        self.rows.add(
            Department,
            id=PUBLIC_WORKS,
            name_en="Public Works Department",
            name_hi="लोक निर्माण विभाग",
            district_id=None,
        )
        free = [hand for hand in self.hands if hand.id not in self.taken]
        for hand in free[: max(5, len(self.hands) // 200)]:
            start = self.town.today + timedelta(days=self.random.randint(1, 5))
            end = start + timedelta(days=14)
            id = self.town.id("en")
            self.rows.add(
                Engagement,
                id=id,
                worker_id=hand.id,
                department_id=PUBLIC_WORKS,
                purpose="Maintenance of offices",
                starts_on=start,
                ends_on=end,
                status=EngagementStatus.ACTIVE,
            )
            midnight = [
                datetime.combine(d, datetime.min.time(), ZoneInfo(INDIA)) for d in (start, end)
            ]
            self.rows.add(
                WorkerTime,
                id=self.town.id("wt"),
                worker_id=hand.id,
                during=Range(*midnight),
                booking_id=None,
                engagement_id=id,
            )

    def add_reviews(self) -> None:
        """All reviews in the order of publication, and the exact sums over the shown ones."""
        self.reviews.sort(key=lambda review: (review["published_at"], review["id"]))
        shown = [review for review in self.reviews if review["state"] in SHOWN_STATES]
        stars_of: dict[str, list[int]] = defaultdict(list)
        for review in shown:
            for subject in (review["category_id"], review["worker_id"], review["provider_id"]):
                if subject:
                    stars_of[subject].append(review["stars"])
        overall = sum(review["stars"] for review in shown) / max(1, len(shown))
        category_of = {hand.id: hand.category_id for hand in self.hands}
        for subject, stars in stars_of.items():
            if subject.startswith("ct_"):
                continue
            peers = stars_of.get(category_of.get(subject, ""), [])
            prior = round(sum(peers) / len(peers) if peers else overall, 4)
            score = (sum(stars) + PRIOR_WEIGHT * prior) / (len(stars) + PRIOR_WEIGHT)
            is_worker = subject.startswith("wk_")
            self.rows.add(
                RatingSummary,
                subject_id=subject,
                worker_id=subject if is_worker else None,
                provider_id=None if is_worker else subject,
                count=len(stars),
                sum=sum(stars),
                histogram=[stars.count(n) for n in range(1, 6)],
                prior=prior,
                prior_weight=PRIOR_WEIGHT,
                bayesian=score,
            )
        for review in self.reviews:
            self.rows.add(Review, **{k: v for k, v in review.items() if k != "category_id"})
        for reply in self.replies:
            self.rows.add(ReviewReply, **reply)
