"""What an operation costs, reckoned from its document before any of it runs.

docs/cost.md has the rules. The walk looks at each combination of selection sets that meet in one
place once for each type, however many ways of spreading fragments lead there; what it leaves for
each request is a sum of products, in which only sizes that are variables are still open.
"""

import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLWrappingType,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NamedTypeNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_list_type,
    value_from_ast_untyped,
)
from graphql.utilities.coerce_input_value import coerce_default_value

from runtime.faults import BadInput, LimitExceeded
from runtime.field import told
from runtime.page import DEFAULT_SIZE, Pages
from runtime.settings import Settings

READ = 10
"""What a statement costs: once for its place in the operation, for it serves all parents."""
INTROSPECTION = 5_000
"""What `__schema` or `__type` costs as a whole. How deep it may go is a rule of validation."""
ASSUMED_SIZE = 10
"""How many items a list has of which nothing is known."""

CEILINGS = {"fields": 20_000, "depth": 100}
"""Where the walk gives up, whatever the limits: the interpreter itself nests only so far."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most an operation may measure, and what else is not for every client."""

    tokens: int = 5_000
    cost: int = 20_000
    depth: int = 25
    aliases: int = 50
    root_fields: int = 20
    directives: int = 50
    fields: int = 10_000
    enforced: bool = True
    """Whether what measures more is refused, rather than only reported."""
    introspection: bool = True
    suggestions: bool = True
    """Whether a name that is not there is answered with those that are like it."""

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        return cls(
            tokens=settings.token_limit,
            cost=settings.cost_limit,
            depth=settings.depth_limit,
            aliases=settings.alias_limit,
            root_fields=settings.root_field_limit,
            directives=settings.directive_limit,
            fields=settings.field_limit,
            enforced=settings.cost_limits == "enforce",
            introspection=settings.shows("introspection"),
            suggestions=settings.shows("suggestions"),
        )


ANY = sys.maxsize
UNBOUNDED = Limits(cost=ANY, depth=ANY, aliases=ANY, root_fields=ANY, directives=ANY, fields=ANY)
"""What holds even where limits are only reported is what `CEILINGS` says."""

REMEDIES = {
    "fields": "The operation has more than {limit} fields once its fragments are spread."
    " Spread fewer of them in one another, or ask in several operations.",
    "depth": "{deepest} is deeper than {limit} fields."
    " Leave out its last levels, or reach them from a root field.",
    "aliases": "The operation has more than {limit} aliases."
    " Use a list and its filter, or ask in several operations.",
    "root_fields": "The operation has more than {limit} root fields."
    " Use a list and its filter, or ask in several operations.",
    "directives": "The operation has more than {limit} directives. Leave out some.",
}


@dataclass(frozen=True)
class Listing:
    """How long a field's list is, or, if `sized` names any, those of the fields below it.

    The largest of the `slicing` arguments says so, else `assumed`.
    """

    assumed: int = ASSUMED_SIZE
    slicing: tuple[str, ...] = ()
    sized: tuple[str, ...] = ()
    requires_one: bool = False


PAGE = Listing(DEFAULT_SIZE, ("first", "last"), ("edges", "nodes"))


@dataclass(frozen=True)
class Terms:
    """What a field costs for each parent, besides its value, and its statements for all."""

    weight: int = 0
    reads: int = 0
    listing: Listing = Listing()


def terms_of(made: GraphQLField) -> Terms:
    """By the field's record; in a schema that has none, by `@cost` and `@listSize`."""
    record = told(made)
    if record is None:
        return Terms(weight=weight_of(made, 0), listing=listing_of(made))
    if isinstance(record.load, Pages):
        listing = PAGE
    elif isinstance(record.size, str):
        listing = Listing(slicing=(record.size,))
    else:
        listing = Listing(record.size or ASSUMED_SIZE)
    return Terms(record.cost, int(record.load is not None), listing)


def listing_of(made: GraphQLField) -> Listing:
    said = applied("listSize", made)
    if said is None:
        return Listing()
    slicing = tuple(said.get("slicingArguments") or ())
    assumed = said.get("assumedSize")
    return Listing(
        assumed=ASSUMED_SIZE if assumed is None else assumed,
        slicing=slicing,
        sized=tuple(said.get("sizedFields") or ()),
        requires_one=bool(slicing) and said.get("requireOneSlicingArgument", True),
    )


