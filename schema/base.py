"""The shapes a type can take: an entity, a part of one, an addition to one, a plain value; a
command with its input and what may come of it; an event."""

import dataclasses
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Optional, TypeVar, Union, get_args, get_origin

import strawberry
from strawberry import ID
from strawberry.types.base import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from models.base import Row
from resolvers.info import Info
from runtime.batch import Batch, refuse_rules
from runtime.command import COMMAND, Command
from runtime.context import Context
from runtime.field import FIELD, SOURCE, Field, Source
from runtime.language import Language
from runtime.page import After, Before, First, Last, Pages
from runtime.privacy import Privacy
from runtime.refusal import Refusal as Refused
from runtime.refusal import Told
from runtime.rights import Act, Area, Role
from runtime.rows import is_row_of
from runtime.words import AadhaarInText, Exact, Words

T = TypeVar("T")
Check = Callable[[Context, dict[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class Backing:
    """The table behind a type, and, if it is an entity, how one of it is found by id."""

    row: type[Row]
    keys: Mapping[str, Batch]
    """The fields that each name one of an entity, and how it is found by them; none of a part."""
    through: list[Batch] = dataclasses.field(default_factory=list)
    """Reads by id of domains above, for who meets one there that they could not find by its id."""

    @property
    def by_id(self) -> Batch | None:
        return self.keys.get("id")


backings: dict[type, Backing] = {}
additions: dict[type, list[type]] = {}
"""For each type, what domains above its own add to it."""


def enum(kind: type[StrEnum], description: str, **values: str) -> None:
    """Publish an enum, each of its members described."""
    definition = strawberry.enum(kind, description=description).__strawberry_definition__  # type: ignore[attr-defined]
    for member in definition.values:
        member.description = values[member.name]


enum(Language, "The languages of the service.", EN="English.", HI="Hindi (हिन्दी).")


def field(
    description: str,
    needs: str = "",
    *,
    load: Batch | Pages | Callable[[Any], Batch | bool] | None = None,
    by: str | None = None,
    stands: Batch | None = None,
    kind: type = str,
    compute: Callable[..., Any] | None = None,
    roles: Collection[Role] | None = None,
    check: Check | None = None,
    resolve: Callable[..., Any] | None = None,
    shows: Privacy | None = None,
    area: Area | None = None,
    cost: int = 0,
    size: int | str | None = None,
    max_age: float | None = None,
    until: str | None = None,
) -> Any:
    """A field, declared once; see `runtime.field.Field` for what the arguments say.

    GraphQL arguments are the keyword-only parameters of the loader or the function; their
    descriptions stand there, as `Annotated[type, "description"]`. `kind` is the type of the
    argument `by`. `resolve` is for the few
    fields that are neither read nor computed from a row: a plain function of `info`.
    """
    arguments = parameters_of(load, compute)
    record = Field(
        needs=tuple(needs.split()),
        by=by,
        stands=stands,
        load=load,
        compute=compute,
        roles=frozenset(roles) if roles else None,
        check=check,
        speaks=any(parameter.name == "language" for parameter in arguments),
        shows=shows,
        area=area,
        cost=cost,
        size=size,
        max_age=max_age,
        until=until,
    )
    metadata = {FIELD: record}
    if resolve is not None:
        return strawberry.field(resolver=resolve, description=description, metadata=metadata)
    if load is None and compute is None:
        return strawberry.field(description=description, metadata=metadata)

    async def answer(root: Any, info: Info, **arguments: Any) -> Any:
        return await info.context.answer(record, root, arguments)

    keys = [key_parameter(by, kind)] if by else []
    vars(answer)["__signature__"] = signature_of([*keys, *arguments])
    return strawberry.field(resolver=answer, description=description, metadata=metadata)


def event(description: str, source: Source, roles: Collection[Role] | None = None) -> Any:
    """The events of a subscription, declared once. The keyword-only parameters of their `source`
    are the arguments, described as `Annotated`."""
    parameters = parameters_of(None, source)
    # What the source tells of is the event, and with it the field's value.
    record = Field(
        compute=lambda told, **_: told,
        roles=frozenset(roles) if roles else None,
        shows=Privacy.PUBLIC,
    )

    async def answer(root: Any, info: Info, **_: Any) -> Any:
        return root

    vars(answer)["__signature__"] = signature_of(parameters)
    return strawberry.field(
        resolver=answer, description=description, metadata={FIELD: record, SOURCE: source}
    )


def signature_of(parameters: Iterable[inspect.Parameter]) -> inspect.Signature:
    return inspect.Signature(
        [
            inspect.Parameter("root", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Info),
            *map(described, parameters),
        ]
    )


def key_parameter(name: str, kind: type) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=Annotated[kind, f"The {name.replace('_', ' ')} to look up."],
    )


def parameters_of(load: Any, compute: Callable[..., Any] | None) -> list[inspect.Parameter]:
    if isinstance(load, Pages):
        ends = {"first": First, "after": After, "last": Last, "before": Before}
        return [
            *load.parameters,
            *(
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind
                )
                for name, kind in ends.items()
            ),
        ]
    reads = load.statement if isinstance(load, Batch) else compute
    if reads is None:
        return []
    return [
        parameter
        for parameter in inspect.signature(reads).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]


def as_graphql(name: str, kind: Any) -> Any:
    """Ids are recognised by their names."""
    if get_origin(kind) in (UnionType, Union):
        return Union[tuple(as_graphql(name, part) for part in get_args(kind))]  # noqa: UP007
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return list[as_graphql(name.removesuffix("s"), item)]  # type: ignore[misc]
    if kind in (Words, Exact):
        return str
    return ID if kind is str and (name == "id" or name.endswith("_id")) else kind


Spoken = Annotated[Language | None, "The language of the answer; the request's if left out."]


def described(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter as Strawberry wants it. A function always gets its `language`, because
    the request has one; clients may leave it out."""
    if parameter.name == "language":
        parameter = parameter.replace(annotation=Spoken, default=None)
    if parameter.default is None:
        # Left out and null mean the same; the schema reads better without `= null`.
        parameter = parameter.replace(default=strawberry.UNSET)
    kind = parameter.annotation
    if get_origin(kind) is Annotated:
        inner, description = get_args(kind)
        named = as_graphql(parameter.name, inner)
        kind = Annotated[named, strawberry.argument(description=description)]
    return parameter.replace(annotation=kind)


@strawberry.interface(description="Anything that `node(id)` can find again.")
class Node:
    """What entities have in common."""

    id: ID = field("Opaque and stable; the same string everywhere.", "id", shows=Privacy.PUBLIC)


def entity(
    row: type[Row], *, by_id: Batch, keys: Mapping[str, Batch] = MappingProxyType({})
) -> Callable[[type[T]], type[T]]:
    """A view of a row that `node` can find by its id, and other servers by the other keys too."""

    def decorate(cls: type[T]) -> type[T]:
        refuse_rules(by_id, tuple(row.__table__.columns.keys()))
        cls.is_type_of = classmethod(lambda _, value, __: is_row_of(row, value))  # type: ignore[attr-defined]
        made = strawberry.type(cls, description=inspect.getdoc(cls))
        backings[made] = Backing(row, {"id": by_id, **keys})
        return finish(made, row)

    return decorate


def part(row: type[Row]) -> Callable[[type[T]], type[T]]:
    """A view of a row that is reached only through the entity it belongs to."""

    def decorate(cls: type[T]) -> type[T]:
        made = strawberry.type(cls, description=inspect.getdoc(cls))
        backings[made] = Backing(row, {})
        return finish(made, row)

    return decorate


def plain(cls: type[T]) -> type[T]:
    """A value that a function or a page computes; what it shows is decided where it hangs."""
    return finish(strawberry.type(cls, description=inspect.getdoc(cls)), None)


def outcome(made: type) -> Callable[[type[T]], type[T]]:
    """What a command gives that is not an entity: a view of the values that `made` makes."""

    def decorate(cls: type[T]) -> type[T]:
        cls.is_type_of = classmethod(lambda _, value, __: isinstance(value, made))  # type: ignore[attr-defined]
        return plain(cls)

    return decorate


def adds_to(owner: type) -> Callable[[type[T]], type[T]]:
    """Fields that one domain contributes to another domain's type."""

    def decorate(cls: type[T]) -> type[T]:
        row = backings[owner].row if owner in backings else None
        made = finish(strawberry.type(cls), row)
        additions.setdefault(owner, []).append(made)
        return made

    return decorate


def shown_through(owner: type, by_id: Batch) -> None:
    """Something of this domain leads to an entity, and shows of it what its own domain would not
    show to whoever has nothing but its id."""
    backings[owner].through.append(by_id)


def query(cls: type[T]) -> type[T]:
    """The root fields of a domain."""
    return finish(strawberry.type(cls), None)


def subscription(cls: type[T]) -> type[T]:
    """What is told as it happens."""
    return finish(strawberry.type(cls), None)


def finish(cls: type[T], row: type[Row] | None) -> type[T]:
    """Complete the records: a bare field reads its own column, a class follows its columns."""
    for declared in get_object_definition(cls, strict=True).fields:
        record = declared.metadata.get(FIELD)
        if not isinstance(record, Field):
            raise TypeError(f"{cls.__name__}.{declared.python_name} is not declared by field()")
        if (record.load, record.compute, declared.base_resolver) == (None, None, None):
            record = dataclasses.replace(record, attribute=declared.python_name)
            if row is not None and not record.needs:
                record = dataclasses.replace(record, needs=(declared.python_name,))
        if record.roles is not None and SOURCE not in declared.metadata:
            name = to_camel_case(declared.python_name)
            record = dataclasses.replace(record, check=admitting(record.roles, name, record.check))
        completed = classed(record, row, cls.__module__)
        declared.metadata = MappingProxyType({**declared.metadata, FIELD: completed})
    return cls


def admitting(roles: Collection[Role], name: str, check: Check | None) -> Check:
    def admitted(context: Context, arguments: dict[str, Any]) -> None:
        context.admit(roles, name)
        if check is not None:
            check(context, arguments)

    return admitted


def classed(record: Field, row: type[Row] | None, module: str) -> Field:
    """The record with its privacy class, and, above PUBLIC, who sees it and whom it is about."""
    columns = {column: row.privacy(column) for column in record.needs} if row else {}
    shows = record.shows
    if shows is None:
        shows = max(columns.values(), default=Privacy.PUBLIC)
    area, subject = record.area, None
    if shows is not Privacy.PUBLIC:
        if record.max_age is not None:
            raise TypeError(f"what is above PUBLIC is never kept: {record.needs} in {module}")
        assert row is not None
        areas = {row.area_of(column) for column in columns} - {None} or {row.areas.get(shows)}
        if area is None:
            (area,) = areas
        subject = "id" if "id" in row.__table__.columns else row.part_of and row.part_of[0]
    return dataclasses.replace(
        record, shows=shows, area=area, subject=subject, domain=record.domain or module
    )


def mutation(cls: type[T]) -> type[T]:
    """The commands of a domain."""
    made = strawberry.type(cls)
    for declared in get_object_definition(made, strict=True).fields:
        if not isinstance(declared.metadata.get(COMMAND), Command):
            raise TypeError(f"{cls.__name__}.{declared.python_name} is not made by command()")
    return made


def is_told(value: object, kind: type[Refused]) -> bool:
    return isinstance(value, Told) and isinstance(value.refusal, kind)


def told(row: Refused, *, language: Language) -> str:
    return row.message(language)


@strawberry.interface(description="A command was understood, and this is why it was not done.")
class Refusal:
    """What refusals have in common; each may say more."""

    message: str = field("For the person who asked, in their language.", compute=told)


refusals: dict[type[Refused], type] = {}


def refusal(kind: type[Refused]) -> type:
    """The refusal as a type, its annotated attributes as fields."""
    if kind not in refusals:
        taken = {known.__name__ for known in refusals}
        assert kind.__name__ not in taken, f"two refusals are called {kind.__name__}"
        namespace: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
        for name, told_as in inspect.get_annotations(kind).items():
            inner, description = get_args(told_as)
            namespace["__annotations__"][name] = inner
            namespace[name] = field(description)
        cls = type(kind.__name__, (Refusal,), namespace)
        cls.is_type_of = classmethod(lambda _, value, __: is_told(value, kind))  # type: ignore[attr-defined]
        refusals[kind] = finish(strawberry.type(cls, description=inspect.getdoc(kind)), None)
    return refusals[kind]


def command(
    description: str,
    run: Callable[..., Any],
    *,
    may: Act,
    gives: type,
    refuses: tuple[type[Refused], ...] = (),
    vital: bool = False,
    suspended: bool = False,
) -> Any:
    """A command, declared once; see `runtime.command.Command` for what the arguments say.

    `run`'s keyword-only parameters make up the one input, described as `Annotated`; `gives` is
    the entity whose id `run` returns, or a plain type of what it returns.
    """
    name = "".join(word.capitalize() for word in run.__name__.split("_"))
    backing = backings.get(gives)
    parameters = parameters_of(None, run)
    spoken = named_in(parameters, is_words)
    record = Command(
        run=run,
        may=may,
        gives=backing.by_id if backing else None,
        refusals=(*refuses, AadhaarInText) if spoken else refuses,
        words=frozenset(spoken),
        texts=frozenset(named_in(parameters, is_text)),
        vital=vital,
        suspended=suspended,
    )
    success = [gives, *(refusal(kind) for kind in record.refusals)]
    result: Any = gives
    if record.refusals:
        union = strawberry.union(f"{name}Result", description=f"What comes of `{camel(name)}`.")
        result = Annotated[Union[tuple(success)], union]  # noqa: UP007
    shape = input_of(name, parameters, replayable=backing is not None)

    async def answer(info: Info, **given: Any) -> Any:
        """`input` may be absent where nothing in it is required."""
        filled = vars(given["input"]) if given.get("input") else {}
        known = {key: None if value is strawberry.UNSET else value for key, value in filled.items()}
        return await record.carry_out(info.context, info.field_name, known)

    required = any(parameter.default is parameter.empty for parameter in parameters)
    asked: Any = shape if required else Optional[shape]  # noqa: UP045
    asks = [
        inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Info),
        inspect.Parameter(
            "input",
            inspect.Parameter.KEYWORD_ONLY,
            annotation=Annotated[asked, strawberry.argument(description="What to do.")],
            default=inspect.Parameter.empty if required else strawberry.UNSET,
        ),
    ]
    vars(answer)["__signature__"] = inspect.Signature(
        asks if shape else asks[:1], return_annotation=result | None
    )
    return strawberry.field(resolver=answer, description=description, metadata={COMMAND: record})


def input_of(name: str, parameters: list[inspect.Parameter], *, replayable: bool) -> type | None:
    """The one input of a command."""
    if replayable:
        parameters = [*parameters, IDEMPOTENCY_KEY]
    if not parameters:
        return None
    namespace: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
    for parameter in parameters:
        kind, description = get_args(parameter.annotation)
        namespace["__annotations__"][parameter.name] = as_graphql(parameter.name, kind)
        default = {} if parameter.default is parameter.empty else {"default": parameter.default}
        if parameter.default is None:
            default = {"default": strawberry.UNSET}
        namespace[parameter.name] = strawberry.field(description=description, **default)
    # Required ones first, as dataclasses want them; the schema sorts nothing by it.
    ordered = sorted(parameters, key=lambda p: p.default is not p.empty)
    namespace["__annotations__"] = {p.name: namespace["__annotations__"][p.name] for p in ordered}
    return strawberry.input(
        type(f"{name}Input", (), namespace), description=f"What `{camel(name)}` is told."
    )


IDEMPOTENCY_KEY = inspect.Parameter(
    "idempotency_key",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        str | None,
        "Any text of your own, new for each thing you want done: sent again within a day, with"
        " the same input, the command is not carried out again and answers the same.",
    ],
)


