"""Partners' systems get tokens that say what they may read, where, and for how long; and the
keys that sign them, and everyone's, rotate."""

import asyncio
import os
import stat
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from sqlalchemy import func, select
from starlette.applications import Starlette

from edge.oauth import FORM_LIMIT, JWT_BEARER
from models.account import ConsentPurpose, ConsentRecord
from models.base import new_id
from models.partner import PartnerClient, SpentAssertion
from resolvers import partner_token
from resolvers.partner import register_partner_client, revoke_partner_client
from runtime import clock, partner
from runtime.contract import newest
from runtime.faults import Unauthenticated
from runtime.identity import viewer_of
from runtime.oauth import Asked, Denied
from runtime.process import Process
from runtime.secret import hashed, matches
from runtime.settings import Settings
from runtime.tokens import InvalidToken, Keys, NoKeys, public_keys, rotate, verified
from runtime.transaction import transaction
from runtime.words import Words
from tests.asking import a_process
from tests.conftest import client_of, run_sql_async
from tests.make import LUCKNOW, a_worker, save, scalar
from tests.test_server import command

ISSUER = Settings().address
SECRET = "a-secret of/its own+"
KEY = ECKey.generate_key("P-256", auto_kid=True)
AGRA = "dt_118"
SIGNS = PartnerClient.secret_hash.is_(None)
Token = Callable[..., Awaitable[httpx.Response]]


async def a_client(url: str, **columns: Any) -> PartnerClient:
    """May read skill and matching data of two districts."""
    client = PartnerClient(
        **{
            "id": new_id(PartnerClient.prefix),
            "name": "Skill Mission",
            "secret_hash": await hashed(SECRET),
            "purposes": ["JOB_MATCHING", "SKILL_RECORDS"],
            "district_ids": [AGRA, LUCKNOW],
            **columns,
        }
    )
    await save(url, client)
    return client


@pytest.fixture
def token(client: httpx.AsyncClient) -> Token:
    """Ask for one."""

    async def token(**form: str) -> httpx.Response:
        return await client.post("/oauth/token", data={"grant_type": "client_credentials", **form})

    return token


def assertion(client_id: str, key: ECKey = KEY, **claims: Any) -> dict[str, str]:
    """What a client sends that signs instead of having a secret."""
    body = {
        "iss": client_id,
        "sub": client_id,
        "aud": f"{ISSUER}/oauth/token",
        "exp": int(clock.timestamp()) + 60,
        "jti": os.urandom(8).hex(),
        **claims,
    }
    signed = jwt.encode({"alg": "ES256", "kid": key.kid}, body, key)
    return {"client_assertion_type": JWT_BEARER, "client_assertion": signed}


async def published(client: httpx.AsyncClient) -> KeySet:
    return public_keys((await client.get("/.well-known/jwks.json")).json())


async def test_a_token_says_what_the_client_may_read_and_where(
    client: httpx.AsyncClient, token: Token, database_url: str
) -> None:
    skills = await a_client(database_url)

    answer = await token(client_id=skills.id, client_secret=SECRET)
    given = answer.json()
    claims = verified(given["access_token"], await published(client))

    assert answer.headers["cache-control"] == "no-store"
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 600)
    assert given["scope"] == (
        f"purpose:JOB_MATCHING purpose:SKILL_RECORDS district:118 district:162 contract:{newest()}"
    )
    assert (claims["sub"], claims["client_id"], claims["role"]) == (skills.id, skills.id, "PARTNER")
    assert claims["purposes"] == ["JOB_MATCHING", "SKILL_RECORDS"]
    assert claims["districts"] == [AGRA, LUCKNOW]


async def test_a_token_opens_the_records_of_those_who_agreed(
    client: httpx.AsyncClient, token: Token, database_url: str
) -> None:
    skills = await a_client(database_url)
    agreed, silent = [await a_worker(database_url) for _ in range(2)]
    consent = ConsentRecord(
        id=new_id("cs"),
        subject_id=agreed.id,
        purpose="SKILL_RECORDS",
        notice_version="1",
        language="hi",
        channel="APP",
        given_at=clock.now(),
    )
    await save(database_url, consent)
    query = "query ($id: ID!) { worker(id: $id) { fullName } }"

    async def name(worker_id: str, scope: str) -> Any:
        given = (await token(client_id=skills.id, client_secret=SECRET, scope=scope)).json()
        answer = await client.post(
            "/graphql",
            json={"query": query, "variables": {"id": worker_id}},
            headers={"authorization": f"Bearer {given['access_token']}"},
        )
        return answer.json()["data"]["worker"]["fullName"]

    assert await name(agreed.id, "") == "Anil Yadav"
    assert await name(silent.id, "") is None
    assert await name(agreed.id, "purpose:JOB_MATCHING") is None
    assert await name(agreed.id, "district:118") is None


