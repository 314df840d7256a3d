//! `/metrics` of the running program.

use gatehouse::protocol::pkce::CodeChallenge;
use serde_json::{Value, json};

use super::super::database::{Database, Kind};
use super::super::outage::wired;
use super::super::person::{Application, PASSWORD, Person, VERIFIER, authorization_url, browser, header, hidden, text};
use super::super::proxy::Wire;
use super::{Metrics, Watched, code_flow, register, wait_for};
use crate::support::process::Sandbox;

const ADMIN_TOKEN: &str = "an-admin-token-of-the-operator";

#[tokio::test(flavor = "multi_thread")]
async fn the_listener_serves_metrics_and_nothing_else() {
    let watched = Watched::new();
    let _server = watched.serve().await;
    let http = browser();
    let page = watched.page(None).await.unwrap();
    assert_eq!(header(&page, "content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(header(&page, "cache-control"), "no-store");
    let page = watched
        .page(Some("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"))
        .await
        .unwrap();
    assert_eq!(
        header(&page, "content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(page.text().await.unwrap().ends_with("# EOF\n"));
    let base = format!("http://{}", watched.metrics);
    for path in ["/", "/metrics/", "/jwks", "/admin", "/healthz", "/.well-known/openid-configuration"] {
        let answer = http.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    let answer = http.post(format!("{base}/metrics")).send().await.unwrap();
    assert_eq!(answer.status(), 405);
    let public = http.get(format!("{}/metrics", watched.sandbox.issuer())).send().await.unwrap();
    assert_eq!(public.status(), 404, "metrics are not for everybody");
}

#[test]
fn nobody_shows_metrics_to_everybody_by_mistake() {
    let sandbox = Sandbox::new();
    let address = sandbox.address().to_string();
    let refused = sandbox.with("GATEHOUSE_METRICS_LISTEN", &address).run(&["serve"]).refused();
    assert!(refused.contains("metrics_listen"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_and_clients_do_is_counted() {
    let watched = Watched::new();
    let secret = register(&watched.sandbox);
    let _server = watched.serve().await;
    let sandbox = &watched.sandbox;
    let application = Application::confidential(&sandbox.issuer(), "app", &secret);
    let stranger = Application::confidential(&sandbox.issuer(), "app", "a-wrong-secret");

    let before = watched.read().await;
    assert_eq!(before.sum("gatehouse_tokens_total", &[("grant_type", "refresh_token")]), Some(0.0));
    let tokens = code_flow(sandbox, &application).await;
    for _ in 0..3 {
        let answer = application.post("/token", &[("grant_type", "client_credentials")]).await.unwrap();
        assert_eq!(answer.0, 200);
    }
    assert_eq!(application.refresh(&text(&tokens, "refresh_token")).await.unwrap().0, 200);
    assert_eq!(stranger.refresh(&text(&tokens, "refresh_token")).await.unwrap().0, 401);
    assert_eq!(application.refresh("ghr_of-nobody").await.unwrap().0, 400);
    fail_to_sign_in(sandbox).await;
    let missing = browser().get(format!("{}/nothing/is/here", sandbox.issuer())).send().await.unwrap();
    assert_eq!(missing.status(), 404);
    // An error that goes to the client by way of the browser is one, too.
    let wrong = authorization_url(&sandbox.issuer(), "app", "openid").replace("response_type=code", "response_type=token");
    assert!(browser().get(wrong).send().await.unwrap().status().is_redirection());

    let after = watched.read().await;
    let counted = |name: &str, labels: &[(&str, &str)]| after.count(name, labels) - before.count(name, labels);
    for (grant_type, expected) in [
        ("authorization_code", 1),
        ("client_credentials", 3),
        ("refresh_token", 1),
        ("token_exchange", 0),
    ] {
        assert_eq!(
            counted("gatehouse_tokens_total", &[("grant_type", grant_type)]),
            expected,
            "{grant_type}"
        );
    }
    for (outcome, expected) in [("success", 1), ("failure", 1), ("throttled", 0)] {
        assert_eq!(counted("gatehouse_sign_ins_total", &[("outcome", outcome)]), expected, "{outcome}");
    }
    let token = |outcome| [("route", "/token"), ("method", "POST"), ("outcome", outcome)];
    assert_eq!(counted("gatehouse_http_requests_total", &token("2xx")), 5);
    assert_eq!(counted("gatehouse_http_requests_total", &token("4xx")), 2);
    assert_eq!(
        counted("gatehouse_http_request_duration_seconds_count", &[("route", "/token")]),
        7,
        "each has its time"
    );
    assert_eq!(
        counted(
            "gatehouse_http_request_duration_seconds_bucket",
            &[("route", "/token"), ("le", "+Inf")]
        ),
        7
    );
    for (route, error, expected) in [
        ("/token", "invalid_client", 1),
        ("/token", "invalid_grant", 1),
        ("/authorize", "unsupported_response_type", 1),
        ("(none)", "invalid_request", 1),
    ] {
        let labels = [("route", route), ("error", error)];
        assert_eq!(counted("gatehouse_refusals_total", &labels), expected, "{route} {error}");
    }
    assert_eq!(
        counted(
            "gatehouse_audit_events_total",
            &[("event", "session.started"), ("outcome", "success")]
        ),
        1
    );
    assert_eq!(
        counted(
            "gatehouse_audit_events_total",
            &[("event", "session.refused"), ("outcome", "failure")]
        ),
        1
    );
    assert_eq!(counted("gatehouse_password_hashing_seconds_count", &[]), 2);
    assert_eq!(after.count("gatehouse_password_hashing_permits_in_use", &[]), 0);
    assert!(counted("gatehouse_database_statements_total", &[]) > 10);
    assert!(counted("gatehouse_database_commit_seconds_count", &[]) >= 5);
    assert!(
        counted("gatehouse_database_commit_group_size_sum", &[]) >= 5,
        "SQLite commits in groups"
    );
    assert!(counted("gatehouse_database_wait_seconds_count", &[("mode", "read")]) > 5);
    assert!(counted("gatehouse_database_wait_seconds_count", &[("mode", "write")]) >= 5);
    assert_eq!(after.sum("gatehouse_database_up", &[]), Some(1.0));
    assert_eq!(after.count("gatehouse_http_requests_in_flight", &[]), 0);
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let age = after.sum("gatehouse_signing_key_age_seconds", &[("algorithm", algorithm)]);
        assert!(age.is_some_and(|age| (0.0..3600.0).contains(&age)), "{algorithm}: {age:?}");
        assert_eq!(after.count("gatehouse_signing_keys", &[("algorithm", algorithm)]), 1);
    }
    for name in [
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(after.sum(name, &[]).is_some_and(|value| value > 0.0), "{name}");
    }
}

async fn fail_to_sign_in(sandbox: &Sandbox) {
    let person = Person::new(&sandbox.issuer(), "alice", PASSWORD);
    let login = format!("{}/login", sandbox.issuer());
    let page = person.http.get(&login).send().await.unwrap().text().await.unwrap();
    let csrf = hidden(&page, "csrf");
    let form = [("csrf", csrf.as_str()), ("username", "alice"), ("password", "a wrong password")];
    assert_eq!(person.http.post(&login).form(&form).send().await.unwrap().status(), 401);
}

/// Each worker has a copy of the application, and none has numbers of its own.
#[tokio::test(flavor = "multi_thread")]
async fn all_workers_count_together() {
    const TASKS: u64 = 8;
    const REQUESTS: u64 = 25;
    let watched = Watched::on(Sandbox::new().with("GATEHOUSE_WORKERS", "4"));
    let _server = watched.serve().await;
    let url = format!("{}/jwks", watched.sandbox.issuer());
    let tasks = (0..TASKS).map(|_| {
        let url = url.clone();
        tokio::spawn(async move {
            for _ in 0..REQUESTS {
                // A connection each, so that every worker gets some.
                assert_eq!(browser().get(&url).send().await.unwrap().status(), 200);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let labels = [("route", "/jwks"), ("method", "GET"), ("outcome", "2xx")];
    assert_eq!(
        watched.read().await.count("gatehouse_http_requests_total", &labels),
        TASKS * REQUESTS
    );
}

/// Nobody makes new series by asking for what they made up.
#[tokio::test(flavor = "multi_thread")]
async fn labels_are_bounded() {
    let watched = Watched::new();
    let _server = watched.serve().await;
    let http = browser();
    for number in 0..30 {
        let url = format!("{}/made-up/{number}?a={number}", watched.sandbox.issuer());
        let method = reqwest::Method::from_bytes(format!("BREW{number}").as_bytes()).unwrap();
        http.request(method, &url).send().await.unwrap();
        http.get(&url).send().await.unwrap();
        let user = format!("client-{number}");
        let token = http.post(format!("{}/token", watched.sandbox.issuer())).basic_auth(user, Some("x"));
        token.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
    }
    let page = watched.read().await;
    let requests: Vec<&str> = page
        .0
        .lines()
        .filter(|line| line.starts_with("gatehouse_http_requests_total{"))
        .collect();
    assert_eq!(requests.len(), 3, "{requests:?}");
    assert_eq!(
        page.count("gatehouse_http_requests_total", &[("route", "(none)"), ("method", "other")]),
        30
    );
    for made_up in ["made-up", "BREW", "client-"] {
        assert!(!page.0.contains(made_up), "{made_up} is a label");
    }
}

/// Whoever goes away before there is an answer is counted as that, and not for ever as somebody who waits.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_away_is_counted() {
    let watched = Watched::on(Sandbox::new().with("ADMIN_TOKEN", ADMIN_TOKEN));
    let _server = watched.serve().await;
    let wanted = json!({ "code_challenge": CodeChallenge::of(VERIFIER).as_str(), "code_challenge_method": "S256" });
    let created = browser()
        .post(format!("{}/api/callbacks", watched.sandbox.issuer()))
        .header("X-Admin-Token", ADMIN_TOKEN)
        .json(&wanted);
    let created: Value = created.send().await.unwrap().json().await.unwrap();
    let place = text(&created, "callback_uri");
    let poll = browser()
        .get(format!("{place}?wait=50"))
        .header("X-Callback-Verifier", VERIFIER)
        .send();
    let poll = tokio::spawn(poll);
    wait_for("a request that waits", async || {
        let page = watched.read().await;
        page.count("gatehouse_relay_waiting", &[]) == 1 && page.count("gatehouse_http_requests_in_flight", &[]) == 1
    })
    .await;
    poll.abort();
    wait_for("its end", async || {
        let page = watched.read().await;
        let aborted = [("route", "/api/callback/{state}"), ("method", "GET"), ("outcome", "aborted")];
        page.count("gatehouse_http_requests_total", &aborted) == 1
            && page.count("gatehouse_relay_waiting", &[]) == 0
            && page.count("gatehouse_http_requests_in_flight", &[]) == 0
    })
    .await;
    // Counted again after some seconds.
    wait_for("the number of callbacks", async || {
        watched.read().await.count("gatehouse_relay_callbacks", &[]) == 1
    })
    .await;
}

/// Who asks too often is counted by kind, and each look at what is kept.
#[tokio::test(flavor = "multi_thread")]
async fn limits_and_caches_are_counted() {
    const REQUESTS: u64 = 6;
    let watched = Watched::on(Sandbox::new().with("GATEHOUSE_LIMIT_METADATA", "address=3"));
    let _server = watched.serve().await;
    let before = watched.read().await;
    let limited = [("class", "metadata"), ("by", "address")];
    assert_eq!(before.sum("gatehouse_limited_requests_total", &limited), Some(0.0));
    let url = format!("{}/.well-known/openid-configuration", watched.sandbox.issuer());
    let mut refused = 0;
    for _ in 0..REQUESTS {
        let status = browser().get(&url).send().await.unwrap().status();
        refused += u64::from(status == 429);
        assert!(status == 200 || status == 429, "{status}");
    }
    assert!(refused > 0, "the limit is below that");
    let after = watched.read().await;
    assert_eq!(after.count("gatehouse_limited_requests_total", &limited), refused);
    assert_eq!(
        after.count("gatehouse_limited_requests_total", &[]),
        refused,
        "nobody else was refused"
    );
    let looks = |page: &Metrics, result| page.count("gatehouse_cache_lookups_total", &[("cache", "scopes"), ("result", result)]);
    let made = |result| looks(&after, result) - looks(&before, result);
    assert_eq!(made("hit") + made("miss"), REQUESTS - refused);
    assert!(made("miss") > 0, "the first finds nothing");
}

/// The page is there when the database is not, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_seen() {
    let (database, sandbox) = Database::sandbox(Kind::Postgres).await;
    let (proxy, sandbox) = wired(&database, sandbox).await;
    let watched = Watched::on(sandbox);
    let _server = watched.serve().await;
    assert_eq!(watched.read().await.sum("gatehouse_database_up", &[]), Some(1.0));
    proxy.set(Wire::Frozen);
    assert_eq!(watched.read().await.sum("gatehouse_database_up", &[]), Some(0.0));
    proxy.set(Wire::Cut);
    assert_eq!(watched.read().await.sum("gatehouse_database_up", &[]), Some(0.0));
    proxy.set(Wire::Whole);
    wait_for("the database", async || {
        watched.read().await.sum("gatehouse_database_up", &[]) == Some(1.0)
    })
    .await;
    let page = watched.read().await;
    assert!(page.count("gatehouse_database_wait_failures_total", &[]) > 0);
    let build = page.sum(
        "gatehouse_build_info",
        &[("version", env!("CARGO_PKG_VERSION")), ("database", "PostgreSQL")],
    );
    assert_eq!(build, Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_counted() {
    let watched = Watched::new();
    let _server = watched.serve().await;
    let jobs = [
        "sweep",
        "reap",
        "read_keys",
        "read_settings",
        "seal_audit",
        "write_statistics",
        "take_back",
        "tell_limits",
    ];
    wait_for("a run of each job", async || {
        let page = watched.read().await;
        jobs.iter()
            .all(|job| page.count("gatehouse_job_runs_total", &[("task", job), ("outcome", "success")]) > 0)
    })
    .await;
    let page = watched.read().await;
    for job in jobs {
        assert_eq!(
            page.count("gatehouse_job_runs_total", &[("task", job), ("outcome", "failure")]),
            0,
            "{job}"
        );
        let at = page.sum("gatehouse_job_last_success_timestamp_seconds", &[("task", job)]);
        assert!(at.is_some_and(|at| at > 1.7e9), "{job}: {at:?}");
        assert!(page.count("gatehouse_job_duration_seconds_count", &[("task", job)]) > 0, "{job}");
    }
}
