"""For each command, someone who may send it and what they send, in a world where it succeeds.

Whoever adds a command adds its example to the module of its domain: tests that hold every command
to a rule find it.
"""

from tests.examples import account, booking, grievance, review, skill, worker
from tests.examples.scene import EXAMPLES, Scene, Sending

__all__ = [
    "EXAMPLES",
    "Scene",
    "Sending",
    "account",
    "booking",
    "grievance",
    "review",
    "skill",
    "worker",
]
