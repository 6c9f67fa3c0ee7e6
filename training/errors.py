"""What training may raise on purpose.

TrainingError
+-- NothingToLearn      the store holds too little history, or too few successes, for an honest model
|   +-- TooFewSuccesses of contacts, to learn how people respond; there may be a first model all the same
+-- NotRegistered       the registry has no such model version
+-- RegistryAway        the registry cannot be reached
+-- InvalidFeedback     what was logged, or what is asked of it, cannot be judged
+-- InvalidLimits       a verdict cannot go by these limits
+-- InvalidSettings     no model can be trained by these settings
+-- InvalidGrounds      nobody can tell later why somebody was made champion
+-- InvalidList         a list of next items cannot be made of this, or written there
+-- InvalidTable        a training table cannot be written there, or what is there is none
+-- ServiceRefused      a simulation's service answers otherwise than it should, or not at all
+-- Overtaken           somebody else became champion while a verdict was being found
"""

from __future__ import annotations


class TrainingError(Exception):
    """Anything that training raises on purpose."""


class NothingToLearn(TrainingError):
    """Too little history, or too few successes, for an honest model."""


class TooFewSuccesses(NothingToLearn):
    """Of contacts, to learn how people respond."""


class NotRegistered(TrainingError):
    """The registry has no such model version."""


class RegistryAway(TrainingError):
    """The registry cannot be reached."""


class InvalidFeedback(TrainingError):
    """What was logged, or what is asked of it, cannot be judged: a propensity of 0, chances that do not sum to 1."""


class InvalidLimits(TrainingError):
    """A verdict cannot go by these limits: a negative tolerance."""


class InvalidSettings(TrainingError):
    """No model can be trained by these settings: a tree of one leaf, a search without an end."""


class InvalidGrounds(TrainingError):
    """Nobody can tell later why somebody was made champion: forced without a reason or a name, or a novel."""


class Overtaken(TrainingError):
    """Somebody else became champion while a verdict was being found."""


class InvalidList(TrainingError):
    """A list of next items cannot be made for these customers, or written there."""


class InvalidTable(TrainingError):
    """A training table cannot be written there, or what is there is none, broken, or changed since it was written."""


class ServiceRefused(TrainingError):
    """A simulation's service answers otherwise than it should, or not at all."""
