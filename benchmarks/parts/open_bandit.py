"""The Open Bandit data as logged feedback: fashion items shown in three positions of a page, clicks, true propensities.

Saito et al. 2021, "Open Bandit Dataset and Pipeline: Towards Realistic and Reproducible Off-Policy Evaluation". The
data are not part of this project. A folder with the files as the pipeline `obp` lays them (random/all/all.csv,
random/all/item_context.csv), or flat (random_all.csv.gz, random_all_item_context.csv.gz).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from training.offpolicy.feedback import Evaluation, Feedback
from training.offpolicy.reward_model import Columns, Predict, cross_fitted

CAMPAIGNS = ("all", "men", "women")
POSITIONS = 3
SEED = 12345
"""Of obp's example, for its draws of the policy."""


class NotThere(Exception):
    """A file of the data is missing or is not what it should be."""


@dataclass(frozen=True, slots=True)
class Log:
    """10,000 rows of one policy and campaign. Nobody is known: each row is a person of its own. position: intp[n] from
    0. context: float64[n, c]. items: float64[K, f]. Candidate a of row i is place i x K + a."""

    feedback: Feedback
    position: NDArray[np.intp]
    context: NDArray[np.float64]
    items: NDArray[np.float64]

    @property
    def value(self) -> float:
        """On-policy: the share of clicks."""
        return float(self.feedback.reward.mean())

    @property
    def value_error(self) -> float:
        return float(self.feedback.reward.std(ddof=1) / np.sqrt(len(self.feedback)))

    def take(self, rows: NDArray[np.intp]) -> Log:
        """Rows drawn twice are two people, as obp has it."""
        drawn = replace(self.feedback.take(rows), person=np.arange(len(rows)))
        return Log(drawn, self.position[rows], self.context[rows], self.items)

    def evaluation(self, chances: NDArray[np.float64], rng: np.random.Generator) -> Evaluation:
        """chances: float64[K, POSITIONS], the target's. With the reward model of obp's example: a logistic regression
        for each position, in three folds."""
        target = chances.T[self.position].ravel()
        predicted = cross_fitted(self.feedback, self.columns(), by_position, rng, folds=3)
        return Evaluation(self.feedback, target, predicted)

    def columns(self) -> Columns:
        """Position, user features, item features."""
        items = len(self.items)

        def columns(places: NDArray[np.intp]) -> NDArray[np.float64]:
            row, item = np.divmod(places, items)
            return np.column_stack([self.position[row], self.context[row], self.items[item]])

        return columns


def by_position(columns: NDArray[np.float64], reward: NDArray[np.float64]) -> Predict:
    models = [_regression(columns[columns[:, 0] == one, 1:], reward[columns[:, 0] == one]) for one in range(POSITIONS)]

    def predict(asked: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.empty(len(asked))
        for one, model in enumerate(models):
            here = asked[:, 0] == one
            if here.any():
                found[here] = model(asked[here, 1:])
        return found

    return predict


def _regression(columns: NDArray[np.float64], reward: NDArray[np.float64]) -> Predict:
    if reward.min() == reward.max():
        rate = float(reward[0])
        return lambda asked: np.full(len(asked), rate)
    model = LogisticRegression(C=100, max_iter=10_000, random_state=SEED).fit(columns, reward)
    return lambda asked: np.asarray(model.predict_proba(asked)[:, 1], np.float64)


def read(folder: Path, policy: str, campaign: str) -> Log:
    """Raises NotThere."""
    rows = _csv(folder, f"{policy}/{campaign}/{campaign}.csv", f"{policy}_{campaign}.csv.gz")
    items = _csv(folder, f"{policy}/{campaign}/item_context.csv", f"{policy}_{campaign}_item_context.csv.gz")
    rows = rows.sort_values("timestamp", kind="stable")
    count, size = len(items), len(rows)
    start = np.arange(size + 1) * count
    feedback = Feedback(
        start=start,
        action=np.tile(np.arange(count), size),
        taken=start[:-1] + rows["item_id"].to_numpy(),
        propensity=rows["propensity_score"].to_numpy(),
        reward=rows["click"].to_numpy(np.float64),
        person=np.arange(size),
    )
    users = pd.get_dummies(rows.loc[:, rows.columns.str.contains("user_feature")], drop_first=True)
    names = [name for name in items.columns if name not in {"item_id", "item_feature_0"}]
    coded = [pd.factorize(items[name], sort=True)[0] for name in names]
    features = np.column_stack([*coded, items["item_feature_0"]]).astype(np.float64)
    return Log(feedback, rows["position"].to_numpy() - 1, users.to_numpy(np.float64), features)


def uniform(log: Log) -> NDArray[np.float64]:
    return np.full((len(log.items), POSITIONS), 1.0 / len(log.items))


def from_prior(prior: Path, campaign: str, draws: int) -> NDArray[np.float64]:
    """float64[K, POSITIONS]: how often Bernoulli Thompson sampling under the published prior puts an item first, second
    and third, in `draws` draws of the generator and seed of obp's example. Raises NotThere."""
    try:
        told = yaml.safe_load(prior.read_text())[campaign]
        alpha, beta = np.array(told["alpha"], float), np.array(told["beta"], float)
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise NotThere(
            f"prior is {prior}; it is a YAML file of alpha and beta by campaign ({type(error).__name__}); "
            "give obp/policy/conf/prior_bts.yaml of st-tech/zr-obp"
        ) from error
    dice = np.random.RandomState(SEED)
    counts = np.zeros((len(alpha), POSITIONS))
    for first in range(0, draws, 20_000):
        sampled = dice.beta(alpha, beta, size=(min(20_000, draws - first), len(alpha)))
        best = np.argpartition(-sampled, POSITIONS, axis=1)[:, :POSITIONS]
        order = np.argsort(-np.take_along_axis(sampled, best, axis=1), axis=1)
        for position, items in enumerate(np.take_along_axis(best, order, axis=1).T):
            counts[:, position] += np.bincount(items, minlength=len(alpha))
    return counts / draws


def from_propensities(log: Log) -> NDArray[np.float64]:
    """float64[K, POSITIONS]: an ESTIMATE of the logging policy's chances over its week, from its own log: the harmonic
    mean of the propensities of the rows in which an item stood there (an arithmetic one would count high chances
    twice), scaled to sum to 1; 0 for what never stood there."""
    item = log.feedback.taken % len(log.items)
    cell = item * POSITIONS + log.position
    size = len(log.items) * POSITIONS
    times = np.bincount(cell, minlength=size)
    inverse = np.bincount(cell, 1.0 / log.feedback.propensity, size)
    chances = np.divide(times, inverse, out=np.zeros(size), where=times > 0).reshape(-1, POSITIONS)
    return np.asarray(chances / chances.sum(axis=0), np.float64)


def resampled(log: Log, run: int) -> Log:
    """The bootstrap sample of obp's example."""
    dice = np.random.RandomState(run)
    return log.take(dice.choice(np.arange(len(log.feedback)), size=len(log.feedback), replace=True))


def _csv(folder: Path, *places: str) -> pd.DataFrame:
    for place in places:
        if (folder / place).is_file():
            return pd.read_csv(folder / place, index_col=0)
    raise NotThere(f"--open-bandit is {folder}; neither {places[0]} nor {places[1]} is there; give the data's folder")
