"""Refusals: expected answers that say no, which the caller can act on."""

from typing import ClassVar

from runtime.language import Language


class Refusal(Exception):
    """Raising one undoes the command; the schema lists it in the command's result.

    `english` and `hindi` may name the refusal's attributes in braces.
    """

    english: ClassVar[str]
    hindi: ClassVar[str]

    def __init__(self, **details: object) -> None:
        super().__init__(type(self).__name__)
        vars(self).update(details)

    def message(self, language: Language) -> str:
        text = self.hindi if language is Language.HI else self.english
        return text.format_map(vars(self))
