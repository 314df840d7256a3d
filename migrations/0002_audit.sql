-- The audit log. An event is a link of a chain: its mac covers every column and the mac before it.
-- Each process that writes is a node; its events stand in lanes, one for each transaction at a time.

CREATE TABLE events (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind VARCHAR(64) NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    actor VARCHAR(300) NOT NULL,
    subject_id VARCHAR(32),
    client_id VARCHAR(255),
    target VARCHAR(255),
    address VARCHAR(64),
    request_id VARCHAR(64),
    detail TEXT NOT NULL,
    node BIGINT NOT NULL,
    lane BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    mac VARCHAR(64) NOT NULL
);
CREATE UNIQUE INDEX events_chain ON events (node, lane, sequence);
CREATE INDEX events_kind ON events (kind, id);
CREATE INDEX events_subject ON events (subject_id, id);
CREATE INDEX events_client ON events (client_id, id);
CREATE INDEX events_actor ON events (actor, id);
CREATE INDEX events_age ON events (at, node, lane);

-- Written by its node alone. The seal covers the other columns.
CREATE TABLE audit_nodes (
    number BIGINT NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    started_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    lanes BIGINT NOT NULL,
    seal VARCHAR(64) NOT NULL
);

-- A lane's row comes with its first event. The base is written by whoever removes old events, the
-- head by the node; so each has a seal of its own.
CREATE TABLE audit_lanes (
    node BIGINT NOT NULL,
    lane BIGINT NOT NULL,
    base_sequence BIGINT NOT NULL,
    base_mac VARCHAR(64) NOT NULL,
    base_seal VARCHAR(64) NOT NULL,
    head_sequence BIGINT NOT NULL,
    head_mac VARCHAR(64) NOT NULL,
    head_seal VARCHAR(64) NOT NULL,
    PRIMARY KEY (node, lane)
);
