"""Commands in wav.scp (`sox ... |`), run once, if the user says so."""

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from pyscorer.contract.audio import decode, encoded
from pyscorer.contract.files import shown
from pyscorer.errors import InputError

_MOST_KILOBYTES = 4_000_000
"""That a command may write: four hours at any usual rate."""


def decoded_output(command: str, target: Path, longest: float, seconds: int) -> Path:
    """Run `command |` and decode what it writes into `target` with an ending; returns that file.

    FLAC of 16 bits where that keeps every sample (mono, offset taken off, see `Recording`), else
    WAV of floats. The file is whole or absent. Raises InputError if the command fails or takes
    more than `seconds`, and as `decode`.
    """
    line = command.strip().removesuffix("|").strip()
    raw = target.with_suffix(".raw")
    try:
        _run(line, raw, seconds)
        try:
            recording = decode(raw, longest)
            if recording.faults:
                raise InputError(f"{raw}: {recording.faults[0]}")
        except InputError as error:
            reason = str(error).removeprefix(f"{raw}: ")
            raise InputError(f"what the command {shown(line)} wrote: {reason}") from None
    finally:
        raw.unlink(missing_ok=True)
    whole = np.round(recording.samples * 32768)
    if np.array_equal(whole / 32768, recording.samples) and np.abs(whole).max(initial=0) < 32768:
        target = target.with_suffix(".flac")
        content = encoded(whole.astype(np.int16), "FLAC", recording.rate, subtype="PCM_16")
    else:
        target = target.with_suffix(".wav")
        content = encoded(recording.samples, "WAV", recording.rate, subtype="FLOAT")
    target.write_bytes(content)
    return target


def _run(line: str, output: Path, seconds: int) -> None:
    # As Kaldi's popen, but a fault anywhere in a pipeline counts, and no command fills the disk.
    script = f"set -o pipefail; ulimit -f {_MOST_KILOBYTES}; {line}\n"
    with output.open("wb") as stream, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            ["bash", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=errors,
            start_new_session=True,
        )
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise InputError(
                f"the command {shown(line)} was stopped after {seconds} s (--command-seconds)"
            ) from None
        finally:
            # Whatever it has started as well.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        errors.seek(-min(errors.tell(), 1000), os.SEEK_CUR)
        said = errors.read()
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        told = f": {shown(last[0])}" if last else ""
        raise InputError(f"the command {shown(line)} failed (status {process.returncode}){told}")
