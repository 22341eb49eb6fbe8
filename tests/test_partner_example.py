"""The example of a department's system: its copy is what the client may have, wherever it was
killed, and it takes what it is told once and from nobody but the gateway."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pyarrow.parquet as pq
import pytest
from sqlalchemy import update
from sqlalchemy.engine import make_url
from standardwebhooks import Webhook

from examples.partner.gateway import Gateway
from models.account import ConsentRecord
from models.worker import Worker
from runtime import clock
from runtime.transaction import transaction
from server import fill
from tests.asking import a_process
from tests.conftest import CHECKOUT, database
from tests.test_server import command, free_port, serving, until

pytestmark = pytest.mark.slow

PROFILE = "scale-2025" if os.environ.get("LONG") else "launch"
PATIENCE_SECONDS = 600 if os.environ.get("LONG") else 150
"""What was not taken while the receiver was down is sent again after a while, and again."""
PAUSE_SECONDS = 0.1
"""Between changes: each is a delivery as well, and all share two cores with the suite."""
KILLS = 16 if os.environ.get("LONG") else 8
PURPOSES = ("JOB_MATCHING", "SKILL_RECORDS")
MAY_HAVE = """
SELECT w.id, w.code,
       (SELECT count(*) FROM worker_skill s WHERE s.worker_id = w.id)
  FROM worker w JOIN district d ON d.id = w.district_id
 WHERE d.lgd_code = ANY(%s) AND w.status NOT IN ('SUSPENDED', 'ERASED')
   AND EXISTS (SELECT FROM consent_record c
                WHERE c.subject_id = w.id AND c.purpose = ANY(%s) AND c.withdrawn_at IS NULL)
