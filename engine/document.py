"""From a text to a document that is valid over a schema, for so much work and no more."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    Lexer,
    Source,
    Token,
    TokenKind,
    ValidationRule,
    ValuesOfCorrectTypeRule,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import ASTValidationRule, overlapping_fields_can_be_merged
from graphql.validation.validate import ValidationAbortedError

from engine.cost import Limits
from runtime.faults import BadInput, Coded, Invalid, LimitExceeded

VALIDATION_ERRORS = 20
MERGING = 20_000
"""How many steps it may take to see whether fields can be merged, which is what takes longest."""
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = MERGING


class NoIntrospection(ValidationRule):
    """The schema is not told; `__typename` is."""

    def enter_field(self, node: FieldNode, *_: object) -> None:
        if node.name.value in ("__schema", "__type"):
            told = (
                f"`{node.name.value}` is not answered here. Generate code, and write operations,"
                " against a gateway in development; the schema is the same."
            )
            self.report_error(Coded("FORBIDDEN", told, node, field=node.name.value))


class ValuesOfCorrectType(ValuesOfCorrectTypeRule):
    """What is written into a document is refused with the name of the argument it stands in."""

    _argument: str | None = None

    def enter_argument(self, node: ArgumentNode, *_: object) -> None:
        self._argument = node.name.value

    def leave_argument(self, *_: object) -> None:
        self._argument = None

    def report_error(self, error: GraphQLError) -> None:
        if self._argument is not None:
            error = BadInput(error.message, nodes=error.nodes, argument=self._argument)
        super().report_error(error)


RULES = [
    ValuesOfCorrectType if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules
]


def valid(
    schema: GraphQLSchema,
    text: str,
    limits: Limits | None = None,
    rules: Sequence[type[ASTValidationRule]] = (),
) -> DocumentNode:
    """`rules` are what documents have to keep beside the specification's. Raises Invalid."""
    document = parsed(text, limits.tokens if limits else None)
    rules = [*RULES, *rules]
    if limits and not limits.introspection:
        rules.append(NoIntrospection)
    hide = limits is not None and not limits.suggestions
    errors = validate(schema, document, rules, VALIDATION_ERRORS, hide_suggestions=hide)
    if not errors:
        return document
    if isinstance(errors[-1], ValidationAbortedError) and len(errors) <= VALIDATION_ERRORS:
        told = (
            "To see whether this can run would take too long: it asks for the same fields, or"
            " spreads fragments, over and over in the same places. Once is enough."
        )
        errors[-1] = LimitExceeded(told, which="repeats", limit=MERGING)
    raise Invalid(*errors)


def parsed(text: str, tokens: int | None) -> DocumentNode:
    try:
        return parse(text, max_tokens=tokens)
    except GraphQLSyntaxError as error:
        if tokens is not None and is_cut_off(text, tokens, error):
            told = f"The document has more than {tokens} tokens. Ask for less at once."
            raise Invalid(LimitExceeded(told, which="tokens", limit=tokens)) from None
        raise Invalid(error) from None


def is_cut_off(text: str, tokens: int, error: GraphQLSyntaxError) -> bool:
    """Whether the parser stopped there for the number of tokens alone: it says so in words only,
    and those may be the document's."""
    (place,) = error.positions or (0,)
    lexer = Lexer(Source(text[:place]))
    first = lexer.token
    with suppress(GraphQLSyntaxError):
        while lexer.advance().kind is not TokenKind.EOF:
            pass
    return place < len(text) and len(list(following(first))) >= tokens


def following(token: Token) -> Iterator[Token]:
    """With the comments, which the parser skips and counts."""
    next_ = token.next
    while next_ is not None and next_.kind is not TokenKind.EOF:
        yield next_
        next_ = next_.next
