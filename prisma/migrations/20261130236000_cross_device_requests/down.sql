-- DropTable
DROP TABLE "cross_device_requests";
