"""Whether a model's network is wired as ours are, without reading its weights."""

import mmap
import re
from pathlib import Path

_OWN = re.compile(
    r"input|output(-xent)?(\.(affine|log-softmax))?|idct|batchnorm0|tdnn1\.(affine|relu|batchnorm)"
    r"|tdnnf\d+\.(linear|affine|relu|batchnorm|dropout|noop)|prefinal-l"
    r"|prefinal-(chain|xent)\.(affine|relu|batchnorm[12]|linear)"
)
"""The nodes of `chain.tdnnf.config_lines`."""


def is_own_wiring(mdl: Path) -> bool:
    """Whether the nodes of a final.mdl are those of our TDNN-F, which import_kaldi takes.

    What is not there, or no nnet3 model, counts as ours: import_kaldi says what is wrong with it.
    """
    if not mdl.is_file() or not mdl.stat().st_size:
        return True
    with mdl.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(b"<Nnet3>")
        lines = data[start : data.find(b"<NumComponents>", start)] if start >= 0 else b""
    names = re.findall(rb"^(?:input|component|output|dim-range)-node name=(\S+)", lines, re.M)
    return all(_OWN.fullmatch(name.decode("latin-1")) for name in names)
