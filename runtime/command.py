"""Carrying out a command: who may, once however often it is sent, all of it or nothing."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from typing import Any

import structlog
from graphql.pyutils import snake_to_camel
from sqlalchemy.exc import DBAPIError

from runtime.batch import Batch
from runtime.context import Context
from runtime.faults import (
    BadInput,
    Forbidden,
    LimitExceeded,
    NotFound,
    Unauthenticated,
    ValueRefused,
    is_called_off,
    is_refused_value,
    sqlstate,
)
from runtime.identity_numbers import holds_identity_number
from runtime.language import Language
from runtime.refusal import Refusal, Told
from runtime.rights import WRITE, Act, Role, Rule
from runtime.standing import require_standing
from runtime.transaction import Message, Replay, Transaction, transaction
from runtime.words import AadhaarInText, checked

COMMAND = "command"
"""The key of the record in metadata and in extensions."""
KEY = "idempotency_key"
KEY_LIMIT = 100
in_schema = partial(snake_to_camel, upper=False)
"""What the schema calls a parameter."""
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
    texts: frozenset[str]
    """Where it holds other texts that people choose. They are searched like free text."""
    vital: bool
    """Whether it has failed when its text message could not be sent."""
    suspended: bool
    """Whether somebody who is suspended keeps it."""

    async def carry_out(self, context: Context, name: str, given: dict[str, Any]) -> Any:
        """The success, or the refusal."""
        viewer = context.viewer
        grant = WRITE[self.may].get(viewer.role)
        if grant is None:
            context.trail.note("Mutation", name, None, refused=True)
            anonymous = viewer.role is Role.ANONYMOUS
            raise Unauthenticated() if anonymous else Forbidden(name, "is not yours to do")
        if self.vital:
            self._refuse_another(context)
        try:
            given = {
                argument: self._checked(argument, value, context.language)
                for argument, value in given.items()
            }
            key = given.pop(KEY, None)
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

    def _refuse_another(self, context: Context) -> None:
        """One operation sends one code: its points would pay for a message many times over."""
        if context.has_sent:
            raise LimitExceeded("One operation sends one code.", limit=1)
        context.has_sent = True

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
        if self.may is not Act.SIGN_IN:
            # Whoever signs in proves who they are by what they send.
            await require_standing(tx, even_suspended=self.suspended)
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

    def _checked(self, argument: str, value: Any, language: Language) -> Any:
        """Raises BadInput and AadhaarInText."""
        if isinstance(value, str):
            return self._searched(argument, value, language)
        if isinstance(value, Sequence):
            return [self._checked(argument, item, language) for item in value]
        if is_dataclass(value) and not isinstance(value, type):
            parts = {
                f.name: self._checked(f.name, getattr(value, f.name), language)
                for f in fields(value)
            }
            return type(value)(**parts)
        return value

    def _searched(self, argument: str, text: str, language: Language) -> str:
        if argument in self.words:
            return checked(in_schema(argument), text)
        if (argument in self.texts or argument == KEY) and holds_identity_number(text):
            if AadhaarInText in self.refusals:
                raise AadhaarInText
            # Where no person writes: in what a device is called, in an idempotency key.
            told = AadhaarInText().message(language)
            raise BadInput(told, argument=in_schema(argument))
        return text

    async def _send(self, context: Context, messages: list[Message]) -> None:
        """What was committed stays so, whether or not anybody could be told."""
        for message in messages:
            try:
                await context.process.sms.send(message.mobile, message.text)
            except OSError as error:
                log.warning("sms", error=str(error))
                if self.vital:
                    raise