async def test_a_scope_narrows_and_never_widens(
    client: httpx.AsyncClient, token: Token, database_url: str
) -> None:
    me = {"client_id": (await a_client(database_url)).id, "client_secret": SECRET}
    narrow = (await token(**me, scope="district:162 purpose:SKILL_RECORDS")).json()
    half = (await token(**me, scope="purpose:SKILL_RECORDS")).json()
    claims = verified(narrow["access_token"], await published(client))

    assert (claims["purposes"], claims["districts"]) == (["SKILL_RECORDS"], [LUCKNOW])
    assert narrow["scope"] == f"purpose:SKILL_RECORDS district:162 contract:{newest()}"
    assert half["scope"].startswith("purpose:SKILL_RECORDS district:118 district:162 ")
    for beyond in ("district:163", "purpose:RESEARCH", "district:162 everything"):
        refused = await token(**me, scope=beyond)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope"), beyond


async def test_a_client_proves_itself_by_basic_by_form_or_by_signature(
    token: Token, client: httpx.AsyncClient, database_url: str
) -> None:
    knows = await a_client(database_url)
    signs = await a_client(
        database_url, secret_hash=None, public_keys=KeySet([KEY]).as_dict(private=False)
    )
    # RFC 6749 has both encoded as in a form before they are joined.
    basic = b64encode(f"{knows.id}:a-secret+of%2Fits+own%2B".encode()).decode()
    by_basic = await client.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        headers={"authorization": f"Basic {basic}"},
    )

    assert by_basic.status_code == 200
    assert (await token(client_id=knows.id, client_secret=SECRET)).status_code == 200
    assert (await token(**assertion(signs.id))).status_code == 200
    assert (await token(**assertion(signs.id, aud=ISSUER))).status_code == 200
    assert (await token(client_id=signs.id, **assertion(signs.id))).status_code == 200


async def test_every_way_to_fail_is_answered_the_same(token: Token, database_url: str) -> None:
    knows = await a_client(database_url)
    signs = await a_client(
        database_url, secret_hash=None, public_keys=KeySet([KEY]).as_dict(private=False)
    )
    past = clock.now() - timedelta(seconds=1)
    revoked = await a_client(database_url, revoked_at=past)
    expired = await a_client(database_url, expires_at=past)
    stranger = ECKey.generate_key("P-256", auto_kid=True)
    pretender = ECKey.import_key({**stranger.as_dict(private=True), "kid": str(KEY.kid)})
    tries = [
        {"client_id": "pc_nobody", "client_secret": SECRET},
        {"client_id": "\0", "client_secret": SECRET},
        {"client_id": knows.id, "client_secret": "guessed"},
        {"client_id": knows.id},
        {},
        {"client_id": signs.id, "client_secret": SECRET},
        {"client_id": revoked.id, "client_secret": SECRET},
        {"client_id": expired.id, "client_secret": SECRET},
        assertion(knows.id),
        assertion("pc_nobody"),
        assertion(signs.id, stranger),
        assertion(signs.id, pretender),
        assertion(signs.id, iss="pc_nobody"),
        assertion(signs.id, aud="https://another.example"),
        assertion(signs.id, exp=int(clock.timestamp()) - 90),
        assertion(signs.id, jti=None),
        {"client_assertion_type": JWT_BEARER, "client_assertion": "x.y.z"},
    ]
    answers = [await token(**one) for one in tries]

    assert {(one.status_code, one.content) for one in answers} == {
        (
            401,
            b'{"error":"invalid_client",'
            b'"error_description":"The client is unknown, or did not prove itself."}',
        )
    }
    assert {one.headers["www-authenticate"] for one in answers} == {'Basic realm="sewa-mitra"'}


