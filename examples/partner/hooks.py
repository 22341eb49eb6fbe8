"""Takes what the gateway tells of, once, and only from the gateway.

    WEBHOOK_SECRET=whsec_… python -m examples.partner.hooks inbox.jsonl 9000

What was taken is in the file before the gateway is answered: so it is sent again if this is killed
in between, and known by its id if it comes twice.
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from standardwebhooks import Webhook, WebhookVerificationError

LIMIT = 1_000_000


class Inbox:
    def __init__(self, path: Path) -> None:
        self._file = path.open("ab+")
        self._file.seek(0)
        lines = self._file.read().splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            # It was killed in the middle of this one, before it had answered.
            self._file.truncate(sum(map(len, lines[:-1])))
            del lines[-1]
        self._known = {line.partition(b" ")[0] for line in lines}
        self._turn = Lock()

    def take(self, id: bytes, body: bytes) -> None:
        with self._turn:
            if id not in self._known:
                self._file.write(id + b" " + body.replace(b"\n", b" ") + b"\n")
                self._file.flush()
                os.fsync(self._file.fileno())
                self._known.add(id)


def handler_of(inbox: Inbox, webhook: Webhook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length) if length <= LIMIT else b""
            try:
                webhook.verify(body, {k.lower(): v for k, v in self.headers.items()})
            except WebhookVerificationError:
                self.send_response(401)
            else:
                inbox.take(self.headers["webhook-id"].encode(), body)
                self.send_response(204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Bodies and addresses do not belong in logs."""

    return Handler


def main() -> None:
    path, port = Path(sys.argv[1]), int(sys.argv[2])
    handler = handler_of(Inbox(path), Webhook(os.environ["WEBHOOK_SECRET"]))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
