"""The example of a partner's server is the one that its page tells of, and answers us alone.

What the page says to type is typed by tests/test_pages.py.
"""

import json
from pathlib import Path

import httpx
import pytest

from examples.provident_fund.register import Register
from examples.provident_fund.server import create_app
from runtime.signature import Call, sign
from tests.conftest import CHECKOUT
from tests.reader import blocks

PAGE = CHECKOUT / "docs" / "partner-subgraph.md"
EXAMPLE = CHECKOUT / "examples"
SECRET = "0123456789abcdef" * 4


def test_the_page_has_the_files_of_the_example() -> None:
    written = {block.file: block.text for block in blocks(PAGE) if block.file}
    kept = {
        str(path.relative_to(EXAMPLE)): path.read_text(encoding="utf-8")
        for path in (EXAMPLE / "provident_fund").glob("*.py")
        if path.stem != "__init__"
    }

    assert written == kept


@pytest.fixture
def fund(tmp_path: Path) -> httpx.AsyncClient:
    app = create_app(Register(tmp_path / "fund.db"), SECRET)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://fund")


async def asked(
    fund: httpx.AsyncClient, secret: str = SECRET, name: str = "gateway"
) -> httpx.Response:
    query = (
        "query ($of: [_Any!]!) { _entities(representations: $of) {"
        " ... on Worker { providentFundAccount { memberId balancePaise } } } }"
    )
    of = [
        {"__typename": "Worker", "id": f"wk_{n}", "eshramUan": uan}
        for n, uan in enumerate(["000000000002", None, "000000000003", "000000000001"])
    ]
    body = json.dumps({"query": query, "variables": {"of": of}}).encode()
    signature = sign(Call("POST", "/graphql", {}, body), name, secret)
    return await fund.post("/graphql", content=body, headers={"gateway-signature": signature})


async def test_the_fund_answers_what_the_gateway_signs_in_its_order(
    fund: httpx.AsyncClient,
) -> None:
    answer = (await asked(fund)).json()

    assert answer["data"]["_entities"] == [
        {"providentFundAccount": {"memberId": "UPLKO00000020000000002", "balancePaise": 1598340}},
        {"providentFundAccount": None},
        {"providentFundAccount": None},
        {"providentFundAccount": {"memberId": "UPLKO00000010000000001", "balancePaise": 1582670}},
    ]


@pytest.mark.parametrize(("secret", "name"), [(SECRET[::-1], "gateway"), (SECRET, "stranger")])
async def test_the_fund_answers_nobody_else(
    fund: httpx.AsyncClient, secret: str, name: str
) -> None:
    assert (await asked(fund, secret, name)).status_code == 401


async def test_the_fund_answers_nothing_of_yesterday(
    fund: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("examples.provident_fund.server.SKEW_SECONDS", -1)

    assert (await asked(fund)).status_code == 401
