//! What must not be in the log must not be in metrics and traces either.

use super::super::log_secrecy::{Secrets, log_of, register, set_up, sign_in, talkative, use_tokens};
use super::collector::Collector;
use super::{Watched, wait_for};
use crate::support::process::APP_SECRET;

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_metrics_and_traces() {
    let collector = Collector::start().await;
    let sandbox = talkative()
        .with("GATEHOUSE_OTLP_ENDPOINT", &collector.url)
        .with("GATEHOUSE_OTLP_HEADERS", "authorization=Bearer of-the-collector");
    let watched = Watched::on(sandbox);
    let sandbox = &watched.sandbox;
    let mut secrets = Secrets::default();
    secrets.add("APP_SECRET", APP_SECRET);
    secrets.add("header for the collector", "of-the-collector");
    let secret = register(sandbox);
    let server = watched.serve().await;
    set_up(sandbox, &server, &mut secrets).await;
    let code = sign_in(sandbox, &mut secrets).await;
    use_tokens(sandbox, &secret, &code, &mut secrets).await;
    for accept in [None, Some("application/openmetrics-text")] {
        let page = watched.page(accept).await.unwrap().text().await.unwrap();
        assert!(page.contains("/token"), "{page}");
        secrets.assert_absent(&page);
    }
    wait_for("spans", async || !collector.requests().is_empty()).await;
    let log = log_of(server);
    secrets.assert_absent(&log);
    let traces = collector.text();
    for seen in ["POST /token", "POST /login", "UPDATE grants", "password hashing"] {
        assert!(traces.contains(seen), "no trace of {seen}");
    }
    secrets.assert_absent(&traces);
}
