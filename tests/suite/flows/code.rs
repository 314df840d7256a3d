//! The authorization code grant (RFC 6749 §4.1, OpenID Connect Core §3.1).

use gatehouse::base::digest::sha256;
use gatehouse::base::encoding::base64url;
use gatehouse::model::client::AccessTokenFormat;
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::protocol::client_authentication::AuthMethod;
use serde_json::json;

use crate::support::client::{VERIFIER, claims, jose_header};
use crate::support::{Browser, TestApp, on_every_database};

on_every_database! {
    async fn a_person_signs_in_and_consents_and_the_client_gets_tokens(app: TestApp) {
        let user = app.user("alice").await;
        let client = app.public_client().await;
        let browser = Browser::new();
        let page = browser.visit(&client.authorize_url(&[])).await;
        assert!(page.url.contains("/login?interaction="), "{}", page.url);
        assert!(page.body.contains("Example App"), "the page names the client");
        let page = browser.sign_in(&page, "alice", "alice").await;
        assert!(page.url.contains("/consent?interaction="), "{}", page.url);
        for text in ["Example App", "alice", "app.example", "See your e-mail address"] {
            assert!(page.body.contains(text), "the consent page says {text}: {}", page.body);
        }
        let page = browser.decide(&page, "allow").await;
        assert_eq!(page.status, 303);
        assert!(page.location().unwrap().starts_with("https://app.example/callback?code=ghc_"));
        assert_eq!(page.answer("state").unwrap(), "the state");
        assert_eq!(page.answer("iss").unwrap(), app.base);

        let answer = client.redeem(&page.answer("code").unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.text("token_type"), "Bearer");
        assert_eq!(answer.body["expires_in"], 3600);
        assert_eq!(answer.text("scope"), "openid profile email");
        assert!(answer.text("refresh_token").starts_with("ghr_"));

        let id_token = claims(answer.text("id_token"));
        let now = app.app.now();
        assert_eq!(id_token["iss"], app.base);
        assert_eq!(id_token["sub"], user.id);
        assert_eq!(id_token["aud"], client.id());
        assert_eq!(id_token["azp"], client.id());
        assert_eq!(id_token["nonce"], "the nonce");
        assert_eq!(id_token["iat"], now);
        assert_eq!(id_token["exp"], now + 3600);
        assert_eq!(id_token["auth_time"], now);
        assert_eq!(id_token["amr"], json!(["pwd"]));
        assert_eq!(id_token["acr"], "urn:gatehouse:acr:password");
        assert_eq!(id_token["email"], "alice@example.com");
        assert_eq!(id_token["name"], "alice example");
        assert!(id_token["sid"].is_string());
        let half = base64url(&sha256(answer.text("access_token").as_bytes())[..16]);
        assert_eq!(id_token["at_hash"], half);
        assert_eq!(jose_header(answer.text("id_token"))["typ"], "JWT");

        let access_token = claims(answer.text("access_token"));
        assert_eq!(jose_header(answer.text("access_token"))["typ"], "at+jwt");
        assert_eq!(access_token["iss"], app.base);
        assert_eq!(access_token["sub"], user.id);
        assert_eq!(access_token["client_id"], client.id());
        assert_eq!(access_token["aud"], json!([app.base]));
        assert_eq!(access_token["scope"], "openid profile email");
        assert_eq!(access_token["auth_time"], now);

        let userinfo = client.userinfo(answer.text("access_token")).await;
        assert_eq!(userinfo.status, 200);
        assert_eq!(userinfo.body["sub"], user.id);
        assert_eq!(userinfo.body["email_verified"], true);
    }

    async fn a_code_works_once_and_a_replay_revokes_what_came_of_it(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let code = client.code("alice", &[]).await;
        let first = client.redeem(&code).await;
        assert_eq!(first.status, 200);
        let second = client.redeem(&code).await;
        assert_eq!((second.status, second.error()), (400, "invalid_grant"));
        assert_eq!(client.refresh(first.text("refresh_token")).await.error(), "invalid_grant");
        assert_eq!(client.userinfo(first.text("access_token")).await.status, 401);
    }

    async fn a_code_expires(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let code = client.code("alice", &[]).await;
        app.advance(60);
        let answer = client.redeem(&code).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_grant"));
    }

    async fn a_replay_after_expiry_still_revokes(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let code = client.code("alice", &[]).await;
        let first = client.redeem(&code).await;
        app.advance(120);
        assert_eq!(client.redeem(&code).await.error(), "invalid_grant");
        assert_eq!(client.refresh(first.text("refresh_token")).await.error(), "invalid_grant");
    }

    async fn a_code_is_bound_to_client_redirect_uri_and_verifier(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let other = app.trusted_client().await;
        let code = client.code("alice", &[]).await;
        let fields = |code_verifier: &'static str, redirect_uri: &'static str| {
            [("grant_type", "authorization_code"), ("code_verifier", code_verifier), ("redirect_uri", redirect_uri)]
        };
        let right = "https://app.example/callback";
        let wrong_verifier = "wrong-but-long-enough-to-be-a-code-verifier-0";
        for (client, fields) in [
            (&other, fields(VERIFIER, right)),
            (&client, fields(wrong_verifier, right)),
            (&client, fields("short", right)),
            (&client, fields(VERIFIER, "https://app.example/callback/")),
            (&client, fields(VERIFIER, "https://evil.example/callback")),
        ] {
            let mut fields = fields.to_vec();
            fields.push(("code", &code));
            let answer = client.post("/token", &fields).await;
            assert_eq!((answer.status, answer.error()), (400, "invalid_grant"), "{fields:?}");
        }
        let without_verifier = client.post("/token", &[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", right)]).await;
        assert_eq!(without_verifier.error(), "invalid_grant");
        assert_eq!(client.redeem(&code).await.status, 200, "none of that consumed the code");
    }

    async fn every_signature_algorithm_and_format(app: TestApp) {
        app.user("alice").await;
        for algorithm in SigningAlgorithm::ALL {
            for format in AccessTokenFormat::ALL {
                let client = app.client(AuthMethod::ClientSecretPost, |new| {
                    new.signing_algorithm = algorithm;
                    new.access_token_format = format;
                }).await;
                let tokens = client.tokens("alice", &[]).await;
                assert_eq!(jose_header(tokens.text("id_token"))["alg"], algorithm.as_str());
                assert_eq!(tokens.text("access_token").starts_with("gha_"), format == AccessTokenFormat::Opaque);
                let introspected = client.introspect(tokens.text("access_token")).await;
                assert_eq!(introspected.body["active"], true, "{algorithm} {format:?}");
                assert_eq!(introspected.body["username"], "alice");
                assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 200);
            }
        }
    }

    async fn client_authentication_by_basic_post_and_none(app: TestApp) {
        app.user("alice").await;
        let client = app.confidential_client().await;
        let secret = client.secret.clone().unwrap();
        let cc = ("grant_type", "client_credentials");
        let http = crate::support::browser::http();
        let url = app.url("/token");
        let post = |fields: Vec<(&'static str, String)>| http.post(&url).form(&fields);
        let ask = |request| crate::support::client::send(request);
        let id = || client.id().to_owned();
        let cases = [
            (post(vec![(cc.0, cc.1.to_owned())]).basic_auth(client.id(), Some(&secret)), 200, ""),
            (post(vec![(cc.0, cc.1.to_owned()), ("client_id", id()), ("client_secret", secret.clone())]), 200, ""),
            (post(vec![(cc.0, cc.1.to_owned())]).basic_auth(client.id(), Some("wrong")), 401, "invalid_client"),
            (post(vec![(cc.0, cc.1.to_owned()), ("client_id", id()), ("client_secret", "wrong".to_owned())]), 401, "invalid_client"),
            (post(vec![(cc.0, cc.1.to_owned())]).basic_auth("nobody", Some(&secret)), 401, "invalid_client"),
            (post(vec![(cc.0, cc.1.to_owned()), ("client_id", id())]), 401, "invalid_client"),
            (post(vec![(cc.0, cc.1.to_owned())]), 401, "invalid_client"),
            (post(vec![(cc.0, cc.1.to_owned()), ("client_secret", secret.clone())]).basic_auth(client.id(), Some(&secret)), 400, "invalid_request"),
            (post(vec![(cc.0, cc.1.to_owned()), ("client_id", "other".to_owned())]).basic_auth(client.id(), Some(&secret)), 400, "invalid_request"),
            (post(vec![(cc.0, cc.1.to_owned())]).header("authorization", "Basic !!!"), 401, "invalid_client"),
            (post(vec![(cc.0, cc.1.to_owned())]).bearer_auth("x"), 401, "invalid_client"),
        ];
        for (at, (request, status, error)) in cases.into_iter().enumerate() {
            let answer = ask(request).await;
            assert_eq!((answer.status, answer.error()), (status, error), "case {at}: {}", answer.body);
            if status == 401 {
                assert!(answer.header("www-authenticate").starts_with("Basic "), "case {at}");
            }
        }
    }
}
