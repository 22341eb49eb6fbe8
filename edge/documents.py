"""Documents that clients name instead of sending: those agreed beforehand, and those that a client
has sent before."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLType,
    OperationDefinitionNode,
    is_required_input_field,
    type_from_ast,
)

from edge.request import Parameters
from runtime.faults import BadInput, Coded, Invalid
from runtime.http import Refused
from runtime.process import Process
from runtime.rights import Role
from runtime.settings import Settings
from runtime.store import Bounded, Store, store_of
from runtime.watched import Watched

log = structlog.get_logger()

KEPT = "documents:"
KEPT_SECONDS = 7 * 86_400
"""For how long all processes know a document that nobody asks for."""
HELD_SECONDS = 86_400
"""For how long one of them needs not ask what is kept; then it is kept for as long again."""
SHA256 = "sha256:"
HASH_LENGTH = 64
SCALARS = {
    "Float": 0.0,
    "Boolean": True,
    "Date": "2030-01-01",
    "DateTime": "2030-01-01T00:00:00Z",
    "Time": "00:00",
}
"""An example of each whose examples are not simply texts."""


class BadManifest(Exception):
    """What is agreed with clients cannot be read."""


class Found(NamedTuple):
    text: str
    keep_as: str | None = None
    """The hash to keep it by, once it has turned out to be valid."""


class Entry(msgspec.Struct):
    id: str
    body: str


class Manifest(msgspec.Struct):
    """As @apollo/generate-persisted-query-manifest writes it."""

    format: str
    operations: list[Entry]


class Trusted:
    """The documents of a manifest, or of all in a folder, as they are now. Relay's compiler and
    the client preset of graphql-codegen write texts by their ids; Apollo's tools a list."""

    def __init__(self, path: Path | None) -> None:
        """Raises BadManifest or OSError."""
        self._path = path
        self._watched = Watched([path] if path else [], self._renew)
        self.by_id: Mapping[str, str] = documents_in(path) if path else {}
        self.texts: Collection[str] = frozenset(self.by_id.values())

    def followed(self) -> AbstractAsyncContextManager[None]:
        """As long as the block lasts, changed files are taken over."""
        return self._watched.followed()

    async def look(self) -> None:
        """Takes the files as they are now. What cannot be read is told of, and waited out."""
        await self._watched.look()

    async def _renew(self) -> None:
        assert self._path is not None
        try:
            by_id = await asyncio.to_thread(documents_in, self._path)
        except (BadManifest, OSError) as error:
            log.error("documents", refused=str(error))
        else:
            self.by_id, self.texts = by_id, frozenset(by_id.values())
            log.info("documents", trusted=len(self.texts))


class Documents:
    def __init__(
        self,
        trusted: Trusted,
        only_trusted: Collection[Role],
        limit: int,
        shared: Store | None = None,
    ) -> None:
        """Whoever has one of the roles in `only_trusted` may send no other documents. Of those
        that were sent, at most `limit` bytes are kept in this process, and as much as there is
        room for in what it has `shared` with others."""
        self.trusted = trusted
        self._only_trusted = frozenset(only_trusted)
        self._held = Bounded[str](limit)
        self._shared = shared

    def are_not_needed(self, asked: Parameters, role: Role) -> bool:
        """Whether the document is there in full, and named in no way: as most are. Raises
        Refused."""
        in_full = isinstance(asked.get("query"), str)
        return in_full and role not in self._only_trusted and name_in(asked) is None

    async def find(self, asked: Parameters, role: Role) -> Found:
        """Raises Refused or Invalid."""
        text, named = asked.get("query"), name_in(asked)
        if text is None and named is None:
            told = "`query` must be a string: the GraphQL document."
            raise Refused(400, BadInput(told, argument="query"))
        known = self.trusted.by_id.get(named) if named is not None else None
        if known is not None and text in (None, known):
            return Found(known)
        if role in self._only_trusted:
            if isinstance(text, str) and text in self.trusted.texts:
                return Found(text)
            raise Invalid(
                Coded(
                    "DOCUMENT_NOT_TRUSTED",
                    "Only documents that were agreed on beforehand are run for you: send the id of"
                    " one, or have yours added to the manifest.",
                )
            )
        if named is None:
            return Found(str(text))
        held = self._held.read(named)
        if held is not None and text in (None, held):
            return Found(held)
        if text is not None:
            if sha256(text.encode()).hexdigest() != named:
                told = "The hash is not that of `query`: take the SHA-256 of its UTF-8, in hex."
                raise Invalid(Coded("PERSISTED_QUERY_MISMATCH", told))
            return Found(text, named)
        kept = None
        if self._shared is not None and is_hash(named):
            (kept,) = await self._shared.read([named])
        if kept is None or sha256(kept).hexdigest() != named:
            # By this very message clients know that they have to send it.
            raise Invalid(Coded("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"))
        return Found(kept.decode(), named)

    async def keep(self, found: Found) -> None:
        """It is valid: from now on its hash is enough."""
        assert found.keep_as is not None
        written = found.text.encode()
        self._held.write(found.keep_as, found.text, len(written) + HASH_LENGTH, HELD_SECONDS)
        if self._shared is not None:
            await self._shared.write({found.keep_as: written}, KEPT_SECONDS)


