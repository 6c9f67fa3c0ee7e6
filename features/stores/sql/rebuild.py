"""Every projection made again from the log."""

from __future__ import annotations

import numpy as np

from features.event import LOG_ONLY
from features.stores import packed
from features.stores.acceptance import LATEST, json_text
from features.stores.sql.people import PERSON_ROWS, PERSON_STANDS, SEALED_ROWS
from features.stores.sql.reads import log_of, traits_as_of
from features.stores.sql.session import Session

PEOPLE = 256
"""People whose projections are in memory at one time."""

_LOG_ONLY = [int(kind) for kind in LOG_ONLY]


def rebuild(session: Session) -> None:
    """Inside a transaction that nobody writes beside."""
    session.execute("DELETE FROM sealed")
    people = session.rows("SELECT person, customer_id FROM person ORDER BY person")
    for at in range(0, len(people), PEOPLE):
        persons, sealed = [], []
        for person, customer_id in people[at : at + PEOPLE]:
            log = log_of(session, person)
            changing = log["sequence"][~np.isin(log["kind"], _LOG_ONLY)]
            traits, version = traits_as_of(session, person, LATEST)
            version = max(version, int(changing.max()) if len(changing) else 0)
            persons.append((person, customer_id, version, json_text(traits), b""))
            if len(changing):
                made = packed.seal(packed.NOTHING, log)
                sealed.append((person, made.page, made.ledger, made.consents))
        session.insert(PERSON_ROWS, persons, PERSON_STANDS)
        session.insert(SEALED_ROWS, sealed)
