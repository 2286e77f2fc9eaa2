"""Which experts Papi et al. 2020 combine (section 3), and what they call the combinations."""

from collections.abc import Mapping, Sequence

from pyscorer.errors import InputError
from pyscorer.proficiency.selection import is_fbk

DNNS = (
    *("LSTM-W2V", "LSTM-W2V-L", "LSTM-W2V-M"),
    *("FFN-BOW-WC", "FFN-BOW-TFIDF", "LSTM-BERT"),
)
"""The paper's stand-alone networks, in the order of its Tables 1 and 2."""
CRITERIA = {"d_full": "Dfull", "accuracy": "Acc", "f1": "F1"}
"""Metrics that rank the experts -> what the names of combinations call them."""
FBK_COUNTS, DNN_COUNTS = (1, 3, 6), (1, 2, 3)
PSEUDO_JOINTS = ("PJ-1FbkB-Dfull", "PJ3-3FbkB-F1")
MIXTURES = ("MIX-3FbkB-F1", "MIX2-3FbkB-F1")
"""The combinations of Table 3."""
EXTENDED = ("-1FbkB-Dfull", "-3FbkB-F1")
"""Those of the searched combinations in which our own experts are mixed as well."""

Ranking = Mapping[str, Sequence[str]]


def rank(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, list[str]]:
    """Criterion -> experts from best to worst, by each expert's metrics on validation rows."""
    return {
        criterion: sorted(metrics, key=lambda e: (-metrics[e][criterion], e))
        for criterion in CRITERIA
    }


def searched(ranking: Ranking) -> dict[str, tuple[str, ...]]:
    """Name without PJ or MIX -> members, of every combination among which the paper chooses.

    The 1, 3 or 6 best FBK networks with the 1, 2 or 3 best of the paper's networks, both ranked by
    one criterion: `3-3FbkB-F1` are three and three by F1, `-1FbkB-Dfull` one and one by D_full.
    Experts of neither kind are left out. Raises InputError where there are fewer than three of
    either; where there are fewer than six FBK networks, no combination has six.
    """
    found: dict[str, tuple[str, ...]] = {}
    for criterion, word in CRITERIA.items():
        fbk = [e for e in ranking[criterion] if is_fbk(e)]
        dnns = [e for e in ranking[criterion] if e in DNNS]
        if min(len(fbk), len(dnns)) < 3:
            raise InputError(
                f"{len(fbk)} FBK networks and {len(dnns)} of {', '.join(DNNS)}: the paper's "
                "combinations need three of either: add some to proficiency.experts"
            )
        for n_fbk in (n for n in FBK_COUNTS if n <= len(fbk)):
            for n_dnns in DNN_COUNTS:
                name = f"{n_dnns if n_dnns > 1 else ''}-{n_fbk}FbkB-{word}"
                found[name] = (*fbk[:n_fbk], *dnns[:n_dnns])
    return found


def own_combinations(ranking: Ranking) -> dict[str, tuple[str, ...]]:
    """Combinations with the experts that the paper has not: with the members of PJ-1FbkB-Dfull, of
    MIX-3FbkB-F1, and all experts. None where there are no such experts.
    """
    everyone = ranking["d_full"]
    own = [e for e in everyone if not is_fbk(e) and e not in DNNS]
    if not own:
        return {}
    found = {f"{name} + ours": (*searched(ranking)[name], *own) for name in EXTENDED}
    return found | {"-all": tuple(everyone)}


def distinct(combinations: Mapping[str, tuple[str, ...]], first: Sequence[str]) -> list[str]:
    """Names of combinations of different members, those of `first` before all others."""
    names, met = list[str](), set[frozenset[str]]()
    for name in (*first, *combinations):
        members = frozenset(combinations[name])
        if members not in met or (name in first and name not in names):
            names.append(name)
        met.add(members)
    return names
