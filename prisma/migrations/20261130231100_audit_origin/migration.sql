-- AlterTable
ALTER TABLE "audit_events" ADD COLUMN     "device" TEXT;

-- CreateIndex
CREATE INDEX "audit_events_request_id_idx" ON "audit_events"("request_id");

-- By hand: what the schema file cannot say. Kept when this migration is drafted anew.
-- Searches by who did it, and by the team that a fact names in its details.
CREATE INDEX "audit_events_actor_id_at_idx" ON "audit_events" (("actor"->>'id'), "at") WHERE ("actor"->>'id') IS NOT NULL;
CREATE INDEX "audit_events_team_at_idx" ON "audit_events" (("details"->>'team'), "at") WHERE ("details"->>'team') IS NOT NULL;
