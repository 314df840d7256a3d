//! Who is answered: whoever signs with a key that is worth something, and on this machine, where that is set, others too.

use gatehouse::federation::access_keys::{AccessKeySettings, change};
use gatehouse::model::event::{EventFilter, EventKind};
use gatehouse::protocol::scope::Scope;
use serde_json::{Value, json};

use super::signer::{Bent, Signer, sha256_hex};
use super::{Program, is_refused, on_every_database_with_agentcore, owner, program, started, started_with};
use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::client::{Answer, send};
use crate::support::{Database, TestApp};
use crate::vault::workload;

const ITSELF: &str = "GetWorkloadAccessToken";

fn body() -> Value {
    json!({ "workloadName": "agent" })
}

async fn refusals(app: &TestApp) -> Vec<String> {
    let filter = EventFilter {
        kind: Some(EventKind::AccessKeyRefused),
        ..EventFilter::default()
    };
    let mut connection = app.app.store.read().await.unwrap();
    let events = connection.events_nearby(&filter, None, 100).await.unwrap().events;
    events
        .iter()
        .map(|event| event.detail["reason"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_not_there_unless_it_is_switched_on() {
    let app = TestApp::start(Database::Sqlite).await;
    let program = program(&app, owner(&app).await.id(), true).await;
    for operation in [
        ITSELF,
        "oauth2/token",
        "api-key",
        "CompleteResourceTokenAuth",
        "CreateWorkloadIdentity",
        "ListOauth2CredentialProviders",
    ] {
        assert_eq!(program.call(operation, body()).await.status, 404, "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_counts_as_it_was_signed_and_not_otherwise() {
    let app = started(Database::Sqlite).await;
    let owner = owner(&app).await;
    workload(&app.app, "agent", owner.id()).await;
    let program = program(&app, owner.id(), false).await;
    program.done(200, ITSELF, body()).await;
    // The same once more, and with a digest of the body: there is nothing in a signature that is good for once only.
    program.done(200, ITSELF, body()).await;
    let digest = Bent {
        signed: vec![("x-amz-content-sha256", sha256_hex(body().to_string().as_bytes()))],
        ..Bent::default()
    };
    assert_eq!(program.call_bent(ITSELF, body(), &digest).await.status, 200);
    // As it goes through a proxy that writes another host: the client has signed that of the issuer.
    let proxied = Bent {
        sent: vec![("host", "10.0.0.1:8000".to_owned())],
        ..Bent::default()
    };
    assert_eq!(program.call_bent(ITSELF, body(), &proxied).await.status, 200);
    // As somebody signs it who reaches the server under another name.
    let inside = Bent {
        signed: vec![("host", "gatehouse.internal:8000".to_owned())],
        sent: vec![("host", "gatehouse.internal:8000".to_owned())],
        ..Bent::default()
    };
    assert_eq!(program.call_bent(ITSELF, body(), &inside).await.status, 200);

    let sent = |name, value: &str| Bent {
        sent: vec![(name, value.to_owned())],
        ..Bent::default()
    };
    let replaced = |from: &str, to: &str| Bent {
        replaced: Some((from.to_owned(), to.to_owned())),
        ..Bent::default()
    };
    let invalid = (403, "InvalidSignatureException");
    let incomplete = (400, "IncompleteSignatureException");
    let unknown = (403, "UnrecognizedClientException");
    let cases = [
        (
            "no signature",
            Bent {
                is_unsigned: true,
                ..Bent::default()
            },
            (403, "MissingAuthenticationTokenException"),
        ),
        (
            "another body",
            Bent {
                body: Some(json!({ "workloadName": "other" }).to_string()),
                ..Bent::default()
            },
            invalid,
        ),
        (
            "another operation",
            Bent {
                path: Some("/identities/GetWorkloadAccessTokenForJWT".to_owned()),
                ..Bent::default()
            },
            invalid,
        ),
        (
            "a query",
            Bent {
                path: Some(format!("/identities/{ITSELF}?a=b")),
                ..Bent::default()
            },
            invalid,
        ),
        (
            "a signature in the URL",
            Bent {
                path: Some(format!("/identities/{ITSELF}?X-Amz-Signature=b")),
                ..Bent::default()
            },
            incomplete,
        ),
        (
            "another host that was signed",
            Bent {
                signed: vec![("host", "elsewhere.example".to_owned())],
                ..Bent::default()
            },
            invalid,
        ),
        (
            "no host",
            Bent {
                unsigned: vec!["host"],
                ..Bent::default()
            },
            incomplete,
        ),
        (
            "no content type",
            Bent {
                unsigned: vec!["content-type"],
                ..Bent::default()
            },
            incomplete,
        ),
        (
            "no date",
            Bent {
                unsigned: vec!["x-amz-date"],
                ..Bent::default()
            },
            incomplete,
        ),
        (
            "another content type",
            sent("content-type", "application/json; charset=utf-8"),
            invalid,
        ),
        ("another date", sent("x-amz-date", "20270115T080001Z"), invalid),
        ("a token", sent("x-amz-security-token", "t"), unknown),
        (
            "an unsigned digest",
            sent("x-amz-content-sha256", &sha256_hex(body().to_string().as_bytes())),
            incomplete,
        ),
        (
            "a signed digest of something else",
            Bent {
                signed: vec![("x-amz-content-sha256", sha256_hex(b"else"))],
                ..Bent::default()
            },
            invalid,
        ),
        (
            "an unsigned body",
            Bent {
                signed: vec![("x-amz-content-sha256", "UNSIGNED-PAYLOAD".to_owned())],
                ..Bent::default()
            },
            invalid,
        ),
        ("another region", replaced("eu-west-1", "us-east-1"), invalid),
        ("another service", replaced("bedrock-agentcore", "s3"), invalid),
        ("another key", replaced(&program.signer.key, "GHAKAAAAAAAAAAAAAAAA"), unknown),
        ("a key of AWS", replaced(&program.signer.key, "AKIAIOSFODNN7EXAMPLE"), unknown),
        ("no algorithm", replaced("AWS4-HMAC-SHA256", "Basic"), incomplete),
    ];
    for (what, bent, expected) in cases {
        is_refused(&program.call_bent(ITSELF, body(), &bent).await, expected, what);
    }
    // Two of a header.
    let request = program
        .signer
        .request(http(), &app.url(&format!("/identities/{ITSELF}")), &body(), &Bent::default());
    let twice = send(request.header("x-amz-date", program.signer.date_time())).await;
    is_refused(&twice, incomplete, "two dates");
    // The wrong secret, and the wrong time.
    for (what, signer) in [
        (
            "secret",
            Signer {
                secret: "ghsk_another".to_owned(),
                ..program.signer.clone()
            },
        ),
        (
            "too late",
            Signer {
                at: program.signer.at - 301,
                ..program.signer.clone()
            },
        ),
        (
            "too early",
            Signer {
                at: program.signer.at + 301,
                ..program.signer.clone()
            },
        ),
    ] {
        let request = signer.request(http(), &app.url(&format!("/identities/{ITSELF}")), &body(), &Bent::default());
        is_refused(&send(request).await, invalid, what);
    }
    // It is in the log once, with the key and not as somebody who has proved anything.
    assert_eq!(refusals(&app).await, ["signature"]);
    // What was captured is worth nothing when its time is over.
    app.advance(301);
    is_refused(&program.call(ITSELF, body()).await, invalid, "later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_are_read_strictly() {
    let app = started(Database::Sqlite).await;
    let owner = owner(&app).await;
    workload(&app.app, "agent", owner.id()).await;
    let program = program(&app, owner.id(), true).await;
    let validation = (400, "ValidationException");
    for wrong in [
        json!({}),
        json!([]),
        json!("agent"),
        json!({ "workloadName": 1 }),
        json!({ "workloadName": null }),
        json!({ "workloadName": "agent", "more": 1 }),
    ] {
        program.refused(validation, ITSELF, wrong).await;
    }
    let wrong = |text: &str, kind: &str| {
        // The signature covers what is sent; the test signer signs values only.
        let headers = vec![
            ("content-type".to_owned(), kind.to_owned()),
            ("host".to_owned(), app.app.issuer.host()),
            ("x-amz-date".to_owned(), program.signer.date_time()),
        ];
        let path = format!("/identities/{ITSELF}");
        let authorization = program.signer.authorization("POST", &path, "", &headers, text.as_bytes());
        let request = http()
            .post(app.url(&path))
            .header("content-type", kind)
            .header("x-amz-date", program.signer.date_time());
        send(request.header("authorization", authorization).body(text.to_owned()))
    };
    let twice = r#"{ "workloadName": "agent", "workloadName": "agent" }"#;
    for (text, kind) in [
        ("{", "application/json"),
        (twice, "application/json"),
        (r#"{"workloadName":"agent"}"#, "text/plain"),
        ("", "application/json"),
    ] {
        is_refused(&wrong(text, kind).await, validation, text);
    }
    assert_eq!(wrong(r#"{"workloadName":"agent"}"#, "application/json").await.status, 200);
    is_refused(
        &wrong(&format!("\"{}\"", "x".repeat(70_000)), "application/json").await,
        validation,
        "too much",
    );
    let get = send(http().get(app.url(&format!("/identities/{ITSELF}")))).await;
    assert_eq!((get.status, get.header("x-amzn-errortype")), (400, "ValidationException"));
    // What is not there says nothing in their way.
    assert_eq!(send(http().post(app.url("/identities/GetResourcePaymentToken"))).await.status, 404);
}

on_every_database_with_agentcore! {
    async fn a_key_is_worth_what_its_client_is(app: TestApp) {
        let mut owner = owner(&app).await;
        workload(&app.app, "agent", owner.id()).await;
        let program = program(&app, owner.id(), false).await;
        let denied = (403, "AccessDeniedException");
        program.done(200, ITSELF, body()).await;
        // Without the right to administer it sees nothing of the control plane.
        for operation in ["CreateWorkloadIdentity", "GetWorkloadIdentity", "ListWorkloadIdentities", "DeleteOauth2CredentialProvider", "ListApiKeyCredentialProviders"] {
            program.refused(denied, operation, json!({ "name": "agent" })).await;
        }
        // Disabled, and enabled again.
        let mut reader = app.app.store.read().await.unwrap();
        let key = reader.access_key(&program.signer.key).await.unwrap().unwrap();
        drop(reader);
        let settings = |is_disabled| AccessKeySettings { name: "renamed".to_owned(), is_disabled };
        let key = change(&app.app, key, settings(true)).await.unwrap();
        program.refused(denied, ITSELF, body()).await;
        change(&app.app, key, settings(false)).await.unwrap();
        program.done(200, ITSELF, body()).await;
        // The scope, the grant and the client itself.
        let all = owner.client.settings.clone();
        let update = async |owner: &mut crate::support::client::TestClient| {
            let mut reader = app.app.store.read().await.unwrap();
            owner.client.version = reader.client(&owner.client.id).await.unwrap().unwrap().version;
            drop(reader);
            let mut tx = app.app.store.begin().await.unwrap();
            assert!(tx.update_client(&owner.client).await.unwrap());
            tx.commit().await.unwrap();
        };
        for change in ["scope", "grant", "disabled"] {
            owner.client.settings = all.clone();
            match change {
                "scope" => owner.client.settings.scope = Scope::parse("openid read").unwrap(),
                "grant" => owner.client.settings.grant_types.pop().map(drop).unwrap(),
                _ => owner.client.settings.is_disabled = true,
            }
            update(&mut owner).await;
            program.refused(denied, ITSELF, body()).await;
        }
        owner.client.settings = all;
        update(&mut owner).await;
        program.done(200, ITSELF, body()).await;
        let mut reasons = refusals(&app).await;
        reasons.dedup();
        assert!(reasons.iter().all(|reason| ["client", "disabled"].contains(&reason.as_str())) && !reasons.is_empty(), "{reasons:?}");
        // With its client it goes.
        let mut tx = app.app.store.begin().await.unwrap();
        assert!(tx.delete_client(owner.id(), app.app.now()).await.unwrap());
        tx.commit().await.unwrap();
        program.refused((403, "UnrecognizedClientException"), ITSELF, body()).await;
        assert!(app.app.store.read().await.unwrap().access_key(&program.signer.key).await.unwrap().is_none());
    }
}

async fn unsigned(app: &TestApp, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = http().post(app.url(&format!("/identities/{ITSELF}"))).json(&body());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_this_machine_a_signature_can_be_left_out() {
    let app = started_with(Database::Sqlite, "unsigned:local").await;
    // Whoever the client is must be there, and may use the vault.
    is_refused(&unsigned(&app, &[]).await, (403, "AccessDeniedException"), "no client");
    let made = app
        .client(gatehouse::protocol::client_authentication::AuthMethod::ClientSecretBasic, |new| {
            new.id = Some("local".to_owned());
            new.scope = Scope::parse("openid vault").unwrap();
            new.grant_types = vec![gatehouse::protocol::token_request::GrantType::ClientCredentials];
        })
        .await;
    assert_eq!(made.id(), "local");
    workload(&app.app, "agent", "local").await;
    assert_eq!(unsigned(&app, &[]).await.status, 200);
    // As an SDK signs it that has made up a key.
    let madeup = Program {
        signer: Signer::new("AKIAIOSFODNN7EXAMPLE", "any", app.app.now() - 10_000),
        base: app.base.clone(),
    };
    madeup.done(200, ITSELF, body()).await;
    madeup.done(201, "CreateWorkloadIdentity", json!({ "name": "another" })).await;
    // A key of ours is verified nevertheless, and is its client's.
    let owner = owner(&app).await;
    let program = program(&app, owner.id(), true).await;
    program.refused((404, "ResourceNotFoundException"), ITSELF, body()).await;
    let wrong = Program {
        signer: Signer {
            secret: "ghsk_wrong".to_owned(),
            ..program.signer.clone()
        },
        base: app.base.clone(),
    };
    wrong.refused((403, "InvalidSignatureException"), ITSELF, body()).await;
    // Pages of other sites, names that were made to lead here, and what a proxy sends on.
    let denied = (403, "AccessDeniedException");
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("host", "rebound.example:8000"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("x-forwarded-host", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("via", "1.1 proxy"),
        ("cf-connecting-ip", "127.0.0.1"),
        ("host", "127.0.0.1"),
    ] {
        is_refused(&unsigned(&app, &[(name, value)]).await, denied, name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_a_path_it_is_signed_with_the_path() {
    let options = Options {
        settings: vec![("agentcore", "on".to_owned())],
        path: "/id",
        ..Options::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    let owner = owner(&app).await;
    workload(&app.app, "agent", owner.id()).await;
    program(&app, owner.id(), false).await.done(200, ITSELF, body()).await;
}
