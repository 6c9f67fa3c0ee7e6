"""Message keys in a table of their own, what browsers' keys and dead letters need, numbers given by counters.

`event` is clustered and may be distributed by person, so a unique index of it would have to hold the person; the table
`message` is unique by message whoever it is about.
"""

from __future__ import annotations

from features.stores.sql.migrations.running import counter, dialect, execute, rebuild

revision = "0002"
down_revision = "0001"

_MESSAGES = """
CREATE TABLE message(
    source {integer} NOT NULL,         -- 0: message is the message id; else message is the row in that source
    message {text} NOT NULL,
    line {integer} NOT NULL,
    person {integer} NOT NULL,         -- where the event is
    sequence {integer} NOT NULL,
    PRIMARY KEY (source, message, line)
){clustered};
INSERT INTO message SELECT source, CAST(message AS TEXT), line, person, sequence FROM event ORDER BY 1, 2, 3;
DROP INDEX event_message;
"""

_THE_REST = """
ALTER TABLE access_key ADD COLUMN origins {text} NOT NULL DEFAULT '';
CREATE TABLE dead_letter_about(
    digest {bytes} NOT NULL,           -- of an identifier in the letter
    number {integer} NOT NULL,
    PRIMARY KEY (digest, number)
){clustered};
CREATE TABLE audit(
    number {integer} PRIMARY KEY,
    at {integer} NOT NULL,
    what {text} NOT NULL,
    author {text} NOT NULL,
    subject {text} NOT NULL,           -- keyed digest of the person's outside name, hex
    counts {text} NOT NULL             -- JSON object
);
CREATE TABLE erased_decision(
    digest {bytes} NOT NULL PRIMARY KEY  -- keyed, of the decision's id
){clustered};
"""


def upgrade() -> None:
    execute(_MESSAGES)
    if dialect().name == "sqlite":
        execute("UPDATE event SET message = CAST(message AS TEXT) WHERE source <> 0;")
    execute(_THE_REST)
    if dialect().name == "postgresql":
        counter("sequence", "SELECT value FROM counter WHERE name = 'sequence'")
        execute("DROP TABLE counter;")
    counter("person", "SELECT coalesce(max(person), 0) FROM person")
    counter("dead_letter", "SELECT coalesce(max(number), 0) FROM dead_letter")
    counter("audit", "SELECT coalesce(max(number), 0) FROM audit")
    # Ledger and consent entries have grown since.
    rebuild()
