"""Answers the gateway, and nobody else.

GATEWAY_SECRET=… PORT=4001 python -m provident_fund.server
python -m provident_fund.server sdl > provident-fund.graphql
"""

import hmac
import os
import sys
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from strawberry.dataloader import DataLoader

from .register import ProvidentFundAccount, Register
from .subgraph import SCHEMA, Context

GATEWAY = "gateway"
SKEW_SECONDS = 60
FORWARDED = ("authorization", "accept-language", "x-request-id", "x-forwarded-for")


def is_signed(request: Request, body: bytes, secret: str) -> bool:
    """`Gateway-Signature: NAME TIME NONCE HMAC`: by the gateway, just now, and as it stands."""
    parts = request.headers.get("gateway-signature", "").split(" ")
    if len(parts) != 4 or parts[0] != GATEWAY:
        return False
    _, at, nonce, given = parts
    if not (at.isascii() and at.isdecimal() and len(at) == 10):
        return False
    forwarded = [request.headers.get(name, "") for name in FORWARDED]
    head = "\n".join([request.method, request.url.path, at, nonce, *forwarded, ""])
    expected = hmac.digest(secret.encode(), head.encode("latin-1") + body, "sha256").hex()
    is_genuine = hmac.compare_digest(expected.encode(), given.encode("latin-1"))
    return is_genuine and abs(time.time() - int(at)) <= SKEW_SECONDS


def create_app(register: Register, secret: str) -> Starlette:
    async def accounts(uans: list[str]) -> list[ProvidentFundAccount | None]:
        return register.accounts(uans)

    async def graphql(request: Request) -> Response:
        body = await request.body()
        if not is_signed(request, body, secret):
            refusal = {"message": "Only the gateway is answered here."}
            return JSONResponse({"errors": [refusal]}, status_code=401)
        asked = await request.json()
        result = await SCHEMA.execute(
            asked["query"],
            variable_values=asked.get("variables"),
            context_value=Context(DataLoader(accounts)),
        )
        answer = {"data": result.data, "errors": [error.formatted for error in result.errors or ()]}
        return JSONResponse(answer if answer["errors"] else {"data": result.data})

    return Starlette(routes=[Route("/graphql", graphql, methods=["POST"])])


def main() -> None:
    if sys.argv[1:] == ["sdl"]:
        print(SCHEMA)
        return
    app = create_app(Register("fund.db"), os.environ["GATEWAY_SECRET"])
    uvicorn.run(app, port=int(os.environ.get("PORT", "4001")))


if __name__ == "__main__":
    main()
