"""What Strawberry hands to the few resolvers that ask for more than a row."""

from typing import TypeAlias

import strawberry

from runtime.context import Context

Info: TypeAlias = strawberry.Info[Context, None]
