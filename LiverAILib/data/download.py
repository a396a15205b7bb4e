"""Downloading a file whose SHA-256 is known: resumable, and complete or not there at all."""

from __future__ import annotations

import hashlib
import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from LiverAILib.errors import UserError

Progress = Callable[[float, str], None]
"""Called with a share 0..1 and a sentence."""

CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 30.0
ATTEMPTS = 4
"""How often in a row a connection may end without any new byte."""
PAUSE_SECONDS = 1.0
"""Before the next attempt; longer with each."""


class _CutOffError(Exception):
    """The connection ended before the file did."""


def check_sha256(text: str) -> str:
    """A SHA-256 in lower case.

    Raises:
        UserError: It is none.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text.strip()):
        raise UserError(
            f"--sha256 {text}: not a SHA-256, which has 64 hexadecimal digits. Copy it from the page that offers it."
        )
    return text.strip().lower()


def hash_file(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(CHUNK_BYTES):
            digest.update(part)
    return digest.hexdigest()


def download(url: str, path: Path, sha256: str, *, progress: Progress = lambda share, text: None) -> None:
    """Download `url` to `path`, which appears only when its checksum is right.

    What has arrived is kept as `path` with ".part" after its name, and the next call goes on from there, also after a kill.

    Args:
        url: http or https.
        path: The file; its folder is made where it is missing.
        sha256: Of the whole file, lower case.
        progress: Called as the file arrives.

    Raises:
        UserError: The address is wrong, the connection fails again and again, the disk is full, or the file is another one.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise UserError(f"{url}: not an address of the web. Give one that begins with https://.")
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, progress)
        found = hash_file(part)
        if found != sha256:
            part.unlink()
            raise UserError(
                f"{url}: wrong checksum (expected {sha256[:12]}..., the file has {found[:12]}...). The file was damaged on its "
                "way or is another one: nothing is kept. Compare --sha256 with the page that offers the file."
            )
        part.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}). Free disk space, or choose another folder with LIVERAI_HOME."
        ) from None


def _fetch(url: str, part: Path, progress: Progress) -> None:
    """Download until the file is whole, going on after cut connections."""
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _attempt(url, part, before, progress)
            return
        except _CutOffError as error:
            after = part.stat().st_size if part.exists() else 0
            failures = 0 if after > before else failures + 1
            if failures >= ATTEMPTS:
                raise UserError(
                    f"{url}: the download stops again and again ({error}). Check the connection or proxy, then try again: it "
                    f"goes on after the {after / 1e6:.1f} MB that are there."
                ) from None
            time.sleep(PAUSE_SECONDS * (failures + 1))


def _attempt(url: str, part: Path, start: int, progress: Progress) -> None:
    """One connection: from byte `start` on where the server allows it, else from the beginning."""
    headers = {"User-Agent": "LiverAI"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS) as response:
            begun = start if response.status == http.client.PARTIAL_CONTENT and _range_starts_at(response, start) else 0
            if response.status == http.client.PARTIAL_CONTENT and begun != start:
                raise _CutOffError("the server sent another part")
            _store(response, part, begun, progress)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return  # all of it is there: the checksum decides
        if error.code >= 500:
            raise _CutOffError(f"the server answers {error.code}") from None
        raise UserError(f"{url}: the server answers {error.code} {error.reason}. Check the address.") from None
    except urllib.error.URLError as error:
        raise _CutOffError(str(error.reason)) from None
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _CutOffError(str(error) or type(error).__name__) from None
    except ValueError as error:  # urllib's for a malformed address
        raise UserError(f"{url}: not a usable address ({error}). Check it.") from None


def _range_starts_at(response: http.client.HTTPResponse, start: int) -> bool:
    return (response.headers.get("Content-Range") or "").startswith(f"bytes {start}-")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:  # never of the disk, which is written elsewhere
        raise _CutOffError(str(error) or type(error).__name__) from None


def _store(response: http.client.HTTPResponse, part: Path, begun: int, progress: Progress) -> None:
    length = response.headers.get("Content-Length")
    total = begun + int(length) if length is not None and length.isdigit() else None
    received = begun
    with part.open("r+b" if begun else "wb") as stream:
        stream.seek(begun)
        stream.truncate()
        while chunk := _read(response):
            stream.write(chunk)
            received += len(chunk)
            share = received / total if total else 0.0
            progress(min(share, 1.0), f"Downloading, {received / 1e6:.1f} MB")
    if total is not None and received < total:
        raise _CutOffError(f"{received} of {total} bytes arrived")
