"""What partners said of entities is kept as they allow, for whom they said it, until it changes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import orjson
import pytest
import pytest_asyncio
from starlette.responses import Response

from federation.cache import EntityCache, NotForgotten, lifetime
from federation.client import BySubgraph, Request
from federation.http import HttpClient
from federation.partner import Partner
from runtime.redis import InRedis, SharedRedis
from runtime.store import Memory, Store
from tests.federation.test_partners import a_server, saying
from tests.federation.world import Federation, Hosts
from tests.federation.worlds import WORLDS
from tests.patience import PATIENCE

Object = dict[str, Any]

AUTHORS = "{ reviews { author { nick } } }"


@pytest_asyncio.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.slow)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield Memory(1_000_000)
        return
    async for made in in_redis(request.getfixturevalue("redis_url")):
        yield made


async def in_redis(url: str) -> AsyncIterator[InRedis]:
    redis = SharedRedis(url, seconds=10)
    await redis.ask(False, lambda asked: asked.flushall())
    yield InRedis(redis, "partners:")
    await redis.close()


class Shop:
    """Its `people` are a partner's, who says how long what it says holds."""

    def __init__(self, store: Store, hint: str = "max-age=60", **agreed: Any) -> None:
        self.cache = EntityCache(store)
        self.hint = hint
        self.federation = Federation("shop", WORLDS["shop"], partners=["people"])
        self.people = self.federation.subgraphs["people"]
        self.change: Callable[[Object], Any] = lambda answer: answer
        self.people.disturb = lambda asked: Response(
            orjson.dumps(self.change(self.people.known(asked))),
            media_type="application/json",
            headers={"cache-control": self.hint},
        )
        given = {"url": "http://people.shop/graphql", "private_addresses": True}
        partner = Partner(**{"cache_seconds": 60, "attempts": 1, **given, **agreed})
        hosts = Hosts(self.federation.apps)
        others = dict.fromkeys(self.federation.subgraphs, self.federation.client)
        self.federation.router.client = BySubgraph(
            {**others, "people": HttpClient("people", partner, hosts, cache=self.cache)}
        )

    async def answer(
        self, document: str = AUTHORS, headers: Mapping[str, str] | None = None, **variables: Any
    ) -> Object:
        result = await self.federation.router.execute(document, variables, headers or {})
        return dict(result.formatted)

    @property
    def asked(self) -> list[list[str]]:
        """The ids that `people` was asked for, call by call."""
        return [
            [each["id"] for each in asked["variables"]["_entities_representations"]]
            for asked in self.people.asked
        ]


async def test_what_is_known_is_not_asked_for_again(store: Store) -> None:
    shop = Shop(store)
    truth = await shop.answer()
    await shop.answer()
    assert shop.asked == [["b", "a"]]

    assert await shop.answer() == truth
    assert "errors" not in truth


async def test_what_is_not_known_is_asked_for_alone(store: Store) -> None:
    shop = Shop(store)
    await shop.answer()
    await shop.cache.forget("User", {"id": "a"})
    found = await shop.answer()

    assert shop.asked == [["b", "a"], ["a"]]
    assert found == await shop.answer()


async def test_another_selection_is_another_thing(store: Store) -> None:
    shop = Shop(store)
    await shop.answer()
    await shop.answer("{ reviews { author { nick name } } }")

    assert len(shop.asked) == 2


async def test_other_arguments_are_another_thing(store: Store) -> None:
    shop = Shop(store)
    asked = "query ($shout: Boolean) { reviews { author { nick(shout: $shout) } } }"
    quiet, loud = await shop.answer(asked, shout=False), await shop.answer(asked, shout=True)

    assert len(shop.asked) == 2
    assert quiet != loud


async def test_what_two_places_ask_of_one_entity_is_not_mixed_up(store: Store) -> None:
    shop = Shop(store)
    both = "{ me { name } reviews { author { nick } } }"
    first = await shop.answer(both)
    second = await shop.answer(both)

    assert len(shop.people.asked) == 1
    assert first == second == shop.federation.merged(both).formatted


async def test_partners_who_are_asked_the_same_are_told_apart(store: Store) -> None:
    fetch = next(
        f for f in Federation("shop", WORLDS["shop"]).router.plan(AUTHORS).fetches if f.entities
    )
    entities = {fetch.entities[0].variable: [b'{"__typename":"User","id":"a"}']}
    cache = EntityCache(store)

    async def asked(request: Request) -> tuple[Object, int]:
        return {"data": {"_entities": [{"nick": f"as {request.subgraph} has it"}]}}, 60

    for name in ("people", "payroll"):
        answer = await cache.answer(Request(name, fetch, {}, entities, {}), {}, asked)
        assert answer["data"]["_entities"] == [{"nick": f"as {name} has it"}]


async def test_what_is_asked_of_the_root_is_asked_each_time() -> None:
    shop = Shop(Memory(1_000_000))
    document = "{ users { nick } }"
    for _ in range(2):
        assert await shop.answer(document) == shop.federation.merged(document).formatted

    assert len(shop.people.asked) == 2


