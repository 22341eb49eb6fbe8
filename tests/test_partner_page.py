"""The page for partners' developers: all that it says to write and to type works."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy import compose
from deploy.packages import is_installed
from examples.provident_fund.register import Register
from examples.provident_fund.server import create_app
from runtime.signature import Call, sign
from tests.conftest import CHECKOUT, database
from tests.test_server import free_port

PAGE = CHECKOUT / "docs" / "partner-subgraph.md"
EXAMPLE = CHECKOUT / "examples"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BEHIND = "--- so much was told ---"
SECONDS = 240
SECRET = "0123456789abcdef" * 4


@dataclass(frozen=True)
class Block:
    kind: str
    file: str
    text: str


def blocks(page: Path = PAGE) -> Iterator[Block]:
    yield from (Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8")))


def script(page: Path = PAGE) -> str:
    """All commands of the page, one after the other in one shell."""
    commands = [f"{block.text}echo '{BEHIND}'" for block in blocks(page) if block.kind == "sh"]
    return "\n".join(["set -euo pipefail", "trap 'jobs -p | xargs -r kill' EXIT", *commands])


def typed(commands: str, folder: Path, **environment: str) -> tuple[int, str, str]:
    """The status, and what was printed. All that was started has ended then."""
    with subprocess.Popen(
        ["bash", "-c", commands],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            output, complaints = shell.communicate(timeout=SECONDS)
            return shell.returncode, output, complaints
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)


def answers(page: Path = PAGE) -> Iterator[object]:
    """What the page says is answered, for each of its commands; None where it does not say."""
    shown = [b for b in blocks(page) if b.kind in ("sh", "json") and not b.file]
    for block, after in zip(shown, [*shown[1:], None], strict=True):
        if block.kind == "sh":
            yield json.loads(after.text) if after and after.kind == "json" else None


def test_the_page_has_the_files_of_the_example() -> None:
    written = {block.file: block.text for block in blocks() if block.file}
    kept = {
        str(path.relative_to(EXAMPLE)): path.read_text(encoding="utf-8")
        for path in (EXAMPLE / "provident_fund").glob("*.py")
        if path.stem != "__init__"
    }

    assert written == kept


@pytest.mark.skipif(
    not is_installed(compose.FOLDER), reason="the composers are installed by `make compose`"
)
@pytest.mark.skipif(not shutil.which("curl"), reason="the page asks with curl")
def test_a_field_is_joined_as_the_page_has_it(server_url: str, tmp_path: Path) -> None:
    for block in blocks():
        if block.file:
            (tmp_path / block.file).parent.mkdir(exist_ok=True)
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    with database(server_url) as url:
        ports = {"PORT": str(free_port()), "FUND_PORT": str(free_port())}
        given = {"GATEWAY": str(CHECKOUT), "DATABASE_URL": url, **ports}
        code, output, complaints = typed(script(), tmp_path, **given)

    logs = "\n".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert code == 0, output + complaints + logs
    told = [text.strip() for text in output.split(BEHIND)[:-1]]
    expected = list(answers())
    assert len([answer for answer in expected if answer]) > 5
    assert [json.loads(text) if text else None for text in told] == expected, logs


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
