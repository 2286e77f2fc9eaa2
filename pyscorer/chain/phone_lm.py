"""The phone language model behind the denominator graph: n-grams without back-off arcs.

Kaldi's chain-est-phone-lm. There is no smoothing and no back-off transition, which keeps the graph
small; instead, history states that matter least are merged into their shorter history for good.
"""

import heapq
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pyscorer.chain.fst import Acceptor
from pyscorer.errors import InputError

logger = logging.getLogger(__name__)

BOUNDARY = 0
"""Stands for the start of an utterance in histories and for its end among the counts."""
STAGES = 4
"""The queue of merges is made anew this often: its costs go stale as states are merged."""

History = tuple[int, ...]


@dataclass(frozen=True)
class PhoneLm:
    """A phone language model as an acceptor of phone ids, arcs sorted by state and phone."""

    acceptor: Acceptor
    perplexity: float
    """On the training data, end of utterance included."""


@dataclass
class _State:
    history: History
    counts: dict[int, int] = field(default_factory=dict)
    total: int = 0
    total_with_parents: int = 0
    """Own count plus that of all longer histories that would merge into this one."""
    backoff: int = -1

    def add(self, phone: int, count: int) -> None:
        self.counts[phone] = self.counts.get(phone, 0) + count
        self.total += count


def _log_likelihood(counts: dict[int, int], total: int) -> np.float32:
    # Summed by phone and rounded as Kaldi does: many states tie, and rounding decides.
    return np.float32(sum(counts[p] * math.log(counts[p] / total) for p in sorted(counts)))


@dataclass
class PhoneCounts:
    """What follows histories of up to `order` - 1 phones: the sums that phone LMs are made of."""

    order: int
    counts: dict[History, dict[int, int]] = field(default_factory=dict)
    """Of each history, in the order of their first places; BOUNDARY is the end."""
    first: dict[History, tuple[str, int]] = field(default_factory=dict)
    """The utterance in which a history comes first, and where in it."""

    def add(self, key: str, sentence: Sequence[int]) -> None:
        """Count an utterance; they come in the order of their keys."""
        history: History = (BOUNDARY,)
        for place, phone in enumerate((*sentence, BOUNDARY)):
            if history not in self.counts:
                self.counts[history], self.first[history] = {}, (key, place)
            after = self.counts[history]
            after[phone] = after.get(phone, 0) + 1
            history = (*history, phone)[-(self.order - 1) :]


def add_counts(parts: Iterable[tuple[int, PhoneCounts]]) -> PhoneCounts:
    """The counts of all parts of datasets, exactly as of the whole; each with its dataset's number.

    Raises InputError for counts of several orders.
    """
    total: PhoneCounts | None = None
    first: dict[History, tuple[int, str, int]] = {}
    for dataset, part in parts:
        total = total or PhoneCounts(part.order)
        if part.order != total.order:
            raise InputError(f"phone LM: counts of order {part.order} and of {total.order}")
        for history, counts in part.counts.items():
            after = total.counts.setdefault(history, {})
            for phone, count in counts.items():
                after[phone] = after.get(phone, 0) + count
            place = (dataset, *part.first[history])
            first[history] = min(place, first.get(history, place))
    if total is None:
        raise InputError("phone LM: no counts")
    in_order = sorted(total.counts, key=first.__getitem__)
    return PhoneCounts(
        total.order, {h: total.counts[h] for h in in_order}, {h: first[h][1:] for h in in_order}
    )


