"""What was sent: read as far as we take it, and refused with what would be taken instead."""

import zlib
from dataclasses import dataclass, field
from email.message import Message
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope

from edge.negotiation import MEMORY, short
from runtime.faults import BadInput, LimitExceeded
from runtime.http import JSON, Refused, counted
from runtime.identity_numbers import holds_identity_number
from runtime.reason import STATED, SUBJECTS_LIMIT, Reason, ReasonCategory
from runtime.signature import Signed
from runtime.words import holds_telephone

CLIENT = {
    "client": (b"apollographql-client-name", b"graphql-client-name"),
    "version": (b"apollographql-client-version", b"graphql-client-version"),
}
"""Which program asks, as its developers say."""
CLIENT_LIMIT = 100
NESTING_LIMIT = 64
REASON_LIMIT = 300
ID_LIMIT = 100
PARAMETER_LIMIT = 20
UTF_8 = {("charset", "utf-8"), ("", "")}
"""What may be said of JSON's media type: that, or behind a semicolon nothing."""
GZIP = 31
"""What zlib calls the form that HTTP calls gzip."""
PARAMETERS: dict[str, tuple[Any, str]] = {
    "query": (str | None, "a string: the GraphQL document"),
    "operationName": (str | None, "a string or null"),
    "variables": (dict | None, "an object or null"),
    "extensions": (dict | None, "an object or null"),
}
Parameters = dict[str, Any]
"""`query`, `operationName`, `variables` and `extensions`, each of its type or not there; and what
else there is."""


@dataclass(slots=True)
class Incoming:
    """A request, as it comes."""

    scope: Scope
    headers: dict[bytes, bytes]
    receive: Receive
    id: str
    signed: Signed | None = None
    """By which gateway, where this is a subgraph."""
    client: Any = None
    """Whose points it costs, when that is known."""
    told: dict[str, Any] = field(default_factory=dict)
    """What its line in the log says beside how it ended."""

    def __post_init__(self) -> None:
        for name, headers in CLIENT.items():
            for header in headers:
                if value := self.headers.get(header):
                    self.told[name] = value[:CLIENT_LIMIT].decode("latin-1")

    def tell(self, operation: Any) -> None:
        """Of several in one request, one after another."""
        for name, value in (("operation", operation.name), ("hash", operation.hash)):
            if value is not None:
                self.told[name] = f"{self.told[name]},{value}" if name in self.told else value

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def address(self) -> str:
        client = self.scope["client"]
        return str(client[0]) if client else ""

    async def body(self, limit: int) -> bytes:
        """What was posted, if it is of a kind that is read here. Raises Refused."""
        encoding = short(self.headers, b"content-encoding")
        if told := unreadable(short(self.headers, b"content-type"), encoding):
            raise Refused(415, BadInput(told), **{"Accept-Encoding": "gzip"})
        sent = await counted(self.receive, limit)
        return unpacked(sent, limit) if encoding.lower() in (b"gzip", b"x-gzip") else sent


@lru_cache(maxsize=MEMORY)
def unreadable(content_type: bytes, content_encoding: bytes) -> str | None:
    """What to send instead of a body of this kind; None for the kinds we read.

    Forms and plain text, which a page may send elsewhere without asking, are never read: so
    no site can have a visitor's browser send something here unasked.
    """
    told = Message()
    told["content-type"] = content_type.decode("latin-1").lower()
    (kind, _), *parameters = told.get_params() or [("", "")]
    if kind != JSON or not {*parameters} <= UTF_8:
        return "Send the request as Content-Type: application/json, UTF-8."
    if content_encoding.lower() not in (b"", b"identity", b"gzip", b"x-gzip"):
        return "Send the body without compression, or compressed by gzip."
    return None


def unpacked(sent: bytes, limit: int) -> bytes:
    """Raises Refused before more than `limit` bytes are made of it."""
    unpacking = zlib.decompressobj(GZIP)
    try:
        body = unpacking.decompress(sent, limit + 1)
    except zlib.error:
        raise Refused(400, BadInput("The body is not what gzip makes.")) from None
    if len(body) > limit:
        told = f"The body may have at most {limit} bytes, unpacked."
        raise Refused(413, LimitExceeded(told, limit=limit))
    if not unpacking.eof or unpacking.unused_data:
        raise Refused(400, BadInput("The body is not what gzip makes, or not all of it came."))
    return body


