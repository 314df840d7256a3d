//! `/resources`

use serde_json::json;

use super::{fields, operator, problem};
use crate::support::{TestApp, on_every_database};

const AT: &str = "/resources/https%3A%2F%2Fmcp.example%2Fmcp";

on_every_database! {
    async fn the_life_of_a_resource(app: TestApp) {
        let operator = operator(&app).await;
        let body = json!({ "resource_name": "Notes", "scope": "notes:read" });
        let made = operator.put(AT, &body).await;
        assert_eq!((made.status, made.header("etag"), made.text("identifier")), (201, "\"1\"", "https://mcp.example/mcp"), "{}", made.body);
        assert!(made.text("metadata_url").ends_with("/.well-known/oauth-protected-resource?resource=https%3A%2F%2Fmcp%2Eexample%2Fmcp"));
        assert_eq!(problem(&operator.put(AT, &json!({ "resource_name": "Else" })).await), (428, "version-required", ""));
        let spelt = operator.put("/resources/https%3A%2F%2Fmcp.example%2Fmcp%2F", &body).await;
        assert_eq!(problem(&spelt), (409, "conflict", "identifier"), "another spelling of the same");
        let patched = operator.having_seen("\"1\"").patch(AT, &json!({ "access_token_format": "opaque", "allowed_clients": ["a"] })).await;
        assert_eq!((patched.status, patched.text("access_token_format"), &patched.body["allowed_clients"]), (200, "opaque", &json!(["a"])));
        let late = operator.having_seen("\"1\"").patch(AT, &json!({ "resource_name": "Late" })).await;
        assert_eq!(problem(&late), (412, "changed-meanwhile", ""));
        for (change, field) in [
            (json!({ "scope": "openid" }), "scope"),
            (json!({ "access_token_lifetime": 5 }), "access_token_lifetime"),
            (json!({ "resource_name": "" }), "resource_name"),
            (json!({ "identifier": "https://x.example" }), "identifier"),
        ] {
            let refused = operator.having_seen("*").patch(AT, &change).await;
            assert_eq!((problem(&refused).0, problem(&refused).2), (422, field), "{}", refused.body);
        }
        for identifier in ["notes", "http%3A%2F%2Fmcp.example", "https%3A%2F%2Fmcp.example%2F%23x", "https%3A%2F%2Fme%40mcp.example"] {
            assert_eq!(problem(&operator.put(&format!("/resources/{identifier}"), &body).await), (422, "invalid-field", "identifier"), "{identifier}");
        }
        assert_eq!(operator.delete(AT).await.status, 204);
        assert_eq!(problem(&operator.get(AT).await), (404, "not-found", ""));
    }

    async fn pages_of_resources(app: TestApp) {
        let operator = operator(&app).await;
        for host in ["a", "b", "c"] {
            let made = operator.put(&format!("/resources/https%3A%2F%2F{host}.example"), &json!({ "resource_name": host })).await;
            assert_eq!(made.status, 201);
        }
        let all = operator.all("/resources", "limit=200", "identifier").await;
        assert_eq!(all, ["https://a.example", "https://b.example", "https://c.example"]);
        assert_eq!(operator.all("/resources", "limit=1", "identifier").await, all);
        let (first, _) = operator.page("/resources", "limit=2", None).await;
        assert_eq!(fields(&first, "identifier"), all[..2]);
    }
}
