"""Stage download against a server on loopback: resume, checksums, hostile and absent sources."""

import hashlib
import http.server
import io
import socket
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest
import yaml

from pyscorer.corpora.download import DownloadOptions, download
from pyscorer.errors import InputError

MANIFESTS = Path(__file__).resolve().parents[2] / "data_manifests"


def _tar(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


# Not compressible, so that the archive is long enough to be cut.
NOISE = b"".join(hashlib.sha256(bytes([i % 256, i // 256])).digest() for i in range(3000))
ARCHIVE = _tar({"toy/train/text": b"u1 HELLO\n", "toy/noise.bin": NOISE})


class Source(http.server.ThreadingHTTPServer):
    """Serves `files` with Range; cuts a response after `cut` bytes for the next `cuts` requests."""

    files: dict[str, bytes]
    cut = 40_000
    cuts = 0
    ranges = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str | None]] = []
        self.files = {}


class Handler(http.server.BaseHTTPRequestHandler):
    server: Source

    def do_GET(self):
        name, wanted = self.path.strip("/"), self.headers.get("Range")
        self.server.requests.append((name, wanted))
        if name not in self.server.files:
            return self.send_error(404)
        content = self.server.files[name]
        begin = int(wanted[6:-1]) if wanted and self.server.ranges else 0
        if wanted and self.server.ranges and begin >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if wanted and self.server.ranges else 200)
        if wanted and self.server.ranges:
            span = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            self.send_header("Content-Range", span)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        body = content[begin:]
        if self.server.cuts:
            self.server.cuts -= 1
            body = body[: self.server.cut]
        self.wfile.write(body)
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def source(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = Source()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _manifest(tmp_path: Path, url: str, **archive) -> DownloadOptions:
    content = yaml.safe_load((MANIFESTS / "sample.yaml").read_text()) | {
        "name": "toy",
        "folder": "toy",
        "layout": {"required": {"train/text": "the text"}},
        "archives": [{"url": url, "md5": None, "sha256": None} | archive],
    }
    folder = tmp_path / "manifests"
    folder.mkdir(exist_ok=True)
    (folder / "toy.yaml").write_text(yaml.safe_dump(content))
    return DownloadOptions(manifests=folder, retries=2, timeout=5, wait=0.01)


def _toy(source: Source, tmp_path: Path, **archive) -> DownloadOptions:
    source.files["toy.tar.gz"] = ARCHIVE
    return _manifest(tmp_path, f"http://127.0.0.1:{source.server_address[1]}/toy.tar.gz", **archive)


MD5 = hashlib.md5(ARCHIVE).hexdigest()
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


def test_an_archive_is_fetched_checked_unpacked_and_recorded(source, tmp_path, capsys):
    options = _toy(source, tmp_path, md5=MD5)
    root = tmp_path / "root"
    download("toy", root, options)
    assert (root / "toy/train/text").read_text() == "u1 HELLO\n"
    assert (root / "toy/noise.bin").read_bytes() == NOISE
    assert SHA256 in (root / "toy.complete").read_text()
    assert not list(root.glob("*.part")) and not list(root.glob(".*unpack"))
    assert "checksum is right" in capsys.readouterr().out
    download("toy", root, options)
    assert len(source.requests) == 1


def test_without_a_checksum_it_says_so_and_prints_the_one_to_add(source, tmp_path, capsys):
    download("toy", tmp_path / "root", _toy(source, tmp_path))
    said = capsys.readouterr().out
    assert "CANNOT BE VERIFIED" in said and SHA256 in said


def test_a_cut_download_is_resumed_where_it_stopped(source, tmp_path):
    options = _toy(source, tmp_path, sha256=SHA256)
    source.cuts = 2
    download("toy", tmp_path / "root", options)
    assert [r for _, r in source.requests] == [None, "bytes=40000-", "bytes=80000-"]
    assert (tmp_path / "root/toy/noise.bin").read_bytes() == NOISE


def test_what_a_killed_run_left_is_resumed_by_the_next(source, tmp_path):
    options = _toy(source, tmp_path, sha256=SHA256)
    source.cuts = 3
    with pytest.raises(InputError, match=r"connection was cut.*\n.*same command resumes"):
        download("toy", tmp_path / "root", DownloadOptions(options.splits, options.manifests, 0))
    assert (tmp_path / "root/toy.tar.gz.part").stat().st_size == 40_000
    assert not (tmp_path / "root/toy").exists() and not (tmp_path / "root/toy.complete").exists()
    source.cuts = 0
    download("toy", tmp_path / "root", options)
    assert source.requests[-1][1] == "bytes=40000-"
    assert (tmp_path / "root/toy/train/text").exists()


def test_a_part_that_is_whole_already_is_not_fetched_again(source, tmp_path):
    options = _toy(source, tmp_path, sha256=SHA256)
    (tmp_path / "root").mkdir()
    (tmp_path / "root/toy.tar.gz.part").write_bytes(ARCHIVE)
    download("toy", tmp_path / "root", options)
    assert source.requests == [("toy.tar.gz", f"bytes={len(ARCHIVE)}-")]
    assert (tmp_path / "root/toy/train/text").exists()


def test_a_part_longer_than_the_source_is_begun_anew(source, tmp_path):
    options = _toy(source, tmp_path, sha256=SHA256)
    (tmp_path / "root").mkdir()
    (tmp_path / "root/toy.tar.gz.part").write_bytes(ARCHIVE + b"more")
    download("toy", tmp_path / "root", options)
    assert (tmp_path / "root/toy/train/text").exists()


def test_a_server_without_range_begins_anew(source, tmp_path):
    options = _toy(source, tmp_path, sha256=SHA256)
    source.cuts, source.ranges = 1, False
    download("toy", tmp_path / "root", options)
    assert (tmp_path / "root/toy/noise.bin").read_bytes() == NOISE


@pytest.mark.parametrize("digest", [{"md5": "0" * 32}, {"sha256": "0" * 64}])
def test_a_wrong_checksum_is_refused_and_leaves_nothing(source, tmp_path, digest):
    options = _toy(source, tmp_path, **digest)
    with pytest.raises(InputError, match=r"the manifest says 0+: damaged.*was deleted"):
        download("toy", tmp_path / "root", options)
    assert list((tmp_path / "root").iterdir()) == []


def test_an_unreachable_host_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/toy.tar.gz"
    with pytest.raises(InputError) as error:
        download("toy", tmp_path / "root", _manifest(tmp_path, url))
    message = str(error.value)
    assert url in message and "refused" in message.lower()
    assert f"put the file at {tmp_path}/root/toy.tar.gz" in message
    assert "PYSCORER_CORPORA" in message


def test_a_missing_file_is_not_asked_for_again_and_again(source, tmp_path):
    options = _toy(source, tmp_path)
    source.files.clear()
    with pytest.raises(InputError, match="HTTP status 404"):
        download("toy", tmp_path / "root", options)
    assert len(source.requests) == 1


def test_an_archive_put_there_by_hand_is_used_and_never_deleted_when_wrong(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "toy.tar.gz").write_bytes(ARCHIVE[:-100])
    options = _manifest(tmp_path, "http://127.0.0.1:9/toy.tar.gz", md5=MD5)
    with pytest.raises(InputError, match=r"damaged.*delete .*toy.tar.gz"):
        download("toy", root, options)
    assert (root / "toy.tar.gz").exists()
    (root / "toy.tar.gz").write_bytes(ARCHIVE)
    download("toy", root, options)
    assert (root / "toy/train/text").exists()


def test_a_cut_archive_without_a_checksum_is_refused_by_unpacking(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "toy.tar.gz").write_bytes(ARCHIVE[: len(ARCHIVE) // 2])
    with pytest.raises(InputError, match="cut short, damaged or unsafe"):
        download("toy", root, _manifest(tmp_path, "http://127.0.0.1:9/toy.tar.gz"))
    assert [p.name for p in root.iterdir()] == ["toy.tar.gz"]


@pytest.mark.parametrize("name", ["../evil.txt", "/tmp/evil.txt"])
def test_an_archive_cannot_write_outside_the_root(source, tmp_path, name):
    options = _toy(source, tmp_path)
    source.files["toy.tar.gz"] = _tar({"toy/train/text": b"x", name: b"evil"})
    root = tmp_path / "root"
    if name.startswith("/"):
        # The data filter makes an absolute path relative instead of refusing it.
        download("toy", root, options)
    else:
        with pytest.raises(InputError, match="unsafe"):
            download("toy", root, options)
    assert not (tmp_path / "evil.txt").exists() and not Path("/tmp/evil.txt").exists()


def test_a_corpus_that_is_there_is_left_alone(tmp_path, capsys):
    (tmp_path / "root/toy/train").mkdir(parents=True)
    (tmp_path / "root/toy/train/text").write_text("mine\n")
    download("toy", tmp_path / "root", _manifest(tmp_path, "http://127.0.0.1:9/toy.tar.gz"))
    assert "already in" in capsys.readouterr().out
    assert (tmp_path / "root/toy/train/text").read_text() == "mine\n"


def test_the_wrong_archive_is_noticed(source, tmp_path):
    options = _toy(source, tmp_path)
    source.files["toy.tar.gz"] = _tar({"other/readme": b"x"})
    with pytest.raises(InputError, match="lacks train/text"):
        download("toy", tmp_path / "root", options)


def test_only_archives_of_the_splits_asked_for_are_fetched(source, tmp_path):
    options = _toy(source, tmp_path)
    path = options.manifests / "toy.yaml"
    content = yaml.safe_load(path.read_text())
    content["archives"] = [
        content["archives"][0] | {"splits": ["train"]},
        {"url": "http://127.0.0.1:9/test.tar.gz", "md5": None, "sha256": None, "splits": ["test"]},
    ]
    path.write_text(yaml.safe_dump(content))
    only = DownloadOptions(splits=("train",), manifests=options.manifests, wait=0.01)
    download("toy", tmp_path / "root", only)
    assert [name for name, _ in source.requests] == ["toy.tar.gz"]
    with pytest.raises(InputError, match="no split dev"):
        download("toy", tmp_path / "root", DownloadOptions(("dev",), options.manifests))


def test_the_sample_corpus_is_generated_once(tmp_path, capsys):
    options = DownloadOptions(
        manifests=MANIFESTS, sample_speakers=12, sample_natives=1, sample_utterances=1, jobs=2
    )
    download("sample", tmp_path, options)
    assert (tmp_path / "sample.complete").exists()
    stamp = (tmp_path / "sample/complete.json").stat().st_mtime_ns
    download("sample", tmp_path, options)
    assert (tmp_path / "sample/complete.json").stat().st_mtime_ns == stamp
    assert "generated with the same options" in capsys.readouterr().out


def test_a_generation_that_was_killed_starts_cleanly(tmp_path):
    command = [sys.executable, "-m", "pyscorer.cli", "download", "--corpus", "sample"]
    command += ["--root", str(tmp_path), "--manifests", str(MANIFESTS)]
    command += ["--sample-speakers", "12", "--sample-natives", "0"]
    command += ["--sample-utterances", "2"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not list(tmp_path.glob(".*.part/wav/*/*.wav")):
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    assert not (tmp_path / "sample").exists() and not (tmp_path / "sample.complete").exists()
    subprocess.run(command, check=True, capture_output=True)
    assert len(list((tmp_path / "sample/wav").rglob("*.wav"))) == 24
    assert (tmp_path / "sample.complete").exists()
