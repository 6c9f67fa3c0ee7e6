"""People are groups of profiles, made by claims; identifiers are digests beside sealed values, names are sealed.

A profile is what one identifier, its anchor, names. `person.root` is the profile that stands for the person; the
projections are the root's alone. What makes people one is in features/partition.py.
"""

from __future__ import annotations

from features.event import Identifier
from features.identity import DIGEST, IdentityError, normalise, outside_name
from features.links import ALWAYS
from features.stores.sql.migrations.running import execute, rebuild, session, vault
from features.stores.sql.session import Row, Table, Type, columns, table

revision = "0003"
down_revision = "0002"

_PAGES = 1000
"""Rows that are in memory at one time."""

_PEOPLE = """
ALTER TABLE person RENAME TO old_person;
ALTER TABLE identifier RENAME TO old_identifier;
DROP INDEX identifier_of;
CREATE TABLE person(
    person {integer} PRIMARY KEY,
    root {integer} NOT NULL,           -- the profile that stands for the person; its own number when it does
    linked_at {integer} NOT NULL,      -- ms UTC since which it belongs to the root
    regrouped {integer} NOT NULL,      -- of a root: the sequence at which it was last put together, 0 never
    derived {integer} NOT NULL,        -- of a root: 1 when its consents are made of more than its own log
    version {integer} NOT NULL,        -- of a root: newest sequence that changed the record, 0 none
    traits {text} NOT NULL,            -- of a root: JSON object
    tail {bytes} NOT NULL,             -- of a root: features.history.EVENT records
    name {bytes} NOT NULL,             -- sealed: the profile's outside name
    customer_id {bytes} NOT NULL       -- of a root, sealed: the person's outside name
);
CREATE INDEX person_root ON person(root);
CREATE TABLE identifier(
    digest {bytes} PRIMARY KEY,
    type {text} NOT NULL,
    strength {integer} NOT NULL,       -- features.partition.Strength
    clear {bytes}                      -- sealed, null where clear values are omitted
){clustered};
CREATE TABLE claim(
    digest {bytes} NOT NULL,
    profile {integer} NOT NULL,
    anchor {integer},                  -- ms UTC of recording when it was first claimed to be the profile's anchor,
    held {integer},                    -- one of its identifiers,
    alias {integer},                   -- an older name of it; null: never
    severed {integer} NOT NULL,        -- 1: held and alias count no longer
    PRIMARY KEY (digest, profile)
){clustered};
CREATE INDEX claim_of ON claim(profile);
CREATE UNIQUE INDEX claim_anchor ON claim(digest) WHERE anchor IS NOT NULL;
CREATE TABLE addressed(
    digest {bytes} NOT NULL,           -- of the identifier through which consent was withdrawn
    sequence {integer} NOT NULL,       -- of the withdrawal
    occurred_at {integer} NOT NULL,
    recorded_at {integer} NOT NULL,
    channel {integer} NOT NULL,
    topic {integer} NOT NULL,
    PRIMARY KEY (digest, sequence)
){clustered};
"""

_TEXTS = """
ALTER TABLE decision RENAME TO old_decision;
DROP INDEX decision_of;
CREATE TABLE decision(
    number {numbered},
    decision_id {text} NOT NULL UNIQUE,
    person {integer} NOT NULL,         -- the profile for which it was made
    customer_id {bytes} NOT NULL,      -- sealed, and so are request, its digest and response
    decided_at {integer} NOT NULL,
    request {bytes} NOT NULL,
    request_digest {bytes} NOT NULL,
    response {bytes} NOT NULL,
    seed {text} NOT NULL,
    arm {text} NOT NULL,
    history_version {integer} NOT NULL,
    catalogue_version {integer} NOT NULL,
    model_version {text} NOT NULL,
    policy_version {text} NOT NULL,
    code_revision {text} NOT NULL,
    feature_digest {text} NOT NULL,
    feature_rows {bytes}
);
CREATE INDEX decision_of ON decision(person, decided_at);
ALTER TABLE dead_letter RENAME TO old_letter;
CREATE TABLE dead_letter(
    number {integer} PRIMARY KEY, received_at {integer} NOT NULL,
    reason {bytes} NOT NULL,           -- sealed, for it quotes what was refused, and so is the payload
    payload {bytes} NOT NULL
);
"""

_DROPPED = """
DROP TABLE old_identifier;
DROP TABLE old_person;
DROP TABLE old_decision;
DROP TABLE old_letter;
"""

