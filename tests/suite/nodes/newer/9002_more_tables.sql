CREATE TABLE future_things (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
);
CREATE INDEX future_things_age ON future_things (created_at);
CREATE INDEX grants_future ON grants (future_count, id);
