"""Makes every job and follower known, whichever module it is in."""

from importlib import import_module
from pkgutil import iter_modules

import resolvers

for module in iter_modules(resolvers.__path__):
    import_module(f"resolvers.{module.name}")