_SEALED_COLUMNS = ("customer_id", "request", "request_digest", "response")
_DECISION: dict[str, Type] = {
    "decision_id": "text",
    "person": "integer",
    "customer_id": "bytes",
    "decided_at": "integer",
    "request": "bytes",
    "request_digest": "bytes",
    "response": "bytes",
    "seed": "text",
    "arm": "text",
    "history_version": "integer",
    "catalogue_version": "integer",
    "model_version": "text",
    "policy_version": "text",
    "code_revision": "text",
    "feature_digest": "text",
    "feature_rows": "bytes",
}
_IDENTIFIER_ROWS = table("identifier", digest="bytes", type="text", strength="integer", clear="bytes")
_CLAIM_ROWS = table("claim", digest="bytes", profile="integer", anchor="integer", held="integer", severed="integer")
_PERSON_ROWS = table(
    "person",
    person="integer",
    root="integer",
    linked_at="integer",
    regrouped="integer",
    derived="integer",
    version="integer",
    traits="text",
    tail="bytes",
    name="bytes",
    customer_id="bytes",
)
_LETTER_ROWS = table("dead_letter", number="integer", received_at="integer", reason="bytes", payload="bytes")
_PERSON = columns(person="integer")


def upgrade() -> None:
    execute(_PEOPLE)
    _move_people()
    execute(_TEXTS)
    _move_decisions()
    _move_letters()
    execute(_DROPPED)
    rebuild()


def _move_people() -> None:
    last = 0
    query = "SELECT person, customer_id FROM old_person WHERE person > ? ORDER BY person LIMIT ?"
    held = "SELECT o.person, o.type, o.value FROM wanted w CROSS JOIN old_identifier o WHERE o.person = w.person"
    session().execute("CREATE INDEX old_identifier_of ON old_identifier(person)")
    while people := session().rows(query, (last, _PAGES)):
        last = people[-1][0]
        names: dict[int, str] = dict(people)
        rows = session().wanted(_PERSON, held, [(person,) for person in names])
        told = [(person, Identifier(type_, text)) for person, type_, text in rows]
        anchors = {person: one for person, one in told if _name_then(one) == names[person]}
        names |= {person: _called(one) for person, one in anchors.items()}
        sealed = {person: vault().seal(name) for person, name in names.items()}
        session().insert(
            _PERSON_ROWS, [(one, one, ALWAYS, 0, 0, 0, "{}", b"", name, name) for one, name in sealed.items()]
        )
        _move_identifiers(told, anchors)


def _move_identifiers(told: list[tuple[int, Identifier]], anchors: dict[int, Identifier]) -> None:
    """What an import said counted as always known, and so does what nobody dated. An anchor stays in the form in which
    it was told, for another's may be the same in today's form; that is claimed beside it."""
    identifiers: dict[bytes, Row] = {}
    claims: dict[tuple[bytes, int], Row] = {}
    for person, stored in told:
        anchored = anchors.get(person) == stored
        for one, anchor in ((_in_todays_form(stored), False), *([(stored, True)] if anchored else [])):
            digest = vault().digest(one)
            identifiers[digest] = (digest, one.type, _STRENGTHS.get(one.type, 0), vault().keep(one))
            claims[digest, person] = (digest, person, ALWAYS if anchor else None, None if anchor else ALWAYS, 0)
    session().insert(_IDENTIFIER_ROWS, list(identifiers.values()), "ON CONFLICT DO NOTHING")
    session().insert(_CLAIM_ROWS, list(claims.values()))


_STRENGTHS = {"user_id": 2, "loyalty_card": 1}


def _in_todays_form(stored: Identifier) -> Identifier:
    try:
        return normalise(stored.type, stored.value)
    except IdentityError:
        return stored


def _called(anchor: Identifier) -> str:
    """The outside name as it is written today."""
    if vault().keep(anchor) is None:
        return outside_name(Identifier(DIGEST, vault().digest(anchor).hex()))
    return outside_name(anchor)


def _name_then(identifier: Identifier) -> str:
    """The outside name as the first release wrote it."""
    prefix = {"user_id": "", "anonymous_id": "anon:"}.get(identifier.type, f"{identifier.type}:")
    return prefix + identifier.value


def _move_decisions() -> None:
    last = 0
    query = f"SELECT number, {', '.join(_DECISION)} FROM old_decision WHERE number > ? ORDER BY number LIMIT ?"  # noqa: S608
    made = Table("decision", tuple(_DECISION.items()))
    while rows := session().rows(query, (last, _PAGES)):
        last = rows[-1][0]
        named = [dict(zip(_DECISION, row[1:], strict=True)) for row in rows]
        sealed = [{**one, **{name: vault().seal(one[name]) for name in _SEALED_COLUMNS}} for one in named]
        session().insert(made, [tuple(one.values()) for one in sealed])


def _move_letters() -> None:
    last = 0
    query = "SELECT number, received_at, reason, payload FROM old_letter WHERE number > ? ORDER BY number LIMIT ?"
    while rows := session().rows(query, (last, _PAGES)):
        last = rows[-1][0]
        session().insert(_LETTER_ROWS, [(*row[:2], *map(vault().seal, row[2:])) for row in rows])
