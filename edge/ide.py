"""The IDE as the server gives it out: a page, its files, and the example operations."""

import html
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from runtime.identity import DEMO

TITLE = "Sewa Mitra Gateway · सेवा मित्र"
LANGUAGE = {"Accept-Language": "hi"}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Monaco puts its colours into style elements while it runs.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Operation:
    """An example: `NAME.graphql` and `NAME.json`. Its first line is `# audience: title`, and
    a second one, `# as NAME`, names the demo account it is asked as."""

    name: str
    audience: str
    title: str
    query: str
    variables: str
    account: str | None

    @property
    def headers(self) -> str:
        sent = {**LANGUAGE, "Authorization": f"Bearer {DEMO}{self.account}"}
        return json.dumps(sent if self.account else LANGUAGE, indent=2)


def operations(folder: Path) -> list[Operation]:
    """The examples of a folder, by name; the home view first."""
    found = []
    for path in sorted(folder.glob("*.graphql"), key=lambda p: (p.stem != "home_view", p.stem)):
        query = path.read_text(encoding="utf-8")
        first, second = query.split("\n", 2)[:2]
        audience, _, title = first.lstrip("# ").partition(": ")
        account = second.removeprefix("# as ") if second.startswith("# as ") else None
        variables = path.with_suffix(".json")
        given = variables.read_text(encoding="utf-8").strip() if variables.exists() else ""
        found.append(Operation(path.stem, audience, title, query, given, account))
    return found


def page(endpoint: str, examples: Path, assets: Path) -> Response:
    """The IDE, or, where it was never built, how to build it."""
    if not assets.is_dir():
        return HTMLResponse(
            "<p>The IDE is not built yet. Run <code>python -m ide.build</code> in the checkout,"
            " then load this page again.</p>",
            headers={"content-security-policy": "default-src 'none'"},
        )
    data = {
        "title": TITLE,
        "endpoint": endpoint,
        "headers": json.dumps(LANGUAGE, indent=2),
        "operations": [asdict(one) | {"headers": one.headers} for one in operations(examples)],
    }
    # "<" is all that could end the element early.
    embedded = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    base = f"/ide/{assets.name}"
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(TITLE)}</title>
<link rel="icon" href="{base}/icon.svg">
<link rel="stylesheet" href="{base}/main.css">
<div id="ide"></div>
<script id="ide-data" type="application/json">{embedded}</script>
<script type="module" src="{base}/main.js"></script>
</html>
""",
        headers={
            "content-security-policy": POLICY,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        },
    )


def routes(assets: Path) -> list[Route]:
    """The files of the bundle: their folder's name changes with them, so they never do."""

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        path = assets / name
        if not path.is_file() or path.suffix == ".gz":
            raise HTTPException(404)
        headers = {"cache-control": FOR_EVER, "vary": "Accept-Encoding"}
        kind = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
        media_type = kind.get(path.suffix, "text/plain")
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            path = path.with_name(f"{name}.gz")
        return FileResponse(path, headers=headers, media_type=media_type)

    return [Route(f"/ide/{assets.name}/{{name:str}}", asset)]