def weight_of(element: GraphQLField | GraphQLNamedType, usual: int) -> int:
    said = applied("cost", element)
    return usual if said is None else ceil(float(said.get("weight", usual)))


def applied(directive: str, element: GraphQLField | GraphQLNamedType) -> dict[str, Any] | None:
    """The arguments of a directive in the SDL of a field or a type, if it stands there."""
    nodes = (element.ast_node, *getattr(element, "extension_ast_nodes", ()))
    for node in nodes:
        for found in (node and node.directives) or ():
            if found.name.value == directive:
                return {
                    argument.name.value: value_from_ast_untyped(argument.value)
                    for argument in found.arguments or ()
                }
    return None


def count(value: Any) -> int | None:
    """How many items a slicing argument asks for, given its value or a list of keys."""
    if isinstance(value, int):
        return max(value, 0)
    return len(value) if isinstance(value, list | tuple) else None


def number_in(value: ValueNode) -> int | None:
    """The same of a value in a document."""
    if isinstance(value, IntValueNode):
        return count(int(value.value))
    if isinstance(value, NullValueNode):
        return None
    # What is not a list stands for a list of one where a list is wanted.
    return len(value.values or ()) if isinstance(value, ListValueNode) else 1


@dataclass(frozen=True)
class Slice:
    """An argument that says how long a list is: by a number, or by a variable.

    `number` holds where the variable has no value.
    """

    argument: str
    number: int | None
    variable: str | None = None

    def value(self, variables: Mapping[str, Any]) -> int | None:
        if self.variable is None or self.variable not in variables:
            return self.number
        return count(variables[self.variable])


@dataclass(frozen=True)
class Size:
    """How long a list may be."""

    assumed: int = 1
    slices: tuple[Slice, ...] = ()
    factor: int = 1
    """How many items each of its items holds, where those are lists."""

    @property
    def varies(self) -> bool:
        return any(slice_.variable is not None for slice_ in self.slices)

    def of(self, variables: Mapping[str, Any]) -> int:
        return self.asked(variables)[0] * self.factor

    def asked(self, variables: Mapping[str, Any]) -> tuple[int, str]:
        """The number that decides, and its argument, or "" if it is assumed."""
        values = ((slice_.value(variables), slice_.argument) for slice_ in self.slices)
        return max(
            ((number, argument) for number, argument in values if number is not None),
            default=(self.assumed, ""),
        )


ONE = Size()


@dataclass(frozen=True)
class Sized:
    """The lists below a field whose size its arguments say."""

    names: tuple[str, ...]
    size: Size


