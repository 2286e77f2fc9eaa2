"""What is said of one response: the decision, and its reasons."""

from dataclasses import dataclass, field

from pyscorer.contract.classes import Classes
from pyscorer.proficiency.edits import Edit, marked

ACCEPT, REJECT = "accept", "reject"


@dataclass(frozen=True)
class Opinion:
    """What one expert says, or the memory of equal responses."""

    score: float
    """As the judgement's."""
    credit: float
    """How much the mixture trusts it, from 0 to 1."""
    posteriors: tuple[float, ...]
    """Of the classes, in their order."""


@dataclass(frozen=True)
class Judgement:
    """The decision on one response, and its reasons."""

    classes: Classes
    prompt: str
    """As the grammar has it, where it does."""
    response: str
    """Its words as the experts read them."""
    decision: str
    """ACCEPT or REJECT; of levels, the name of one."""
    score: float
    """Of acceptance, from 0 to 1; of levels, the expected one, from 0 to their number - 1."""
    threshold: float | None
    """Scores from here on are accepted; None for levels."""
    known_prompt: bool
    """Whether the grammar has the prompt; without a grammar, the training responses."""
    edits: tuple[Edit, ...] = ()
    """From the closest accepted response to this one."""
    posteriors: tuple[float, ...] = ()
    """Of the classes; none if the experts were not asked."""
    experts: dict[str, Opinion] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    cuts: tuple[float, ...] = ()
    """Of levels: the expected ones from which on the second, the third ... is given."""

    @property
    def accepted(self) -> bool | None:
        """Whether it is accepted; None for levels, of which none is."""
        return None if self.classes.ordinal else self.decision == ACCEPT

    @property
    def closest_accepted(self) -> str:
        """The accepted response of the prompt that is nearest; empty where none is known."""
        return " ".join(edit.reference for edit in self.edits if edit.reference)

    @property
    def marked(self) -> str:
        """The response with its edits marked, see `edits.marked`."""
        return marked(self.edits) if self.response else ""

    @property
    def verdict(self) -> str:
        """The decision and by how much, in one line."""
        if self.threshold is None:
            steps = zip(self.classes.names[1:], self.cuts, strict=False)
            given = "".join(f"; {name} from {cut:.2f}" for name, cut in steps)
            return f"{self.decision} (expected level {self.score:.2f}{given})"
        return f"{self.decision} (score {self.score:.3f}, accepted from {self.threshold:.3f})"

    def text(self) -> str:
        """A few lines for people."""
        lines = [self.verdict]
        if self.classes.ordinal and self.posteriors:
            lines.append(by_class(self.classes, self.posteriors))
        if not self.known_prompt:
            lines.append("the prompt is not known: judged by its words alone")
        elif not self.closest_accepted:
            lines.append("no accepted response of the prompt is known")
        else:
            lines.append(f"closest accepted response: {self.closest_accepted}")
            lines.append(f"edits: {self.marked or '(empty response)'}")
        for name, said in self.experts.items():
            lines.append(f"{name}: {said.score:.3f}, credit {said.credit:.3f}")
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)])


def by_class(classes: Classes, posteriors: tuple[float, ...]) -> str:
    """`A1 0.020, A2 0.910, ...`"""
    return ", ".join(f"{n} {p:.3f}" for n, p in zip(classes.names, posteriors, strict=True))
