-- Keys with which programs of clients sign requests as those of AWS do.
CREATE TABLE access_keys (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    client_id VARCHAR(255) NOT NULL,
    -- What it is for
    name VARCHAR(255) NOT NULL,
    -- Whoever verifies a signature needs the secret itself
    sealed_secret TEXT NOT NULL,
    -- Whether it may add and change agents and providers
    may_administer SMALLINT NOT NULL,
    is_disabled SMALLINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX access_keys_client ON access_keys (client_id, id);
