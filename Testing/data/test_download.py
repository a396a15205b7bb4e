"""Downloads from a real server that breaks off, forgets ranges, answers with errors or offers another file."""

from __future__ import annotations

import hashlib
import random

import pytest

from LiverAILib.data import download as downloads
from LiverAILib.data.download import check_sha256, download, hash_file
from LiverAILib.errors import UserError
from Testing.data.file_server import serve

CONTENT = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(downloads, "CHUNK_BYTES", 10_000)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with serve(CONTENT) as served:
        yield served


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_arrives_whole_and_says_how_far_it_is(server, tmp_path):
    shares = []
    download(server.url, tmp_path / "new" / "file", SHA256, progress=lambda share, text: shares.append(share))
    assert (tmp_path / "new" / "file").read_bytes() == CONTENT
    assert names(tmp_path / "new") == ["file"]
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] == 1.0


def test_a_connection_that_breaks_off_again_and_again_is_gone_on_with(server, tmp_path):
    server.cut_after = 70_000
    download(server.url, tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=70000-", "bytes=140000-", "bytes=210000-", "bytes=280000-"]


def test_a_download_that_failed_goes_on_at_the_next_call(server, tmp_path):
    server.cut_after = 0
    (tmp_path / "file.part").write_bytes(CONTENT[:100_000])
    with pytest.raises(UserError, match=r"stops again and again.*0\.1 MB that are there"):
        download(server.url, tmp_path / "file", SHA256)
    assert names(tmp_path) == ["file.part"]
    server.cut_after, server.asked[:] = None, []
    download(server.url, tmp_path / "file", SHA256)
    assert server.asked == ["bytes=100000-"]
    assert hash_file(tmp_path / "file") == SHA256


def test_a_server_that_knows_no_ranges_is_read_from_the_beginning(server, tmp_path):
    server.ranges = False
    (tmp_path / "file.part").write_bytes(b"x" * 100_000)
    download(server.url, tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_all_that_was_missing_was_the_check(server, tmp_path):
    """Killed after the last byte: the server has nothing beyond it."""
    (tmp_path / "file.part").write_bytes(CONTENT)
    download(server.url, tmp_path / "file", SHA256)
    assert names(tmp_path) == ["file"]


def test_another_file_is_refused_and_nothing_is_kept(server, tmp_path):
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(UserError, match=f"wrong checksum \\(expected {SHA256[:12]}"):
        download(server.url, tmp_path / "file", SHA256)
    assert names(tmp_path) == []
    # Also where the beginning is of another file than the rest: the next try then gets all of it anew.
    server.content = CONTENT
    (tmp_path / "file.part").write_bytes(b"?" + CONTENT[1:1000])
    with pytest.raises(UserError, match="wrong checksum"):
        download(server.url, tmp_path / "file", SHA256)
    download(server.url, tmp_path / "file", SHA256)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("status", "says"),
    [(404, "answers 404 Not Found. Check the address"), (503, "stops again and again .the server answers")],
)
def test_what_the_server_answers_is_said(server, tmp_path, status, says):
    server.status = status
    with pytest.raises(UserError, match=says):
        download(server.url, tmp_path / "file", SHA256)
    assert len(server.asked) == (1 if status == 404 else downloads.ATTEMPTS)
    assert names(tmp_path) == []


def test_no_server_and_no_address_of_the_web_are_refused(tmp_path):
    with serve(CONTENT) as served:
        pass
    with pytest.raises(UserError, match="Check the connection or proxy"):
        download(served.url, tmp_path / "file", SHA256)
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    for address in (secret.as_uri(), "ftp://127.0.0.1/file", "model.zip"):
        with pytest.raises(UserError, match="begins with https://"):
            download(address, tmp_path / "file", SHA256)


def test_a_server_cannot_redirect_to_a_file_of_this_computer(server, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    server.status, server.location = 302, secret.as_uri()
    with pytest.raises(UserError, match="302"):
        download(server.url, tmp_path / "file", SHA256)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, SHA256 + "0"])
def test_what_is_no_checksum_is_refused(text):
    with pytest.raises(UserError, match="64 hexadecimal digits"):
        check_sha256(text)
    assert check_sha256(f" {SHA256.upper()} ") == SHA256