def size_of(
    type_: GraphQLOutputType, name: str, sized: Sized | None, slices: Size, listing: Listing
) -> Size:
    """How many items a field gives: as its parent's arguments say, or its own."""
    lists = 0
    while isinstance(type_, GraphQLWrappingType):
        lists += is_list_type(type_)
        type_ = type_.of_type
    if not lists:
        return ONE
    if sized is not None and name in sized.names:
        size = sized.size
    else:
        size = Size(listing.assumed) if listing.sized else slices
    return replace(size, factor=ASSUMED_SIZE ** (lists - 1)) if lists > 1 else size


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What no variable decides."""

    reads: int = 0
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    fields: int = 0

    @classmethod
    def of_alternatives(cls, tallies: Sequence["Tally"]) -> "Tally":
        """Each measure as high as the type that makes it highest; all are work to prepare."""
        return cls(
            reads=max((tally.reads for tally in tallies), default=0),
            depth=max((tally.depth for tally in tallies), default=0),
            aliases=max((tally.aliases for tally in tallies), default=0),
            directives=max((tally.directives for tally in tallies), default=0),
            fields=sum(tally.fields for tally in tallies),
        )


@dataclass(eq=False, repr=False)
class Selection:
    """What is asked of one object, fields that answer under one name taken together."""

    weight: int = 0
    tally: Tally = Tally()
    width: int = 0
    """How many fields it has itself."""
    places: tuple["Place", ...] = ()
    """Those of its fields that cost something, or have something below them."""
    fixed: int = field(init=False)
    varying: list["Place"] = field(init=False)

    def __post_init__(self) -> None:
        self.fixed = self.weight + sum(place.fixed or 0 for place in self.places)
        self.varying = [place for place in self.places if place.fixed is None]

    def cost(self, variables: Mapping[str, Any], known: dict["Selection", int]) -> int:
        """Of one such object. `known` remembers, or shared fragments would take for ever."""
        if not self.varying:
            return self.fixed
        if self not in known:
            known[self] = self.fixed + sum(place.cost(variables, known) for place in self.varying)
        return known[self]


@dataclass(eq=False, repr=False)
class Place:
    """A field in a selection, with all that is below it."""

    key: str
    node: FieldNode
    terms: Terms
    slices: Size
    """What its own arguments ask for: of itself, or of the lists below that it sizes."""
    size: Size
    options: Sequence[Selection]
    """What is asked of an item, for each type it may be of."""
    tally: Tally
    fixed: int | None = field(init=False)

    def __post_init__(self) -> None:
        varies = self.size.varies or any(option.varying for option in self.options)
        self.fixed = None if varies else self.terms.weight + self.items({}, {})

    def cost(self, variables: Mapping[str, Any], known: dict[Selection, int]) -> int:
        """For one parent."""
        if self.fixed is not None:
            return self.fixed
        return self.terms.weight + self.items(variables, known)

    def items(self, variables: Mapping[str, Any], known: dict[Selection, int]) -> int:
        """Of all its items, as if each were of the dearest type."""
        return self.size.of(variables) * self.dearest(variables, known).cost(variables, known)

    def dearest(self, variables: Mapping[str, Any], known: dict[Selection, int]) -> Selection:
        if len(self.options) == 1:
            return self.options[0]
        return max(self.options, key=lambda option: option.cost(variables, known), default=NOTHING)


NOTHING = Selection()


@dataclass(frozen=True)
class Share:
    """What a place costs in all, with everything below it."""

    path: tuple[str, ...]
    place: Place
    cost: int
    sliced: int
    """What of it is in proportion to the size that its arguments ask for."""

    @property
    def name(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True)
class Price:
    """What an operation measures, and what it costs once its variables are known."""

    operation: OperationDefinitionNode
    root: Selection
    measured: Mapping[str, int]
    visits: int
    """How many selections the walk has looked at."""
    faults: Sequence[GraphQLError] = ()

    def cost(self, variables: Mapping[str, Any]) -> int:
        """`variables` are coerced, with the operation's defaults."""
        return READ * self.root.tally.reads + self.root.cost(variables, {})

    def shares(self, variables: Mapping[str, Any], least: int = 20) -> list[Share]:
        """Every place that has at least one `least`th of the cost, behind the place above it."""
        known: dict[Selection, int] = {}
        whole = self.cost(variables)

        def below(selection: Selection, path: tuple[str, ...], times: int) -> Iterator[Share]:
            for place in selection.places:
                cost = times * place.cost(variables, known) + READ * place.tally.reads
                if not place.options or cost * least < max(whole, 1):
                    continue
                here, item = (*path, place.key), place.dearest(variables, known)
                each = times * place.size.of(variables)
                if sized := place.terms.listing.sized:
                    lists = (list_ for list_ in item.places if list_.node.name.value in sized)
                    sliced = each * sum(list_.items(variables, known) for list_ in lists)
                else:
                    sliced = each * item.cost(variables, known)
                yield Share(here, place, cost, sliced)
                yield from below(item, here, each)

        return list(below(self.root, (), 1))

    def refusal(
        self, limits: Limits, variables: Mapping[str, Any] | None = None
    ) -> GraphQLError | None:
        """Why it may not run. Without variables: for what no variable can mend."""
        if self.faults:
            return self.faults[0]
        for which, remedy in REMEDIES.items():
            limit = min(getattr(limits, which), CEILINGS.get(which, sys.maxsize))
            if self.measured.get(which, 0) > limit:
                return LimitExceeded(
                    remedy.format(limit=f"{limit:,}", deepest=self.deepest()),
                    nodes=self.operation,
                    which=which,
                    limit=limit,
                    **{which: self.measured[which]},
                )
        if variables is None and self.root.varying:
            return None
        cost = self.cost(variables or {})
        return self.too_dear(cost, limits.cost, variables or {}) if cost > limits.cost else None

    def too_dear(self, cost: int, limit: int, variables: Mapping[str, Any]) -> LimitExceeded:
        shares = self.shares(variables)
        lists = [share for share in shares if share.sliced and share.place.terms.listing.slicing]
        # The deepest list that has most of the cost: what is above it is as dear for its sake.
        most = [share for share in lists if share.sliced * 2 >= cost]
        worst = most[-1] if most else max(lists or shares, key=lambda s: s.cost, default=None)
        message = f"The operation costs {cost:,} points, of at most {limit:,}."
        if worst is None:
            return LimitExceeded(
                message, nodes=self.operation, which="cost", limit=limit, cost=cost
            )
        advice = "leave out some of what is asked below it"
        if worst in lists:
            number, argument = worst.place.slices.asked(variables)
            argument = argument or worst.place.terms.listing.slicing[0]
            fitting = number * (limit - cost + worst.sliced) // worst.sliced
            advice = (
                f"ask with `{argument}` for at most {fitting:,} of it instead of {number:,}"
                if fitting > 0
                else f"ask with `{argument}` for far fewer of it than {number:,},"
                " and for less above it"
            )
        return LimitExceeded(
            f"{message} `{worst.name}` costs {worst.cost:,} of them: {advice}.",
            nodes=worst.place.node,
            which="cost",
            limit=limit,
            cost=cost,
            costs={share.name: share.cost for share in shares},
        )

    def deepest(self) -> str:
        """The longest path, where the walk has come to its end."""
        path, selection = [], self.root
        while selection.places:
            place = max(selection.places, key=lambda place: place.tally.depth)
            selection = max(place.options, key=lambda o: o.tally.depth, default=NOTHING)
            path.append(place.key)
        return f"`{'.'.join(path)}`" if path else "The operation"


