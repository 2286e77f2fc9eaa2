"""Stage `download`: a corpus's archives from the source its manifest names, checked and unpacked.

A cut download is resumed where it stopped; nothing half-written is taken for finished.
"""

import hashlib
import http.client
import shutil
import sys
import tarfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from pyscorer.contract.files import atomic_open, read_text
from pyscorer.corpora.manifests import (
    Archive,
    Manifest,
    check_there,
    load_generator,
    load_manifest,
    load_reader,
)
from pyscorer.errors import InputError, of_the_machine
from pyscorer.options import option
from pyscorer.progress import progress_bar

_BLOCK = 1 << 20


@dataclass(frozen=True)
class DownloadOptions:
    """What to fetch, and how stubbornly."""

    splits: tuple[str, ...] = option((), "splits to fetch; none: the manifest's default splits")
    manifests: Path | None = option(
        None, "folder of your own corpus manifests, searched before those of pyscorer"
    )
    retries: int = option(5, "attempts after a broken connection", ge=0)
    timeout: float = option(30.0, "seconds without an answer", ge=0)
    wait: float = option(2.0, "seconds before the first new attempt", ge=0)
    sample_speakers: int = option(36, "generated corpus: learners", ge=0)
    sample_natives: int = option(24, "generated corpus: speakers without mistakes", ge=0)
    sample_utterances: int = option(12, "generated corpus: utterances a speaker", ge=0)
    seed: int = option(0, "generated corpus: seed", ge=0)
    jobs: int = option(1, "generated corpus: processes", ge=0)


def download(corpus: str, root: Path, options: DownloadOptions) -> None:
    """Fetch corpus `corpus` into `root`, so that `prepare` finds `<root>/<folder>`.

    Each archive goes to `<root>/<archive>.part`, is checked against the manifest's checksums,
    renamed to `<root>/<archive>` and unpacked; an archive that lies there already is used. When
    all is done `<root>/<corpus>.complete` appears, with the digests. A corpus without archives is
    generated. One that is there without having been downloaded is left as it is, and so is anyone's
    own, and what is handed out on request: for these there is nothing to do but to look.

    Raises InputError with the URL and what to do where the source is unreachable, and for a wrong
    checksum or a damaged archive.
    """
    manifest = load_manifest(corpus, options.manifests)
    marker = root / f"{corpus}.complete"
    if manifest.own or (not manifest.archives and not is_made(manifest)):
        source = manifest.homepage or manifest.place(root)
        print(f"corpus {corpus}: there is nothing to fetch; it comes from {source}")
        check_there(manifest, root)
        return
    if not manifest.archives:
        _generate(manifest, root, options)
        digests = ["generated"]
    else:
        archives = _wanted(manifest, options.splits)
        digests = [_obtain(manifest, archive, root, options) for archive in archives]
        missing = manifest.missing(root)
        if missing:
            raise InputError(
                f"{manifest.place(root)}: unpacked, but lacks {missing[0]}, which manifest "
                f"{corpus} requires; is it the corpus's own archive?"
            )
    with atomic_open(marker) as stream:
        stream.writelines(f"{line}\n" for line in digests)


def is_made(manifest: Manifest) -> bool:
    """Whether the module of a corpus's reader generates it."""
    return hasattr(sys.modules[load_reader(manifest).__module__], "generate")


def _generate(manifest: Manifest, root: Path, options: DownloadOptions) -> None:
    # Imported here: the library is loaded only where something is generated.
    from pyscorer.corpora.synthesis import SampleOptions, is_generated

    size = SampleOptions(
        options.sample_speakers, options.sample_natives, options.sample_utterances, options.seed
    )
    folder = manifest.place(root)
    if is_generated(folder, size):
        print(f"corpus {manifest.name} is already in {folder}, generated with the same options")
        return
    print(f"generating corpus {manifest.name} into {folder}: {size}", flush=True)
    load_generator(manifest)(folder, size, options.jobs)


def _wanted(manifest: Manifest, splits: tuple[str, ...]) -> list[Archive]:
    wanted = splits or manifest.default_splits
    unknown = [s for s in wanted if s not in manifest.splits]
    if unknown:
        raise InputError(
            f"corpus {manifest.name} has no split {unknown[0]}; it has: "
            f"{', '.join(manifest.splits)}"
        )
    sources = {source for name in wanted for source in manifest.splits[name].sources or (name,)}
    return [a for a in manifest.archives if not a.splits or set(a.splits) & sources]


def _done_marker(archive: Archive, root: Path) -> Path:
    return root / f".{archive.file}.done"


def _is_there(manifest: Manifest, archive: Archive, root: Path) -> bool:
    """Whether what the archive holds is below `root` without this stage having put it there."""
    if (root / archive.file).exists() or (root / f"{archive.file}.part").exists():
        return False  # begun by this stage, or waiting to be checked and unpacked
    folder = manifest.place(root)
    if archive.splits:
        return all((folder / split).is_dir() for split in archive.splits)
    if not archive.unpack:
        return (folder / archive.file).exists()
    return not manifest.missing(root)