async def test_viewers_whom_the_partner_can_tell_apart_share_nothing(store: Store) -> None:
    shop = Shop(store, "public, max-age=60", headers=["accept-language", "authorization"])
    for headers in ({"accept-language": "hi"}, {"authorization": "Bearer me"}, {"cookie": "x"}, {}):
        await shop.answer(headers=headers)

    assert len(shop.asked) == 3


async def test_what_is_said_to_somebody_is_kept_only_where_the_partner_calls_it_public() -> None:
    shop = Shop(Memory(1_000_000), headers=["authorization"])
    for hint in ("max-age=60", "public, max-age=60"):
        shop.hint = hint
        for _ in range(2):
            await shop.answer(headers={"authorization": "Bearer me"})

    assert len(shop.asked) == 3


@pytest.mark.parametrize(
    "hint", ["", "max-age=0", "private, max-age=60", "no-store, max-age=60", "no-cache, max-age=60"]
)
async def test_what_a_partner_does_not_allow_is_not_kept(hint: str) -> None:
    shop = Shop(Memory(1_000_000), hint)
    await shop.answer()
    await shop.answer()

    assert len(shop.asked) == 2


@pytest.mark.parametrize(
    ("told", "age", "personal", "seconds"),
    [
        ("max-age=60", "0", False, 60),
        ("Max-Age=60, s-maxage=5", "0", False, 5),
        ("max-age=60", "50", False, 10),
        ("max-age=60", "70", False, 0),
        ("max-age=soon", "0", False, 0),
        ("max-age=60", "0", True, 0),
        ("public, max-age=60", "0", True, 60),
        ("s-maxage=60", "0", True, 60),
        ("private, s-maxage=60", "0", True, 0),
    ],
)
def test_hints_are_read_as_http_has_them(told: str, age: str, personal: bool, seconds: int) -> None:
    headers = {"cache-control": told, "age": age}
    assert lifetime(headers, personal=personal) == seconds


async def test_what_may_not_be_kept_leaves_what_is_kept_alone(store: Store) -> None:
    shop = Shop(store)
    await shop.answer()
    shop.hint = "no-store"
    await shop.answer("{ reviews { author { name } } }")
    await shop.answer()

    assert len(shop.asked) == 2


@pytest.mark.parametrize(("hint", "agreed"), [("max-age=60", 900), ("max-age=900", 60)])
async def test_nothing_is_kept_for_longer_than_allowed_and_agreed(hint: str, agreed: int) -> None:
    now = 0.0
    shop = Shop(Memory(1_000_000, clock=lambda: now), hint, cache_seconds=agreed)
    await shop.answer()
    now = 59.0
    await shop.answer()
    assert len(shop.asked) == 1

    now = 61.0
    await shop.answer()
    assert len(shop.asked) == 2


async def test_where_nothing_is_agreed_nothing_is_kept() -> None:
    shop = Shop(Memory(1_000_000), cache_seconds=0)
    await shop.answer()
    await shop.answer()

    assert len(shop.asked) == 2


async def test_an_answer_older_than_what_happened_is_not_kept(store: Store) -> None:
    """It was under way when it happened, and arrives afterwards."""
    shop = Shop(store)

    async def happening(asked: Object) -> None:
        if len(shop.asked) == 1:
            await shop.cache.forget("User", {"id": "b"})

    shop.people.before = happening
    await shop.answer()
    await shop.answer()

    assert shop.asked == [["b", "a"], ["b"]]


async def test_who_comes_after_something_happened_does_not_share_what_was_asked_before(
    store: Store,
) -> None:
    shop = Shop(store)
    later: list[asyncio.Task[Object]] = []

    async def happening(asked: Object) -> None:
        if not later:
            await shop.cache.forget("User", {"id": "b"})
            later.append(asyncio.create_task(shop.answer()))
            await asyncio.sleep(0.01)

    shop.people.before = happening
    await shop.answer()
    await later[0]

    assert sorted(id for asked in shop.asked for id in asked).count("b") == 2


