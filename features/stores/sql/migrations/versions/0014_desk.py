"""The console: accounts, sessions, one-time links, failed sign-ins, who looked at whose record, answers that may still
be taken back; and who has a name with a postcode."""

from __future__ import annotations

from features.stores.sql.migrations.running import execute, session, vault
from features.stores.sql.names import fill

revision = "0014"
down_revision = "0013"

_TABLES = """
CREATE TABLE desk_account(
    name {text} PRIMARY KEY,
    roles {text} NOT NULL,             -- separated by commas
    password {text} NOT NULL,          -- an encoded hash, '' for none
    issuer {text} NOT NULL,            -- of an OpenID provider, '' for none
    created_at {integer} NOT NULL
){clustered};
CREATE TABLE desk_session(
    digest {text} PRIMARY KEY,         -- SHA-256 of the token, hex
    account {text} NOT NULL,
    created_at {integer} NOT NULL,
    seen_at {integer} NOT NULL,
    expires_at {integer} NOT NULL
){clustered};
CREATE INDEX desk_session_of ON desk_session(account);
CREATE TABLE desk_link(
    digest {text} PRIMARY KEY,
    account {text} NOT NULL,
    expires_at {integer} NOT NULL
){clustered};
CREATE TABLE desk_failure(
    number {numbered},                 -- a key of its own, as every table has
    name {text} NOT NULL,              -- a keyed digest of an account's name or a caller's address
    at {integer} NOT NULL
);
CREATE UNIQUE INDEX desk_failure_number ON desk_failure(number);
CREATE INDEX desk_failure_of ON desk_failure(name, at);
CREATE TABLE record_view(
    number {numbered},
    at {integer} NOT NULL,
    account {text} NOT NULL,
    session {text} NOT NULL,
    subject {text} NOT NULL,           -- as in audit
    what {text} NOT NULL
);
CREATE UNIQUE INDEX record_view_number ON record_view(number);
CREATE INDEX record_view_of ON record_view(subject, session);
CREATE TABLE desk_answer(
    answer_id {text} PRIMARY KEY,
    account {text} NOT NULL,
    due_at {integer} NOT NULL,
    claimed {integer} NOT NULL,        -- 1: being told, too late to take back; 2: cannot be told; 3: taken back
    body {bytes} NOT NULL              -- sealed
){clustered};
CREATE INDEX desk_answer_due ON desk_answer(due_at);
CREATE TABLE name_of(
    digest {bytes} NOT NULL,           -- of last name and postcode, keyed
    person {integer} NOT NULL,         -- the profile
    PRIMARY KEY (digest, person)
){clustered};
CREATE INDEX name_of_whom ON name_of(person);
"""


def upgrade() -> None:
    execute(_TABLES)
    fill(session(), vault())
