"""The experts and their default architectures: Papi et al. 2020, Table 1, and our own.

Input sizes follow the data (the vocabulary at hand, the encoder's size); hidden sizes are the
paper's. Of each LSTM expert, the first hidden layer is recurrent.
"""

from dataclasses import dataclass, replace
from typing import Literal

from pyscorer.errors import InputError

Group = Literal["text", "acoustic"]


@dataclass(frozen=True)
class Architecture:
    """One expert: its input kind (see expert_features.KINDS), hidden sizes and how it is trained.

    weight_power: a pair counts as its number of rows to this power. gross_factor: lambda of the
    modified loss, 1 for plain squared error. paper_input: the input size in the paper, 0 if none.
    trees: if not 0, the expert is a forest of that many trees in place of a network.
    members: how many groups of folds are left out in turn; more of them train on more of the data.
    group: what it hears of a response, its transcript or its sound; ablations leave out either.
    """

    kind: str
    hidden: tuple[int, ...]
    recurrent: bool = False
    gross_factor: float = 1.0
    dropout: float = 0.2
    epochs: int = 12
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    weight_power: float = 0.5
    paper_input: int = 0
    trees: int = 0
    members: int = 4
    group: Group = "text"


EXPERTS: dict[str, Architecture] = {
    "fbk1": Architecture("fbk", (64, 32), epochs=25, weight_decay=1e-4),
    "fbk2": Architecture("fbk", (64, 32), gross_factor=3.0, epochs=25, weight_decay=1e-4),
    "fbk3": Architecture("fbk", (128,), epochs=20, weight_decay=1e-4),
    "fbk4": Architecture("fbk", (32, 16), gross_factor=3.0, epochs=25, weight_decay=1e-4),
    "fbk5": Architecture("fbk", (128, 64), dropout=0.4, epochs=25, weight_decay=1e-4),
    "fbk6": Architecture("fbk", (100, 50, 25), dropout=0.1, epochs=20, weight_decay=1e-4),
    "LSTM-W2V": Architecture("w2v", (300,), True, epochs=5, paper_input=300),
    "LSTM-W2V-L": Architecture("w2v", (175,), True, 3.0, epochs=6, paper_input=300),
    "LSTM-W2V-M": Architecture("w2v_marked", (75, 25, 25, 20), True, dropout=0.0, paper_input=301),
    "FFN-BOW-WC": Architecture("counts", (150, 150, 150, 170, 15), epochs=10, paper_input=2040),
    "FFN-BOW-TFIDF": Architecture("tfidf", (210, 130, 150, 170, 15), epochs=10, paper_input=2040),
    "LSTM-BERT": Architecture(
        "bert", (100, 100, 20, 20), True, dropout=0.1, epochs=6, paper_input=769
    ),
    "LSTM-BERT-DE": Architecture(
        "bert_german", (100, 100, 20, 20), True, dropout=0.1, epochs=6, paper_input=769
    ),
    "FFN-SPM": Architecture(
        "units", (64,), gross_factor=3.0, dropout=0.5, epochs=12, weight_decay=1e-3
    ),
    "FFN-JOINED": Architecture("joined", (64,), dropout=0.3, epochs=15, weight_decay=1e-3),
    "TREES": Architecture("joined", (), trees=100, members=8),
    "FFN-ACOUSTIC": Architecture(
        "acoustic", (32,), dropout=0.4, epochs=15, weight_decay=1e-2, group="acoustic"
    ),
    "TREES-ACOUSTIC": Architecture("acoustic", (), trees=200, members=8, group="acoustic"),
    "LSTM-DEEP": Architecture(
        "deep_words", (32,), True, dropout=0.4, epochs=15, weight_decay=1e-2, group="acoustic"
    ),
    "FFN-STATES": Architecture(
        "states", (32,), dropout=0.5, epochs=12, weight_decay=1e-2, group="acoustic"
    ),
    "LSTM-STATES": Architecture(
        "states_words", (64,), True, dropout=0.5, epochs=8, weight_decay=1e-2, group="acoustic"
    ),
}
"""Expert -> default architecture.

FFN-SPM, FFN-JOINED and TREES are our own; LSTM-BERT-DE reads the German prompt. The acoustic ones
are the future work that the paper names, our own as well: see answer_encoder.KINDS.
"""


def architecture(expert: str) -> Architecture:
    """The default of an expert; InputError for an unknown name."""
    if expert not in EXPERTS:
        raise InputError(f"no expert {expert!r}; known: {', '.join(EXPERTS)}")
    return EXPERTS[expert]


def as_printed(expert: str, members: int) -> Architecture:
    """The expert as Papi et al. 2020, section 3, trained theirs.

    A constant rate of .001, at most 50 epochs; rows weigh alike, and a network leaves out each of
    `members` folds. Of its networks only LSTM-W2V-L has the modified loss; how FBK's were trained
    is not printed, and theirs keep their own, or two of them would be the same. No LSTM has
    dropout. LSTM-BERT reads the prompt's translation, as its encoder is for English; LSTM-BERT-DE
    reads the German one.
    """
    shape = architecture(expert)
    own = expert == "LSTM-W2V-L" or expert.startswith("fbk")
    gross = shape.gross_factor if own else 1.0
    return replace(
        shape,
        gross_factor=gross,
        dropout=0.0 if shape.recurrent else shape.dropout,
        epochs=50,
        learning_rate=1e-3,
        weight_power=1.0,
        members=members,
    )
