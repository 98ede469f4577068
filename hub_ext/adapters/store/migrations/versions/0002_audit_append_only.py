"""The audit trail is append-only: rows enter at the end of the chain, and stay as they are."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The check on insertion also stops INSERT OR REPLACE, which deletes without firing triggers.
SQLITE = (
    """
    CREATE TRIGGER audit_appended BEFORE INSERT ON audit
    WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM audit)
      OR NEW.previous_hash IS NOT coalesce(
            (SELECT hash FROM audit ORDER BY sequence DESC LIMIT 1), NEW.previous_hash)
    BEGIN SELECT RAISE(ABORT, 'the audit trail grows only at its end'); END
    """,
    """
    CREATE TRIGGER audit_not_updated BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
    """,
    """
    CREATE TRIGGER audit_not_deleted BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
    """,
)

POSTGRESQL = (
    """
    CREATE FUNCTION audit_unchanged() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$
    """,
    """
    CREATE FUNCTION audit_at_end() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE last record;
    BEGIN
        SELECT sequence, hash INTO last FROM audit ORDER BY sequence DESC LIMIT 1;
        IF NEW.sequence IS DISTINCT FROM coalesce(last.sequence, 0) + 1
            OR NEW.previous_hash IS DISTINCT FROM coalesce(last.hash, NEW.previous_hash)
        THEN RAISE EXCEPTION 'the audit trail grows only at its end'; END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER audit_appended BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_at_end()",
    "CREATE TRIGGER audit_not_changed BEFORE UPDATE OR DELETE ON audit "
    "FOR EACH ROW EXECUTE FUNCTION audit_unchanged()",
    "CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_unchanged()",
)


def upgrade() -> None:
    statements = POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE
    for statement in statements:
        op.execute(statement)
