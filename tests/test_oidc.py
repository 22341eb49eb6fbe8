"""Officials sign in with an OpenID Connect provider: a real one, over HTTP, in its own process."""

import asyncio
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from runtime import clock, oidc
from runtime.faults import Unauthenticated
from runtime.identity import viewer_of
from runtime.oidc import Provider, claim_names
from runtime.process import Process
from runtime.rights import Role
from runtime.settings import Settings
from runtime.tokens import unverified
from runtime.viewer import Viewer
from server import create_app
from tests.asking import a_process
from tests.conftest import client_of
from tests.make import LUCKNOW, a_worker
from tests.provider import an_identity_provider, free_port, is_installed, signed_in

pytestmark = [
    pytest.mark.same_day,
    pytest.mark.skipif(
        not is_installed(), reason="npm's oidc-provider is not installed; setup.sh says why"
    ),
]

MINUTE = 60
OFFICER = {"role": "DISTRICT_OFFICER", "districts": ["162"]}
GOOD: dict[str, tuple[dict[str, Any], Viewer]] = {
    "officer": (OFFICER, Viewer(Role.DISTRICT_OFFICER, districts=("dt_162",))),
    "officer-of-two": (
        {"role": "district-officer", "districts": ["162", "131"]},
        Viewer(Role.DISTRICT_OFFICER, districts=("dt_131", "dt_162")),
    ),
    "officer-of-one": (
        {"role": "DISTRICT_OFFICER", "districts": "162"},
        Viewer(Role.DISTRICT_OFFICER, districts=("dt_162",)),
    ),
    "state": (
        {"role": ["offline_access", "STATE_OFFICER"]},
        Viewer(Role.STATE_OFFICER),
    ),
    "helpline": ({"role": "HELPLINE"}, Viewer(Role.HELPLINE)),
    "moderator": ({"role": "MODERATOR"}, Viewer(Role.MODERATOR)),
    "auditor": ({"role": "AUDITOR", "department": "dp_audit"}, Viewer(Role.AUDITOR)),
    "department": (
        {"role": "DEPARTMENT", "department": "dp_public-works", "districts": ["162"]},
        Viewer(Role.DEPARTMENT, districts=("dt_162",), department_id="dp_public-works"),
    ),
}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nobody": ({}, "one role"),
    "stranger": ({"role": "JANITOR"}, "one role"),
    "two-faced": ({"role": ["HELPLINE", "AUDITOR"]}, "one role"),
    "citizen": ({"role": "CITIZEN"}, "one role"),
    "worker": ({"role": "WORKER"}, "one role"),
    "partner": ({"role": "PARTNER"}, "one role"),
    "nowhere": ({"role": "DISTRICT_OFFICER"}, "no district"),
    "abroad": ({"role": "DISTRICT_OFFICER", "districts": ["162", "999"]}, "nobody knows: 999"),
    "office-of-none": ({"role": "DEPARTMENT"}, "no department"),
    "office-of-number": ({"role": "DEPARTMENT", "department": 7}, "no department"),
    **{
        f"role-{number}": ({"role": role}, told)
        for number, (role, told) in enumerate(
            [
                ("former AUDITOR", "one role"),
                ("AUDITOR former", "one role"),
                ("AUDITOR,x", "one role"),
                ("AUDITOR ", "one role"),
                ("AUDITOR\n", "one role"),
                ("AUDITOR\u200b", "one role"),
                ("Auditor", "one role"),
                ("STATE-OFFICER", "one role"),
                ("state_officer", "one role"),
                ("AUD\u0131TOR", "one role"),
                ("\u0410UDITOR", "one role"),
                ("\uff21UDITOR", "one role"),
                ("\u017fTATE_OFFICER", "one role"),
                (["no longer AUDITOR"], "one role"),
                (["AUDITOR", "state-officer"], "one role"),
                ([], "one role"),
                ("", "one role"),
                (["AUDITOR", ["STATE_OFFICER"]], "text or a list"),
                ([["AUDITOR"]], "text or a list"),
                ({"AUDITOR": True}, "text or a list"),
                (["AUDITOR", None], "text or a list"),
                (True, "text or a list"),
                (7, "text or a list"),
            ]
        )
    },
    **{
        f"districts-{number}": ({"role": "DISTRICT_OFFICER", "districts": districts}, told)
        for number, (districts, told) in enumerate(
            [
                ("162 131", "nobody knows: 162 131"),
                ("162,131", "nobody knows: 162,131"),
                ("not 162", "nobody knows: not 162"),
                ("1\u0666\u0662", "nobody knows"),
                ("dt_162", "nobody knows"),
                ("dv_lucknow", "nobody knows"),
                ("Lucknow", "nobody knows"),
                (162, "text or a list"),
                (["162", 131], "text or a list"),
                ([["162"]], "text or a list"),
                ({"162": "131"}, "text or a list"),
                ([], "no district"),
                ("", "nobody knows"),
            ]
        )
    },
}
ACCOUNTS: dict[str, dict[str, Any]] = {
    **{name: {"claims": claims} for name, (claims, _) in GOOD.items()},
    **{name: {"claims": claims} for name, (claims, _) in BAD.items()},
    "region": {"claims": {"role": "DISTRICT_OFFICER", "districts": ["lucknow", "131"]}},
    "keycloak": {
        "claims": {"realm_access": {"roles": ["DISTRICT_OFFICER", "x"]}, "posting": ["162"]}
    },
    # Tokens hold for ten minutes, and clocks may differ by one.
    "ended-just-now": {"claims": OFFICER, "shift": -10 * MINUTE - 30},
    "ended": {"claims": OFFICER, "shift": -11 * MINUTE - 30},
    "from-a-fast-clock": {"claims": OFFICER, "shift": 30},
    "from-the-future": {"claims": OFFICER, "shift": MINUTE + 30},
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with an_identity_provider(ACCOUNTS) as issuer:
        yield issuer


@pytest_asyncio.fixture
async def process(database_url: str, issuer: str) -> AsyncIterator[Process]:
    async with a_process(database_url, oidc_issuer=issuer) as process:
        yield process


async def viewer(process: Process, token: str) -> Viewer:
    return await viewer_of(f"Bearer {token}", process)


async def refusal(process: Process, token: str) -> str:
    """Why the token is not taken; empty if it is."""
    try:
        await viewer(process, token)
    except Unauthenticated as error:
        return error.message
    return ""


async def test_an_official_reads_the_records_of_the_own_district(
    database_url: str, issuer: str, settings: Settings
) -> None:
    ours = await a_worker(database_url)
    theirs = await a_worker(database_url, district_id="dt_131")
    query = "query ($id: ID!) { viewer { role } worker(id: $id) { fullName } }"
    token = await signed_in(issuer, "officer")

    async with client_of(create_app(replace(settings, oidc_issuer=issuer))) as client:
        near, far = [
            (
                await client.post(
                    "/graphql",
                    json={"query": query, "variables": {"id": worker.id}},
                    headers={"authorization": f"Bearer {token}"},
                )
            ).json()
            for worker in (ours, theirs)
        ]

    assert near["data"] == {
        "viewer": {"role": "DISTRICT_OFFICER"},
        "worker": {"fullName": "Anil Yadav"},
    }
    assert far["data"]["worker"] == {"fullName": None}
    assert far["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_claims_say_what_an_official_may(process: Process, issuer: str) -> None:
    found = {name: await viewer(process, await signed_in(issuer, name)) for name in GOOD}

    assert found == {name: replace(GOOD[name][1], id=f"official:{name}") for name in GOOD}


async def test_a_division_stands_for_its_districts(process: Process, issuer: str) -> None:
    found = await viewer(process, await signed_in(issuer, "region"))

    assert {LUCKNOW, "dt_131"} < set(found.districts)
    assert len(found.districts) == 7


async def test_a_token_that_says_too_little_or_too_much_is_refused(
    process: Process, issuer: str
) -> None:
    for name, (_, told) in BAD.items():
        assert told in await refusal(process, await signed_in(issuer, name)), name


async def test_a_setting_names_the_claims(database_url: str, issuer: str) -> None:
    names = "role=realm_access.roles,districts=posting"
    async with a_process(database_url, oidc_issuer=issuer, oidc_claims=names) as process:
        found = await viewer(process, await signed_in(issuer, "keycloak"))

    assert (found.role, found.districts) == (Role.DISTRICT_OFFICER, ("dt_162",))
    with pytest.raises(ValueError, match="OIDC_CLAIMS"):
        claim_names("rolle=groups")


async def test_clocks_may_differ_by_a_minute_and_no_more(process: Process, issuer: str) -> None:
    shifted = [name for name, account in ACCOUNTS.items() if "shift" in account]
    told = {name: await refusal(process, await signed_in(issuer, name)) for name in shifted}

    assert {name for name, said in told.items() if not said} == {
        "ended-just-now",
        "from-a-fast-clock",
    }
    assert all("not valid" in told[name] for name in ("ended", "from-the-future"))


async def test_a_token_for_another_audience_is_refused(process: Process, issuer: str) -> None:
    token = await signed_in(issuer, "officer", audience="payroll")

    assert "not valid" in await refusal(process, token)


async def test_a_token_of_another_issuer_is_refused(process: Process) -> None:
    with an_identity_provider(ACCOUNTS) as other:
        token = await signed_in(other, "officer")
    pretending = with_claims(token, iss=process.settings.oidc_issuer)

    assert "nobody we know" in await refusal(process, token)
    assert "not valid" in await refusal(process, pretending)


def with_claims(token: str, **claims: Any) -> str:
    """The token with other claims, and the signature it had."""
    header, _, signature = token.split(".")
    return f"{header}.{encoded(unverified(token, 1) | claims)}.{signature}"


def encoded(part: dict[str, Any] | bytes) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(text).decode().rstrip("=")


def claims_for(issuer: str, **claims: Any) -> dict[str, Any]:
    now = int(clock.timestamp())
    times = {"iat": now, "exp": now + 600}
    return {"iss": issuer, "aud": "sewa-mitra", "sub": "mallory", **times, **OFFICER, **claims}


async def test_nobody_can_forge_a_token(process: Process, issuer: str) -> None:
    genuine = await signed_in(issuer, "officer")
    async with httpx.AsyncClient() as client:
        (published,) = (await client.get(f"{issuer}/jwks")).json()["keys"]
    kid, claims = published["kid"], claims_for(issuer)
    hashed = f"{encoded({'alg': 'HS256', 'kid': kid})}.{encoded(claims)}"
    secret = RSAKey.import_key(published).as_pem(private=False)
    mac = hmac.digest(secret, hashed.encode(), "sha256")
    forged = {
        "with other claims": with_claims(genuine, role="STATE_OFFICER"),
        "without a signature": f"{encoded({'alg': 'none', 'kid': kid})}.{encoded(claims)}.",
        "with the public key as a secret": f"{hashed}.{encoded(mac)}",
        "with a key of one's own": jwt.encode(
            {"alg": "RS256", "kid": kid}, claims, RSAKey.generate_key(2048)
        ),
        "with a key in its header": jwt.encode(
            {"alg": "ES256", "kid": kid, "jwk": (own := ECKey.generate_key()).as_dict(False)},
            claims,
            own,
        ),
    }

    assert (await viewer(process, genuine)).role is Role.DISTRICT_OFFICER
    believed = [how for how, token in forged.items() if not await refusal(process, token)]
    assert believed == []


async def test_keys_may_change_while_we_run(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "PAUSE_SECONDS", 0)
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    async with a_process(database_url, oidc_issuer=issuer) as process:
        with an_identity_provider(ACCOUNTS, port):
            old = await signed_in(issuer, "officer")
            assert (await viewer(process, old)).role is Role.DISTRICT_OFFICER
        with an_identity_provider(ACCOUNTS, port):
            new = await signed_in(issuer, "officer")

            assert (await viewer(process, new)).role is Role.DISTRICT_OFFICER
            assert "not valid" in await refusal(process, old)


async def test_a_provider_that_is_down_is_not_the_fault_of_who_signs_in(
    settings: Settings,
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    token = jwt.encode({"alg": "ES256", "kid": "k"}, claims_for(nowhere), ECKey.generate_key())
    async with client_of(create_app(replace(settings, oidc_issuer=nowhere))) as client:
        official, anybody = [
            await client.post("/graphql", json={"query": "{ viewer { role } }"}, headers=headers)
            for headers in ({"authorization": f"Bearer {token}"}, {})
        ]

    assert official.status_code == 503
    assert int(official.headers["retry-after"]) > 0
    assert official.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert anybody.json()["data"]["viewer"]["role"] == "ANONYMOUS"


async def test_known_keys_serve_for_a_while_when_the_provider_is_down(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    other = jwt.encode({"alg": "ES256", "kid": "k"}, claims_for(issuer), ECKey.generate_key())
    async with a_process(database_url, oidc_issuer=issuer) as process:
        with an_identity_provider(ACCOUNTS, port):
            token = await signed_in(issuer, "officer")
            await viewer(process, token)
            assert "not valid" in await refusal(process, other)
        monkeypatch.setattr(oidc, "PAUSE_SECONDS", 0)

        assert (await viewer(process, token)).role is Role.DISTRICT_OFFICER
        with pytest.raises(OSError, match="newer keys"):
            await viewer(process, other)
        monkeypatch.setattr(oidc, "FRESH_SECONDS", 0)
        assert (await viewer(process, token)).role is Role.DISTRICT_OFFICER
        monkeypatch.setattr(oidc, "HOLD_SECONDS", 0)
        with pytest.raises(OSError, match="no keys"):
            await viewer(process, token)


async def test_keys_are_asked_for_once_however_many_ask(
    process: Process, issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, fetch = [], Provider._fetch

    async def counted(provider: Provider) -> Any:
        asked.append(1)
        return await fetch(provider)

    monkeypatch.setattr(Provider, "_fetch", counted)
    token = await signed_in(issuer, "officer")
    made_up = [
        jwt.encode({"alg": "ES256", "kid": str(n)}, claims_for(issuer), ECKey.generate_key())
        for n in range(20)
    ]

    answers = await asyncio.gather(
        *(viewer(process, one) for one in [token, *made_up]), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [Viewer] + [Unauthenticated] * 20
    assert len(asked) == 1


async def test_a_provider_must_be_the_issuer_it_is_asked_as(database_url: str, issuer: str) -> None:
    alias = issuer.replace("127.0.0.1", "localhost")
    token = jwt.encode({"alg": "ES256", "kid": "k"}, claims_for(alias), ECKey.generate_key())
    async with a_process(database_url, oidc_issuer=alias) as process:
        with pytest.raises(OSError, match="no keys"):
            await viewer(process, token)
