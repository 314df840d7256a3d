//! `/scopes`

use serde_json::json;

use super::{fields, operator, problem};
use crate::support::{TestApp, on_every_database};

on_every_database! {
    async fn the_life_of_a_scope(app: TestApp) {
        let operator = operator(&app).await;
        let body = json!({ "description": "Read your calendar", "claims": ["calendar"] });
        let made = operator.put("/scopes/calendar%3Aread", &body).await;
        assert_eq!((made.status, made.header("etag"), made.text("name")), (201, "\"1\"", "calendar:read"));
        assert_eq!(problem(&operator.put("/scopes/calendar%3Aread", &json!({})).await), (428, "version-required", ""));
        let patched = operator.having_seen("\"1\"").patch("/scopes/calendar%3Aread", &json!({ "default": true })).await;
        assert_eq!((patched.status, &patched.body["claims"], &patched.body["default"]), (200, &json!(["calendar"]), &json!(true)));
        assert_eq!(problem(&operator.having_seen("\"1\"").patch("/scopes/calendar%3Aread", &json!({ "default": false })).await), (412, "changed-meanwhile", ""));
        assert_eq!(problem(&operator.having_seen("*").patch("/scopes/calendar%3Aread", &json!({ "roles": ["a b"] })).await), (422, "invalid-field", "roles"));
        assert_eq!(problem(&operator.having_seen("*").patch("/scopes/calendar%3Aread", &json!({ "name": "x" })).await).0, 422);
        assert_eq!(problem(&operator.put("/scopes/a%20b", &json!({})).await), (422, "invalid-field", "name"));
        assert_eq!(problem(&operator.delete("/scopes/openid").await), (409, "conflict", ""));
        let refused = operator.having_seen("\"1\"").delete("/scopes/calendar%3Aread").await;
        assert_eq!(problem(&refused).0, 412);
        assert_eq!(operator.delete("/scopes/calendar%3Aread").await.status, 204);
        assert_eq!(problem(&operator.get("/scopes/calendar%3Aread").await), (404, "not-found", ""));
    }

    async fn pages_of_scopes(app: TestApp) {
        let operator = operator(&app).await;
        let all = operator.all("/scopes", "limit=200", "name").await;
        assert_eq!(operator.all("/scopes", "limit=1", "name").await, all);
        let (first, next) = operator.page("/scopes", "limit=2", None).await;
        assert_eq!(fields(&first, "name"), all[..2]);
        app.define_scope("aaa", &[]).await;
        app.define_scope("zzz", &[]).await;
        let rest = operator.rest("/scopes", "limit=3", next, "name").await;
        assert_eq!(rest[..rest.len() - 1], all[2..]);
        assert_eq!(rest.last().unwrap(), "zzz");
    }
}
