"""Partners whose servers run in this process, and remember what they were sent."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import strawberry
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.asgi import GraphQL
from strawberry.federation import Schema

from deploy.compose import FOLDER
from ide.build import programs
from schema.sdl import FOLDER as SDL
from schema.subgraph import OWN

HERE = Path(__file__).parent


@strawberry.type
class Scheme:
    name: str | None


@strawberry.interface
class Benefit:
    name: str | None


@strawberry.type
class Pension(Benefit):
    number: str | None = None


@strawberry.type
class Gratuity(Benefit):
    pass


@strawberry.federation.type(keys=["number"])
class Account:
    number: str
    balance: int | None = 1000
    nominee: str | None = None

    @strawberry.field
    def holder(self) -> "Worker | None":
        return Worker(id=strawberry.ID(self.number.removeprefix("PF-")))

    @classmethod
    def resolve_reference(cls, number: str) -> "Account":
        return cls(number=number)


@strawberry.federation.type(keys=["id"])
class Worker:
    id: strawberry.ID
    eshram_uan: str | None = strawberry.federation.field(external=True, default=None)
    secret_note: str | None = "secret"
    contributions: list[int] | None = strawberry.field(default_factory=lambda: [1, 2])

    @strawberry.federation.field(requires=["eshramUan"])  # type: ignore[untyped-decorator]
    def provident_fund_account(self) -> str | None:
        return f"account of {self.eshram_uan}"

    @strawberry.field
    def account(self) -> Account | None:
        return Account(number=f"PF-{self.id}")

    @strawberry.field
    def benefits(self) -> list[Benefit | None] | None:
        return [Pension(name="pension", number=f"P-{self.id}"), Gratuity(name="gratuity")]

    @classmethod
    def resolve_reference(
        cls,
        id: strawberry.ID,
        eshramUan: str | None = None,  # noqa: N803 - as the representation has it
    ) -> "Worker":
        return cls(id=id, eshram_uan=eshramUan)


@strawberry.type
class Query:
    @strawberry.field
    def schemes(self) -> list[Scheme] | None:
        return [Scheme(name="EPF"), Scheme(name="EPS")]

    @strawberry.field
    def account(self, number: str) -> Account | None:
        return Account(number=number)


@strawberry.type
class Mutation:
    @strawberry.mutation
    def nominate(self, number: str, nominee: str) -> Account | None:
        return Account(number=number, nominee=nominee)


@strawberry.type(name="Query")
class Nothing:
    nothing: str | None = None


@strawberry.federation.type(keys=["id"], name="Worker")
class Cleared:
    id: strawberry.ID
    provident_fund_account: str | None = strawberry.federation.field(external=True, default=None)

    @strawberry.federation.field(  # type: ignore[untyped-decorator]
        requires=["providentFundAccount"]
    )
    def clearance(self) -> str | None:
        return f"clearance by {self.provident_fund_account}"

    known: strawberry.Private[Any] = None

    @strawberry.field
    def standing(self) -> str | None:
        return orjson.dumps(self.known).decode()

    @classmethod
    def resolve_reference(
        cls,
        id: strawberry.ID,
        providentFundAccount: str | None = None,  # noqa: N803 - as the representation has it
        benefits: Any = None,
    ) -> "Cleared":
        return cls(id=id, provident_fund_account=providentFundAccount, known=benefits)


@strawberry.federation.type(keys=["eshramUan"], name="Worker")
class Listed:
    eshram_uan: str | None = strawberry.federation.field(external=True, default=None)
    is_listed: bool | None = True

    @classmethod
    def resolve_reference(
        cls,
        eshramUan: str,  # noqa: N803 - as the representation has it
    ) -> "Listed":
        return cls(eshram_uan=eshramUan)


@dataclass
class Partner:
    """A server of somebody else's. `instead` may answer in the place of what it serves."""

    app: Any
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[bytes, bytes]] = field(default_factory=list)
    instead: Callable[[dict[str, Any]], Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message.get("more_body"):
                break
        self.asked.append(orjson.loads(body))
        self.headers.append(dict(scope["headers"]))
        if self.instead is not None:
            told = orjson.dumps(self.instead(self.asked[-1]))
            answer = Response(told, media_type="application/json")
            await answer(scope, receive, send)
            return

        async def again() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)

    @property
    def representations(self) -> list[dict[str, Any]]:
        """All it was ever sent of ours."""
        return [
            representation
            for asked in self.asked
            for name, given in (asked.get("variables") or {}).items()
            if name.endswith("_representations")
            for representation in given
        ]


def partners() -> dict[str, Partner]:
    fund = Schema(query=Query, mutation=Mutation, types=[Worker, Pension, Gratuity])
    return {
        "provident-fund": Partner(GraphQL[None, None](fund)),
        "police": Partner(GraphQL[None, None](Schema(query=Nothing, types=[Cleared]))),
        "eshram": Partner(GraphQL[None, None](Schema(query=Nothing, types=[Listed]))),
    }


def composed(*names: str) -> str:
    """The supergraph of our own subgraph and of theirs, as a composer makes it."""
    files = [f"{OWN}={SDL / OWN}.graphql"]
    files += [f"{name}={HERE / name}.graphql=http://{name}/graphql" for name in names]
    node, _ = programs()
    done = subprocess.run(
        [*node, "join.mjs", *files], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
