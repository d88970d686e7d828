-- DropForeignKey
ALTER TABLE "team_join_codes" DROP CONSTRAINT "team_join_codes_team_id_fkey";

-- DropTable
DROP TABLE "team_join_codes";
