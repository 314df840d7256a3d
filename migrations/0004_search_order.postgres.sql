-- What is searched by its beginning is compared byte by byte, as on the other databases; the database's
-- own collation would neither find every beginning nor let an index help.
ALTER TABLE users ALTER COLUMN username TYPE VARCHAR(64) COLLATE "C";
ALTER TABLE users ALTER COLUMN email TYPE VARCHAR(254) COLLATE "C";
