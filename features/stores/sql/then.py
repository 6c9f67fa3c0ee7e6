"""The record that a decision was made from, put together again from the log.

A decision had read the log up to a sequence, not up to a moment: what is recorded in the millisecond of the decision
may have come before or after it, a batch is decided over many milliseconds, and an import tells of the past. So the
record is cut by sequence, and of the claims those count that were made by calls whose events are within the cut. Claims
that were imported without events count by the moment that the import gave them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import numpy as np

from features import ledger
from features.event import INTENTS
from features.history import CustomerRecord, Records, page
from features.partition import Claim, Role
from features.stores.acceptance import LATEST
from features.stores.protocol import LoggedDecision
from features.stores.region import person_of
from features.stores.sql.assembly import Until, assemble, logs_of
from features.stores.sql.claims import Claims
from features.stores.sql.decisions import select_decisions
from features.stores.sql.reads import frozen, is_known, time_zone
from features.stores.sql.session import Row, Session, columns
from features.vault import Vault

_PERSON = columns(person="integer")
_OURS = sorted(INTENTS)
"""What no call tells, so that it makes no claims but an anchor."""


def record_of(session: Session, vault: Vault, decision_id: str) -> CustomerRecord | None:
    """See the protocol."""
    decision = next(iter(select_decisions(session, vault, [decision_id])), None)
    if decision is None:
        return None
    ((profile,),) = session.rows("SELECT d.person FROM decision d WHERE d.decision_id = ?", (decision_id,))
    subject = decision.customer_id if decision.subject is None else decision.subject
    claims = _ClaimsThen(session, vault, decision)
    if not any(claim.role == Role.ANCHOR for claim in claims.of_profiles([profile])):
        return CustomerRecord(-1, subject, known=False)
    person = person_of(claims, profile)
    (made,) = assemble(session, [person], Until(version=decision.history_version, claimed=claims.seen))
    if claims.doubtful and _stamp(session, person.linked) > decision.history_version:
        return None
    events, lines = page(made.log.records), ledger.entries(made.log.records)
    return CustomerRecord(
        person=person.root,
        customer_id=subject,
        known=is_known(decision.history_version, events, made.traits, lines, made.log.consents),
        version=decision.history_version,
        page=frozen(events),
        ledger=frozen(lines),
        consents=frozen(made.log.consents),
        traits=made.traits,
        time_zone=time_zone(made.traits),
    )


def _stamp(session: Session, profiles: Collection[int]) -> int:
    """The sequence at which any of them was last put together with others, or split from them."""
    query = "SELECT p.regrouped FROM wanted w CROSS JOIN person p WHERE p.person = w.person"
    return max(int(stamp) for (stamp,) in session.wanted(_PERSON, query, [(one,) for one in profiles]))


class _ClaimsThen(Claims):
    """Those that the decision's read saw. doubtful: one of them has been cut, then or since, or may have been made by a
    call before the read or by one after it."""

    def __init__(self, session: Session, vault: Vault, decision: LoggedDecision) -> None:
        super().__init__(session, vault, LATEST)
        self._version = decision.history_version
        self._decided_at = decision.decided_at
        self._logs: dict[int, Records] = {}
        self.doubtful = False

    def _read(self, rows: Iterable[Row]) -> Iterator[Claim]:
        stored = list(rows)
        fresh = {int(row[1]) for row in stored} - self._logs.keys()
        self._logs |= logs_of(self._session, fresh) if fresh else {}
        for claim in super()._read(stored):
            if self.seen(claim.profile, claim.since, claim.role):
                self.doubtful |= claim.severed
                yield claim

    def seen(self, profile: int, since: int, role: Role) -> bool:
        """By the events of the call that made it; one that no event tells of was imported, and goes by its moment. An
        anchor is never younger than the other claims of its profile, and so is seen when one of them is."""
        log = self._logs[profile]
        if not (log["sequence"] <= self._version).any():
            before_all = len(log) == 0 or since < int(log["recorded_at"].min())
            return before_all and since <= self._decided_at
        told = log["sequence"][(log["recorded_at"] == since) & ~np.isin(log["kind"], _OURS)]
        if role == Role.ANCHOR or len(told) == 0:
            return role == Role.ANCHOR or since <= self._decided_at
        self.doubtful |= int(told.min()) <= self._version < int(told.max())
        return int(told.min()) <= self._version
