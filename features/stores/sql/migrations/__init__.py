"""How a store made by an earlier version becomes one of this version: revisions (Alembic), run by open_store.

Every revision is a file of versions/, numbered; the highest is the schema that this program speaks. A released revision
never changes. Revisions move what only they can move and ask for `rebuild` where a stored projection's form changes:
projections are made again from the log at the end, by the code of today.
"""
