-- What has to be taken back at providers after whoever it belonged to was removed here.

-- Providers as they were when they were removed, or led elsewhere: as long as something of them is to be taken back there.
CREATE TABLE former_providers (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    provider_id VARCHAR(64) NOT NULL,
    settings TEXT NOT NULL,
    sealed_secret TEXT,
    created_at BIGINT NOT NULL
);

-- Tokens of connections that are gone, as they were sealed.
CREATE TABLE upstream_revocations (
    -- That of the connection: with those of workload, person and provider it is what the tokens open with
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    workload VARCHAR(255) NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    provider_id VARCHAR(64) NOT NULL,
    -- The provider as it was; NULL while it is still there and where it was
    former_provider VARCHAR(32),
    scope TEXT NOT NULL,
    key_id VARCHAR(16) NOT NULL,
    wrapped_key TEXT NOT NULL,
    sealed_tokens TEXT NOT NULL,
    token_expires_at BIGINT,
    -- Who is at it, and until when nobody else is
    holder VARCHAR(32),
    held_until BIGINT NOT NULL,
    -- Before that the provider is not asked again
    retry_at BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX upstream_revocations_due ON upstream_revocations (retry_at, id);
CREATE INDEX upstream_revocations_provider ON upstream_revocations (provider_id, former_provider);
CREATE INDEX upstream_revocations_former ON upstream_revocations (former_provider);
CREATE INDEX upstream_revocations_key ON upstream_revocations (key_id, id);
