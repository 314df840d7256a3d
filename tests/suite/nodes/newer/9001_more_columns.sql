-- What a later version may add to tables that nodes of this one read and write.
ALTER TABLE grants ADD COLUMN future_note TEXT;
ALTER TABLE grants ADD COLUMN future_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN future_note TEXT;
ALTER TABLE users ADD COLUMN future_flag SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN future_name VARCHAR(64) NOT NULL DEFAULT '';
ALTER TABLE consents ADD COLUMN future_note TEXT;
ALTER TABLE signing_keys ADD COLUMN future_note TEXT;
ALTER TABLE events ADD COLUMN future_note TEXT;