def posted(body: bytes, batch_limit: int) -> Parameters | list[Parameters]:
    """The parameters of an operation, or of several. Refused tells what is wrong."""
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, BadInput(f"The body is not valid JSON in UTF-8: {error}.")) from None
    if isinstance(sent, list) and batch_limit:
        if not 1 <= len(sent) <= batch_limit:
            told = f"An array may hold 1 to {batch_limit} operations."
            raise Refused(400, LimitExceeded(told, limit=batch_limit))
        asked: Parameters | list[Parameters] = [checked(each) for each in sent]
    else:
        asked = checked(sent)
    # What nests has brackets; few bodies have enough of them to be looked into.
    if body.count(b"{") + body.count(b"[") > NESTING_LIMIT:
        for each in asked if isinstance(asked, list) else [asked]:
            refuse_depth(each)
    return asked


def in_address(query_string: bytes) -> Parameters:
    """The parameters of an operation that is asked for with GET. Refused tells what is wrong."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=PARAMETER_LIMIT,
            errors="strict",
        )
    except ValueError:
        told = f"The address has what is not UTF-8, or more than {PARAMETER_LIMIT} parameters."
        raise Refused(400, BadInput(told)) from None
    asked: Parameters = dict(pairs)
    if len(asked) < len(pairs):
        raise Refused(400, BadInput("The address has a parameter twice."))
    for name in ("variables", "extensions"):
        if name in asked:
            try:
                asked[name] = orjson.loads(asked[name] or b"null")
            except orjson.JSONDecodeError as error:
                told = f"`{name}` is not valid JSON: {error}."
                raise Refused(400, BadInput(told, argument=name)) from None
    # As the specification has it: there is no other way to leave it out in a form.
    asked["operationName"] = asked.get("operationName") or None
    refuse_depth(checked(asked))
    return asked


def checked(asked: Any) -> Parameters:
    if not isinstance(asked, dict):
        raise Refused(400, BadInput('The body must be a JSON object such as {"query": "…"}.'))
    for name, (kind, told) in PARAMETERS.items():
        if not isinstance(asked.get(name), kind):
            raise Refused(400, BadInput(f"`{name}` must be {told}.", argument=name))
    return asked


def refuse_depth(asked: Parameters) -> None:
    for name in ("variables", "extensions"):
        if deeper_than(asked.get(name), NESTING_LIMIT):
            told = f"`{name}` may nest at most {NESTING_LIMIT} levels."
            raise Refused(400, BadInput(told, argument=name))


def deeper_than(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list) or not value:
        return False
    if levels == 0:
        return True
    inner = value.values() if isinstance(value, dict) else value
    return any(deeper_than(item, levels - 1) for item in inner)


def reason_of(extensions: dict[str, Any] | None) -> Reason | None:
    """Why the request asks for what needs a reason, and of whom; kept with the audit."""
    given = (extensions or {}).get("reason")
    if given is None:
        return None
    if not isinstance(given, dict) or given.keys() != {"category", "text", "subjects"}:
        raise refused_reason("must have `category`, `text` and `subjects`, and nothing else.")
    category, stated, subjects = given["category"], given["text"], given["subjects"]
    if category not in STATED:
        raise refused_reason(f"must be one of {', '.join(STATED)}.", "category")
    if not isinstance(stated, str) or not 5 <= len(stated.strip()) <= REASON_LIMIT:
        raise refused_reason(f"must be a text of 5 to {REASON_LIMIT} characters.", "text")
    if holds_telephone(stated) or holds_identity_number(stated):
        told = "is read by others: name a ticket or a booking, never a person or their number."
        raise refused_reason(told, "text")
    if not isinstance(subjects, list) or not 1 <= len(subjects) <= SUBJECTS_LIMIT:
        raise refused_reason(f"must be a list of 1 to {SUBJECTS_LIMIT} ids.", "subjects")
    if not all(isinstance(id, str) and 0 < len(id) <= ID_LIMIT for id in subjects):
        raise refused_reason("must be ids.", "subjects")
    return Reason(ReasonCategory(category), stated.strip(), tuple(dict.fromkeys(subjects)))


def refused_reason(told: str, part: str = "") -> Refused:
    argument = f"extensions.reason{part and '.'}{part}"
    return Refused(400, BadInput(f"`{argument}` {told}", argument=argument))
