"""The splits of a corpus by the rules of its manifest: which speakers are in which."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from pyscorer.contract.files import read_lines, shown
from pyscorer.corpora.manifests import Manifest, Split
from pyscorer.corpora.part import CorpusPart, joined
from pyscorer.corpora.speakers import select_speakers
from pyscorer.errors import InputError, naming

Groups = Callable[[str], CorpusPart]
"""What a rule's `from` names -> that part of the corpus."""


def split_by_rule(
    manifest: Manifest, folder: Path, split: str, groups: list[str], group: Groups
) -> CorpusPart:
    """The utterances of a split of the corpus in `folder`.

    `groups`: what rules may be `from`; none: the corpus is one, which `group("")` gives. Raises
    InputError for names and speakers that are not there, for a split without speakers and, unless
    the manifest allows it, for speakers of two splits.
    """
    place = f"{manifest.path}: splits"
    sources = {name: _sources(name, rule, groups, place) for name, rule in manifest.splits.items()}
    read = {name: group(name) for name in dict.fromkeys(sum(sources.values(), ()))}
    pools = {name: joined([read[source] for source in own]) for name, own in sources.items()}
    chosen = _speakers(manifest, folder, sources, pools)
    _check_apart(manifest, chosen)
    return pools[split].only(chosen[split])


def _sources(name: str, rule: Split, groups: list[str], place: str) -> tuple[str, ...]:
    if not groups:
        if rule.sources:
            raise InputError(f"{place}: {name}: from {rule.sources[0]}: the corpus has no splits")
        return ("",)
    wanted = rule.sources or (name,)
    for source in wanted:
        if source not in groups:
            known = shown(", ".join(groups), 300)
            raise InputError(f"{place}: {name}: from {shown(source)}: there are {known}")
    return wanted


def _speakers(
    manifest: Manifest,
    folder: Path,
    sources: dict[str, tuple[str, ...]],
    pools: dict[str, CorpusPart],
) -> dict[str, set[str]]:
    """Speakers of every split: those named first, then the shares in their order, then the rest."""
    chosen: dict[str, set[str]] = {}
    taken: dict[str, set[str]] = defaultdict(set)
    for name in sorted(manifest.splits, key=lambda n: _rank(manifest.splits[n])):
        rule, pool = manifest.splits[name], pools[name]
        free = pool.speakers - set().union(*(taken[source] for source in sources[name]))
        with naming(f"{manifest.path}: splits: {name}"):
            named = _named(rule, folder)
            if named is not None:
                if unknown := sorted(set(named) - pool.speakers):
                    raise InputError(f"there is no speaker {shown(', '.join(unknown), 200)}")
                chosen[name] = set(named)
            elif rule.share is not None:
                number = round(rule.share * len(pool.speakers))
                if not 0 < number <= len(free):
                    raise InputError(
                        f"{rule.share:g} of {len(pool.speakers)} speakers are {number}, and "
                        f"{len(free)} are free"
                    )
                # By age and gender alone: else to edit a score would move speakers between splits.
                spoken = replace(pool.only(free), labels={}, response_labels={})
                chosen[name] = set(select_speakers(spoken, number, manifest.seed))
            else:
                chosen[name] = free if rule.rest else pool.speakers
            if not chosen[name]:
                raise InputError("no speaker is in it")
        if rule.share is not None or named is not None:
            for source in sources[name]:
                taken[source] |= chosen[name]
    return chosen


def _rank(rule: Split) -> int:
    if rule.names is not None or rule.file is not None:
        return 0
    return 2 if rule.rest else 1


def _named(rule: Split, folder: Path) -> list[str] | None:
    if rule.file is None:
        return None if rule.names is None else list(rule.names)
    lines = (line.strip() for _, line in read_lines(folder / rule.file))
    return [*(rule.names or ()), *(line for line in lines if line)]


def _check_apart(manifest: Manifest, chosen: dict[str, set[str]]) -> None:
    if manifest.allow_speakers_in_both:
        return
    for one, two in combinations(chosen, 2):
        if both := sorted(chosen[one] & chosen[two]):
            names = ", ".join(both[:10]) + (f" and {len(both) - 10} more" if both[10:] else "")
            raise InputError(
                f"{manifest.path}: speakers in {one} and in {two}: {shown(names, 300)}. A scorer "
                "that is tested on whom it learnt from looks better than it is: put each into one "
                "split, or set allow_speakers_in_both: true"
            )