class _Estimator:
    """The states of the model while it is being estimated."""

    def __init__(self, no_prune_order: int) -> None:
        self.no_prune_order = no_prune_order
        self.states: list[_State] = []
        self.index: dict[History, int] = {}
        self.queue: list[tuple[float, int]] = []

    def find_or_create(self, history: History) -> int:
        if history in self.index:
            return self.index[history]
        number = self.index[history] = len(self.states)
        self.states.append(_State(history))
        if len(history) >= self.no_prune_order:
            self.states[number].backoff = self.find_or_create(history[1:])
        return number

    def add(self, history: History, counts: Mapping[int, int]) -> None:
        state = self.states[self.find_or_create(history)]
        for phone, count in counts.items():
            state.add(phone, count)

    def count_parents(self) -> None:
        for state in self.states:
            number = self.index[state.history]
            while number != -1:
                self.states[number].total_with_parents += state.total
                number = self.states[number].backoff

    def active(self) -> int:
        return sum(state.total != 0 for state in self.states)

    def find_active(self, history: History) -> int:
        """The state of the longest suffix of `history` that has counts."""
        while True:
            number = self.index.get(history, -1)
            if number != -1 and self.states[number].total:
                return number
            history = history[1:]

    def may_merge(self, number: int) -> bool:
        """Whether nothing needs the leftmost phone of this state's history any more."""
        state = self.states[number]
        if len(state.history) < self.no_prune_order or state.total == 0:
            return False
        if state.total != state.total_with_parents:
            return False
        for phone in state.counts:
            longer = self.index.get((*state.history, phone), -1) if phone != BOUNDARY else -1
            if longer != -1 and self.states[longer].total_with_parents:
                return False
        return True

    def gain(self, number: int) -> float:
        """Change (<= 0) of the log-likelihood if the state is merged, in Kaldi's float32."""
        state = self.states[number]
        target = self.states[state.backoff]
        if target.total == 0:
            return float(np.float32(-1.0e-15 * state.total))
        merged = dict(target.counts)
        for phone, count in state.counts.items():
            merged[phone] = merged.get(phone, 0) + count
        change = (
            _log_likelihood(merged, target.total + state.total)
            - _log_likelihood(state.counts, state.total)
            - _log_likelihood(target.counts, target.total)
        )
        return min(float(change), 0.0)

    def push(self, number: int) -> None:
        heapq.heappush(self.queue, (-self.gain(number), -number))

    def merge(self, number: int) -> bool:
        """Merge a state into its back-off; True if there is one active state less."""
        state = self.states[number]
        target = self.states[state.backoff]
        could_merge, was_active = self.may_merge(state.backoff), target.total != 0
        for phone, count in state.counts.items():
            target.add(phone, count)
        state.counts, state.total, state.total_with_parents = {}, 0, 0
        if not could_merge and self.may_merge(state.backoff):
            self.push(state.backoff)
        return was_active

    def prune(self, extra_states: int) -> None:
        basic = sum(len(state.history) == self.no_prune_order - 1 for state in self.states)
        active = initial = self.active()
        target = basic + extra_states
        for stage in range(1, STAGES + 1):
            goal = initial + int((target - initial) * stage / STAGES)
            self.queue = []
            for number in range(len(self.states)):
                if self.may_merge(number):
                    self.push(number)
            while active > goal and self.queue:
                cost, number = heapq.heappop(self.queue)
                gain, number = self.gain(-number), -number
                if abs(gain + cost) > 0.001 * (abs(gain) + abs(cost)):
                    heapq.heappush(self.queue, (-gain, -number))
                else:
                    active -= self.merge(number)
        logger.info(
            "phone LM: %d history states, %d wanted (%d basic + %d), %d after merging",
            initial,
            target,
            basic,
            extra_states,
            active,
        )

    def finish(self) -> PhoneLm:
        kept = [number for number, state in enumerate(self.states) if state.total]
        fst_state = {number: index for index, number in enumerate(kept)}
        final = np.full(len(kept), -np.inf)
        arcs: list[tuple[int, int, int, float]] = []
        log_probability, instances = 0.0, 0
        for number in kept:
            state = self.states[number]
            for phone, count in sorted(state.counts.items()):
                weight = math.log(count / state.total)
                log_probability += weight * count
                instances += count
                if phone == BOUNDARY:
                    final[fst_state[number]] = weight
                else:
                    next_state = fst_state[self.find_active((*state.history, phone))]
                    arcs.append((fst_state[number], next_state, phone, weight))
        table = np.array(arcs, dtype=np.float64)
        source, destination, label = (table[:, i].astype(np.int64) for i in range(3))
        start = fst_state[self.find_active((BOUNDARY,))]
        acceptor = Acceptor(start, source, destination, label, table[:, 3], final)
        return PhoneLm(acceptor, math.exp(-log_probability / instances))


def phone_lm(counts: PhoneCounts, no_prune_order: int, extra_states: int) -> PhoneLm:
    """The phone n-gram of counts (Kaldi's LanguageModelEstimator, its tie-breaking included).

    Histories of `no_prune_order` - 1 phones are all kept; of the longer ones those whose merging
    costs the least likelihood go, until `extra_states` more states than that are left.

    Raises InputError for no data, or impossible orders.
    """
    if not 2 <= no_prune_order <= counts.order:
        raise InputError(
            f"phone LM: need 2 <= no_prune_order <= order, not {no_prune_order}, {counts.order}"
        )
    if all(after.keys() <= {BOUNDARY} for after in counts.counts.values()):
        raise InputError("phone LM: no phones to estimate from")
    estimator = _Estimator(no_prune_order)
    for history, after in counts.counts.items():
        estimator.add(history, after)
    estimator.count_parents()
    estimator.prune(extra_states)
    return estimator.finish()
