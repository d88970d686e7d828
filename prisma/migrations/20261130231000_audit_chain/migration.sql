-- Facts are kept by month, cannot be changed, and stand in a chain of hashes (ADR 0031). Written by hand: the schema
-- file knows neither partitions nor triggers.

ALTER TABLE "audit_events" RENAME TO "audit_events_before";
ALTER TABLE "audit_events_before" DROP CONSTRAINT "audit_events_pkey";
DROP INDEX "audit_events_at_idx";
DROP INDEX "audit_events_account_id_at_idx";
DROP INDEX "audit_events_client_id_at_idx";
DROP INDEX "audit_events_type_at_idx";

CREATE TABLE "audit_events" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "type" TEXT NOT NULL,
    "actor" JSONB,
    "account_id" UUID,
    "client_id" TEXT,
    "request_id" TEXT,
    "address" TEXT,
    "details" JSONB NOT NULL DEFAULT '{}',

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("id","at")
) PARTITION BY RANGE ("at");

CREATE INDEX "audit_events_at_idx" ON "audit_events"("at");
CREATE INDEX "audit_events_account_id_at_idx" ON "audit_events"("account_id", "at");
CREATE INDEX "audit_events_client_id_at_idx" ON "audit_events"("client_id", "at");
CREATE INDEX "audit_events_type_at_idx" ON "audit_events"("type", "at");

CREATE TABLE "audit_unsealed" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "audit_unsealed_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "audit_seals" (
    "seq" BIGINT NOT NULL,
    "event_id" UUID NOT NULL,
    "event_at" TIMESTAMPTZ(3) NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_seals_pkey" PRIMARY KEY ("seq")
);
CREATE UNIQUE INDEX "audit_seals_event_id_key" ON "audit_seals"("event_id");

-- A fact waits for its seal from the moment it is there: no writer has to know of the chain.
CREATE FUNCTION "audit_awaits_seal"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_unsealed (id, at) VALUES (NEW.id, NEW.at);
  RETURN NULL;
END $$;
CREATE TRIGGER "audit_awaits_seal" AFTER INSERT ON "audit_events"
  FOR EACH ROW EXECUTE FUNCTION "audit_awaits_seal"();

-- Only the retention deletes, and says so in its own transaction.
CREATE FUNCTION "audit_is_append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('foyer.audit_retention', true) = 'on' THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'the audit log is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER "audit_is_append_only" BEFORE UPDATE OR DELETE ON "audit_events"
  FOR EACH ROW EXECUTE FUNCTION "audit_is_append_only"();
CREATE TRIGGER "audit_is_append_only" BEFORE UPDATE OR DELETE ON "audit_seals"
  FOR EACH ROW EXECUTE FUNCTION "audit_is_append_only"();
-- Partitions have those for rows from their parent; what happens to a table as a whole each has to be told.
CREATE TRIGGER "audit_is_never_emptied" BEFORE TRUNCATE ON "audit_events"
  FOR EACH STATEMENT EXECUTE FUNCTION "audit_is_append_only"();
CREATE TRIGGER "audit_is_never_emptied" BEFORE TRUNCATE ON "audit_seals"
  FOR EACH STATEMENT EXECUTE FUNCTION "audit_is_append_only"();

-- Takes what no month is there for, so that no fact is ever refused for want of a partition.
CREATE TABLE "audit_events_other" PARTITION OF "audit_events" DEFAULT;
CREATE TRIGGER "audit_is_never_emptied" BEFORE TRUNCATE ON "audit_events_other"
  FOR EACH STATEMENT EXECUTE FUNCTION "audit_is_append_only"();

-- The months of what is there, this one and the next two. In UTC, whatever the session's time zone.
DO $$
DECLARE
  month timestamp;
  part text;
BEGIN
  FOR month IN
    SELECT generate_series(
      date_trunc('month', least(now(), (SELECT min("at") FROM "audit_events_before")) AT TIME ZONE 'UTC'),
      now() AT TIME ZONE 'UTC' + interval '2 months',
      interval '1 month')
  LOOP
    part := 'audit_events_' || to_char(month, 'YYYY_MM');
    EXECUTE format('CREATE TABLE %I PARTITION OF audit_events FOR VALUES FROM (%L) TO (%L)', part,
      to_char(month, 'YYYY-MM-DD') || ' 00:00:00+00',
      to_char(month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
    EXECUTE format('CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON %I
      FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()', part);
  END LOOP;
END $$;

INSERT INTO "audit_events" ("id", "at", "type", "actor", "account_id", "client_id", "request_id", "address", "details")
SELECT "id", "at", "type", "actor", "account_id", "client_id", "request_id", "address", "details"
FROM "audit_events_before";
DROP TABLE "audit_events_before";
