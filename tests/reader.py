"""A reader of the documentation: types what a page says, in a clone that nothing but `make run` has
set up, and with nothing of ours in the environment."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ide.build import DIST
from tests.conftest import CHECKOUT

BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BEHIND = "--- so much was told ---"
SECONDS = 400
PATH = "/usr/local/bin:/usr/bin:/bin"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
REGISTRIES = ("PIP_", "NPM_CONFIG_", "npm_config_", "SSL_", "NODE_EXTRA_CA_CERTS", "HTTPS_PROXY")
"""How this machine gets packages, which is no page's to say."""


@dataclass(frozen=True)
class Block:
    kind: str
    file: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    yield from (Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8")))


def script(page: Path) -> str:
    """All commands of the page, one after the other in one shell."""
    commands = [f"{block.text}echo '{BEHIND}'" for block in blocks(page) if block.kind == "sh"]
    return "\n".join(["set -euo pipefail", "trap 'jobs -p | xargs -r kill' EXIT", *commands])


def answers(page: Path) -> Iterator[Any]:
    """What the page says is answered, for each of its commands; None where it does not say."""
    shown = [b for b in blocks(page) if b.kind in ("sh", "json") and not b.file]
    for block, after in zip(shown, [*shown[1:], None], strict=True):
        if block.kind == "sh":
            yield json.loads(after.text) if after and after.kind == "json" else None


def write_files(page: Path, folder: Path) -> None:
    for block in blocks(page):
        if block.file:
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.text, encoding="utf-8")


def typed(commands: str, folder: Path, environment: dict[str, str]) -> tuple[int, str, str]:
    """The status, and what was printed. All that was started has ended then."""
    with subprocess.Popen(
        ["bash", "-c", commands],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            output, complaints = shell.communicate(timeout=SECONDS)
            return shell.returncode, output, complaints
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)


@dataclass(frozen=True)
class Reader:
    home: Path

    @property
    def clone(self) -> Path:
        return self.home / "sewa-mitra-gateway"

    @property
    def environment(self) -> dict[str, str]:
        """As `env -i` has it, but for how this machine gets packages."""
        registries = {name: it for name, it in os.environ.items() if name.startswith(REGISTRIES)}
        npm = {
            "npm_config_cache": str(Path.home() / ".npm"),
            "npm_config_userconfig": str(Path.home() / ".npmrc"),
        }
        return {**npm, **registries, "PATH": PATH, "HOME": str(self.home)}

    def types(self, page: Path, name: str, **chosen: str) -> list[str]:
        """What each command of the page has printed, typed in a new folder of that name."""
        folder = self.home / name
        folder.mkdir()
        write_files(page, folder)
        code, output, complaints = typed(script(page), folder, {**self.environment, **chosen})
        logs = "\n".join(path.read_text() for path in folder.glob("*.log"))
        assert code == 0, output + complaints + logs
        return [text.strip() for text in output.split(BEHIND)[:-1]]


@contextmanager
def a_reader(*, sets_up: bool) -> Iterator[Reader]:
    """In a home of their own. Who `sets_up` has downloaded all that `make run` needs, in minutes;
    else the same packages are taken from our own, and no others."""
    # Not pytest's own folder: its parents are private, and PostgreSQL would open them to everyone.
    with TemporaryDirectory(dir="/var/tmp", prefix="sewa-reader-") as home:
        Path(home).chmod(0o755)
        reader = Reader(Path(home))
        copy_tree(reader.clone)
        if sets_up:
            given = {**reader.environment, "PYTHON": os.path.realpath(sys.executable)}
            subprocess.run(["bash", "setup.sh", "run"], cwd=reader.clone, env=given, check=True)
        else:
            install_as_run(reader.clone)
        yield reader


def copy_tree(clone: Path) -> None:
    """What `git clone` would give once everything is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        # A link to what set-up makes is none of it.
        if (CHECKOUT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, clone / name)


def install_as_run(clone: Path) -> None:
    """A .venv with the packages of requirements/run.txt, linked file by file."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone / ".venv"], check=True)
    (site,) = (clone / ".venv" / "lib").glob("python*/site-packages")
    pinned = PINNED.findall((clone / "requirements" / "run.txt").read_text(encoding="utf-8"))
    for name in pinned:
        with suppress(PackageNotFoundError):  # For another system than this.
            for file in distribution(name).files or ():
                source, target = Path(str(file.locate())).resolve(), site / file
                if ".." not in file.parts and source.is_file() and not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.symlink_to(source)
    shutil.copytree(DIST, clone / "ide" / "dist")
