"""Refusals: expected answers that say no, which the caller can act on."""

from dataclasses import dataclass
from typing import Any, ClassVar

from runtime.language import Language


class Refusal(Exception):
    """Raising one undoes the command; the schema lists it in the command's result.

    `english` and `hindi` may name the refusal's own values in braces; its annotated attributes
    are its fields.
    """

    english: ClassVar[str]
    hindi: ClassVar[str]
    stands: ClassVar[bool] = False
    """Whether what the command wrote before it is kept: tries are counted, however it ends."""

    def __init__(self, **details: object) -> None:
        super().__init__(type(self).__name__)
        vars(self).update(details)

    def message(self, language: Language) -> str:
        text = self.hindi if language is Language.HI else self.english
        return text.format_map(vars(self))


@dataclass(frozen=True)
class Told:
    """A refusal as the value of a field: executors take an exception for a failure."""

    refusal: Refusal

    def __getattr__(self, name: str) -> Any:
        return getattr(self.refusal, name)
