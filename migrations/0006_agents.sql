-- What agents need: resources that tokens are for, clients that register themselves or are described by a
-- document, and clients that sign instead of sending a secret.

CREATE TABLE resources (
    identifier VARCHAR(255) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    scope TEXT NOT NULL,
    access_token_format VARCHAR(16),
    access_token_lifetime BIGINT,
    clients TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- JSON lists of identifiers; NULL where there are none.
ALTER TABLE grants ADD COLUMN resource TEXT;
ALTER TABLE consents ADD COLUMN resource TEXT;

ALTER TABLE clients ADD COLUMN origin VARCHAR(16) NOT NULL DEFAULT 'operator';
ALTER TABLE clients ADD COLUMN jwks TEXT;
ALTER TABLE clients ADD COLUMN jwks_uri TEXT;
ALTER TABLE clients ADD COLUMN default_resource TEXT;
-- Of a client that makes MACs with its secret, which a digest cannot check.
ALTER TABLE clients ADD COLUMN sealed_secret TEXT;
-- Of a client that registered itself: what it manages its registration with, and what it has in common with
-- others that look the same and come from the same place.
ALTER TABLE clients ADD COLUMN registration_token_hash VARCHAR(64);
ALTER TABLE clients ADD COLUMN registration_mark VARCHAR(64);
-- And what else it said of itself, as JSON.
ALTER TABLE clients ADD COLUMN registration_about TEXT;
-- Of a client that a document describes: until when what was read of it holds.
ALTER TABLE clients ADD COLUMN document_expires_at BIGINT;
CREATE INDEX clients_registration ON clients (registration_mark, created_at);
CREATE INDEX clients_origin ON clients (origin, created_at);

-- Tokens with which programs may register clients.
CREATE TABLE initial_access_tokens (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    token_hash VARCHAR(64) NOT NULL,
    uses_left BIGINT,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX initial_access_tokens_token ON initial_access_tokens (token_hash);

-- Client assertions that were used, until they have expired.
CREATE TABLE client_assertions (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX client_assertions_expiry ON client_assertions (expires_at);
