DROP TRIGGER "sessions_tell_of_logout" ON "sessions";
DROP FUNCTION "tell_of_logout"();