def priced(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    is_included: Callable[[SelectionNode], bool] = lambda _: True,
) -> Price:
    """The price of an operation, whether it is valid or not: what is not there costs nothing.

    `is_included` says what `@skip` and `@include` leave in, where that is known.
    """
    walk = Walk(schema, fragments, is_included)
    root_type = schema.get_root_type(operation.operation)
    if root_type is None:
        return Price(operation, NOTHING, {}, 0)
    try:
        root = walk.selection(root_type, [operation.selection_set], None, 0)
    except Endless as endless:
        measured = {endless.which: CEILINGS[endless.which] + 1}
        return Price(operation, NOTHING, measured, walk.visits)
    declared = [operation.directives]
    declared += [variable.directives for variable in operation.variable_definitions or ()]
    measured = {
        "fields": root.tally.fields,
        "depth": root.tally.depth,
        "aliases": root.tally.aliases,
        "root_fields": root.width,
        "directives": root.tally.directives + sum(len(there or ()) for there in declared),
    }
    return Price(operation, root, measured, walk.visits, walk.faults)


class Endless(Exception):
    """There is more of it than any limit allows."""

    def __init__(self, which: str) -> None:
        self.which = which


@dataclass
class Collected:
    """What selection sets ask of an object of one type, by the names it answers under."""

    fields: dict[str, list[FieldNode]]
    looked_at: int = 0
    directives: int = 0


