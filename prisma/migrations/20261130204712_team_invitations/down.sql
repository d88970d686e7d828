-- DropForeignKey
ALTER TABLE "team_invitations" DROP CONSTRAINT "team_invitations_team_id_fkey";

-- DropTable
DROP TABLE "team_invitations";
