//! Clients that a document describes: what is fetched, kept, changed and shown.

use std::time::Duration;

use futures_util::future::join_all;
use gatehouse::model::client::{Client, ClientOrigin, ClientSettings};
use gatehouse::model::event::{EventFilter, EventKind};
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::oauth::client_documents::{self, Found, Purpose};
use gatehouse::oauth::clients;
use serde_json::{Value, json};

use super::registration;
use crate::support::assertion::{ClientKey, claims, fields};
use crate::support::browser::http;
use crate::support::client::{TestClient, VERIFIER, send};
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Browser, Page, TestApp, on_every_database};

const PATH: &str = "/client.json";

/// A client that knows only its own URL.
fn client(app: &TestApp, elsewhere: &Elsewhere) -> TestClient {
    let mut client = TestClient::new(app, some_client(&elsewhere.url(PATH)), None);
    "https://app.example/callback".clone_into(&mut client.redirect_uri);
    client
}

/// The library's record, of which the tests use the id.
fn some_client(id: &str) -> Client {
    Client {
        id: id.to_owned(),
        origin: ClientOrigin::Document,
        secret_hash: None,
        previous_secret_hash: None,
        previous_secret_expires_at: None,
        sealed_secret: None,
        registration_token_hash: None,
        registration_mark: None,
        document_expires_at: None,
        token_generation: 0,
        settings: ClientSettings::default(),
        version: 0,
        created_at: 0,
        updated_at: 0,
    }
}

fn document(elsewhere: &Elsewhere) -> Value {
    json!({
        "client_id": elsewhere.url(PATH),
        "client_name": "Described App",
        "redirect_uris": ["https://app.example/callback", "http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
    })
}

async fn row(app: &TestApp, id: &str) -> Option<Client> {
    app.app.store.read().await.unwrap().client(id).await.unwrap()
}

/// The kinds of the events about a client, oldest first.
async fn events(app: &TestApp, id: &str) -> Vec<EventKind> {
    let filter = EventFilter {
        client_id: Some(id.to_owned()),
        ..EventFilter::default()
    };
    let mut connection = app.app.store.read().await.unwrap();
    let mut events = connection.events(&filter, None, 100).await.unwrap();
    events.reverse();
    let kinds = events.into_iter().map(|event| event.kind);
    kinds
        .filter(|kind| matches!(kind, EventKind::ClientCreated | EventKind::ClientChanged))
        .collect()
}

/// What a client that signs sends for a code.
fn redemption<'a>(client: &'a TestClient, code: &'a str, assertion: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut form = fields(assertion).to_vec();
    form.extend([
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("code_verifier", VERIFIER),
    ]);
    form
}

async fn begin(client: &TestClient) -> Page {
    Browser::new().visit(&client.authorize_url(&[])).await
}

