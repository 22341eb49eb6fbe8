"""The IDE in a real browser: examples, an answer in Hindi, and nothing from elsewhere."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.async_api import Page, async_playwright
from starlette.applications import Starlette

import ide.build
from edge.ide import operations, page
from models.account import DemoAccount
from runtime.changes import sequence
from runtime.rights import Role
from runtime.transaction import transaction
from tests.asking import a_process
from tests.make import a_booking, a_citizen, a_worker, save

CHROMIUM = shutil.which("chromium")
OPERATIONS = Path(__file__).parent.parent / "docs" / "operations"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The address of the application on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="websockets-sansio"))
    running = asyncio.create_task(server.serve([listener]))
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110  (uvicorn offers no event to wait for)
            await asyncio.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await running


@asynccontextmanager
async def browser_page() -> AsyncIterator[tuple[Page, list[str]]]:
    """A page, and everything in it that ought not to happen."""
    wrong: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        shown = await browser.new_page(viewport={"width": 1440, "height": 900})
        shown.on("pageerror", lambda error: wrong.append(str(error)))
        shown.on(
            "console",
            lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None,
        )
        shown.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(("http://127.0.0.1", "data:", "blob:"))
                else wrong.append(request.url)
            ),
        )
        yield shown, wrong
        await browser.close()


@needs_chromium
async def test_the_ide_answers_examples_in_hindi_and_as_their_people_without_leaving_home(
    database_url: str, app: Starlette
) -> None:
    worker = await a_worker(database_url, home=(26.8467, 80.9462))
    account = DemoAccount(
        name="worker", role=Role.WORKER, person_id=worker.id, district_ids=[], purposes=[]
    )
    await save(database_url, account)
    async with served(app) as address, browser_page() as (shown, wrong):
        await shown.goto(f"{address}/graphql")
        tabs = shown.locator(".graphiql-tab")
        await tabs.first.wait_for(timeout=30_000)
        assert await tabs.count() == len(operations(OPERATIONS))

        editor = shown.locator(".graphiql-query-editor")
        await editor.get_by_text("HomeView").first.wait_for(timeout=30_000)

        await shown.locator("button.graphiql-execute-button").click()

        answer = shown.locator(".graphiql-response")
        await answer.get_by_text("अनिल").first.wait_for(timeout=30_000)
        assert worker.id in await answer.inner_text()

        await tabs.get_by_text("WorkerDay").click()
        await editor.get_by_text("WorkerDay").first.wait_for(timeout=30_000)
        # For a moment after the change of tabs the IDE names the operation of the one before.
        await asyncio.sleep(2)
        await shown.locator("button.graphiql-execute-button").click()
        await answer.get_by_text(worker.mobile or "").first.wait_for(timeout=30_000)

    assert wrong == []


@needs_chromium
async def test_the_ide_subscribes_as_the_headers_say(database_url: str, app: Starlette) -> None:
    citizen = await a_citizen(database_url)
    account = DemoAccount(
        name="citizen", role=Role.CITIZEN, person_id=citizen.id, district_ids=[], purposes=[]
    )
    await save(database_url, account)
    async with (
        served(app) as address,
        browser_page() as (shown, wrong),
        a_process(database_url) as process,
    ):
        await shown.goto(f"{address}/graphql")
        editor = shown.locator(".graphiql-query-editor")
        await editor.get_by_text("HomeView").first.wait_for(timeout=30_000)
        await shown.locator(".graphiql-tab").get_by_text("CitizenHome").click()
        await editor.get_by_text("CitizenHome").first.wait_for(timeout=30_000)
        booking = await a_booking(
            database_url, worker=await a_worker(database_url), citizen=citizen, state="ACCEPTED"
        )
        await editor.locator(".view-lines").click()
        await shown.keyboard.press("Control+A")
        await shown.keyboard.insert_text(
            f'subscription Watch {{ bookingChanged(bookingId: "{booking.id}") {{ event }} }}'
        )
        # Suggestions may lie over the button.
        await shown.keyboard.press("Escape")
        await shown.locator(".graphiql-tab").get_by_text("Watch").wait_for(timeout=30_000)
        await shown.keyboard.press("Control+Enter")
        answer = shown.locator(".graphiql-response")
        async with asyncio.timeout(30):
            while not await answer.get_by_text("BookingSeen").count():
                async with transaction(process) as tx:
                    await tx.emit("BookingSeen", booking.id)
                await sequence(process)
                await asyncio.sleep(0.2)

    assert wrong == []


async def test_browsers_get_the_page_under_a_strict_policy(client: httpx.AsyncClient) -> None:
    shown = await client.get("/graphql", headers={"accept": "text/html,*/*;q=0.8"})
    policy = shown.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'self';" in policy
    assert "http://" not in shown.text.replace("http://www.w3.org", "")
    script = f"/ide/{ide.build.assets().name}/main.js"
    assert script in shown.text
    served = await client.get(script)
    assert served.headers["cache-control"].endswith("immutable")
    assert served.headers["content-type"].startswith("text/javascript")
    assert (await client.get("/ide/nothing.js")).status_code == 404


def test_an_ide_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    body: Any = page("/graphql", OPERATIONS, tmp_path / "missing").body

    assert b"python -m ide.build" in body


def test_a_script_cannot_be_smuggled_into_the_page(tmp_path: Path) -> None:
    (tmp_path / "x.graphql").write_text("# a: b\n# </script><script>alert(1)</script>\n{ a }")

    body: Any = page("/graphql", tmp_path, tmp_path).body

    assert body.count(b"</script>") == 2
