//! Crowds: memory and connections stay bounded, and good requests still succeed.

use futures_util::future::join_all;
use gatehouse::base::fault::Fault;
use gatehouse::base::random::Random;
use gatehouse::keys::passwords::{PasswordCost, Passwords, Verdict};

use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{Browser, Database, TestApp};

const CHEAP: PasswordCost = PasswordCost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn password_checks_beyond_the_line_are_turned_away() {
    let slow = PasswordCost {
        memory_kib: 8192,
        passes: 3,
        lanes: 1,
    };
    let passwords = Passwords::new(slow, 1, 4, Random::system()).unwrap();
    let secret = secrecy::SecretString::from("a password");
    let outcomes = join_all((0..50).map(|_| passwords.hash(&secret))).await;
    let busy = outcomes.iter().filter(|outcome| matches!(outcome, Err(Fault::Busy(_)))).count();
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(busy + done, 50);
    assert!((1..=6).contains(&done), "{done}");
    assert!(passwords.hash(&"a password".into()).await.is_ok(), "afterwards there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_nobody_waits_for_gives_its_place_back() {
    let passwords = Passwords::new(CHEAP, 1, 2, Random::system()).unwrap();
    for _ in 0..50 {
        let waiting = tokio::spawn({
            let passwords = passwords.clone();
            async move { passwords.hash(&"a password".into()).await }
        });
        tokio::task::yield_now().await;
        waiting.abort();
        let _ = waiting.await;
    }
    let hash = passwords.hash(&"a password".into()).await.unwrap();
    assert_eq!(passwords.verify(&"a password".into(), Some(&hash)).await.unwrap(), Verdict::Right);
    assert_eq!(passwords.verify(&"another".into(), Some(&hash)).await.unwrap(), Verdict::Wrong);
    assert_eq!(passwords.verify(&"a password".into(), None).await.unwrap(), Verdict::Wrong);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sign_ins_at_once_are_answered_and_do_not_grow_memory() {
    // 16 MiB each: a thousand at once would be 16 GiB.
    let settings = [("password_memory", "16384"), ("password_threads", "2"), ("password_queue", "50")];
    let app = TestApp::with_settings(Database::Sqlite, &settings).await;
    app.user("alice").await;
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login")).await;
    let before = resident_kib();
    let crowd = join_all((0..1000).map(|number| {
        let name = format!("nobody{number}");
        let (browser, page) = (&browser, &page);
        async move {
            browser
                .submit(page, &[("username", &name), ("password", "x")])
                .await
                .status
                .as_u16()
        }
    }))
    .await;
    assert!(crowd.iter().all(|status| matches!(status, 401 | 429 | 503)), "{crowd:?}");
    let grown = resident_kib().saturating_sub(before) / 1024;
    assert!(grown < 400, "{grown} MiB");
    let health = send(http().get(app.url("/readyz"))).await;
    assert_eq!(health.status, 200);
}

/// Resident memory of this process, which holds server and clients alike.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("VmRSS: 0 kB");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_pool_serves_a_crowd() {
    for kind in [Database::Sqlite, Database::Postgres, Database::MySql] {
        let settings = [("database_pool_size", "2"), ("database_timeout", "60")];
        let app = TestApp::with_settings(kind, &settings).await;
        app.user("alice").await;
        let client = app.trusted_client().await;
        let chains = join_all((0..16).map(|_| client.tokens("alice", &[]))).await;
        let refreshed = join_all(
            chains
                .iter()
                .flat_map(|tokens| (0..4).map(|_| client.refresh(tokens.text("refresh_token")))),
        )
        .await;
        assert!(refreshed.iter().all(|answer| answer.status == 200), "{kind:?}");
    }
}
