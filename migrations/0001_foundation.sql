-- Column types come from a closed alphabet that reads the same on SQLite, PostgreSQL and MySQL:
-- VARCHAR(n), TEXT, BIGINT (seconds since the epoch, counters), SMALLINT (0 or 1).
-- Lists and maps are JSON in TEXT. Columns that end in _hash hold digests, never secrets.

CREATE TABLE settings (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE users (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    username VARCHAR(64) NOT NULL,
    email VARCHAR(254),
    is_email_verified SMALLINT NOT NULL,
    password_hash VARCHAR(255),
    profile TEXT NOT NULL,
    extra_claims TEXT NOT NULL,
    roles TEXT NOT NULL,
    allowed_scope TEXT,
    is_disabled SMALLINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_username ON users (username);
CREATE UNIQUE INDEX users_email ON users (email);

CREATE TABLE clients (
    id VARCHAR(255) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    secret_hash VARCHAR(64),
    auth_method VARCHAR(32) NOT NULL,
    redirect_uris TEXT NOT NULL,
    grant_types TEXT NOT NULL,
    scope TEXT NOT NULL,
    consent_policy VARCHAR(16) NOT NULL,
    access_token_format VARCHAR(16) NOT NULL,
    signing_algorithm VARCHAR(16) NOT NULL,
    requires_pkce SMALLINT NOT NULL,
    access_token_lifetime BIGINT,
    logo_uri TEXT,
    client_uri TEXT,
    policy_uri TEXT,
    tos_uri TEXT,
    is_disabled SMALLINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    may_introspect SMALLINT NOT NULL
);

CREATE TABLE scopes (
    name VARCHAR(128) NOT NULL PRIMARY KEY,
    description TEXT NOT NULL,
    claims TEXT NOT NULL,
    is_default SMALLINT NOT NULL,
    roles TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    secret_hash VARCHAR(64) NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    auth_time BIGINT NOT NULL,
    amr TEXT NOT NULL,
    user_agent VARCHAR(255) NOT NULL,
    address VARCHAR(64) NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (idle_expires_at);

CREATE TABLE consents (
    user_id VARCHAR(32) NOT NULL,
    client_id VARCHAR(255) NOT NULL,
    scope TEXT NOT NULL,
    claims TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consents_client ON consents (client_id);

CREATE TABLE grants (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    client_id VARCHAR(255) NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    session_id VARCHAR(32) NOT NULL,
    scope TEXT NOT NULL,
    claims TEXT,
    redirect_uri TEXT NOT NULL,
    is_redirect_uri_explicit SMALLINT NOT NULL,
    nonce TEXT,
    auth_time BIGINT NOT NULL,
    amr TEXT NOT NULL,
    code_hash VARCHAR(64) NOT NULL,
    code_challenge VARCHAR(64),
    code_expires_at BIGINT NOT NULL,
    code_consumed_at BIGINT,
    generation BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    ends_with_session SMALLINT NOT NULL
);
CREATE INDEX grants_session ON grants (session_id);
CREATE INDEX grants_user ON grants (user_id, client_id);
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX grants_expiry ON grants (expires_at);

CREATE TABLE revoked_tokens (
    jti VARCHAR(96) NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_tokens_expiry ON revoked_tokens (expires_at);

CREATE TABLE signing_keys (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    algorithm VARCHAR(16) NOT NULL,
    public_jwk TEXT NOT NULL,
    sealed_private_key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    active_at BIGINT NOT NULL,
    retired_at BIGINT,
    expires_at BIGINT
);

CREATE TABLE throttles (
    id VARCHAR(96) NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX throttles_expiry ON throttles (expires_at);
