DROP INDEX "audit_events_actor_id_at_idx";
DROP INDEX "audit_events_team_at_idx";
-- By hand: what stands above this line is kept when this migration is drafted anew.

-- DropIndex
DROP INDEX "audit_events_request_id_idx";

-- AlterTable
ALTER TABLE "audit_events" DROP COLUMN "device";
