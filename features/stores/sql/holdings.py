"""What the copy of a person is made of, read at one moment."""

from __future__ import annotations

import json

from features.event import Identifier
from features.stores.export import CopiedLetter, Holdings, TraitChange, parsed
from features.stores.mentions import user_of
from features.stores.people import Identity, Stretch
from features.stores.protocol import DeadLetter, StoreCorrupt
from features.stores.sql import audit, identities, reads, timeline
from features.stores.sql.claims import Claims
from features.stores.sql.decisions import select_decisions_of
from features.stores.sql.desk import viewed
from features.stores.sql.letters import naming, select_letters
from features.stores.sql.rights import Subject
from features.stores.sql.session import Session
from features.stores.sql.vocabulary import SharedVocabulary
from features.vault import Vault
from features.wire.identifiers import sender

_ALL = 2**62


def holdings(
    session: Session, shared: SharedVocabulary, vault: Vault, identifier: Identifier, who: Subject, at: int
) -> Holdings:
    """Everything held on a person; the session is a snapshot. Letters that name them only by what somebody else holds
    too are that person's secret and stay out."""
    record = reads.present(session, vault, identifier)
    (events,) = timeline.stretches(session, shared, vault, identifier, [Stretch(_ALL)])
    decisions = select_decisions_of(session, vault, who.root, _ALL)
    identity = _identity(session, vault, identifier)
    return Holdings(
        at=at,
        identity=identity,
        record=record,
        trait_changes=_trait_changes(session, vault, who),
        events=tuple(sorted(events, key=lambda logged: logged.sequence)),
        decisions=tuple(sorted(decisions, key=lambda one: (one.decided_at, one.decision_id))),
        letters=_letters(session, vault, who),
        audit=audit.about(session, vault, {who.customer_id, *identity.names}),
        views=viewed(session, vault, {who.customer_id, *identity.names}),
    )


def _identity(session: Session, vault: Vault, identifier: Identifier) -> Identity:
    found = identities.identity(session, vault, identifier)
    if found is None:
        raise StoreCorrupt("customer is found and not found in one snapshot; run `nextbest check`")
    return found


def _trait_changes(session: Session, vault: Vault, who: Subject) -> tuple[TraitChange, ...]:
    query = "SELECT sequence, person, recorded_at, changes FROM trait_change WHERE person = ?"
    rows = [row for profile in who.profiles for row in session.rows(query, (profile,))]
    names = Claims(session, vault).names(who.profiles)
    return tuple(
        TraitChange(names[profile], moment, json.loads(changes)) for _, profile, moment, changes in sorted(rows)
    )


def _letters(session: Session, vault: Vault, who: Subject) -> tuple[CopiedLetter, ...]:
    own = {digest: type_ for digest, type_ in who.types.items() if digest in who.own}
    letters = select_letters(session, vault, sorted(naming(session, vault, own)))
    return tuple(CopiedLetter(one, _told_of(vault, one, who)) for one in letters)


def _told_of(vault: Vault, letter: DeadLetter, who: Subject) -> bool:
    payload = parsed(letter.payload)
    told = sender({"userId": user_of(payload)} if isinstance(payload, str) else payload)
    return told is not None and vault.digest(told) in who.own
