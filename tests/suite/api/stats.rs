//! `/stats`

use gatehouse::admin::stats;
use serde_json::Value;

use super::{operator, problem, session_cookie};
use crate::support::client::Answer;
use crate::support::{Browser, Database, TestApp};

/// The values of a series.
fn values(answer: &Answer, name: &str) -> Vec<i64> {
    let series = answer.body["series"].as_array().expect("series");
    let found = series.iter().find(|series| series["name"] == name).expect("the series");
    let points = found["points"].as_array().expect("points");
    points.iter().filter_map(|point| point["value"].as_i64()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_counts_in_every_range() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = operator(&app).await;
    app.user("alice").await;
    assert_eq!(values(&operator.get("/stats").await, "sign_ins"), [0; 24]);
    session_cookie(&app, "alice").await;
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login")).await;
    browser.submit(&page, &[("username", "alice"), ("password", "wrong")]).await;
    stats::flush(&app.app).await.unwrap();
    stats::sample_in_turn(&app.app).await.unwrap();
    for (query, step, steps) in [("", 3600, 24), ("?range=day", 3600, 24), ("?range=month", 86_400, 30)] {
        let answer = operator.get(&format!("/stats{query}")).await;
        assert_eq!((answer.status, answer.body["step"].as_i64()), (200, Some(step)), "{query}");
        for name in ["sign_ins", "failed_sign_ins"] {
            let values = values(&answer, name);
            assert_eq!((values.len(), values.last()), (steps, Some(&1)), "{query} {name}");
            assert_eq!(values.iter().sum::<i64>(), 1, "{query} {name}");
        }
        let totals = &answer.body["totals"];
        assert_eq!(
            (&totals["users"], &totals["sessions"]),
            (&Value::from(1), &Value::from(1)),
            "{totals}"
        );
        assert_eq!(totals["sampled_at"], app.app.now());
    }
    // A day later it is out of the one range and still in the other.
    app.advance(86_400);
    assert_eq!(values(&operator.get("/stats?range=day").await, "sign_ins"), [0; 24]);
    assert_eq!(values(&operator.get("/stats?range=month").await, "sign_ins")[28..], [1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_with_ranges() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = operator(&app).await;
    for range in ["year", "Day", ""] {
        let answer = operator.get(&format!("/stats?range={range}")).await;
        assert_eq!(problem(&answer), (400, "invalid-parameter", "range"), "{range}");
    }
    assert_eq!(problem(&operator.get("/stats?limit=1").await), (400, "unknown-parameter", "limit"));
}
