-- Each of these is the beginning of an index that was added since; it only made writing slower.

ALTER TABLE grants DROP INDEX grants_user, DROP INDEX grants_client;
ALTER TABLE sessions DROP INDEX sessions_user;
ALTER TABLE consents DROP INDEX consents_client;
