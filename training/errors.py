"""What training may raise on purpose.

TrainingError
+-- NothingToLearn      the store holds too little history, or too few successes, for an honest model
+-- NotRegistered       the registry has no such model version
+-- RegistryAway        the registry cannot be reached
+-- InvalidFeedback     what was logged, or what is asked of it, cannot be judged
"""

from __future__ import annotations


class TrainingError(Exception):
    """Anything that training raises on purpose."""


class NothingToLearn(TrainingError):
    """Too little history, or too few successes, for an honest model."""


class NotRegistered(TrainingError):
    """The registry has no such model version."""


class RegistryAway(TrainingError):
    """The registry cannot be reached."""


class InvalidFeedback(TrainingError):
    """What was logged, or what is asked of it, cannot be judged: a propensity of 0, chances that do not sum to 1."""
