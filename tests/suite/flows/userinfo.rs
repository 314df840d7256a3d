//! The userinfo endpoint (OpenID Connect Core §5.3, RFC 6750).

use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{TestApp, on_every_database};

on_every_database! {
    async fn by_get_and_post_with_the_token_in_header_or_body(app: TestApp) {
        let user = app.user_with("alice", |new| {
            new.extra_claims.insert("department".to_owned(), "R&D".into());
        }).await;
        let client = app.public_client().await;
        let tokens = client.tokens("alice", &[("scope", "openid email")]).await;
        let token = tokens.text("access_token");
        let url = app.url("/userinfo");
        let ways = [
            http().get(&url).bearer_auth(token),
            http().post(&url).bearer_auth(token),
            http().post(&url).form(&[("access_token", token)]),
            http().get(&url).header("authorization", format!("bearer {token}")),
        ];
        for way in ways {
            let answer = send(way).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(answer.body, serde_json::json!({ "sub": user.id, "email": "alice@example.com", "email_verified": true }));
            assert_eq!(answer.header("access-control-allow-origin"), "*");
        }
        let twice = send(http().post(&url).bearer_auth(token).form(&[("access_token", token)])).await;
        assert_eq!((twice.status, twice.error()), (400, "invalid_request"));
        let in_query = send(http().get(format!("{url}?access_token={token}"))).await;
        assert_eq!(in_query.status, 401, "never in the query");
    }

    async fn refusals_say_how_to_authenticate(app: TestApp) {
        app.user("alice").await;
        let client = app.public_client().await;
        let without = send(http().get(app.url("/userinfo"))).await;
        assert_eq!(without.status, 401);
        assert!(!without.header("www-authenticate").contains("error="), "RFC 6750 3.1: no code without a token");
        let wrong = client.userinfo("nonsense").await;
        assert_eq!((wrong.status, wrong.error()), (401, "invalid_token"));
        assert!(wrong.header("www-authenticate").contains("error=\"invalid_token\""));
        let plain = client.tokens("alice", &[("scope", "read")]).await;
        assert!(plain.body.get("id_token").is_none());
        let answer = client.userinfo(plain.text("access_token")).await;
        assert_eq!((answer.status, answer.error()), (403, "insufficient_scope"));
        let refresh = client.tokens("alice", &[]).await;
        for not_an_access_token in ["refresh_token", "id_token"] {
            assert_eq!(client.userinfo(refresh.text(not_an_access_token)).await.status, 401, "{not_an_access_token}");
        }
    }
}