"""
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="module")
def seeded(server_url: str, template: str) -> Iterator[str]:
    with database(server_url, template) as url:
        fill(url, PROFILE, seed=1, workers=None, as_of=None)
        yield url


def districts(url: str) -> list[int]:
    return [code for (code,) in query(url, "SELECT lgd_code FROM district WHERE lgd_code < 165")]


def query(url: str, sql: str, *values: Any) -> list[Any]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        return connection.execute(sql.encode(), values).fetchall()


def registered(url: str) -> dict[str, str]:
    places = [option for code in districts(url) for option in ("--district", str(code))]
    purposes = [option for purpose in PURPOSES for option in ("--purpose", purpose)]
    quotas = ("--points-per-minute", "100000000")
    added = command("partner", "add", "x", *purposes, *places, *quotas, DATABASE_URL=url)
    told = dict(line.split() for line in added.stdout.splitlines())
    return {name.upper(): value for name, value in told.items()}


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    program = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=CHECKOUT, env={**os.environ, **environment}
    )
    try:
        yield program
    finally:
        program.kill()
        program.wait()


async def change_people(url: str, ids: list[str], stop: asyncio.Event) -> None:
    """Whoever may be had goes, comes back, moves and changes, in committed transactions."""
    chance = random.Random(7)
    async with a_process(url) as process:
        while not stop.is_set():
            worker = chance.choice(ids)
            gone = chance.random() < 0.5
            async with transaction(process) as tx:
                if chance.random() < 0.5:
                    status = "SUSPENDED" if gone else "ACTIVE"
                    values = {"status": status}
                    await tx.change(update(Worker).where(Worker.id == worker).values(values))
                    await tx.emit("WorkerSuspended" if gone else "WorkerActivated", worker)
                else:
                    when = clock.now() if gone else None
                    await tx.change(
                        update(ConsentRecord)
                        .where(ConsentRecord.subject_id == worker)
                        .values(withdrawn_at=when)
                    )
                    event = "ConsentWithdrawn" if gone else "ConsentGiven"
                    await tx.emit(event, worker)
            await asyncio.sleep(PAUSE_SECONDS)


def is_noted(url: str) -> bool:
    """Whether everything that happened has got as far as those who keep copies."""
    ((waiting, behind),) = query(
        url,
        "SELECT (SELECT count(*) FROM outbox), (SELECT max(position) FROM change_log)"
        " - (SELECT position FROM follower WHERE name = 'records')",
    )
    return bool(waiting == 0 and behind == 0)


def a_webhook(environment: dict[str, str], port: int) -> str:
    """Its secret."""
    given = {
        "url": f"http://127.0.0.1:{port}/hooks",
        "events": ["worker.activated", "worker.suspended", "consent.given", "consent.withdrawn"],
        "selection": "{ sequence name subjectId worker { code } }",
    }
    signed_in = [environment[name] for name in ("GATEWAY", "CLIENT_ID", "CLIENT_SECRET")]
    with closing(Gateway(*signed_in)) as gateway:
        made = gateway.ask(
            "mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) {"
            " ... on WebhookSecret { secret } ... on Refusal { message } } }",
            input=given,
        )
    return str(made["createWebhook"]["secret"])


def is_delivered(url: str) -> bool:
    pending = "SELECT count(*) FROM webhook_delivery WHERE state = 'PENDING'"
    return is_noted(url) and query(url, pending) == [(0,)]


def await_delivery(url: str) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not is_delivered(url):
        assert time.monotonic() < ends_at, f"not all was delivered in {PATIENCE_SECONDS} seconds"
        time.sleep(0.2)


def test_the_copy_is_what_the_client_may_have_wherever_it_was_killed(
    seeded: str, tmp_path: Path
) -> None:
    """And what it is told of meanwhile is told by the gateway, each once."""
    port, path = free_port(), tmp_path / "workers.parquet"
    inbox, hooks = tmp_path / "inbox.jsonl", free_port()
    receiver = ("examples.partner.hooks", str(inbox), str(hooks))
    environment = {"GATEWAY": f"http://127.0.0.1:{port}", "PAUSE_SECONDS": "0.05"}
    chance = random.Random(11)
    known = [row[0] for row in query(seeded, MAY_HAVE, districts(seeded), list(PURPOSES))]
    assert len(known) > 300

    async def live() -> None:
        stop = asyncio.Event()
        changing = asyncio.create_task(change_people(seeded, known, stop))
        for part in range(2):
            with running(*receiver, **environment):
                for _ in range(KILLS // 2):
                    with running("examples.partner.copy", str(path), **environment) as program:
                        await asyncio.sleep(chance.uniform(0.3, 2.0))
                        assert program.poll() is None
                        program.send_signal(signal.SIGKILL)
                if part == 1:
                    stop.set()
                    await changing
                    await asyncio.to_thread(await_delivery, seeded)

    points = "100000000/1000000"
    more = {"POINTS_PARTNER": points, "ISSUER": environment["GATEWAY"], "WEBHOOK_PRIVATE": "true"}
    with serving(seeded, port, **more):
        environment |= registered(seeded)
        environment["WEBHOOK_SECRET"] = a_webhook(environment, hooks)
        asyncio.run(live())
        with running("examples.partner.copy", str(path), "--once", **environment) as program:
            assert program.wait(timeout=120) == 0

    kept = {(row["id"], row["code"], len(row["skills"])) for row in pq.read_table(path).to_pylist()}
    assert kept == set(query(seeded, MAY_HAVE, districts(seeded), list(PURPOSES)))
    assert kept
    assert not path.with_suffix(".draft").exists()
    taken = [line.partition(b" ")[0].decode() for line in inbox.read_bytes().splitlines()]
    sent = query(seeded, "SELECT id FROM webhook_delivery WHERE state = 'DELIVERED'")
    assert len(taken) == len(set(taken)) > 20
    assert {id for (id,) in sent} == set(taken)


def sent(port: int, id: str, body: bytes, secret: str = SECRET) -> int:
    now = clock.now()
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, now, body.decode()),
    }
    return httpx.post(f"http://127.0.0.1:{port}", content=body, headers=headers).status_code


def test_what_the_gateway_tells_is_taken_once_even_if_it_is_killed_in_between(
    tmp_path: Path,
) -> None:
    port, inbox = free_port(), tmp_path / "inbox.jsonl"
    arguments = ("examples.partner.hooks", str(inbox), str(port))

    def up() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}").status_code == 501
        except httpx.TransportError:
            return False

    with running(*arguments, WEBHOOK_SECRET=SECRET):
        until(up)
        assert sent(port, "msg_1", b'{"n":1}') == 204
        assert sent(port, "msg_1", b'{"n":1}') == 204
        assert sent(port, "msg_2", b'{"n":2}', "whsec_" + "A" * 32) == 401
    with inbox.open("ab") as file:
        file.write(b'msg_2 {"n":')
    with running(*arguments, WEBHOOK_SECRET=SECRET):
        until(up)
        assert sent(port, "msg_1", b'{"n":1}') == 204
        assert sent(port, "msg_2", b'{"n":2}') == 204

    assert inbox.read_bytes().splitlines() == [b'msg_1 {"n":1}', b'msg_2 {"n":2}']