async def test_whoever_comes_together_asks_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes: only for other processes is there an end to waiting."""
    monkeypatch.setattr("federation.cache.WAIT_SECONDS", 0)
    shop = Shop(store)

    async def slow(asked: Object) -> None:
        await asyncio.sleep(0.03)

    shop.people.before = slow
    documents = AUTHORS, "{ me { nick } }"
    found = await asyncio.gather(*map(shop.answer, documents))

    assert sorted(id for asked in shop.asked for id in asked) == ["a", "b"]
    assert found == [shop.federation.merged(document).formatted for document in documents]


async def test_whoever_comes_together_is_told_what_went_wrong(store: Store) -> None:
    shop = Shop(store)
    told = {"message": "No name.", "path": ["_entities", 1, "nick"]}
    shop.change = lambda answer: {**answer, "errors": [told]}

    async def slow(asked: Object) -> None:
        await asyncio.sleep(0.03)

    shop.people.before = slow
    documents = AUTHORS, "{ reviews { stars author { nick } } }"
    found = await asyncio.gather(*map(shop.answer, documents))

    for answer, document in zip(found, documents, strict=True):
        assert [error["message"] for error in answer["errors"]] == ["No name."]
        assert answer["data"] == shop.federation.merged(document).data


async def test_one_who_gives_up_waiting_does_not_take_the_answer_from_another(
    store: Store,
) -> None:
    shop = Shop(store)
    asked, given_up = asyncio.Event(), asyncio.Event()

    async def slow(_: Object) -> None:
        asked.set()
        await given_up.wait()

    shop.people.before = slow
    first = asyncio.create_task(shop.answer())
    await asked.wait()
    second = asyncio.create_task(shop.answer())
    await asyncio.sleep(0.05)
    second.cancel()
    given_up.set()

    assert await first == shop.federation.merged(AUTHORS).formatted


async def test_processes_that_come_together_ask_once(redis_url: str) -> None:
    async for one in in_redis(redis_url):
        async for other in in_redis(redis_url):
            shops = Shop(one), Shop(other)

            async def slow(asked: Object) -> None:
                await asyncio.sleep(0.05)

            for shop in shops:
                shop.people.before = slow
            first, second = await asyncio.gather(*(shop.answer() for shop in shops))

    assert first == second
    assert sum(len(shop.asked) for shop in shops) == 1


async def test_who_waits_for_another_process_in_vain_asks_after_all(redis_url: str) -> None:
    async for one in in_redis(redis_url):
        shop = Shop(one, "no-store")
        async for other in in_redis(redis_url):
            first, second = await asyncio.gather(shop.answer(), Shop(other, "no-store").answer())

    assert first == second
    assert "errors" not in first


async def test_who_has_nothing_to_keep_lets_others_ask_at_once(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TURN_SECONDS", "WAIT_SECONDS"):
        monkeypatch.setattr(f"federation.cache.{name}", 2 * PATIENCE)
    async for one in in_redis(redis_url):
        async for other in in_redis(redis_url):
            await Shop(one, "no-store").answer()
            async with asyncio.timeout(PATIENCE):
                assert "errors" not in await Shop(other, "no-store").answer()


async def test_an_answer_with_errors_is_not_kept_and_they_are_told_in_their_places(
    store: Store,
) -> None:
    shop = Shop(store)
    await shop.answer()
    await shop.cache.forget("User", {"id": "a"})

    def failing(answer: Object) -> Object:
        told = {"message": "No name.", "path": ["_entities", 0, "nick"]}
        return {"data": {"_entities": [{"id": "a", "nick": None}]}, "errors": [told]}

    shop.change = failing
    for _ in range(2):
        found = await shop.answer()
        (error,) = found["errors"]
        assert error["message"] == "No name."
        assert error["path"] == ["reviews", 2, "author", "nick"]
    assert shop.asked == [["b", "a"], ["a"], ["a"]]


async def test_why_there_is_no_answer_is_told_as_without_a_cache() -> None:
    shop = Shop(Memory(1_000_000))
    told = {"message": "Sign in.", "extensions": {"code": "UNAUTHENTICATED"}}
    shop.change = lambda answer: {"data": None, "errors": [told]}
    found = await shop.answer()

    assert {error["extensions"]["code"] for error in found["errors"]} == {"UNAUTHENTICATED"}
    assert found["data"]["reviews"][0]["author"] == {"nick": None}


async def test_a_lie_is_not_kept(store: Store) -> None:
    shop = Shop(store)
    shop.change = lambda answer: {"data": {"_entities": answer["data"]["_entities"][::-1]}}
    assert len((await shop.answer())["errors"]) == 1

    shop.change = lambda answer: answer
    assert await shop.answer() == shop.federation.merged(AUTHORS).formatted


async def test_what_is_known_is_answered_when_the_partner_fails(store: Store) -> None:
    shop = Shop(store)
    truth = await shop.answer()
    await shop.cache.forget("User", {"id": "b"})
    shop.people.disturb = lambda asked: Response(status_code=500)
    found = await shop.answer()

    (error,) = found["errors"]
    assert error["extensions"]["code"] == "PARTNER_UNAVAILABLE"
    assert truth["data"]["reviews"][2]["author"]["nick"] is not None
    assert found["data"] == truth["data"]


@pytest.mark.parametrize("how", ["is not there", "hangs"])
async def test_without_redis_partners_are_asked(how: str) -> None:
    async with a_server(saying(then=30)) as url:
        port = url.split(":")[2].split("/")[0] if how == "hangs" else "1"
        async for store in unreachable(f"redis://127.0.0.1:{port}/0"):
            shop = Shop(store)
            assert "errors" not in await shop.answer()
            assert "errors" not in await shop.answer()
            with pytest.raises(NotForgotten):
                await shop.cache.forget("User", {"id": "b"})

    assert shop.asked == [["b", "a"]] * 2


async def unreachable(url: str) -> AsyncIterator[InRedis]:
    redis = SharedRedis(url)
    yield InRedis(redis, "partners:")
    await redis.close()