async def test_a_client_nobody_knows_costs_as_much_as_a_wrong_secret(
    token: Token, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []

    async def watched(hash: str, secret: str) -> bool:
        compared.append(hash.rpartition("$")[0].rpartition("$")[0])
        return await matches(hash, secret)

    monkeypatch.setattr("resolvers.partner_token.matches", watched)
    knows = await a_client(database_url)

    await token(client_id=knows.id, client_secret="guessed")
    await token(client_id="pc_nobody", client_secret="guessed")

    assert len(compared) == 2
    assert compared[0] == compared[1]


async def test_an_assertion_is_good_once(token: Token, database_url: str) -> None:
    keys = KeySet([KEY]).as_dict(private=False)
    signs, other = [
        await a_client(database_url, secret_hash=None, public_keys=keys) for _ in range(2)
    ]
    shown = assertion(signs.id, jti="the-same")

    answers = await asyncio.gather(*(token(**shown) for _ in range(8)))

    assert sorted(one.status_code for one in answers) == [200] + [401] * 7
    assert "shown before" in max(answers, key=lambda one: one.status_code).text
    assert (await token(**assertion(other.id, jti="the-same"))).status_code == 200


async def test_assertions_are_remembered_while_they_hold_and_no_longer(
    token: Token, database_url: str
) -> None:
    keys = KeySet([KEY]).as_dict(private=False)
    signs = await a_client(database_url, secret_hash=None, public_keys=keys)
    kept = select(func.count()).select_from(SpentAssertion)

    endless = await token(**assertion(signs.id, exp=int(clock.timestamp()) + 3600))
    assert (endless.status_code, endless.json()["error"]) == (401, "invalid_client")
    assert await scalar(database_url, kept) == 0

    just_ended = assertion(signs.id, exp=int(clock.timestamp()) - 30)
    assert (await token(**just_ended)).status_code == 200
    assert (await token(**just_ended)).status_code == 401
    await token(**assertion(signs.id))
    assert await scalar(database_url, kept) == 2
    await run_sql_async(database_url, "UPDATE spent_assertion SET expires_at = :now")
    await token(**assertion(signs.id))
    assert await scalar(database_url, kept) == 1


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ("grant_type=client_credentials&grant_type=password", 400, "invalid_request"),
        ("client_id=x&client_secret=y", 400, "invalid_request"),
        ("grant_type=password&username=x&password=y", 400, "unsupported_grant_type"),
        ("grant_type=client_credentials&client_secret=x&client_assertion=y", 400, "invalid_req"),
        ("grant_type=client_credentials&client_assertion=x.y.z", 400, "invalid_request"),
        ("grant_type=client_credentials&client_id=%ff", 400, "invalid_request"),
        ("&".join(f"a{n}=1" for n in range(20)), 400, "invalid_request"),
        ("grant_type=" + "x" * FORM_LIMIT, 413, "invalid_request"),
    ],
)
async def test_what_is_no_request_is_told_as_the_standard_says(
    client: httpx.AsyncClient, form: str, status: int, error: str
) -> None:
    answer = await client.post(
        "/oauth/token",
        content=form,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code == status
    assert answer.json()["error"].startswith(error)
    assert answer.json()["error_description"]


async def test_only_forms_are_taken(client: httpx.AsyncClient) -> None:
    json = await client.post("/oauth/token", json={"grant_type": "client_credentials"})

    assert (json.status_code, json.json()["error"]) == (415, "invalid_request")
    assert (await client.get("/oauth/token")).status_code == 405


async def test_a_client_that_expires_soon_gets_a_token_that_does_too(
    token: Token, database_url: str
) -> None:
    soon = clock.now() + timedelta(seconds=100)
    short = await a_client(database_url, expires_at=soon)

    given = (await token(client_id=short.id, client_secret=SECRET)).json()

    assert 90 < given["expires_in"] <= 100


async def test_what_is_taken_from_a_client_is_taken_from_its_tokens(
    app: Starlette, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    skills = await a_client(database_url)
    form = {"client_id": skills.id, "client_secret": SECRET, "grant_type": "client_credentials"}
    async with client_of(app) as client:
        given = (await client.post("/oauth/token", data=form)).json()

        async def status() -> int:
            answer = await client.post(
                "/graphql",
                json={"query": "{ viewer { role } }"},
                headers={"authorization": f"Bearer {given['access_token']}"},
            )
            return answer.status_code

        before = await status()
        await run_sql_async(database_url, "UPDATE partner_client SET revoked_at = :now")
        at_once = await status()
        monkeypatch.setattr(partner, "KNOWN_SECONDS", -1)
        after = await status()

    assert (before, at_once, after) == (200, 200, 401)


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


async def test_a_client_is_registered_narrowed_and_revoked(
    process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partner, "KNOWN_SECONDS", -1)
    async with transaction(process) as tx:
        made = await register_partner_client(
            tx,
            name=Words("Skill Mission"),
            contact=Words("mission@example.org"),
            purposes=[ConsentPurpose.RESEARCH, ConsentPurpose.SKILL_RECORDS],
            district_codes=[162],
            days=30,
        )
    asked = Asked(made.client_id, made.secret, None, None)
    issued = await partner_token.issue(process, asked)

    async def left() -> tuple[str, ...]:
        return (await viewer_of(f"Bearer {issued.access_token}", process)).purposes

    assert await left() == ("RESEARCH", "SKILL_RECORDS")
    await run_sql_async(database_url, "UPDATE partner_client SET purposes = '{RESEARCH,PHOTO}'")
    assert await left() == ("RESEARCH",)
    async with transaction(process) as tx:
        await revoke_partner_client(tx, client_id=made.client_id, reason=Words("Over"))
    with pytest.raises(Unauthenticated, match="has ended"):
        await left()
    with pytest.raises(Denied):
        await partner_token.issue(process, asked)
    assert made.secret not in await scalar(database_url, select(PartnerClient.secret_hash))


async def test_what_clients_need_to_know_is_published(client: httpx.AsyncClient) -> None:
    told = (await client.get("/.well-known/oauth-authorization-server")).json()
    keys = (await client.get("/.well-known/jwks.json")).json()["keys"]

    assert told["issuer"] == ISSUER
    assert told["token_endpoint"] == f"{ISSUER}/oauth/token"
    assert told["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert told["grant_types_supported"] == ["client_credentials"]
    assert not [
        alg
        for alg in told["token_endpoint_auth_signing_alg_values_supported"]
        if alg.startswith(("HS", "none"))
    ]
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}]


def some_keys(path: Path) -> Keys:
    return Keys(path, ISSUER, "sewa-mitra")


def test_keys_rotate_under_a_running_process(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    rotate(path)
    keys = some_keys(path)
    first = keys.sign(10, sub="x")

    rotate(path)
    second = keys.sign(10, sub="x")
    assert [keys.claims(one)["sub"] for one in (first, second)] == ["x", "x"]
    assert len(keys.published["keys"]) == 2

    rotate(path)
    assert keys.claims(second)["sub"] == "x"
    with pytest.raises(InvalidToken):
        keys.claims(first)
    assert not {"d"} & set(keys.published["keys"][0])


def test_a_spoilt_file_leaves_the_keys_of_before(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    rotate(path)
    keys = some_keys(path)
    token = keys.sign(10, sub="x")

    path.write_text("{")
    assert keys.claims(token)["sub"] == "x"
    path.unlink()
    assert keys.claims(token)["sub"] == "x"
    with pytest.raises(NoKeys, match="does not exist"):
        some_keys(path)
    path.write_bytes(orjson.dumps({"keys": [OctKey.generate_key(256).as_dict()]}))
    with pytest.raises(NoKeys, match="private P-256 keys only"):
        some_keys(path)


def test_only_the_owner_reads_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    for _ in range(2):
        rotate(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.slow
def test_the_command_line_makes_keys_and_serving_people_needs_them(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    production = {
        "DEVELOPMENT": "false",
        "ISSUER": "https://x.example",
        "SMS_URL": "https://y.example",
        "WEBHOOKS": "off",
    }
    missing = command("serve", SIGNING_KEYS=str(path), **production)
    made = command("keys", SIGNING_KEYS=str(path))
    again = command("keys", SIGNING_KEYS=str(path))
    without = command("serve", **production)

    assert "signs from now on" in made.stderr
    assert "still verifies" in again.stderr
    assert len(some_keys(path).published["keys"]) == 2
    assert "does not exist" in " ".join(missing.stderr.split())
    assert "SIGNING_KEYS is required" in without.stderr
    assert (missing.returncode, without.returncode) == (1, 1)


async def test_the_command_line_gives_and_takes_access(
    token: Token, database_url: str, tmp_path: Path
) -> None:
    keys = tmp_path / "public.json"
    keys.write_bytes(orjson.dumps(KeySet([KEY]).as_dict(private=True)))
    place = ("--purpose", "RESEARCH", "--district", "162")

    def add(*arguments: str) -> dict[str, str]:
        said = command("partner", "add", "Skill Mission", *arguments, DATABASE_URL=database_url)
        assert said.returncode == 0, said.stderr
        return dict(line.split() for line in said.stdout.splitlines())

    knows = await asyncio.to_thread(add, *place)
    signs = await asyncio.to_thread(add, *place, "--keys", str(keys))
    abroad = await asyncio.to_thread(
        command, "partner", "add", "x", *place, "--district", "7", DATABASE_URL=database_url
    )

    given = (await token(**knows)).json()
    assert given["scope"] == f"purpose:RESEARCH district:162 contract:{newest()}"
    assert list(signs) == ["client_id"]
    assert (await token(**assertion(signs["client_id"]))).status_code == 200
    kept = await scalar(database_url, select(PartnerClient.public_keys).where(SIGNS))
    assert "d" not in kept["keys"][0]
    assert "no district" in abroad.stderr.lower()

    ended = await asyncio.to_thread(
        command, "partner", "revoke", knows["client_id"], DATABASE_URL=database_url
    )
    assert ended.returncode == 0
    assert (await token(**knows)).status_code == 401
