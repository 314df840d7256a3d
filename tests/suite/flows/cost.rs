//! What requests cost: how many statements the database is asked, once clients, scopes and resources are known.

use gatehouse::model::client::AccessTokenFormat;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::token_request::GrantType;

use crate::support::browser::Browser;
use crate::support::client::Answer;
use crate::support::{TestApp, on_every_database};

/// How many statements the work takes. Jobs have statements of their own, so the cheapest of several times counts.
async fn cheapest(app: &TestApp, mut work: impl AsyncFnMut()) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..5 {
        let before = app.app.store.statements();
        work().await;
        least = least.min(app.app.store.statements() - before);
    }
    least
}

fn good(answer: Answer) -> Answer {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
}

on_every_database! {
    async fn a_token_for_the_client_itself_costs_nothing_and_judging_one_is_one_statement(app: TestApp) {
        for format in [AccessTokenFormat::Jwt, AccessTokenFormat::Opaque] {
            let client = app.client(AuthMethod::ClientSecretBasic, |new| {
                new.grant_types = vec![GrantType::ClientCredentials];
                new.access_token_format = format;
            }).await;
            let fields = [("grant_type", "client_credentials")];
            let statements = cheapest(&app, async || drop(good(client.post("/token", &fields).await))).await;
            assert_eq!(statements, 0, "{format:?}");
            let token = good(client.post("/token", &fields).await);
            let token = token.text("access_token");
            let statements = cheapest(&app, async || assert_eq!(client.introspect(token).await.body["active"], true)).await;
            assert_eq!(statements, 1, "{format:?}");
        }
    }

    async fn a_person_s_token_is_judged_by_one_statement_and_refreshed_by_two(app: TestApp) {
        app.user("alice").await;
        let client = app.client(AuthMethod::ClientSecretBasic, |_| ()).await;
        let tokens = good(client.tokens("alice", &[("scope", "openid profile offline_access")]).await);
        let token = tokens.text("access_token");
        let introspected = cheapest(&app, async || assert_eq!(client.introspect(token).await.body["username"], "alice")).await;
        let userinfo = cheapest(&app, async || drop(good(client.userinfo(token).await))).await;
        assert_eq!((introspected, userinfo), (1, 1));
        let mut refresh_token = tokens.text("refresh_token").to_owned();
        let refreshed = cheapest(&app, async || {
            let tokens = good(client.refresh(&refresh_token).await);
            tokens.text("refresh_token").clone_into(&mut refresh_token);
        }).await;
        assert_eq!(refreshed, 2, "the grant with its person, and the gate");
    }

    async fn a_code_for_somebody_who_is_signed_in_costs_five_statements_and_its_tokens_three(app: TestApp) {
        app.user("alice").await;
        let client = app.client(AuthMethod::ClientSecretBasic, |_| ()).await;
        let browser = Browser::new();
        // Signs in and consents, which is remembered.
        client.authorize(&browser, "alice", &[]).await;
        let authorize = async || browser.get(&client.authorize_url(&[])).await.answer("code").unwrap();
        let authorized = cheapest(&app, async || drop(authorize().await)).await;
        let both = cheapest(&app, async || drop(good(client.redeem(&authorize().await).await))).await;
        assert_eq!((authorized, both - authorized), (5, 3), "session with person, consent; both held, grant; grant, gate, event");
    }
}
