-- The callback relay: redirects that programs wait for, and flows of an agent that wait for their person.

-- The id of a state that this server made grows with time; that of another is its digest.
CREATE TABLE callbacks (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    state_hash VARCHAR(64) NOT NULL,
    -- The client that waits; empty: whoever holds the admin token; NULL: whoever knows the state.
    client_id VARCHAR(255),
    provider VARCHAR(64) NOT NULL,
    expected_issuer TEXT,
    return_uri TEXT,
    user_id VARCHAR(32),
    code_challenge VARCHAR(64),
    sealed_answer TEXT,
    retrieval_hash VARCHAR(64),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    received_at BIGINT,
    collected_at BIGINT,
    -- Of an answer that is kept although it was collected, in case it was lost.
    answer_until BIGINT
);
CREATE INDEX callbacks_expiry ON callbacks (expires_at);
CREATE INDEX callbacks_received ON callbacks (received_at);
CREATE INDEX callbacks_answers ON callbacks (answer_until);

-- The id of a flow whose session is known is the digest of that.
CREATE TABLE user_bindings (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    client_id VARCHAR(255),
    user_id VARCHAR(32) NOT NULL,
    sealed_user_token TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    completed_at BIGINT
);
CREATE INDEX user_bindings_user ON user_bindings (user_id, id);
CREATE INDEX user_bindings_expiry ON user_bindings (expires_at);

-- A new database gets its scopes when it is first opened.
INSERT INTO scopes (name, description, claims, is_default, roles, created_at, updated_at, version)
SELECT 'relay', 'Receive the redirects of other providers through the callback relay of this server', '[]', 0, '[]', updated_at, updated_at, 1
FROM settings WHERE name = 'initialized' AND NOT EXISTS (SELECT 1 FROM scopes WHERE scopes.name = 'relay');
