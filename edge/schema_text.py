"""The schema as text, for whoever generates code from it: sent again only when it has changed."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge.answering import unless_known
from edge.negotiation import Answer


def schema_text(text: Callable[[], str]) -> Route:
    """`text` is the schema that clients see, at the time."""

    def told(request: Request) -> Response:
        plain = Answer(200, [(b"content-type", b"text/plain; charset=utf-8")], text().encode())
        answer = unless_known(plain, request.headers.get("if-none-match", "").encode("latin-1"))
        response = Response(answer.body, answer.status)
        response.raw_headers.extend(answer.headers)
        return response

    return Route("/schema.graphql", told, methods=["GET"])