on_every_database! {
    async fn a_fault_leads_nobody_away(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        elsewhere.serve(PATH, Served::json(&document(&elsewhere)));
        let described = client(&app, &elsewhere);
        let answer = registration::registered(&app, &json!({
            "client_name": "Registered App", "redirect_uris": ["https://app.example/callback"], "token_endpoint_auth_method": "none",
        })).await;
        let mut registered = registration::client_of(&app, &answer).await;
        "https://app.example/callback".clone_into(&mut registered.redirect_uri);
        let browser = Browser::new();
        for client in [&described, &registered] {
            for fault in [&[("prompt", "none")][..], &[("scope", "unheard-of")], &[("code_challenge", ""), ("code_challenge_method", "")]] {
                for mode in ["query", "form_post"] {
                    let page = browser.get(&client.authorize_url(&[fault, &[("response_mode", mode)]].concat())).await;
                    assert_eq!((page.status.as_u16(), page.location()), (200, None), "{fault:?} {mode}");
                    assert!(page.body.contains("Never enter the password") && page.body.contains("app.example"), "{}", page.body);
                    let leads_on = if mode == "query" { "href=\"https://app.example/callback?error=" } else { "name=\"error\"" };
                    assert!(page.body.contains(leads_on) && page.body.contains("the state") != (mode == "query"), "{mode}: {}", page.body);
                }
            }
            // A program that listens on the device of the person is no address that they could take for ours.
            if client.id() == described.id() {
                let here = client.authorize_url(&[("prompt", "none"), ("redirect_uri", "http://127.0.0.1:5000/callback")]);
                assert_eq!(browser.get(&here).await.answer("error").as_deref(), Some("login_required"));
            }
        }
        // Whoever stops registration has not made those that are there better.
        registration::set(&app, "registration", "off").await;
        assert_eq!(browser.get(&registered.authorize_url(&[("prompt", "none")])).await.location(), None);
        // The person's own no is sent without a question.
        app.user("alice").await;
        let page = browser.visit(&described.authorize_url(&[])).await;
        let page = browser.sign_in(&page, "alice", "alice").await;
        assert_eq!(browser.decide(&page, "deny").await.answer("error").as_deref(), Some("access_denied"));
    }

    async fn a_document_is_enough(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        elsewhere.serve(PATH, Served::json(&document(&elsewhere)));
        app.user("alice").await;
        app.define_scope("read", &[]).await;
        let client = client(&app, &elsewhere);
        let page = Browser::new().visit(&client.authorize_url(&[("code_challenge", ""), ("code_challenge_method", "")])).await;
        assert!(page.body.contains("code_challenge is required"), "PKCE is needed: {}", page.body);
        let other = TestClient { client: some_client(&elsewhere.url("/other.json")), ..client.clone() };
        assert_eq!(other.redeem("ghc_x").await.error(), "invalid_client", "nobody is asked for one who has nothing");
        let tokens = client.tokens("alice", &[("scope", "openid read offline_access admin:read")]).await;
        assert_eq!(tokens.text("scope"), "openid read offline_access", "not the administration");
        assert_eq!(crate::support::client::claims(tokens.text("access_token"))["client_id"], elsewhere.url(PATH));
        let refreshed = client.refresh(tokens.text("refresh_token")).await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.body);
        assert_eq!(client.revoke(refreshed.text("refresh_token")).await.status, 200);
        assert_eq!(elsewhere.connections(), 1, "the row is the cache");
        let request = elsewhere.requests().remove(0).to_lowercase();
        for (name, value) in [("accept", "application/json"), ("accept-encoding", "identity"), ("connection", "close")] {
            assert!(request.contains(&format!("\r\n{name}: {value}\r\n")), "{request}");
        }
        assert!(!request.contains("cookie") && !request.contains("authorization"), "{request}");
        let row = row(&app, client.id()).await.unwrap();
        assert_eq!((row.origin, row.name.as_str(), row.requires_pkce), (ClientOrigin::Document, "Described App", true));
        assert!(!row.scope.contains("admin:read") && !row.scope.contains("admin:write"));
        assert_eq!(events(&app, client.id()).await, [EventKind::ClientCreated]);
        let second = app.second_node().await;
        let found = client_documents::find(&second, client.id(), Purpose::Authorize).await.unwrap();
        assert!(matches!(found, Found::Known(_)));
        assert_eq!(elsewhere.connections(), 1, "for every node");
    }

    async fn people_are_told_who_vouches(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        app.user("alice").await;
        let client = client(&app, &elsewhere);
        let mut document = document(&elsewhere);
        document["logo_uri"] = json!("https://app.example/logo.png");
        elsewhere.serve(PATH, Served::json(&document));
        let browser = Browser::new();
        let page = browser.visit(&client.authorize_url(&[])).await;
        let page = browser.sign_in(&page, "alice", "alice").await;
        assert!(page.body.contains("Not verified.") && page.body.contains("Described App"), "{}", page.body);
        assert!(page.body.contains(&format!("127.0.0.1:{}", elsewhere.port())), "the host of the document: {}", page.body);
        assert!(page.body.contains("app.example") && !page.body.contains("could pretend"), "{}", page.body);
        assert!(!page.body.contains("logo.png") && !page.header("content-security-policy").contains("https://app.example/logo"), "no picture of nobody knows whom");
        document["redirect_uris"] = json!(["http://127.0.0.1/callback", "http://localhost/callback"]);
        elsewhere.serve(PATH, Served::json(&document));
        app.advance(3600);
        let mut local = client.clone();
        "http://127.0.0.1:5000/callback".clone_into(&mut local.redirect_uri);
        let page = browser.visit(&local.authorize_url(&[])).await;
        assert!(page.body.contains("Any program on this device could pretend to be this app."), "{}", page.body);
        let registered = app.public_client().await;
        let page = browser.visit(&registered.authorize_url(&[])).await;
        assert!(page.body.contains("name=\"decision\"") && !page.body.contains("Not verified."), "an operator vouches for that one");
    }

    async fn a_document_holds_for_a_while(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        let client = client(&app, &elsewhere);
        let document = document(&elsewhere);
        // What the headers say, and what holds: from five minutes to a day, an hour when nothing is said.
        for (headers, seconds) in [
            (vec![], 3600),
            (vec![("cache-control", "max-age=600")], 600),
            (vec![("cache-control", "max-age=1")], 300),
            (vec![("cache-control", "no-store")], 300),
            (vec![("cache-control", "public, max-age=999999999")], 86_400),
            (vec![("cache-control", "max-age=7200"), ("age", "3600")], 3600),
            (vec![("date", "Fri, 15 Jan 2027 08:00:00 GMT"), ("expires", "Fri, 15 Jan 2027 10:00:00 GMT")], 7200),
            (vec![("expires", "0")], 300),
        ] {
            let mut served = Served::json(&document);
            for (name, value) in &headers {
                served = served.with(name, value);
            }
            elsewhere.serve(PATH, served);
            let before = elsewhere.hits(PATH);
            assert_eq!(begin(&client).await.status, 200);
            app.advance(seconds - 1);
            assert_eq!(begin(&client).await.status, 200);
            assert_eq!(elsewhere.hits(PATH), before + 1, "{headers:?}");
            app.advance(1);
        }
        assert_eq!(events(&app, client.id()).await, [EventKind::ClientCreated], "what says the same again is no event");
        let version = row(&app, client.id()).await.unwrap().version;
        assert_eq!(version, 1, "and no change");
    }

    async fn what_changes_is_written_and_what_an_operator_decided_stays(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        let client = client(&app, &elsewhere);
        let mut document = document(&elsewhere);
        elsewhere.serve(PATH, Served::json(&document));
        begin(&client).await;
        app.advance(1);
        let known = row(&app, client.id()).await.unwrap();
        let settings = ClientSettings { access_token_lifetime: Some(60), ..known.settings.clone() };
        clients::change(&app.app, known, settings).await.unwrap();
        document["client_name"] = json!("Renamed");
        document["redirect_uris"] = json!(["https://app.example/other"]);
        elsewhere.serve(PATH, Served::json(&document));
        assert!(begin(&client).await.body.contains("Described App"), "not before its time");
        app.advance(3600);
        let page = begin(&client).await;
        assert_eq!(page.status, 400, "the old redirect URI is gone: {}", page.body);
        let now = row(&app, client.id()).await.unwrap();
        assert_eq!((now.name.as_str(), now.access_token_lifetime), ("Renamed", Some(60)));
        assert_eq!(events(&app, client.id()).await, [EventKind::ClientCreated, EventKind::ClientChanged, EventKind::ClientChanged]);
        // Disabled it stays, and nobody is asked any more.
        let settings = ClientSettings { is_disabled: true, ..now.settings.clone() };
        clients::change(&app.app, now, settings).await.unwrap();
        app.advance(86_400);
        let hits = elsewhere.connections();
        assert_eq!(begin(&client).await.status, 400);
        assert_eq!(elsewhere.connections(), hits);
    }

    async fn errors_end_the_request_and_are_not_kept(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        let client = client(&app, &elsewhere);
        let good = document(&elsewhere);
        let changed = |name: &str, value: Value| {
            let mut document = good.clone();
            document[name] = value;
            Served::json(&document)
        };
        let cases = [
            ("nothing there", Served::json(&good).status(404)),
            ("a redirect", Served::json(&good).status(302).with("location", &elsewhere.url("/elsewhere"))),
            ("not JSON by its type", Served::json(&good).with("content-type", "text/html")),
            ("another client_id", changed("client_id", json!(elsewhere.url("/other")))),
            ("a secret", changed("client_secret", json!("s"))),
            ("a bad redirect URI", changed("redirect_uris", json!(["javascript:alert(1)"]))),
            ("a name that turns the direction of writing", changed("client_name", json!("A\u{202e}B"))),
            ("too long", changed("client_name", json!("x".repeat(6000)))),
        ];
        for (what, served) in cases {
            elsewhere.serve(PATH, served);
            let page = begin(&client).await;
            assert_eq!((page.status.as_u16(), page.location()), (400, None), "{what}");
            assert!(page.body.contains("metadata document"), "{what}: {}", page.body);
            assert!(row(&app, client.id()).await.is_none(), "{what}");
        }
        assert_eq!(elsewhere.hits("/elsewhere"), 0);
        elsewhere.serve(PATH, Served::json(&good));
        assert_eq!(begin(&client).await.status, 200, "once it is right, it is right at once");
    }

    async fn a_target_that_fails_is_left_alone(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        let client = client(&app, &elsewhere);
        elsewhere.serve(PATH, Served::json(&Value::Null).status(500));
        for _ in 0..15 {
            assert_eq!(begin(&client).await.status, 400);
        }
        assert_eq!(elsewhere.connections(), 10);
        elsewhere.serve(PATH, Served::json(&document(&elsewhere)));
        assert_eq!(begin(&client).await.status, 400);
        app.advance(61);
        assert_eq!(begin(&client).await.status, 200);
        // However many names it has.
        let mut other = client.clone();
        for number in 0..30 {
            other.client.id = elsewhere.url(&format!("/missing/{number}"));
            assert_eq!(begin(&other).await.status, 400);
        }
        assert_eq!(elsewhere.connections(), 10 + 1 + 20, "one network sends us nowhere any more");
        // Those that are known do not suffer from what strangers do.
        app.advance(3600);
        for number in 0..30 {
            other.client.id = elsewhere.url(&format!("/missing/{number}"));
            begin(&other).await;
        }
        assert_eq!(begin(&client).await.status, 200);
        assert_eq!(elsewhere.connections(), 10 + 1 + 20 + 20 + 1);
    }

    async fn one_place_makes_a_few_new_clients_known(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        let mut client = client(&app, &elsewhere);
        let mut statuses = Vec::new();
        for number in 0..22 {
            let path = format!("/{number}.json");
            let mut document = document(&elsewhere);
            document["client_id"] = json!(elsewhere.url(&path));
            elsewhere.serve(&path, Served::json(&document));
            client.client.id = elsewhere.url(&path);
            statuses.push(begin(&client).await.status.as_u16());
        }
        assert_eq!((&statuses[..20], &statuses[20..]), (&[200; 20][..], &[400, 400][..]));
        assert!(row(&app, client.id()).await.is_none(), "nothing was written");
        assert_eq!(elsewhere.connections(), 20, "and nobody was asked");
        client.client.id = elsewhere.url("/0.json");
        assert_eq!(begin(&client).await.status, 200, "those that are known are not counted");
        app.advance(600);
        client.client.id = elsewhere.url("/21.json");
        assert_eq!(begin(&client).await.status, 200, "there is room again");
    }

    async fn one_network_does_not_take_all_turns(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        elsewhere.serve(PATH, Served::json(&document(&elsewhere)));
        let client = client(&app, &elsewhere);
        assert_eq!(begin(&client).await.status, 200);
        app.advance(3601);
        let stranger = |path: String| {
            let mut stranger = client.clone();
            stranger.client.id = elsewhere.url(&path);
            elsewhere.serve(&path, Served { delay: Duration::from_secs(30), ..Served::json(&Value::Null) });
            async move { begin(&stranger).await.status.as_u16() }
        };
        let connected = async |number: usize| {
            while elsewhere.connections() < number {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let crowd = tokio::spawn(join_all((0..12).map(|number| stranger(format!("/slow/{number}"))).collect::<Vec<_>>()));
        connected(1 + 4).await;
        assert_eq!(begin(&client).await.status, 200, "who is known does not wait for them");
        assert!(crowd.await.unwrap().iter().all(|status| *status == 400));
        assert_eq!(elsewhere.connections(), 1 + 1 + 4);
        // Hanging up makes no room.
        let crowd = tokio::spawn(join_all((0..4).map(|number| stranger(format!("/slower/{number}"))).collect::<Vec<_>>()));
        connected(1 + 1 + 4 + 4).await;
        crowd.abort();
        assert!(crowd.await.unwrap_err().is_cancelled());
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(stranger("/slowest".to_owned()).await, 400);
        assert_eq!(elsewhere.connections(), 1 + 1 + 4 + 4);
    }

    async fn what_cannot_be_kept_is_a_failure(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        let client = client(&app, &elsewhere);
        let mut long = document(&elsewhere);
        long["client_name"] = json!("x".repeat(201));
        elsewhere.serve(PATH, Served::json(&long));
        for _ in 0..15 {
            assert_eq!(begin(&client).await.status, 400);
        }
        assert_eq!(elsewhere.connections(), 10);
    }

    async fn more_scopes_than_a_request_may_have_can_be_allowed(app: TestApp) {
        for number in 0..110 {
            app.define_scope(&format!("scope-{number}"), &[]).await;
        }
        let elsewhere = Elsewhere::start().await;
        elsewhere.serve(PATH, Served::json(&document(&elsewhere)));
        let described = client(&app, &elsewhere);
        let page = Browser::new().visit(&described.authorize_url(&[("scope", "openid scope-109")])).await;
        assert!(page.body.contains("name=\"password\""), "{}", page.body);
        let answer = registration::registered(&app, &json!({ "redirect_uris": ["https://app.example/callback"] })).await;
        let registered = row(&app, answer.text("client_id")).await.expect("a row that can be read");
        assert!(registered.scope.contains("scope-0") && registered.scope.contains("scope-109"), "{}", registered.scope);
        let all = app.app.store.read().await.unwrap().client(answer.text("client_id")).await;
        clients::delete(&app.app, &all.unwrap().unwrap()).await.expect("it can be removed");
    }

    async fn who_stops_proving_loses_what_it_had(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        let key = ClientKey::new(SigningAlgorithm::Es256);
        let mut document = document(&elsewhere);
        document["token_endpoint_auth_method"] = json!("private_key_jwt");
        document["jwks"] = json!({ "keys": [key.jwk] });
        elsewhere.serve(PATH, Served::json(&document));
        app.user("alice").await;
        let client = client(&app, &elsewhere);
        let code = client.code("alice", &[("scope", "openid offline_access")]).await;
        let assertion = key.sign("ES256", &claims(&app, client.id()));
        let form = redemption(&client, &code, &assertion);
        let tokens = send(http().post(app.url("/token")).form(&form)).await;
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        document["token_endpoint_auth_method"] = json!("none");
        document.as_object_mut().unwrap().remove("jwks");
        elsewhere.serve(PATH, Served::json(&document));
        app.advance(3601);
        assert_eq!(begin(&client).await.status, 200);
        let stolen = client.refresh(tokens.text("refresh_token")).await;
        assert_eq!((stolen.status, stolen.error()), (400, "invalid_grant"), "a stolen refresh token stays useless");
    }

    async fn whoever_had_tokens_may_refresh_them_for_a_day(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        elsewhere.serve(PATH, Served::json(&document(&elsewhere)));
        app.user("alice").await;
        let client = client(&app, &elsewhere);
        let tokens = client.tokens("alice", &[("scope", "openid offline_access")]).await;
        elsewhere.serve(PATH, Served::json(&Value::Null).status(503));
        app.advance(3600 + 86_399);
        assert_eq!(begin(&client).await.status, 400, "nobody new is sent there");
        let tokens = client.refresh(tokens.text("refresh_token")).await;
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        app.advance(1);
        let answer = client.refresh(tokens.text("refresh_token")).await;
        assert_eq!((answer.status, answer.error()), (401, "invalid_client"));
        elsewhere.serve(PATH, Served::json(&document(&elsewhere)));
        app.advance(61);
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.status, 200, "nothing is lost by that");
    }

    async fn a_described_client_may_sign(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        let key = ClientKey::new(SigningAlgorithm::Es256);
        let mut document = document(&elsewhere);
        document["token_endpoint_auth_method"] = json!("private_key_jwt");
        document["jwks_uri"] = json!(elsewhere.url("/jwks"));
        elsewhere.serve(PATH, Served::json(&document));
        elsewhere.serve("/jwks", Served::json(&json!({ "keys": [key.jwk] })));
        app.user("alice").await;
        let client = client(&app, &elsewhere);
        let code = client.code("alice", &[]).await;
        let assertion = key.sign("ES256", &claims(&app, client.id()));
        let form = redemption(&client, &code, &assertion);
        assert_eq!(client.redeem(&code).await.error(), "invalid_client", "it must sign");
        let answer = send(http().post(app.url("/token")).form(&form)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        // Nothing for itself: that would be tokens for whoever can publish a file.
        let assertion = key.sign("ES256", &claims(&app, client.id()));
        let mut form = fields(&assertion).to_vec();
        form.push(("grant_type", "client_credentials"));
        let answer = send(http().post(app.url("/token")).form(&form)).await;
        assert_eq!((answer.status, answer.error()), (400, "unauthorized_client"));
    }

    async fn rows_that_nobody_uses_go(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        app.user("alice").await;
        let mut used = client(&app, &elsewhere);
        let mut unused = used.clone();
        for (client, path) in [(&mut used, PATH), (&mut unused, "/unused.json")] {
            let mut document = document(&elsewhere);
            client.client.id = elsewhere.url(path);
            document["client_id"] = json!(client.id());
            elsewhere.serve(path, Served::json(&document));
        }
        used.tokens("alice", &[]).await;
        begin(&unused).await;
        app.advance(3600 + 7 * 86_400 - 1);
        assert_eq!(client_documents::remove_idle(&app.app).await.unwrap(), 0);
        app.advance(1);
        assert_eq!(client_documents::remove_idle(&app.app).await.unwrap(), 1);
        assert!(row(&app, used.id()).await.is_some() && row(&app, unused.id()).await.is_none());
        assert_eq!(begin(&unused).await.status, 200, "it comes back when it is needed");
    }

    async fn an_operator_turns_it_off_or_limits_it(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        elsewhere.serve(PATH, Served::json(&document(&elsewhere)));
        app.user("alice").await;
        let client = client(&app, &elsewhere);
        let metadata = async || send(http().get(app.url("/.well-known/oauth-authorization-server"))).await.body;
        assert_eq!(metadata().await["client_id_metadata_document_supported"], true);
        change(&app, "client_document_scope", "openid email").await;
        let tokens = client.tokens("alice", &[("scope", "openid profile email")]).await;
        assert_eq!(tokens.text("scope"), "openid email");
        change(&app, "client_documents", "off").await;
        assert_eq!(metadata().await["client_id_metadata_document_supported"], false);
        assert_eq!(begin(&client).await.status, 400);
        let answer = client.redeem("ghc_x").await;
        assert_eq!((answer.status, answer.error()), (401, "invalid_client"));
        assert_eq!(elsewhere.connections(), 1);
    }
}

async fn change(app: &TestApp, key: &str, value: &str) {
    let changes = [(key.to_owned(), Some(value.to_owned()))].into();
    gatehouse::admin::settings::change(&app.app, &changes, None).await.unwrap();
}
