"""What a partner's answer is worth: no more than was asked for, about no one but who was asked for.

Answers become part of one tree that others fill as well. What a partner adds to its answer would
stand there as if another had said it; entities in another order would be said of each other.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import orjson

from federation.client import Request
from federation.execute import objects_in
from federation.faults import Unavailable
from federation.plan import Entities, Input, Shape

Object: TypeAlias = dict[str, Any]


def looked_into(answer: Object, request: Request) -> Object:
    """The answer, changed to what of it can be taken. In place of an entity that cannot, why."""
    data, fetch = answer.get("data"), request.fetch
    if fetch.shape is None or type(data) is not dict:
        return answer
    keep_only([data], fetch.shape)
    for entities in fetch.entities:
        found = data.get(entities.alias)
        representations = request.representations[entities.variable]
        # Another number of them is of no use at all, which whoever takes them says.
        if type(found) is list and len(found) == len(representations):
            other = Unavailable(
                request.subgraph, "gave another entity than it was asked for", retryable=False
            )
            data[entities.alias] = [
                other if type(each) is dict and not is_proved(each, asked, entities) else each
                for each, asked in zip(found, representations, strict=True)
            ]
    return answer


def keep_only(objects: Sequence[Object], shape: Shape) -> None:
    """Takes out of the objects, and those below, what was not asked for."""
    for each in objects:
        for key in each.keys() - shape.keys():
            del each[key]
    for key, below in shape.items():
        if below is not None:
            keep_only(objects_in([each.get(key) for each in objects]), below)


def is_proved(entity: Object, representation: bytes, entities: Entities) -> bool:
    type_ = entity.get("__typename")
    if type_ is not None and not (type(type_) is str and type_ in entities.possible):
        return False
    return not entities.proof or is_same(entity, orjson.loads(representation), entities.proof)


def is_same(found: Any, asked: Any, key: Sequence[Input]) -> bool:
    if key and type(found) is dict and type(asked) is dict:
        return all(is_same(found.get(part.key), asked.get(part.name), part.below) for part in key)
    if type(found) is list and type(asked) is list:
        return len(found) == len(asked) and all(
            is_same(one, other, key) for one, other in zip(found, asked, strict=True)
        )
    # Of an ID, one server makes a number and another text.
    return found == asked or ({type(found), type(asked)} == {int, str} and str(found) == str(asked))