def is_words(_: str, kind: Any) -> bool:
    return kind is Words


def is_text(name: str, kind: Any) -> bool:
    """Of somebody's own, but not prose. An id is looked up, not kept."""
    return kind is str and as_graphql(name, kind) is str


def named_in(
    parameters: list[inspect.Parameter], is_wanted: Callable[[str, Any], bool]
) -> set[str]:
    """What is wanted of the parameters, and of the parts they are made of."""
    found: set[str] = set()
    for parameter in parameters:
        look_for(is_wanted, parameter.name, parameter.annotation, found)
    return found


def look_for(is_wanted: Callable[[str, Any], bool], name: str, kind: Any, found: set[str]) -> None:
    if is_wanted(name, kind):
        found.add(name)
    elif dataclasses.is_dataclass(kind):
        for part, inner in parts_of(kind).items():
            look_for(is_wanted, part, inner, found)
    else:
        for inner in get_args(kind):
            look_for(is_wanted, name, inner, found)


def parts_of(kind: Any) -> dict[str, Any]:
    """What each field was declared as: publishing rewrites the annotations."""
    declared: dict[str, Any] = vars(kind).get("__declared__") or inspect.get_annotations(kind)
    return declared


def camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def criteria(kind: type) -> None:
    """Publish a frozen dataclass of a loader or a command as an input; `Annotated` describes
    its fields."""
    vars_of = dict(inspect.get_annotations(kind))
    for name, declared_as in vars_of.items():
        inner, description = get_args(declared_as)
        kind.__annotations__[name] = Annotated[as_graphql(name, inner), description]
    kind.__declared__ = vars_of  # type: ignore[attr-defined]
    made = strawberry.input(kind, description=inspect.getdoc(kind))
    for declared in get_object_definition(made, strict=True).fields:
        _, declared.description = get_args(inspect.get_annotations(kind)[declared.python_name])
