-- Each of these is the beginning of an index that was added since; it only made writing slower.

DROP INDEX grants_user;
DROP INDEX grants_client;
DROP INDEX sessions_user;
DROP INDEX consents_client;