class Walk:
    """Through an operation, each combination of selection sets once for each type."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        is_included: Callable[[SelectionNode], bool],
    ) -> None:
        self.visits = 0
        self.faults: list[GraphQLError] = []
        self._schema = schema
        self._fragments = fragments
        self._is_included = is_included
        self._known: dict[Hashable, Selection] = {}

    def selection(
        self,
        type_: GraphQLObjectType,
        sets: Sequence[SelectionSetNode],
        sized: Sized | None,
        nesting: int,
    ) -> Selection:
        identity = (type_.name, frozenset(map(id, sets)), sized)
        if identity not in self._known:
            if nesting > CEILINGS["depth"]:
                raise Endless("depth")
            # Validation refuses fragments that spread themselves; here they end.
            self._known[identity] = NOTHING
            collected = self.collected(type_, sets)
            places = [
                self._place(type_, key, nodes, sized, nesting)
                for key, nodes in collected.fields.items()
            ]
            self._known[identity] = Selection(
                weight=weight_of(type_, 1),
                tally=Tally(
                    reads=sum(place.tally.reads for place in places),
                    depth=max((place.tally.depth for place in places), default=0),
                    aliases=sum(place.tally.aliases for place in places),
                    directives=collected.directives + sum(p.tally.directives for p in places),
                    fields=collected.looked_at + sum(place.tally.fields for place in places),
                ),
                width=len(places),
                places=tuple(place for place in places if place.options or place.fixed != 0),
            )
        return self._known[identity]

    def collected(self, type_: GraphQLObjectType, sets: Sequence[SelectionSetNode]) -> Collected:
        found = Collected(fields={})
        spread: set[str] = set()
        pending = list(sets)
        for set_ in pending:
            for selection in set_.selections:
                found.looked_at += 1
                found.directives += len(selection.directives or ())
                if not self._is_included(selection):
                    continue
                if isinstance(selection, FieldNode):
                    key = (selection.alias or selection.name).value
                    found.fields.setdefault(key, []).append(selection)
                elif isinstance(selection, InlineFragmentNode):
                    if self._applies(selection.type_condition, type_):
                        pending.append(selection.selection_set)
                elif isinstance(selection, FragmentSpreadNode):
                    fragment = self._fragments.get(selection.name.value)
                    if fragment is not None and selection.name.value not in spread:
                        spread.add(selection.name.value)
                        if self._applies(fragment.type_condition, type_):
                            pending.append(fragment.selection_set)
            self.visits += len(set_.selections)
            if self.visits > CEILINGS["fields"]:
                raise Endless("fields")
        return found

    def _applies(self, condition: NamedTypeNode | None, type_: GraphQLObjectType) -> bool:
        if condition is None:
            return True
        named = self._schema.get_type(condition.name.value)
        return named is type_ or (
            is_abstract_type(named) and self._schema.is_sub_type(named, type_)
        )

    def _place(
        self,
        parent: GraphQLObjectType,
        key: str,
        nodes: Sequence[FieldNode],
        sized: Sized | None,
        nesting: int,
    ) -> Place:
        node, name = nodes[0], nodes[0].name.value
        made = self._schema.get_field(parent, name)
        terms = terms_of(made) if made else Terms()
        slices = self._slices(made, node, terms.listing) if made else ONE
        below: Sequence[Selection] = ()
        size = ONE
        if made is not None:
            size = size_of(made.type, name, sized, slices, terms.listing)
            inner = Sized(terms.listing.sized, slices) if terms.listing.sized else None
            sets = [node.selection_set for node in nodes if node.selection_set]
            below = self._below(get_named_type(made.type), sets, inner, nesting + 1)
        tally = Tally.of_alternatives([option.tally for option in below])
        if parent is self._schema.mutation_type:
            terms = replace(terms, reads=1)
        if name in ("__schema", "__type"):
            below, terms, tally = (), Terms(weight=INTROSPECTION), replace(tally, depth=0)
        return Place(
            key=key,
            node=node,
            terms=terms,
            slices=slices,
            size=size,
            options=below,
            tally=replace(
                tally,
                reads=tally.reads + terms.reads,
                depth=tally.depth + 1,
                aliases=tally.aliases + (key != name),
            ),
        )

    def _below(
        self,
        type_: GraphQLNamedType,
        sets: Sequence[SelectionSetNode],
        sized: Sized | None,
        nesting: int,
    ) -> list[Selection]:
        """What is asked of an item, for each type it may be of."""
        if isinstance(type_, GraphQLObjectType):
            return [self.selection(type_, sets, sized, nesting)]
        if is_abstract_type(type_):
            return [
                self.selection(possible, sets, sized, nesting)
                for possible in self._schema.get_possible_types(type_)
            ]
        weight = weight_of(type_, 0)
        return [Selection(weight)] if weight else []

    def _slices(self, made: GraphQLField, node: FieldNode, listing: Listing) -> Size:
        written = {argument.name.value: argument.value for argument in node.arguments or ()}
        slices = []
        for name in listing.slicing:
            value, argument = written.get(name), made.args.get(name)
            usual = count(coerce_default_value(argument)) if argument else None
            if isinstance(value, VariableNode):
                slices.append(Slice(name, usual, value.name.value))
            else:
                slices.append(Slice(name, usual if value is None else number_in(value)))
        given = [
            name
            for name in listing.slicing
            if not isinstance(written.get(name), NullValueNode | None)
        ]
        if listing.requires_one and len(given) != 1:
            names = " and ".join(f"`{name}`" for name in listing.slicing)
            self.faults.append(
                BadInput(f"Give `{node.name.value}` exactly one of {names}.", nodes=node)
            )
        return Size(listing.assumed, tuple(slices))
