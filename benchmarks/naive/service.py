"""The service that most teams would write first: BentoML under its defaults, pydantic, events as SQL rows, features in
pandas, Booster.predict, the decision as a row in a table. It does far less than nextbest does: no gate but eligibility
and what was bought lately, no exploration, no consent, no limits, sixty features. Kept to be measured beside it."""

from __future__ import annotations

import json
import os
import sqlite3
import time
import uuid
from pathlib import Path

import bentoml
import lightgbm as lgb
import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from benchmarks.naive.shop import DATABASE, FEATURES, MODEL, SHOP
from features.event import Kind

DAY = 86_400_000
WINDOWS = (7, 28, 90, 365)
KINDS = {"viewed": Kind.VIEWED, "ordered": Kind.ORDERED, "sent": Kind.SENT, "rejected": Kind.REJECTED}
RESTS = 30


class Question(BaseModel):
    customer_id: str
    channels: list[str]
    limit: int = Field(default=1, ge=1, le=20)


class Chosen(BaseModel):
    rank: int
    action_id: str
    probability: float
    value: float
    priority: float


class Answer(BaseModel):
    decision_id: str
    customer_id: str
    channel: str
    actions: list[Chosen]


def features(events: pd.DataFrame, actions: pd.DataFrame, now: int) -> pd.DataFrame:
    """One row for each action: counts of the customer, and of what the action is about, by kind and window."""
    made = actions[["action", "category", "value"]].copy()
    for name, kind in KINDS.items():
        of_kind = events[events["kind"] == int(kind)]
        newest = of_kind["occurred_at"].max()
        made[f"customer_{name}_last"] = (now - newest) / DAY if len(of_kind) else np.nan
        for days in WINDOWS:
            recent = of_kind[of_kind["occurred_at"] > now - days * DAY]
            made[f"customer_{name}_{days}"] = len(recent)
            made[f"category_{name}_{days}"] = made["category"].map(recent.groupby("category").size()).fillna(0)
            made[f"action_{name}_{days}"] = made["action"].map(recent.groupby("action").size()).fillna(0)
    return made[FEATURES]


@bentoml.service(workers=1, http={"host": "127.0.0.1", "port": int(os.environ["NEXTBEST_PORT"])})
class Naive:
    def __init__(self) -> None:
        home = Path(os.environ["NEXTBEST_HOME"])
        self.database = sqlite3.connect(home / DATABASE, check_same_thread=False)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")
        self.booster = lgb.Booster(model_file=str(home / MODEL))
        shop = json.loads((home / SHOP).read_text())
        self.actions, self.now = pd.DataFrame(shop["actions"]), shop["now"]

    @bentoml.api(route="/recommend")
    def recommend(self, question: Question, /) -> Answer:
        events = pd.read_sql_query(
            "SELECT kind, occurred_at, item, category, action FROM events WHERE customer_id = ?",
            self.database,
            params=(question.customer_id,),
        )
        allowed = self.actions[[self._eligible(events, condition) for condition in self.actions["condition"]]]
        bought = events[(events["kind"] == int(Kind.ORDERED)) & (events["occurred_at"] > self.now - RESTS * DAY)]
        allowed = allowed[~allowed["item"].isin(bought["item"])]
        chosen = self._ranked(features(events, allowed, self.now), allowed, question.limit)
        answer = Answer(
            decision_id=uuid.uuid4().hex,
            customer_id=question.customer_id,
            channel=question.channels[0],
            actions=chosen,
        )
        with self.database:
            self.database.execute(
                "INSERT INTO decisions VALUES (?, ?, ?, ?)",
                (answer.decision_id, question.customer_id, time.time(), answer.model_dump_json()),
            )
        return answer

    def _eligible(self, events: pd.DataFrame, least: int) -> bool:
        """The conditions that busy_shop's catalogue states, without a language for them."""
        return len(events) >= least

    def _ranked(self, rows: pd.DataFrame, allowed: pd.DataFrame, limit: int) -> list[Chosen]:
        chance = np.asarray(self.booster.predict(rows))
        priority = chance * allowed["value"].to_numpy()
        best = np.argsort(-priority, kind="stable")[:limit]
        return [
            Chosen(
                rank=rank,
                action_id=str(allowed["action"].iloc[place]),
                probability=float(chance[place]),
                value=float(allowed["value"].iloc[place]),
                priority=float(priority[place]),
            )
            for rank, place in enumerate(best, start=1)
        ]