async def prepared_by(
    documents: Documents | None, prepare: Callable[[Parameters], Any], asked: Parameters, role: Role
) -> Any:
    """What `prepare` makes of what is asked for, its document found by name if need be. Raises as
    both do."""
    if documents is None or documents.are_not_needed(asked, role):
        return prepare(asked)
    found = await documents.find(asked, role)
    operation = prepare({**asked, "query": found.text})
    if found.keep_as is not None:
        await documents.keep(found)
    return operation


def name_in(asked: Parameters) -> str | None:
    """The id or hash of the document, in any of the ways that clients have. Raises Refused."""
    persisted = (asked.get("extensions") or {}).get("persistedQuery")
    if isinstance(persisted, dict):
        named: Any = persisted.get("sha256Hash")
        if persisted.get("version") != 1 or not is_hash(named):
            told = "`extensions.persistedQuery` must have `version` 1 and `sha256Hash`, in hex."
            raise Refused(400, BadInput(told, argument="extensions.persistedQuery"))
        return str(named).lower()
    named = asked.get("documentId", asked.get("doc_id"))
    if named is None:
        return None
    if not isinstance(named, str):
        raise Refused(400, BadInput("`documentId` must be a string.", argument="documentId"))
    return named.removeprefix(SHA256)


def is_hash(named: Any) -> bool:
    if not isinstance(named, str) or len(named) != HASH_LENGTH:
        return False
    return all(letter in "0123456789abcdefABCDEF" for letter in named)


def files_of(path: Path) -> list[Path]:
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def documents_in(path: Path) -> dict[str, str]:
    """By their ids, and by their hashes. Raises BadManifest or OSError."""
    found: dict[str, str] = {}
    for file in files_of(path):
        try:
            texts = texts_in(file.read_bytes())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadManifest(f"{file} is no manifest of documents: {error}") from None
        for id, text in texts.items():
            name = id.removeprefix(SHA256)
            if found.get(name, text) != text:
                raise BadManifest(f"{file}: {name} stands for another document elsewhere.")
            found[name] = text
            found[sha256(text.encode()).hexdigest()] = text
    return found


def texts_in(content: bytes) -> dict[str, str]:
    """By their ids. Raises msgspec.DecodeError."""
    read = msgspec.json.decode(content)
    if isinstance(read, dict) and isinstance(read.get("operations"), list):
        return {entry.id: entry.body for entry in msgspec.convert(read, Manifest).operations}
    return msgspec.convert(read, dict[str, str])


def examples_for(
    schema: GraphQLSchema, definition: OperationDefinitionNode, largest: int
) -> dict[str, Any]:
    """Variables to price an operation with: those that have no default, numbers as large as any
    that says how much is asked for may be."""
    found = {}
    for each in definition.variable_definitions or ():
        type_ = type_from_ast(schema, each.type)
        needed = isinstance(type_, GraphQLNonNull) or type_ is GraphQLInt
        if type_ is not None and needed and each.default_value is None:
            found[each.variable.name.value] = example_of(type_, largest)
    return found


def example_of(type_: GraphQLType, largest: int) -> Any:
    if isinstance(type_, GraphQLNonNull):
        return example_of(type_.of_type, largest)
    if isinstance(type_, GraphQLList):
        return [example_of(type_.of_type, largest)]
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        needed = {n: f for n, f in type_.fields.items() if is_required_input_field(f)}
        return {name: example_of(field.type, largest) for name, field in needed.items()}
    assert isinstance(type_, GraphQLScalarType)
    return {"Int": largest, **SCALARS}.get(type_.name, "")


def roles_in(names: str) -> list[Role]:
    """Of `anonymous,citizen`. Raises ValueError."""
    named = [name.strip().upper() for name in names.split(",") if name.strip()]
    if not {*named} <= {*Role}:
        known = ", ".join(role.lower() for role in Role)
        raise ValueError(f"TRUSTED_ONLY must be roles, with commas between several: {known}.")
    return [Role(name) for name in named]


def only_trusted(settings: Settings) -> list[Role]:
    """Raises ValueError."""
    roles = roles_in(settings.trusted_only or "")
    if roles and not settings.documents:
        raise ValueError("TRUSTED_ONLY takes DOCUMENTS: else nobody of these could ask anything.")
    return roles


def documents_of(trusted: Trusted, process: Process) -> Documents:
    """Raises ValueError."""
    settings, shared = process.settings, None
    if process.redis is not None:
        shared = store_of(process.redis, KEPT, settings.document_bytes)
    return Documents(trusted, only_trusted(settings), settings.document_bytes, shared)
