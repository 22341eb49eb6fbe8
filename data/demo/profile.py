"""How much demo data there is."""

from dataclasses import dataclass, field

OTHER_STATES = {
    "REQUESTED": 60,
    "ASSIGNED": 40,
    "ACCEPTED": 80,
    "EN_ROUTE": 8,
    "ARRIVED": 6,
    "IN_PROGRESS": 12,
    "QUOTE_REVISED": 5,
    "CANCELLED": 240,
    "EXPIRED": 70,
    "NO_SHOW": 40,
}
"""Bookings beside the completed ones, at launch."""


@dataclass(frozen=True)
class Profile:
    """Counts to reach exactly; `workers` counts the registered ones."""

    workers: int
    providers: int
    citizens: int
    completed: int
    others: dict[str, int] = field(default_factory=dict)
    rules_per_worker: int = 6

    def sized(self, workers: int) -> "Profile":
        """The same proportions around another number of workers."""

        def share(count: int) -> int:
            return max(1, count * workers // self.workers)

        return Profile(
            workers,
            share(self.providers),
            share(self.citizens),
            share(self.completed),
            {state: share(count) for state, count in self.others.items()},
            self.rules_per_worker,
        )

    @property
    def bookings(self) -> int:
        return self.completed + sum(self.others.values())


def scaled(bookings: int) -> dict[str, int]:
    launch = sum(OTHER_STATES.values())
    return {state: max(1, count * bookings // launch) for state, count in OTHER_STATES.items()}


def exactly(bookings: int, completed: int) -> dict[str, int]:
    """Scaled so that all bookings together are `bookings`."""
    others = scaled(bookings - completed)
    others["CANCELLED"] += bookings - completed - sum(others.values())
    return others


PROFILES = {
    "launch": Profile(1_980, 300, 1_500, 3_518, OTHER_STATES),
    "scale-2025": Profile(52_349, 1_200, 18_000, 36_240, exactly(39_857, 36_240)),
    "large": Profile(2_000_000, 5_000, 60_000, 120_000, scaled(60_000), rules_per_worker=2),
}
