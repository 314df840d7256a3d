-- Connections: access that people gave agents at other providers, and the vault that keeps its tokens.

-- Where people have accounts, and as which client we ask them there.
CREATE TABLE providers (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    -- What the operator decides, as JSON
    settings TEXT NOT NULL,
    -- The secret of our client, its private key, or an API key
    sealed_secret TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- Agents, each owned by a client.
CREATE TABLE workloads (
    name VARCHAR(255) NOT NULL PRIMARY KEY,
    -- Another one of the same name has another id
    id VARCHAR(32) NOT NULL,
    client_id VARCHAR(255) NOT NULL,
    -- What the operator or the client decides, as JSON
    settings TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX workloads_client ON workloads (client_id, name);

-- What a person gave one agent at one provider, with one account there.
CREATE TABLE connections (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    workload VARCHAR(255) NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    provider_id VARCHAR(64) NOT NULL,
    -- The account there: its own name for it, and what a person calls it
    account VARCHAR(255) NOT NULL,
    account_label VARCHAR(255) NOT NULL,
    scope TEXT NOT NULL,
    -- A data key, wrapped by the key-encryption key of this id, and the tokens that are sealed with it
    key_id VARCHAR(16) NOT NULL,
    wrapped_key TEXT NOT NULL,
    sealed_tokens TEXT NOT NULL,
    -- When the access token ends; NULL when nobody knows
    token_expires_at BIGINT,
    needs_consent SMALLINT NOT NULL,
    -- Who refreshes it, and until when nobody else does
    refresher VARCHAR(32),
    refreshing_until BIGINT NOT NULL,
    -- Before that the provider is not asked again
    retry_at BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When it was last refreshed or consented to
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX connections_account ON connections (user_id, workload, provider_id, account);
CREATE INDEX connections_provider ON connections (provider_id, id);
CREATE INDEX connections_workload ON connections (workload, id);
CREATE INDEX connections_key ON connections (key_id, id);

-- Questions to a person whether an agent may have something at a provider, until they are answered.
CREATE TABLE connection_sessions (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    -- Of the other half of the link
    secret_hash VARCHAR(64) NOT NULL,
    workload VARCHAR(255) NOT NULL,
    workload_id VARCHAR(32) NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    provider_id VARCHAR(64) NOT NULL,
    scope TEXT NOT NULL,
    -- What the agent adds to the address at the provider, as JSON
    parameters TEXT NOT NULL,
    return_uri TEXT,
    custom_state TEXT,
    status VARCHAR(16) NOT NULL,
    -- Of the way to the provider on which the person is: its state, their browser, and what must come back, sealed
    state_hash VARCHAR(64),
    browser_hash VARCHAR(64),
    sealed_flow TEXT,
    -- What came of it
    failure TEXT,
    connection_id VARCHAR(32),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX connection_sessions_expiry ON connection_sessions (expires_at);
CREATE INDEX connection_sessions_user ON connection_sessions (user_id, id);
-- A new database gets its scopes when it is first opened.
INSERT INTO scopes (name, description, claims, is_default, roles, created_at, updated_at, version)
SELECT 'vault', 'Get tokens of other providers that people keep in the vault of this server', '[]', 0, '[]', updated_at, updated_at, 1
FROM settings WHERE name = 'initialized' AND NOT EXISTS (SELECT 1 FROM scopes WHERE scopes.name = 'vault');
