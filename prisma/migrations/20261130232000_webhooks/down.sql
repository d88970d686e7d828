DROP TRIGGER "audit_events_deliver" ON "audit_events";
DROP FUNCTION "deliver_fact"();

-- By hand: what stands above this line is kept when this migration is drafted anew.

-- DropForeignKey
ALTER TABLE "webhook_lanes" DROP CONSTRAINT "webhook_lanes_webhook_id_fkey";

-- DropForeignKey
ALTER TABLE "webhook_deliveries" DROP CONSTRAINT "webhook_deliveries_webhook_id_fkey";

-- DropTable
DROP TABLE "webhooks";

-- DropTable
DROP TABLE "webhook_lanes";

-- DropTable
DROP TABLE "webhook_deliveries";
