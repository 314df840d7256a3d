-- What the administration needs: versions, so that two operators cannot overwrite each other; a second
-- secret while a client changes over; names in lower case to search by; statistics.

ALTER TABLE clients ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE clients ADD COLUMN previous_secret_hash VARCHAR(64);
ALTER TABLE clients ADD COLUMN previous_secret_expires_at BIGINT;
-- Tokens that a client got for itself before this time are dead.
ALTER TABLE clients ADD COLUMN tokens_valid_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN search_name VARCHAR(255) NOT NULL DEFAULT '';
UPDATE clients SET search_name = LOWER(name);
CREATE INDEX clients_search ON clients (search_name, id);

ALTER TABLE users ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE scopes ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

CREATE INDEX grants_client_recent ON grants (client_id, id);
CREATE INDEX grants_user_recent ON grants (user_id, id);
CREATE INDEX grants_user_client_recent ON grants (user_id, client_id, id);
CREATE INDEX sessions_user_recent ON sessions (user_id, id);
CREATE INDEX consents_client_user ON consents (client_id, user_id);
CREATE INDEX users_disabled ON users (is_disabled, username);

INSERT INTO scopes (name, description, claims, is_default, roles, created_at, updated_at)
    SELECT 'admin:read', 'See everything in the administration of this server', '[]', 0, '[]', updated_at, updated_at
    FROM settings WHERE name = 'initialized' AND NOT EXISTS (SELECT 1 FROM scopes WHERE name = 'admin:read');
INSERT INTO scopes (name, description, claims, is_default, roles, created_at, updated_at)
    SELECT 'admin:write', 'Change everything in the administration of this server', '[]', 0, '[]', updated_at, updated_at
    FROM settings WHERE name = 'initialized' AND NOT EXISTS (SELECT 1 FROM scopes WHERE name = 'admin:write');

-- Counts of what happened in an hour, and samples of how many there are.
CREATE TABLE stats (
    hour BIGINT NOT NULL,
    name VARCHAR(64) NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (hour, name)
);
