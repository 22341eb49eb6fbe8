"""A plan in words: what is resolved on each level, how, and by which statements."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema
from graphql.execution.values import VariableValues
from graphql.type import is_abstract_type, is_leaf_type

from engine.plan import Plan, PlannedField, Selection
from engine.sources import Attribute, Computed, Dependent, Guarded, Loaded, Paged, Refused, Source
from runtime.batch import Batch
from runtime.context import Context


@dataclass
class Level:
    """What happens before anything below it can: `fields` by the place they stand at, and the
    reads that all of them share."""

    fields: dict[str, str] = field(default_factory=dict)
    reads: dict[str, str] = field(default_factory=dict)
    """The statement of each loader."""

    def formatted(self) -> dict[str, Any]:
        return {"fields": self.fields, "reads": self.reads}


def described(
    schema: GraphQLSchema, plan: Plan, variables: VariableValues, context: Context
) -> list[Level]:
    """The levels of a plan, as they come when every object that may turn up does."""
    levels: list[Level] = []
    here: list[tuple[str, Selection]] = [("", selection) for selection in plan.steps]
    while here:
        level = Level()
        below: list[tuple[str, Selection]] = []
        for place, selection in here:
            for planned in selection.fields:
                at = f"{place}.{planned.key}" if place else planned.key
                level.fields[at] = in_words(planned.source)
                for batch in reads_of(planned, variables, context):
                    query, _ = batch.query(
                        plan.projection.of(batch.entity) if plan.projection else ()
                    )
                    level.reads[name_of(batch)] = query.sql
                below += ((f"{at}{mark}", inner) for mark, inner in led_to(schema, planned))
        levels.append(level)
        here = below
    return levels


def led_to(schema: GraphQLSchema, planned: PlannedField) -> Iterator[tuple[str, Selection]]:
    """The selections on what the field leads to; on an interface, those that differ from what is
    asked of every type."""
    named = planned.output.named
    if is_leaf_type(named):
        return
    if isinstance(named, GraphQLObjectType):
        yield "", planned.below(named)
        return
    assert is_abstract_type(named)
    seen: set[tuple[str, ...]] = set()
    for type_ in schema.get_possible_types(named):
        selection = planned.below(type_)
        keys = tuple(inner.key for inner in selection.fields)
        if keys not in seen:
            seen.add(keys)
            yield f"({type_})", selection


def in_words(source: Source) -> str:
    match source:
        case Attribute():
            return "a column"
        case Computed():
            return "computed"
        case Loaded(batch=batch):
            return f"read by {name_of(batch)}"
        case Paged(pages=pages):
            return f"a page, read by {name_of(pages.run)}"
        case Dependent():
            return "known, or read, as its parent says"
        case Guarded(source=inner):
            return f"{in_words(inner)}, in rows that show it"
        case Refused():
            return "hidden from this viewer"
    return "resolved one by one"


def reads_of(planned: PlannedField, variables: VariableValues, context: Context) -> list[Batch]:
    source = planned.source
    if isinstance(source, Guarded):
        source = source.source
    if not isinstance(source, Loaded | Paged):
        return []
    arguments = dict(planned.arguments(variables))
    arguments.pop(source.record.by or "", None)
    if isinstance(source, Loaded):
        return [source.batch(**arguments)]
    return [source.pages.asked(arguments, context.settings.page_limit).run]


def name_of(batch: Batch) -> str:
    return f"{batch.statement.__module__}.{batch.statement.__qualname__}"
