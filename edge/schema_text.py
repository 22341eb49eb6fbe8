"""The schema as text, for whoever generates code from it: sent again only when it has changed."""

from collections.abc import Callable

from graphql import print_schema
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge.answering import unless_known
from edge.negotiation import Answer
from engine.contracts import Contracts
from runtime.faults import Unauthenticated
from runtime.http import encoded
from runtime.identity import viewer_of
from runtime.rights import Role


def schema_text(text: Callable[[], str] | None, contracts: Contracts | None = None) -> Route:
    """`text` is the schema that clients see, at the time, if it is told to everyone. The system of
    a partner that signs in is told the one of its contract."""

    async def told(request: Request) -> Response:
        authorization = request.headers.get("authorization")
        found = text() if text is not None else None
        if contracts is not None and authorization is not None:
            try:
                viewer = await viewer_of(authorization, request.state.process)
            except Unauthenticated as error:
                headers = {"WWW-Authenticate": "Bearer"}
                return encoded({"errors": [error.formatted]}, 401, **headers)
            if viewer.role is Role.PARTNER:
                found = print_schema(contracts.engine_for(viewer).schema) + "\n"
        if found is None:
            raise HTTPException(404)
        plain = Answer(200, [(b"content-type", b"text/plain; charset=utf-8")], found.encode())
        known = request.headers.get("if-none-match", "").encode("latin-1")
        answer = unless_known(plain, known)
        response = Response(answer.body, answer.status)
        response.raw_headers.extend(answer.headers)
        if contracts is not None:
            response.headers["vary"] = "Authorization"
        return response

    return Route("/schema.graphql", told, methods=["GET"])
