"""The schema of version 0.1.0.

The table `event` is the source of truth and is clustered by person, so that one person's log is one range of pages;
`person.tail` and `sealed` are projections of it, `trait_change` the log behind `person.traits`. Codes in `record` are
those of `vocabulary`.
"""

from __future__ import annotations

from features.stores.sql.migrations.running import dialect, execute

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE counter(name {text} PRIMARY KEY, value {integer} NOT NULL){clustered};
INSERT INTO counter VALUES ('sequence', 0);

CREATE TABLE person(
    person {integer} PRIMARY KEY,
    customer_id {text} NOT NULL,
    version {integer} NOT NULL,        -- newest sequence that changed the record, 0 none
    merged_into {integer},             -- the person who took this one over
    traits {text} NOT NULL,            -- JSON object
    tail {bytes} NOT NULL              -- features.history.EVENT records
);
CREATE TABLE sealed(
    person {integer} PRIMARY KEY,
    page {bytes} NOT NULL,             -- EVENT
    ledger {bytes} NOT NULL,           -- LEDGER_ENTRY
    consents {bytes} NOT NULL          -- CONSENT_ENTRY
);
CREATE TABLE identifier(
    type {text} NOT NULL, value {text} NOT NULL, person {integer} NOT NULL, PRIMARY KEY (type, value, person)
){clustered};
CREATE INDEX identifier_of ON identifier(person);

CREATE TABLE source(code {integer} PRIMARY KEY, text {text} NOT NULL UNIQUE);
CREATE TABLE event(
    person {integer} NOT NULL,
    sequence {integer} NOT NULL,
    record {bytes} NOT NULL,           -- one EVENT record
    source {integer} NOT NULL,         -- 0: message is the message id; else message is the row in that source
    message {loose} NOT NULL,
    line {integer} NOT NULL,
    name {text},                       -- null: the kind says it all
    order_id {text},
    decision_id {text},
    properties {text} NOT NULL,
    PRIMARY KEY (person, sequence)
){clustered};
CREATE UNIQUE INDEX event_message ON event(source, message, line);
CREATE TABLE trait_change(
    person {integer} NOT NULL, sequence {integer} NOT NULL, recorded_at {integer} NOT NULL, changes {text} NOT NULL,
    PRIMARY KEY (person, sequence)
){clustered};

CREATE TABLE vocabulary(
    domain {text} NOT NULL, code {integer} NOT NULL, text {text} NOT NULL,
    PRIMARY KEY (domain, code), UNIQUE (domain, text)
){clustered};

CREATE TABLE decision(
    number {numbered},
    decision_id {text} NOT NULL UNIQUE,
    person {integer} NOT NULL,
    customer_id {text} NOT NULL,
    decided_at {integer} NOT NULL,
    request {text} NOT NULL,
    request_digest {text} NOT NULL,
    response {text} NOT NULL,
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

CREATE TABLE catalogue(
    version {integer} PRIMARY KEY, digest {text} NOT NULL, document {text} NOT NULL, items_digest {text} NOT NULL,
    published_at {integer} NOT NULL, author {text} NOT NULL, note {text} NOT NULL
);
CREATE TABLE catalogue_items(digest {text} PRIMARY KEY, items {bytes} NOT NULL);
CREATE TABLE bundle(
    digest {text} NOT NULL, name {text} NOT NULL, content {bytes} NOT NULL, PRIMARY KEY (digest, name)
);
CREATE TABLE serving(
    "only" {integer} PRIMARY KEY CHECK ("only" = 1),
    version {text} NOT NULL, digest {text} NOT NULL, run_id {text} NOT NULL, since {integer} NOT NULL
);
CREATE TABLE access_key(
    key_id {text} PRIMARY KEY, digest {text} NOT NULL, rights {text} NOT NULL, created_at {integer} NOT NULL,
    note {text} NOT NULL
);
CREATE TABLE setting(name {text} PRIMARY KEY, value {text} NOT NULL){clustered};
CREATE TABLE dead_letter(
    number {numbered}, received_at {integer} NOT NULL, reason {text} NOT NULL, payload {text} NOT NULL
);
"""


def upgrade() -> None:
    # SQLite's column was declared without a type and held row numbers as integers.
    loose = "" if dialect().name == "sqlite" else dialect().text
    execute(_TABLES.replace("{loose}", loose))
