"""Which proofs together are enough for what: pure, free of Django and of the network."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Strength(StrEnum):
    """What one method shows by itself."""

    SUFFICIENT = "sufficient"
    CORROBORATION = "corroboration"
    SCOPE = "scope"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Strength.SUFFICIENT: "enough by itself",
    Strength.CORROBORATION: "counts together with another proof",
    Strength.SCOPE: "says what may be built, not who says it",
}


class Say(StrEnum):
    """What somebody can have a say in. The first two are the channels of a permit."""

    BUILD = "build"
    PUBLISH = "publish"
    SPEAK = "speak"
    """To take a consent back, edit a recipe, read what is for owners."""


class InvalidPolicy(ValueError):
    """The table cannot be meant; the message says which line, and why."""


@dataclass(frozen=True, slots=True)
class Policy:
    """For each `Say`, the sets of methods of which any one is enough."""

    enough: Mapping[Say, tuple[frozenset[str], ...]]

    def met(self, say: Say, held: Iterable[str]) -> frozenset[str] | None:
        """The first set that the methods held fill; None when they fill none.

        >>> policy = Policy({Say.BUILD: (frozenset({"a", "b"}),)})
        >>> policy.met(Say.BUILD, ["a"]) is None
        True
        >>> sorted(policy.met(Say.BUILD, ["a", "b", "c"]))
        ['a', 'b']
        """
        have = frozenset(held)
        return next((needed for needed in self.enough.get(say, ()) if needed <= have), None)

    def missing(self, say: Say, held: Iterable[str]) -> list[frozenset[str]]:
        """What would be enough beside the methods held: the fewest to bring first."""
        have = frozenset(held)
        left = {needed - have for needed in self.enough.get(say, ())}
        return sorted(left, key=lambda needed: (len(needed), sorted(needed)))


def parse_policy(
    table: Mapping[str, Sequence[Sequence[str]]], *, strengths: Mapping[str, Strength]
) -> Policy:
    """The table of the settings as a policy. Raises `InvalidPolicy`.

    A set without a method that shows who somebody is would let anybody in, so none is taken:
    a corroboration counts only beside another method, and a scope names nobody.
    """
    enough: dict[Say, tuple[frozenset[str], ...]] = {}
    for name, sets in table.items():
        if name not in set(Say):
            raise InvalidPolicy(f"{name!r} is none of {', '.join(Say)}")
        enough[Say(name)] = tuple(_parse_set(name, needed, strengths) for needed in sets)
    return Policy(enough)


def _parse_set(
    name: str, needed: Sequence[str], strengths: Mapping[str, Strength]
) -> frozenset[str]:
    methods = frozenset(needed)
    if unknown := sorted(methods - strengths.keys()):
        raise InvalidPolicy(f"{name}: there is no proof by {', '.join(unknown)}")
    kinds = [strengths[method] for method in methods]
    if Strength.SUFFICIENT not in kinds and kinds.count(Strength.CORROBORATION) < 2:  # noqa: PLR2004  # the weakest that is more than one
        raise InvalidPolicy(f"{name}: {sorted(methods)} would not show who somebody is")
    return methods
