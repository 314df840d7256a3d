//! Nodes that count together: by Redis, or by the database.

use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gatehouse::app::{App, Context};
use gatehouse::identity::limit;
use gatehouse::model::limit::{Class, Counted};

use crate::support::certificate::{THIS_MACHINE, certify, certify_by};
use crate::support::process::{PATIENCE, Sandbox, await_that, free_port};
use crate::support::{Database, TestApp};

/// Redis of this test only.
struct Redis {
    port: u16,
    sandbox: Sandbox,
    is_tls: bool,
    process: Child,
}

impl Redis {
    fn start() -> Self {
        Self::within(Sandbox::bare(), false)
    }

    /// With TLS, and a certificate for these names, from an authority of its own.
    fn with_tls(names: &str) -> Self {
        let sandbox = Sandbox::bare();
        certify(&sandbox, "authority", 2);
        certify(&sandbox, "another", 2);
        certify_by(&sandbox, "authority", "redis", names);
        Self::within(sandbox, true)
    }

    fn within(sandbox: Sandbox, is_tls: bool) -> Self {
        let port = free_port();
        let process = Self::launch(port, &sandbox, is_tls);
        Self {
            port,
            sandbox,
            is_tls,
            process,
        }
    }

    fn launch(port: u16, sandbox: &Sandbox, is_tls: bool) -> Child {
        let mut command = sandbox.program("redis-server");
        let port_text = port.to_string();
        if is_tls {
            command.args(["--port", "0", "--tls-port", &port_text, "--tls-auth-clients", "no"]);
            command.args([
                "--tls-cert-file",
                "redis.pem",
                "--tls-key-file",
                "redis.key",
                "--tls-ca-cert-file",
                "authority.pem",
            ]);
        } else {
            command.args(["--port", &port_text]);
        }
        command.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--requirepass",
            "a redis password",
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("redis-server is there; run tests/run");
        let is_up = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        await_that(|| "Redis does not come up".to_owned(), is_up);
        process
    }

    fn url(&self) -> String {
        let scheme = if self.is_tls { "rediss" } else { "redis" };
        format!("{scheme}://:a%20redis%20password@127.0.0.1:{}/2", self.port)
    }

    /// The settings of a node that asks it, and takes certificates from the authorities in a file.
    fn settings(&self, authorities: &str) -> Vec<(&'static str, String)> {
        let file = self.sandbox.file(authorities).display().to_string();
        vec![("redis_url", self.url()), ("redis_ca_file", file)]
    }

    fn stop(&mut self) {
        self.process.kill().expect("Redis is killed");
        self.process.wait().expect("the exit status");
    }

