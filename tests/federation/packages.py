"""`python -m tests.federation.packages`: packages of npm that tests of the router need, once.

With `regenerate` it also writes anew what is committed of other programs: the supergraphs that two
composers make of the subgraphs beside them, and the fetches that another planner needs.
"""

import subprocess
import sys
from pathlib import Path

from deploy import compose
from deploy.packages import install
from ide.build import programs

FOLDER = Path(__file__).parent


def regenerate() -> None:
    install(compose.FOLDER)
    node, _ = programs()
    for program in ("compose.mjs", "count.mjs"):
        subprocess.run([*node, program], cwd=FOLDER, check=True)


if __name__ == "__main__":
    install(FOLDER)
    if sys.argv[1:] == ["regenerate"]:
        regenerate()
