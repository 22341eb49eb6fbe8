"""Running an operation: parsed and validated once, then executed for each request."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    validate,
)

from runtime.context import Context
from runtime.faults import BadInput, LimitExceeded
from runtime.projection import Projection


@dataclass(frozen=True)
class Operation:
    """A valid operation of a document."""

    document: DocumentNode
    definition: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]

    @property
    def kind(self) -> OperationType:
        return self.definition.operation


class Invalid(Exception):
    """The document cannot run; every error in it is meant for the client."""

    def __init__(self, *errors: GraphQLError) -> None:
        self.errors = errors


@lru_cache(maxsize=1000)
def prepared(
    schema: GraphQLSchema, document: str, operation_name: str | None, token_limit: int
) -> Operation:
    """The operation of that name. Raises Invalid, which is not remembered."""
    try:
        parsed = parse(document, max_tokens=token_limit)
    except GraphQLSyntaxError as error:
        if "token" in error.message and str(token_limit) in error.message:
            raise Invalid(
                LimitExceeded(
                    f"The document has more than {token_limit} tokens. Ask for less at once.",
                    limit=token_limit,
                )
            ) from None
        raise Invalid(error) from None
    if errors := validate(schema, parsed, max_errors=20):
        raise Invalid(*errors)
    definition = get_operation_ast(parsed, operation_name)
    if definition is None:
        raise Invalid(
            BadInput(
                f"The document has no operation {operation_name}."
                if operation_name
                else "The document has several operations: say which with `operationName`."
            )
        )
    fragments = {
        node.name.value: node
        for node in parsed.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    return Operation(parsed, definition, fragments)


async def run(
    schema: GraphQLSchema,
    operation: Operation,
    variables: Mapping[str, Any] | None,
    context: Context,
) -> ExecutionResult:
    context.projection = Projection(
        schema, operation.definition, operation.fragments, context.viewer
    )
    name = operation.definition.name
    result = execute(
        schema,
        operation.document,
        context_value=context,
        variable_values=dict(variables or {}),
        operation_name=name.value if name else None,
    )
    answer = await result if inspect.isawaitable(result) else result
    assert isinstance(answer, ExecutionResult)
    try:
        await context.keep_trail()
    except Exception as error:
        unkept = GraphQLError("The audit could not be kept.", original_error=error)
        return ExecutionResult(data=None, errors=[unkept])
    return answer
