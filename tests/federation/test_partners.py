"""Partners that fail in every way servers do: each is a real server, and costs its own fields."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme

from federation.client import BySubgraph, Request
from federation.faults import Unavailable
from federation.guard import Breaker, Resting
from federation.http import HttpClient
from federation.observer import Call, Event, Observer
from federation.partner import BadPartners, Partner, partners_in
from federation.plan import Fetch
from runtime.network import is_public
from runtime.signature import Call as Signed
from runtime.signature import Gateways
from tests.federation.world import Federation

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

DOCUMENT = "{ products(first: 1) { upc reviews { stars author { name } } } }"
GIVEN = {"data": {"_entities": [{"name": "Ada"}]}}


@asynccontextmanager
async def a_server(behave: Behaviour, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Its address. Each connection is read up to the end of one request, then it behaves."""
    under_way: set[asyncio.Task[None]] = set()

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            await behave(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            under_way.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(met, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{port}/graphql"
    finally:
        server.close()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way)


async def asked_of(reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:] if line)
    }
    return headers, await reader.readexactly(int(headers["content-length"]))


def response(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    told = {"content_type": "application/json", "content_length": str(len(body)), **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{n.replace('_', '-')}: {v}" for n, v in told.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def saying(*parts: bytes, then: float = 0) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked_of(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
        await asyncio.sleep(then)

    return behave


async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asked_of(reader)
    writer.transport.abort()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asked_of(reader)
    writer.write(response(b"")[:-2].replace(b"content-length: 0\r\n", b"content-length: 999\r\n"))
    writer.write(b"\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asked_of(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{")
    while True:
        writer.write(b" " * 65_536)
        await writer.drain()


BOMB = gzip.compress(b" " * 50_000_000)
DEEP = b'{"data": ' + b"[" * 500 + b"]" * 500 + b"}"
DEEPER = b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
WHOLE = response(orjson.dumps(GIVEN))
ELSEWHERE = response(b"", "307 Temporary Redirect", location="http://127.0.0.1:1/graphql")
FAULTS: dict[str, tuple[Behaviour, str, bool]] = {
    "hangs up": (hanging_up, "cannot be reached", True),
    "stops in the middle": (saying(WHOLE[:-5]), "cannot be reached", True),
    "does not speak HTTP": (saying(b"SSH-2.0-OpenSSH_9.6\r\n"), "cannot be reached", True),
    "hangs before it answers": (saying(then=30), "did not answer within 0.3 seconds", True),
    "hangs after its headers": (
        saying(response(b"{}")[:-2], then=30),
        "did not answer within 0.3 seconds",
        True,
    ),
    "drips": (dripping, "did not answer within 0.3 seconds", True),
    "never ends": (endless, "answered with more than 10000 bytes", False),
    "sends a bomb": (
        saying(response(BOMB, content_encoding="gzip")),
        "answered with more than 10000 bytes",
        False,
    ),
    "sends what cannot be unpacked": (
        saying(response(b"no gzip", content_encoding="gzip")),
        "answered with what cannot be unpacked",
        True,
    ),
    "packs in its own way": (
        saying(response(b"{}", content_encoding="br")),
        "answered in an encoding that it was not asked for",
        True,
    ),
    "leads elsewhere": (saying(ELSEWHERE), "answered with status 307", True),
    "is down": (saying(response(b"", "503 Service Unavailable")), "status 503", True),
    "is broken": (saying(response(b"", "500 Internal Server Error")), "status 500", True),
    "shows a page": (
        saying(response(b"<html>", content_type="text/html")),
        "did not answer with JSON",
        True,
    ),
    "calls JSON a page": (
        saying(response(orjson.dumps(GIVEN), content_type="text/html")),
        "did not answer with JSON",
        True,
    ),
    "says half of it": (saying(response(b'{"data": {')), "did not answer with JSON", True),
    "is deep": (saying(response(DEEP)), "answered more than 40 levels deep", False),
    "is deeper than can be read": (saying(response(DEEPER[:9_000])), "with JSON", True),
}


def agreed(url: str, **other: Any) -> Partner:
    small = {"seconds": 10, "attempts": 1, "answer_limit": 10_000, "private_addresses": True}
    return Partner(**{"url": url, **small, **other})


@asynccontextmanager
async def a_client(partner: Partner, observer: Observer | None = None) -> AsyncIterator[HttpClient]:
    client = HttpClient("people", partner, observer=observer)
    try:
        yield client
    finally:
        await client.close()


def the_request(kind: str = "query", **headers: str) -> Request:
    fetch = Fetch(1, "PEOPLE", kind, f"{kind} {{ me {{ id }} }}", (), (), (), frozenset())
    return Request("people", fetch, {}, {}, headers)


async def answered(shop: Federation, client: HttpClient) -> dict[str, Any]:
    others = dict.fromkeys(shop.subgraphs, shop.client)
    shop.router.client = BySubgraph({**others, "people": client})
    return dict((await shop.router.execute(DOCUMENT)).formatted)


@pytest.mark.parametrize("fault", FAULTS)
async def test_one_that_fails_costs_its_own_fields(shop: Federation, fault: str) -> None:
    behave, told, retryable = FAULTS[fault]
    seconds = 0.3 if "within 0.3 seconds" in told else 10
    async with a_server(behave) as url, a_client(agreed(url, seconds=seconds)) as client:
        found = await answered(shop, client)

    assert found["data"] == {
        "products": [
            {
                "upc": "u1",
                "reviews": [
                    {"stars": 1, "author": {"name": None}},
                    {"stars": 2, "author": None},
                ],
            }
        ]
    }
    (error,) = found["errors"]
    assert told in error["message"]
    assert error["extensions"] == {
        "code": "PARTNER_UNAVAILABLE",
        "partner": "people",
        "retryable": retryable,
    }


async def test_one_that_is_not_there_costs_its_own_fields(shop: Federation) -> None:
    async with a_server(hanging_up) as url:
        pass
    async with a_client(agreed(url)) as client:
        found = await answered(shop, client)

    assert found["data"]["products"][0]["reviews"][0] == {"stars": 1, "author": {"name": None}}
    assert "people cannot be reached" in found["errors"][0]["message"]


async def test_one_that_is_well_is_answered_for(shop: Federation) -> None:
    packed = response(gzip.compress(orjson.dumps(GIVEN)), content_encoding="gzip")
    async with a_server(saying(packed)) as url, a_client(agreed(url)) as client:
        found = await answered(shop, client)

    assert "errors" not in found
    assert found["data"]["products"][0]["reviews"][0]["author"] == {"name": "Ada"}


class Counting(Observer):
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.calls: list[Call] = []

    def counted(self, partner: str, event: Event, count: int = 1) -> None:
        self.events += [event] * count

    @contextmanager
    def call(self, call: Call) -> Iterator[None]:
        self.calls.append(call)
        yield


def one_after_another(*behaviours: Behaviour) -> Behaviour:
    left = list(behaviours)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await left.pop(0)(reader, writer)

    return behave


@pytest.mark.parametrize("first", ["hangs up", "stops in the middle", "is down"])
async def test_a_query_is_tried_again(first: str) -> None:
    observer = Counting()
    behave = one_after_another(FAULTS[first][0], saying(WHOLE))
    async with (
        a_server(behave) as url,
        a_client(agreed(url, attempts=2), observer) as client,
    ):
        assert await client.ask(the_request()) == GIVEN

    assert observer.events == [Event.ASKED, Event.RETRIED]
    (call,) = observer.calls
    assert (call.tries, call.status, call.size) == (2, 200, len(orjson.dumps(GIVEN)))


@pytest.mark.parametrize("first", ["is broken", "shows a page", "leads elsewhere", "is deep"])
async def test_what_would_fail_again_is_not_tried_again(first: str) -> None:
    behave = one_after_another(FAULTS[first][0], saying(WHOLE))
    async with a_server(behave) as url, a_client(agreed(url, attempts=3)) as client:
        with pytest.raises(Unavailable):
            await client.ask(the_request())


async def test_a_mutation_is_sent_once() -> None:
    behave = one_after_another(hanging_up, saying(WHOLE))
    async with a_server(behave) as url, a_client(agreed(url, attempts=3)) as client:
        with pytest.raises(Unavailable):
            await client.ask(the_request("mutation"))


async def test_all_tries_together_take_no_longer_than_agreed() -> None:
    hanging = saying(then=30)
    behave = one_after_another(hanging_up, hanging, saying(WHOLE))
    async with (
        a_server(behave) as url,
        a_client(agreed(url, attempts=5, seconds=0.3)) as client,
    ):
        with pytest.raises(Unavailable, match=r"within 0\.3 seconds"):
            await client.ask(the_request())


async def test_one_that_fails_again_and_again_is_left_alone() -> None:
    observer = Counting()
    behave = one_after_another(hanging_up, hanging_up)
    async with (
        a_server(behave) as url,
        a_client(agreed(url, failures=2, rest_seconds=60), observer) as client,
    ):
        for _ in range(3):
            with pytest.raises(Unavailable) as refused:
                await client.ask(the_request())

    assert "left alone for a while" in refused.value.message
    assert observer.events[-1] is Event.RESTING


def test_a_breaker_lets_one_call_through_when_it_has_rested() -> None:
    now = 0.0
    breaker = Breaker("people", failures=2, rest_seconds=10, clock=lambda: now)

    def call(retryable: bool | None = None) -> None:
        with breaker.watching():
            if retryable is not None:
                raise Unavailable("people", "failed", retryable=retryable)

    def refused() -> bool:
        try:
            call()
        except Resting:
            return True
        return False

    for retryable in (False, False, True, False):
        with pytest.raises(Unavailable, match="failed"):
            call(retryable)
    assert not refused()
    for _ in range(2):
        with pytest.raises(Unavailable, match="failed"):
            call(retryable=True)
    assert refused()
    now = 11
    with breaker.watching():
        assert refused()
        with suppress(Unavailable), pytest.raises(asyncio.CancelledError), breaker.watching():
            raise asyncio.CancelledError
    assert not refused()


async def test_more_than_agreed_wait_shortly_and_are_refused() -> None:
    observer = Counting()
    async with (
        a_server(saying(then=30)) as url,
        a_client(agreed(url, concurrency=2, seconds=0.3), observer) as client,
    ):
        asking = [client.ask(the_request(**{"accept-language": str(n)})) for n in range(4)]
        errors = await asyncio.gather(*asking, return_exceptions=True)

    told = sorted(error.told for error in errors if isinstance(error, Unavailable))
    assert (
        told
        == ["did not answer within 0.3 seconds"] * 2
        + ["has as much to do for us as was agreed"] * 2
    )
    assert observer.events.count(Event.CROWDED) == 2


def counting(asked: list[tuple[dict[str, str], bytes]], answer: bytes = WHOLE) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked.append(await asked_of(reader))
            await asyncio.sleep(0.02)
            writer.write(answer)

    return behave


async def test_who_asks_the_same_shares_the_answer_and_not_the_object() -> None:
    asked: list[Any] = []
    async with a_server(counting(asked)) as url, a_client(agreed(url)) as client:
        one, other = await asyncio.gather(
            client.ask(the_request(**{"x-request-id": "a"})),
            client.ask(the_request(**{"x-request-id": "b"})),
        )
        assert one == other == GIVEN
        assert one["data"] is not other["data"]
        assert len(asked) == 1

        await client.ask(the_request())
        assert len(asked) == 2


async def test_viewers_whom_the_partner_can_tell_apart_share_nothing() -> None:
    asked: list[Any] = []
    async with (
        a_server(counting(asked)) as url,
        a_client(agreed(url, headers=["authorization"])) as client,
    ):
        await asyncio.gather(
            *(client.ask(the_request(authorization=f"Bearer {name}")) for name in "ab")
        )

    assert sorted(headers["authorization"] for headers, _ in asked) == ["Bearer a", "Bearer b"]


async def test_one_who_gives_up_does_not_take_the_answer_from_another() -> None:
    asked: list[Any] = []
    async with a_server(counting(asked)) as url, a_client(agreed(url)) as client:
        first = asyncio.create_task(client.ask(the_request()))
        second = asyncio.create_task(client.ask(the_request()))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == GIVEN

    assert len(asked) == 1


async def test_mutations_are_never_shared_and_queries_after_them_are_new() -> None:
    asked: list[Any] = []
    async with a_server(counting(asked)) as url, a_client(agreed(url)) as client:
        before = asyncio.create_task(client.ask(the_request()))
        await asyncio.gather(*(client.ask(the_request("mutation")) for _ in range(2)))
        await client.ask(the_request())
        await before

    assert len(asked) == 4


async def test_listed_headers_go_on_both_ways_and_no_others() -> None:
    asked: list[Any] = []
    answer = response(orjson.dumps(GIVEN), x_notice="बंद", set_cookie="who=1")
    async with (
        a_server(counting(asked, answer)) as url,
        a_client(agreed(url, answer_headers=["x-notice"])) as client,
    ):
        for _ in range(2):
            given = {"accept-language": latin("हि"), "authorization": "x", "cookie": "y"}
            request = the_request(**given)
            await client.ask(request)

    for headers, _ in asked:
        assert headers["accept-language"] == "हि"
        assert "authorization" not in headers
        assert "cookie" not in headers
    assert request.answer_headers == [("x-notice", latin("बंद"))]


def latin(text: str) -> str:
    """As bytes of headers are read and written by servers, whatever they mean."""
    return text.encode().decode("latin-1")


async def test_calls_are_signed_as_those_of_our_gateways() -> None:
    asked: list[Any] = []
    secret = "s" * 32
    partner: dict[str, Any] = {"secret": secret, "known_as": "up", "headers": ["authorization"]}
    async with a_server(counting(asked)) as url, a_client(agreed(url, **partner)) as client:
        await client.ask(the_request(authorization="Bearer me"))

    ((headers, body),) = asked
    call = Signed("POST", "/graphql", {"authorization": "Bearer me"}, body)
    Gateways({"up": secret}, 60).verify(call, headers["gateway-signature"].encode())


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("142.250.1.1", True),
        ("2a00:1450:4001::1", True),
        ("64:ff9b::8efa:101", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::1", False),
    ],
)
def test_addresses_are_public_or_not(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["10.0.0.1", "127.0.0.1"]], ids=str)
async def test_a_name_is_connected_to_only_where_its_addresses_are_public(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the name led elsewhere when it was last looked at."""
    asked: list[Any] = []
    async with a_server(counting(asked)) as url:
        port = int(url.split(":")[2].split("/")[0])
        partner = agreed(f"https://partner.example:{port}/graphql", private_addresses=False)

        async def resolved(host: str, port: int, **_: Any) -> list[Any]:
            return [(2, 1, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
        async with a_client(partner) as client:
            with pytest.raises(Unavailable, match="cannot be reached") as refused:
                await client.ask(the_request())

    assert refused.value.__cause__ is not None
    assert "is not public" in repr(refused.value.__cause__.__cause__)
    assert asked == []


async def test_an_address_is_connected_to_only_where_it_is_public() -> None:
    asked: list[Any] = []
    async with a_server(counting(asked)) as url:
        partner = agreed(url.replace("http:", "https:"), private_addresses=False)
        async with a_client(partner) as client:
            with pytest.raises(Unavailable, match="cannot be reached") as refused:
                await client.ask(the_request())

    assert refused.value.__cause__ is not None
    assert "is not public" in repr(refused.value.__cause__.__cause__)
    assert asked == []


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, str]:
    ca = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "authority.pem"
    ca.cert_pem.write_to_path(str(path))
    return ca, str(path)


def tls(ca: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize("name", ["partner.example", "elsewhere.example"])
async def test_the_address_is_the_one_looked_at_and_the_certificate_is_the_names(
    name: str, authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []

    async def resolved(host: str, port: int, **_: Any) -> list[Any]:
        looked_up.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("runtime.network.is_public", lambda address: True)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    ca, file = authority
    async with a_server(saying(WHOLE), tls(ca, "partner.example")) as url:
        there = url.replace("127.0.0.1", name)
        async with a_client(agreed(there, private_addresses=False, authority=file)) as client:
            if name == "partner.example":
                assert await client.ask(the_request()) == GIVEN
            else:
                with pytest.raises(Unavailable, match="cannot be reached"):
                    await client.ask(the_request())
    assert looked_up == [name]


async def test_a_partner_that_asks_for_a_certificate_is_shown_ours(
    authority: tuple[trustme.CA, str], tmp_path: Path
) -> None:
    ca, file = authority
    ours = ca.issue_cert("gateway.example")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    ours.cert_chain_pems[0].write_to_path(str(certificate))
    ours.private_key_pem.write_to_path(str(key))
    context = tls(ca, "localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(context)
    shown: dict[str, Any] = {"certificate": str(certificate), "key": str(key)}
    async with a_server(saying(WHOLE), context) as url:
        there = url.replace("127.0.0.1", "localhost")
        async with a_client(agreed(there, authority=file, **shown)) as client:
            assert await client.ask(the_request()) == GIVEN
        async with a_client(agreed(there, authority=file)) as client:
            with pytest.raises(Unavailable, match="cannot be reached"):
                await client.ask(the_request())


@pytest.mark.parametrize("names", [["authority"], ["certificate", "key"]], ids="+".join)
@pytest.mark.parametrize("text", [None, "no certificate"])
def test_certificates_that_cannot_be_taken_are_told_of_before_any_call(
    names: list[str], text: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "some.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(BadPartners, match=r"certificates for http://epf\.example"):
        HttpClient("people", agreed("http://epf.example", **dict.fromkeys(names, str(file))))


FILE = """
[provident-fund]
url = "https://epf.example/graphql"
seconds = 1.5
attempts = 3
headers = ["accept-language", "authorization"]
discloses = ["Worker.id"]
[provident-fund.fields]
"Worker.providentFundAccount" = "worker_record"
[eshram]
"""


def test_a_partners_file_says_what_is_agreed_and_leaves_the_rest_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "partners.toml"
    file.write_text(FILE)
    found = partners_in(file)

    assert found["eshram"] == Partner()
    fund = found["provident-fund"]
    assert (fund.seconds, fund.attempts, fund.concurrency) == (1.5, 3, 20)
    assert fund.fields == {"Worker.providentFundAccount": "worker_record"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[a", "cannot be read"),
        ("a = 1", "cannot be read"),
        ("[a]\nsecond = 1", r"\[a\].*unknown field `second`"),
        ("[a]\nattempts = 9", r"\[a\].*<= 5.*attempts"),
        ("[a]\nseconds = 0", r"\[a\].*> 0.*seconds"),
        ('[a]\nurl = "http://epf.example/"', r"\[a\].*begins with https"),
        ('[a]\nurl = "epf.example"', r"\[a\].*no address"),
        ('[a]\nurl = "https://me:it@epf.example/"', r"\[a\].*no address"),
        ('[a]\nurl = "https://epf.example:99999/"', r"\[a\].*no address"),
        ('[a]\nurl = "https://xn--/"', r"\[a\].*no address"),
        ('[a]\nheaders = ["Accept-Language"]', r"\[a\].*`Accept-Language`"),
        ('[a]\nanswer_headers = ["content-length"]', r"\[a\].*`content-length`"),
        ('[a]\nsecret = "short"', r"\[a\].*fewer than 32"),
        ('[a]\nkey = "key.pem"', r"\[a\].*together"),
    ],
)
def test_a_bad_partners_file_is_refused_by_key_and_reason(
    text: str, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "partners.toml"
    file.write_text(text)
    with pytest.raises(BadPartners, match=told):
        partners_in(file)
