"""What gives a new recording its deep features and posteriors: a TDNN-F, or a published model."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from pyscorer.alignment.features import mfcc
from pyscorer.chain.acoustic_model import SUBSAMPLING, AcousticModel, embed_features, load_model
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.weights import pack_weights
from pyscorer.feedback.likeness import phone_scores
from pyscorer.kaldi.import_published import SETTINGS, PublishedAcoustics, load_acoustics

TDNNF, _PUBLISHED = "tdnnf.zip", "published"
Output = Literal["tdnnf", "posteriors"]
ARCHIVES: dict[Output, str] = {"tdnnf": "embed.scp", "posteriors": "post.scp"}
"""Archive of export, or of export_published, with an output of a corpus."""


class Acoustics(Protocol):
    """The frozen acoustic model of a bundle."""

    @property
    def dimension(self) -> int:
        """Of the deep features."""

    @property
    def frame_shift(self) -> float:
        """Seconds between rows."""

    @property
    def judged(self) -> Output:
        """The output by which a recording is held against its text."""

    def __call__(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Deep features (T x dimension) and log-posteriors (T x 41) of a recording at 16 kHz."""

    def phone_scores(self, output: np.ndarray) -> np.ndarray:
        """How well each phone fits, T x 41, by the output that is judged."""


@dataclass(frozen=True)
class OwnAcoustics:
    """A network of train_tdnnf or import_kaldi."""

    model: AcousticModel
    judged: Output = "tdnnf"
    frame_shift: float = SUBSAMPLING * FRAME_SHIFT

    @property
    def dimension(self) -> int:
        """Of the deep features."""
        return self.model.network.config.embedding_dim

    def __call__(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Acoustics`."""
        return embed_features(self.model, mfcc(samples, "mfcc40"))

    def phone_scores(self, output: np.ndarray) -> np.ndarray:
        """Chain output of each phone's best pdf, see `likeness.phone_scores`."""
        return phone_scores(self.model, output)


@dataclass(frozen=True)
class ForeignAcoustics:
    """A model of import_published."""

    model: PublishedAcoustics
    judged: Output = "posteriors"

    @property
    def dimension(self) -> int:
        """Of the deep features."""
        return self.model.settings.dimension

    @property
    def frame_shift(self) -> float:
        """Seconds between rows."""
        return self.model.model.frame_shift

    def __call__(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Acoustics`."""
        return self.model(samples)

    def phone_scores(self, output: np.ndarray) -> np.ndarray:
        """The log-posteriors themselves."""
        return output.astype(np.float64)


def read_acoustics(path: Path) -> OwnAcoustics | ForeignAcoustics:
    """A final.pt, or the published.json of import_published. InputError if it cannot be read."""
    if path.name == SETTINGS:
        return ForeignAcoustics(load_acoustics(path.parent))
    return OwnAcoustics(load_model(path))


def bundled_acoustics(bundle: Path) -> Path:
    """The file in a bundle that `read_acoustics` takes."""
    published = bundle / _PUBLISHED / SETTINGS
    return published if published.exists() else bundle / TDNNF


def copy_acoustics(path: Path, bundle: Path) -> None:
    """Copy what `read_acoustics` takes into a bundle."""
    if path.name == SETTINGS:
        shutil.copytree(path.parent, bundle / _PUBLISHED, dirs_exist_ok=True)
    else:
        pack_weights(path, bundle / TDNNF)
