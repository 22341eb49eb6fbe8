"""For each command, someone who may send it and what they send, in a world where it succeeds.

Whoever adds a command adds its example to the module of its domain: tests that hold every command
to a rule find it.
"""

from importlib import import_module
from pkgutil import iter_modules

from tests.examples.scene import EXAMPLES, Scene, Sending, succeeded

__all__ = ["EXAMPLES", "Scene", "Sending", "succeeded"]

for module in iter_modules(__path__, f"{__name__}."):
    import_module(module.name)
