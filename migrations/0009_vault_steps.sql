-- What agents ask for besides a scope (RFC 8707), as JSON lists; NULL is an empty one.
ALTER TABLE connections ADD COLUMN resource TEXT;
ALTER TABLE connection_sessions ADD COLUMN resource TEXT;
-- Whether the agent completes the session itself, and what waits for that, sealed.
ALTER TABLE connection_sessions ADD COLUMN needs_completion SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE connection_sessions ADD COLUMN sealed_return TEXT;