def _obtain(manifest: Manifest, archive: Archive, root: Path, options: DownloadOptions) -> str:
    """Fetch, check and unpack one archive; returns a line with its digests."""
    done = _done_marker(archive, root)
    if done.exists():
        print(f"{archive.file}: already unpacked")
        return read_text(done).strip()
    if _is_there(manifest, archive, root):
        print(f"{archive.file}: its content is already in {manifest.place(root)}")
        return f"{archive.file} not downloaded by this stage, not checked"
    target = root / archive.file
    root.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        part = root / f"{archive.file}.part"
        _fetch(manifest, archive, part, root, options)
        line = _check(archive, part)
        part.replace(target)
    else:
        line = _check(archive, target)
    if archive.unpack:
        _unpack(target, root)
        target.unlink()
    with atomic_open(done) as stream:
        stream.write(line + "\n")
    return line


def _fetch(
    manifest: Manifest, archive: Archive, part: Path, root: Path, options: DownloadOptions
) -> None:
    """Download to `part`, beginning where it ends; after a cut, again up to `retries` times."""
    for attempt in range(options.retries + 1):
        try:
            if _fetch_once(archive.url, part, options.timeout):
                return
            reason = "the connection was cut"
        except urllib.error.HTTPError as error:
            reason = f"HTTP status {error.code} ({error.reason})"
            if error.code < 500 and error.code != 429:
                break
        except (OSError, http.client.HTTPException) as error:
            if of_the_machine(error):
                raise
            reason = str(getattr(error, "reason", None) or error or type(error).__name__)
        if attempt < options.retries:
            size = part.stat().st_size if part.exists() else 0
            wait = options.wait * 2**attempt
            print(f"{archive.file}: {reason} after {size} bytes; again in {wait:g} s", flush=True)
            time.sleep(wait)
    raise InputError(
        f"{archive.url}: cannot be downloaded: {reason}.\n"
        f"What is there is kept: the same command resumes it. Without a network: fetch the URL on "
        f"another machine, put the file at {root / archive.file}, and run the same command; or, "
        f"where the corpus is unpacked already, set PYSCORER_CORPORA (or the configuration's "
        f"corpora root) to the folder that holds {manifest.folder}/. See also {manifest.homepage}."
    )


def _fetch_once(url: str, part: Path, timeout: float) -> bool:
    """One request; whether the file is complete, as far as the server's sizes tell."""
    begin = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})
    if begin:
        request.add_header("Range", f"bytes={begin}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # Nothing lies beyond: complete, or longer than the source and so of no use.
        total = (error.headers.get("Content-Range") or "").rpartition("/")[2]
        if total == str(begin):
            return True
        part.unlink()
        return False
    with response:
        resumed = response.status == 206
        answer = response.headers.get("Content-Range") or ""
        if resumed and not answer.startswith(f"bytes {begin}-"):
            part.unlink()
            return False
        length = response.headers.get("Content-Length")
        start = begin if resumed else 0
        total_size = start + int(length) if length else None
        with (
            part.open("ab" if resumed else "wb") as stream,
            progress_bar(
                desc=part.name, total=total_size, initial=start, unit="B", unit_scale=True,
            ) as progress,
        ):  # fmt: skip
            while block := response.read(_BLOCK):
                stream.write(block)
                progress.update(len(block))
    return total_size is None or part.stat().st_size == total_size


def _check(archive: Archive, file: Path) -> str:
    """Compare checksums; returns them as text. A downloaded part with a wrong one is deleted."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            md5.update(block)
            sha256.update(block)
    for name, wanted, found in (
        ("sha256", archive.sha256, sha256.hexdigest()),
        ("md5", archive.md5, md5.hexdigest()),
    ):
        if wanted and wanted != found:
            advice = f"delete {file} and run the same command again"
            if file.suffix == ".part":
                file.unlink()
                advice = "the file was deleted; run the same command again"
            raise InputError(
                f"{archive.url}: {name} is {found}, the manifest says {wanted}: damaged, or not "
                f"the same release; {advice}"
            )
    line = f"{archive.file} md5 {md5.hexdigest()} sha256 {sha256.hexdigest()}"
    if not (archive.md5 or archive.sha256):
        print(
            f"{archive.file}: CANNOT BE VERIFIED: the manifest has no checksum. Computed, to be "
            f"added there: sha256: {sha256.hexdigest()}"
        )
    else:
        print(f"{archive.file}: checksum is right")
    return line


def _unpack(archive: Path, root: Path) -> None:
    """Unpack beside the target first, then move into place: a cut leaves nothing half-unpacked."""
    part = root / f".{archive.name}.unpack"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        with tarfile.open(archive) as tar:
            # The filter refuses absolute paths, `..`, links to the outside, and devices.
            for member in progress_bar(tar, f"unpacking {archive.name}", unit=" files"):
                tar.extract(member, part, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        shutil.rmtree(part, ignore_errors=True)
        if of_the_machine(error):
            raise
        raise InputError(
            f"{archive}: cut short, damaged or unsafe ({type(error).__name__}: {error}); delete "
            f"it and run the same command again"
        ) from None
    _merge(part, root)
    shutil.rmtree(part)


def _merge(source: Path, target: Path) -> None:
    """Move what is in `source` into `target`; folders that are in both are merged."""
    for entry in source.iterdir():
        place = target / entry.name
        if entry.is_dir() and place.is_dir():
            _merge(entry, place)
        else:
            entry.replace(place)
