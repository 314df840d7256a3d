//! TLS with the database: who is taken for it, and who is not, as `DATABASE_URL` says.

use crate::nodes::servers::{DatabaseServer, Kind};
use crate::support::certificate::{certify, certify_by};
use crate::support::process::Sandbox;

async fn only_the_database_is_taken_for_the_database(kind: Kind) {
    let (checked, authority, encrypted, plain) = match kind {
        Kind::Postgres => ("sslmode=verify-full", "sslrootcert", "sslmode=require", "sslmode=disable"),
        Kind::MariaDb => ("ssl-mode=VERIFY_IDENTITY", "ssl-ca", "ssl-mode=REQUIRED", "ssl-mode=DISABLED"),
    };
    let sandbox = Sandbox::new();
    certify(&sandbox, "authority", 2);
    certify(&sandbox, "another", 2);
    certify_by(&sandbox, "authority", "database", "IP:127.0.0.1");
    let database = DatabaseServer::start_with_tls(kind, &sandbox.file("database.pem"), &sandbox.file("database.key"));
    let url = database.database().await;
    // The same server, by a name that its certificate does not have.
    let misnamed = url.replace("127.0.0.1", "localhost");
    let checked_by = |name: &str| format!("{checked}&{authority}={}", sandbox.file(name).display());
    let node = |url: &str, query: &str| sandbox.node().with("DATABASE_URL", &format!("{url}?{query}"));

    let believing = node(&url, &checked_by("authority.pem"));
    believing.begin();
    let serving = believing.serve();
    serving.await_line("gatehouse is ready");
    drop(serving);

    for (doubting, words) in [
        (node(&url, &checked_by("another.pem")), "UnknownIssuer"),
        (node(&url, checked), "UnknownIssuer"),
        (node(&misnamed, &checked_by("authority.pem")), "not valid for name"),
    ] {
        let said = doubting.run(&["scope", "list"]).refused();
        assert!(
            said.starts_with("gatehouse: the database does not answer: ") && said.contains(words),
            "{words}: {said}"
        );
        let mut server = doubting.launch(&[]);
        assert_eq!(server.await_exit().code(), Some(1), "{words}: {}", server.output());
        server.await_notice(words);
    }
    // It is the check that refuses: who only wants what travels to be secret takes anybody's certificate.
    node(&misnamed, encrypted).run(&["scope", "list"]).done();
    // And it was TLS: this server takes nothing else.
    node(&url, plain).run(&["scope", "list"]).refused();
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_with_the_certificate_of_somebody_else_is_refused() {
    only_the_database_is_taken_for_the_database(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_with_the_certificate_of_somebody_else_is_refused() {
    only_the_database_is_taken_for_the_database(Kind::MariaDb).await;
}
