"""A web server on this computer that offers one file, and can break off, ignore ranges, or answer with an error."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Served:
    """What the server does, and what it was asked.

    Attributes:
        content: The file.
        cut_after: Bytes after which each connection breaks off; never where None.
        ranges: Whether it sends parts that are asked for; else always all of the file.
        status: Sent in place of the file where it is not 200.
        location: Where it redirects to, with a status of 302.
        url: Address of the file.
        asked: The header Range of each request.
    """

    content: bytes
    cut_after: int | None = None
    ranges: bool = True
    status: int = 200
    location: str = ""
    url: str = ""
    asked: list[str | None] = field(default_factory=list)


@contextmanager
def serve(content: bytes) -> Iterator[Served]:
    """Serve a file while the block runs."""
    served = Served(content)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            served.asked.append(wanted)
            if served.status != 200:
                self.send_response(served.status)
                if served.location:
                    self.send_header("Location", served.location)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and served.ranges else 0
            if start and start >= len(served.content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(served.content) - 1}/{len(served.content)}")
            self.send_header("Content-Length", str(len(served.content) - start))
            self.end_headers()
            end = len(served.content) if served.cut_after is None else start + served.cut_after
            self.wfile.write(served.content[start:end])
            self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}/model.zip"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