    fn start_again(&mut self) {
        self.process = Self::launch(self.port, &self.sandbox, self.is_tls);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How many of so many requests a node lets through from one place.
fn let_through(node: &App, requests: usize) -> usize {
    let request = || {
        node.within(Context {
            counted: Some(Arc::new(Counted::new(Class::Token, Some([7; 16])))),
            ..Context::default()
        })
    };
    (0..requests).filter(|_| limit::by_address(&request()).is_ok()).count()
}

async fn nodes(kind: Database, redis: Option<String>) -> (TestApp, App, App) {
    let mut settings = vec![("limit_token", "address=100")];
    settings.extend(redis.as_deref().map(|url| ("redis_url", url)));
    let app = TestApp::with_settings(kind, &settings).await;
    let (second, third) = (app.second_node().await, app.second_node().await);
    (app, second, third)
}

async fn count_together(app: &TestApp, second: &App, third: &App) {
    let nodes = [&app.app, second, third];
    // Nobody asks so often that others would have to know.
    for node in nodes {
        assert_eq!(let_through(node, 5), 5);
        assert_eq!(limit::tell(node).await.unwrap(), 0);
    }
    for node in nodes {
        assert_eq!(let_through(node, 25), 25);
    }
    // Each tells, and hears of those who have told before.
    for node in nodes {
        assert_eq!(limit::tell(node).await.unwrap(), 1);
    }
    for node in nodes {
        let_through(node, 1);
        limit::tell(node).await.unwrap();
    }
    // 93 or so are known to all. Ten more on each are let through at most by those who have not heard yet.
    let more: usize = [let_through(nodes[0], 50), let_through(nodes[1], 50), let_through(nodes[2], 50)]
        .iter()
        .sum();
    assert!((4..=27).contains(&more), "{more}");
    for node in nodes {
        limit::tell(node).await.unwrap();
        assert_eq!(let_through(node, 50), 0, "now it is over");
    }
    app.advance(121);
    for node in nodes {
        assert_eq!(let_through(node, 5), 5, "and that is forgotten, too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_postgres() {
    let (app, second, third) = nodes(Database::Postgres, None).await;
    count_together(&app, &second, &third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_mariadb() {
    let (app, second, third) = nodes(Database::MySql, None).await;
    count_together(&app, &second, &third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_redis() {
    let redis = Redis::start();
    let (app, second, third) = nodes(Database::Postgres, Some(redis.url())).await;
    let before = app.app.store.statements();
    count_together(&app, &second, &third).await;
    assert_eq!(app.app.store.statements(), before, "the database is not asked");
}

/// Nodes go on by themselves, nothing waits, and they tell each other again when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn redis_may_go_away() {
    let mut redis = Redis::start();
    let (app, second, _third) = nodes(Database::Sqlite, Some(redis.url())).await;
    assert_eq!(let_through(&app.app, 40), 40);
    assert_eq!(limit::tell(&app.app).await.unwrap(), 1);
    redis.stop();
    for node in [&app.app, &second] {
        assert_eq!(let_through(node, 40), 40);
        let fault = limit::tell(node).await.expect_err("it is away").to_string();
        assert!(!fault.contains("redis password") && !fault.contains("127.0.0.1"), "{fault}");
    }
    assert_eq!(let_through(&app.app, 500), 20, "each node has its own limit");
    assert_eq!(let_through(&second, 500), 60);
    redis.start_again();
    app.advance(120);
    for node in [&app.app, &second] {
        assert_eq!(let_through(node, 60), 60);
        assert_eq!(limit::tell(node).await.unwrap(), 1);
    }
    let_through(&app.app, 1);
    limit::tell(&app.app).await.unwrap();
    assert_eq!(let_through(&app.app, 50), 0, "61 here and 60 there");
}

/// A node with these settings, and a limit that is soon reached.
async fn node(settings: &[(&'static str, String)]) -> TestApp {
    let settings = settings.iter().map(|(key, value)| (*key, value.as_str()));
    let settings: Vec<_> = settings.chain([("limit_token", "address=100")]).collect();
    TestApp::with_settings(Database::Sqlite, &settings).await
}

/// Why a node with these settings cannot tell the others, which leaves it by itself.
async fn refused(settings: &[(&'static str, String)]) -> String {
    let app = node(settings).await;
    assert_eq!(let_through(&app.app, 40), 40);
    let fault = limit::tell(&app.app).await.expect_err("it is not trusted").to_string();
    assert!(!fault.contains("redis password") && !fault.contains("127.0.0.1"), "{fault}");
    assert_eq!(let_through(&app.app, 500), 60, "each node has its own limit");
    fault
}

/// The password is not told to whoever cannot show that it is the one that is meant; so each node goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn redis_with_a_certificate_that_nobody_vouches_for_is_not_asked() {
    let redis = Redis::with_tls(THIS_MACHINE);
    let said = refused(&[("redis_url", redis.url())]).await;
    assert!(said.ends_with("name the file of the one that has in redis_ca_file"), "{said}");
    let said = refused(&redis.settings("another.pem")).await;
    assert!(said.ends_with("no authority of redis_ca_file has issued its certificate"), "{said}");
    let elsewhere = Redis::with_tls("DNS:redis.example");
    let said = refused(&elsewhere.settings("authority.pem")).await;
    assert!(
        said.ends_with("its certificate is for another host than the one in redis_url"),
        "{said}"
    );
}

/// What openssl makes unless it is told otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn redis_that_shows_the_certificate_of_an_authority_is_not_asked() {
    let sandbox = Sandbox::bare();
    certify(&sandbox, "authority", 2);
    for end in ["pem", "key"] {
        let copied = std::fs::copy(sandbox.file(&format!("authority.{end}")), sandbox.file(&format!("redis.{end}")));
        assert!(copied.unwrap() > 0);
    }
    let redis = Redis::within(sandbox, true);
    let said = refused(&redis.settings("authority.pem")).await;
    assert!(said.contains("its certificate cannot be used"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_redis_with_a_certificate_from_a_private_authority() {
    let redis = Redis::with_tls(THIS_MACHINE);
    // While one authority takes the place of another both are in the file.
    let read = |name: &str| std::fs::read_to_string(redis.sandbox.file(name)).unwrap();
    redis.sandbox.write("both.pem", &(read("another.pem") + &read("authority.pem")));
    let app = node(&redis.settings("both.pem")).await;
    let (second, third) = (app.second_node().await, app.second_node().await);
    count_together(&app, &second, &third).await;
}

/// Whoever sets it up sees what is missing.
#[test]
fn the_doctor_knows_whether_redis_is_trusted() {
    let redis = Redis::with_tls(THIS_MACHINE);
    let sandbox = Sandbox::new().with("GATEHOUSE_REDIS_URL", &redis.url());
    let said = sandbox.run(&["doctor"]).done();
    assert!(
        said.contains("name the file of the one that has in redis_ca_file; until it answers"),
        "{said}"
    );
    let authority = redis.sandbox.file("authority.pem").display().to_string();
    let said = sandbox.with("GATEHOUSE_REDIS_CA_FILE", &authority).run(&["doctor"]).done();
    let is_well = |line: &str| line.starts_with("ok       redis") && line.ends_with("answers");
    assert!(said.lines().any(is_well), "{said}");
}

/// The job tells by itself, about once a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_tells() {
    let redis = Redis::start();
    let (app, second, _third) = nodes(Database::Postgres, Some(redis.url())).await;
    let jobs = [
        tokio::spawn(gatehouse::jobs::run(app.app.clone())),
        tokio::spawn(gatehouse::jobs::run(second.clone())),
    ];
    assert_eq!(let_through(&app.app, 99), 99);
    let mut here = let_through(&second, 20);
    // It hears of the other's long before it has used all that it may itself. Each question counts, so they become rare.
    let (deadline, mut pause) = (Instant::now() + 4 * PATIENCE, Duration::from_millis(100));
    while let_through(&second, 1) > 0 {
        here += 1;
        assert!(here < 95, "it has used its own");
        assert!(Instant::now() < deadline, "the other node hears of it");
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_secs(5));
    }
    for job in jobs {
        job.abort();
    }
}
