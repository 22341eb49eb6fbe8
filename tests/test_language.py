"""In which language whoever asks is answered: the one they ask for, else their own."""

import httpx
import pytest

from edge.negotiation import EVENTS
from runtime.language import Language, preferred
from runtime.rights import Role
from runtime.settings import Settings
from runtime.viewer import Viewer
from server import create_app
from tests.asking import Inbox
from tests.conftest import Statements
from tests.live import served
from tests.make import a_citizen, a_provider, a_worker

PHONE = "+910000800001"
ENGLISH, HINDI = "Electrician", "इलेक्ट्रीशियन"
QUERY = '{ serviceCategory(slug: "electrician") { name } }'
SIGN_IN = """mutation ($input: SignInInput!) { signIn(input: $input) {
  ... on SignedIn { accessToken refreshToken } } }"""
REQUEST_CODE = "mutation ($input: RequestCodeInput!) { requestCode(input: $input) { __typename } }"
REFRESH = """mutation ($input: RefreshSessionInput!) { refreshSession(input: $input) {
  ... on SignedIn { accessToken } } }"""


async def posted(client: httpx.AsyncClient, query: str, token: str = "", **given: object) -> object:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    variables = {"input": given} if given else {}
    body = {"query": query, "variables": variables}
    answer = (await client.post("/graphql", json=body, headers=headers)).json()
    assert "errors" not in answer, answer
    (data,) = answer["data"].values()
    return data


async def signed_in(client: httpx.AsyncClient, inbox: Inbox, role: str) -> dict[str, str]:
    await posted(client, REQUEST_CODE, mobile=PHONE, role=role)
    given = {"mobile": PHONE, "role": role, "code": inbox.code(PHONE)}
    tokens = await posted(client, SIGN_IN, **given)
    assert isinstance(tokens, dict)
    return tokens


async def name_for(client: httpx.AsyncClient, token: str, accept_language: str = "") -> str:
    headers = {"authorization": f"Bearer {token}"}
    if accept_language:
        headers["accept-language"] = accept_language
    answer = await client.post("/graphql", json={"query": QUERY}, headers=headers)
    name = str(answer.json()["data"]["serviceCategory"]["name"])
    assert answer.headers["content-language"] == ("hi" if name == HINDI else "en")
    return name


async def test_who_is_signed_in_is_answered_in_their_own_language(
    client: httpx.AsyncClient, inbox: Inbox, database_url: str
) -> None:
    await a_citizen(database_url, mobile=PHONE, language="hi")
    tokens = await signed_in(client, inbox, "CITIZEN")
    token = tokens["accessToken"]

    assert await name_for(client, token) == HINDI
    assert await name_for(client, token, "fr, *;q=0.5") == HINDI
    assert await name_for(client, token, "en-IN, hi;q=0.5") == ENGLISH
    assert await name_for(client, token, "hi") == HINDI
    renewed = await posted(client, REFRESH, refreshToken=tokens["refreshToken"])
    assert isinstance(renewed, dict)
    assert await name_for(client, renewed["accessToken"]) == HINDI


async def test_whose_language_nobody_knows_is_answered_in_english(
    client: httpx.AsyncClient, inbox: Inbox, database_url: str
) -> None:
    await a_provider(database_url, mobile=PHONE)

    assert await name_for(client, (await signed_in(client, inbox, "PROVIDER"))["accessToken"]) == (
        ENGLISH
    )


@pytest.mark.parametrize(("languages", "name"), [(["en", "hi"], HINDI), (["ur", "en"], ENGLISH)])
async def test_a_worker_who_reads_hindi_is_answered_in_hindi(
    client: httpx.AsyncClient,
    inbox: Inbox,
    database_url: str,
    languages: list[str],
    name: str,
) -> None:
    await a_worker(database_url, mobile=PHONE, languages=languages)

    assert await name_for(client, (await signed_in(client, inbox, "WORKER"))["accessToken"]) == name


async def test_it_costs_no_statement(
    client: httpx.AsyncClient, inbox: Inbox, database_url: str, statements: Statements
) -> None:
    await a_citizen(database_url, mobile=PHONE, language="hi")
    token = (await signed_in(client, inbox, "CITIZEN"))["accessToken"]

    with statements(at_most=1):
        await name_for(client, token)


@pytest.mark.parametrize(
    ("payload", "header", "name"),
    [
        ({}, {}, HINDI),
        ({"Accept-Language": "en"}, {}, ENGLISH),
        ({}, {"accept-language": "en-IN"}, ENGLISH),
        ({"Accept-Language": "hi"}, {"accept-language": "en-IN"}, HINDI),
    ],
)
async def test_a_socket_speaks_the_language_of_its_connection(
    settings: Settings, payload: dict[str, str], header: dict[str, str], name: str
) -> None:
    viewer = Viewer(Role.CITIZEN, id="cz_1", language=Language.HI)
    async with (
        served(create_app(settings, Inbox())) as gateway,
        gateway.opened(additional_headers=header) as socket,
    ):
        await socket.begin(gateway.token(viewer), **payload)
        await socket.say("subscribe", id="1", payload={"query": QUERY})
        told = await socket.hear()

    assert told["payload"]["data"] == {"serviceCategory": {"name": name}}


@pytest.mark.parametrize(("header", "name"), [({}, HINDI), ({"accept-language": "en"}, ENGLISH)])
async def test_events_come_in_the_viewers_own_language(
    settings: Settings, header: dict[str, str], name: str
) -> None:
    viewer = Viewer(Role.CITIZEN, id="cz_1", language=Language.HI)
    query = "subscription { statisticsChanged { statistics { __typename } } }"
    async with served(create_app(settings, Inbox())) as gateway, httpx.AsyncClient() as client:
        headers = {"authorization": gateway.token(viewer), "accept": EVENTS, **header}
        body = {"query": query}
        async with client.stream("POST", gateway.http, json=body, headers=headers) as answer:
            spoken = answer.headers["content-language"]

    assert spoken == ("hi" if name == HINDI else "en")


def test_a_header_that_names_neither_says_nothing() -> None:
    assert preferred("") is preferred("fr") is preferred("*") is preferred("hi;q=0") is None
    assert preferred("fr, en;q=0.1") is Language.EN
