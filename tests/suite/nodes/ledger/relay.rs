//! Callbacks under load: announced, received and collected.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::json;

use super::{Ledger, PAUSE, acknowledged, answer};
use crate::cli::person::{Answer, text};
use crate::nodes::cluster::{Cluster, SIZE, fresh_http};
use crate::relay::place;

/// The client that collects.
pub(super) const COLLECTOR: &str = "collector";

/// What is known of a callback, by its state.
#[derive(Clone, Debug, Default)]
pub(super) struct Callback {
    /// The browser was told that it has arrived
    is_received: bool,
    /// Somebody has collected it
    is_collected: bool,
    /// Somebody has tried to, and does not know what came of it
    is_in_doubt: bool,
}

async fn collect(base: &str, state: &str, secret: &str) -> Result<Answer, reqwest::Error> {
    let request = fresh_http().get(format!("{base}{}", place(state)));
    answer(request.basic_auth(COLLECTOR, Some(secret))).await
}

/// Announces callbacks, sends browsers back, and collects two of three.
pub(super) async fn relay(issuer: String, secret: String, ledger: Arc<Ledger>) {
    let http = fresh_http();
    let mut turn = 0_usize;
    while ledger.goes_on() {
        let request = http.post(format!("{issuer}/api/callbacks")).json(&json!({}));
        let announced = answer(request.basic_auth(COLLECTOR, Some(&secret))).await;
        let Some((status, announced)) = acknowledged(announced) else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        assert_eq!(status, StatusCode::CREATED, "{announced}");
        let state = text(&announced, "state");
        ledger.note(|known| known.callbacks.insert(state.clone(), Callback::default()));
        let back = http.get(format!("{issuer}/callback?code=code-of-{state}&state={state}"));
        let Some((status, page)) = acknowledged(answer(back).await) else {
            continue;
        };
        assert_eq!(status, StatusCode::OK, "{page}");
        let note = |change: fn(&mut Callback)| {
            ledger.note(|known| change(known.callbacks.get_mut(&state).expect("the callback")));
        };
        note(|callback| callback.is_received = true);
        turn += 1;
        if turn.is_multiple_of(3) {
            continue;
        }
        match acknowledged(collect(&issuer, &state, &secret).await) {
            None => note(|callback| callback.is_in_doubt = true),
            Some((status, answer)) => {
                assert_eq!(status, StatusCode::OK, "an acknowledged callback is lost: {answer}");
                assert_eq!(text(&answer, "auth_code"), format!("code-of-{state}"));
                note(|callback| callback.is_collected = true);
            }
        }
    }
}

/// What was received can be collected, once.
pub(super) async fn verify(callbacks: &BTreeMap<String, Callback>, secret: &str, cluster: &Cluster) {
    let collected = callbacks.values().filter(|callback| callback.is_collected).count();
    let received = callbacks.values().filter(|callback| callback.is_received).count();
    assert!(collected > 0 && received > collected, "{collected} of {received}");
    for (at, (state, callback)) in callbacks.iter().enumerate() {
        let asked = collect(&cluster.at(at % SIZE), state, secret).await;
        let (status, answer) = asked.expect("an answer");
        if callback.is_collected {
            assert_eq!(status, StatusCode::NOT_FOUND, "a callback is collected twice: {answer}");
        } else if callback.is_received && !callback.is_in_doubt {
            assert_eq!(status, StatusCode::OK, "an acknowledged callback is lost: {answer}");
        }
        if status == StatusCode::OK {
            assert_eq!(text(&answer, "auth_code"), format!("code-of-{state}"));
            let again = collect(&cluster.at((at + 1) % SIZE), state, secret).await;
            assert_eq!(again.expect("an answer").0, StatusCode::NOT_FOUND, "a callback is collected twice");
        }
    }
}
