"""Carrying out a command: who may, once however often it is sent, all of it or nothing."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError

from runtime.batch import Batch
from runtime.context import Context
from runtime.faults import (
    BadInput,
    Forbidden,
    NotFound,
    Unauthenticated,
    ValueRefused,
    is_called_off,
    is_refused_value,
    sqlstate,
)
from runtime.refusal import Refusal, Told
from runtime.rights import WRITE, Act, Role, Rule
from runtime.transaction import Message, Replay, Transaction, transaction
from runtime.words import checked

COMMAND = "command"
"""The key of the record in metadata and in extensions."""
KEY_LIMIT = 100
TRIES = 3

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a root field of the mutation does."""

    run: Callable[..., Awaitable[Any]]
    """Takes the transaction and the input; gives the id of the success, or the success itself
    where `gives` is None."""
    may: Act
    gives: Batch | None
    refusals: tuple[type[Refusal], ...]
    words: frozenset[str]
    """Where the input holds free text: names of parameters, or of fields of a part of it."""
    vital: bool
    """Whether it has failed when its text message could not be sent."""

    async def carry_out(self, context: Context, name: str, given: dict[str, Any]) -> Any:
        """The success, or the refusal."""
        viewer = context.viewer
        grant = WRITE[self.may].get(viewer.role)
        if grant is None:
            context.trail.note("Mutation", name, None, refused=True)
            anonymous = viewer.role is Role.ANONYMOUS
            raise Unauthenticated() if anonymous else Forbidden(name, "is not yours to do")
        key = given.pop("idempotency_key", None)
        try:
            given = {argument: self._checked(argument, value) for argument, value in given.items()}
            result, messages = await self._begun_again(context, grant.rule, name, key, given)
        except Refusal as refusal:
            context.trail.note(type(refusal).__name__, name, None, refused=True)
            return Told(refusal)
        except NotFound:
            # Perhaps somebody else's: then whoever asks is trying doors.
            context.trail.note("NotFound", name, None, refused=True)
            raise
        finally:
            context.batches.clear()
        await self._send(context, messages)
        return result if self.gives is None else await context.load(self.gives, result)

    async def _begun_again(
        self, context: Context, rule: Rule, name: str, key: str | None, given: dict[str, Any]
    ) -> tuple[Any, list[Message]]:
        """The result, and what to tell people; begun again where the database called it off."""
        tries = 0
        while True:
            tries += 1
            try:
                async with transaction(
                    context.process,
                    context.viewer,
                    rule,
                    context.language,
                    context.origin,
                    context.batches.tally,
                ) as tx:
                    return await self._once(tx, name, key, given), tx.messages
            except DBAPIError as error:
                if is_refused_value(error):
                    named = [in_schema(part) for part, value in given.items() if value is not None]
                    log.warning("value refused", command=name, state=sqlstate(error))
                    raise ValueRefused(name, named, error) from error
                if tries == TRIES or not is_called_off(error):
                    raise

    async def _once(
        self, tx: Transaction, name: str, key: str | None, given: dict[str, Any]
    ) -> Any:
        if key is None:
            return await self._signed(tx, name, given)
        if not 1 <= len(key) <= KEY_LIMIT:
            raise BadInput(
                f"`idempotencyKey` must have 1 to {KEY_LIMIT} characters.",
                argument="idempotencyKey",
            )
        replay = Replay(tx.viewer, name, key, given)
        first = await replay.begin(tx)
        if first is not None:
            return first
        try:
            result = await self._signed(tx, name, given)
        except Refusal as refusal:
            if refusal.stands:
                await replay.forget(tx)
            raise
        await replay.end(tx, result)
        return result

    async def _signed(self, tx: Transaction, name: str, given: dict[str, Any]) -> Any:
        """With its author on record. A refusal has its entry in the trail, and sent again under
        the same key nothing is done that would need one."""
        result = await self.run(tx, **given)
        await tx.sign("Mutation", name, *([result] if isinstance(result, str) else []))
        return result

    def _checked(self, argument: str, value: Any) -> Any:
        if isinstance(value, str):
            return checked(in_schema(argument), value) if argument in self.words else value
        if isinstance(value, Sequence):
            return [self._checked(argument, item) for item in value]
        if is_dataclass(value) and not isinstance(value, type):
            parts = {f.name: self._checked(f.name, getattr(value, f.name)) for f in fields(value)}
            return type(value)(**parts)
        return value

    async def _send(self, context: Context, messages: list[Message]) -> None:
        """What was committed stays so, whether or not anybody could be told."""
        for message in messages:
            try:
                await context.process.sms.send(message.mobile, message.text)
            except OSError as error:
                log.warning("sms", error=str(error))
                if self.vital:
                    raise


def in_schema(name: str) -> str:
    """What the schema calls a parameter."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
