//! Clients: from the first form to the last.

use gatehouse::admin::clients as engine;
use gatehouse::model::client::{ClientKind, ClientSettings};

use super::{Desk, words};
use crate::support::browser::http;
use crate::support::client::send;

/// The value of a field that is shown once.
fn shown(body: &str, label: &str) -> String {
    let rest = body
        .split(&format!(">{label}</label>"))
        .nth(1)
        .unwrap_or_else(|| panic!("no {label}: {body}"));
    rest.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_registered_with_the_few_things_it_needs() {
    let desk = Desk::new().await;
    for (kind, uri, has_secret) in [
        ("web", "https://app.example/callback", true),
        ("spa", "https://app.example/callback", false),
        ("native", "http://127.0.0.1/callback", false),
        ("service", "", true),
        ("mcp", "http://127.0.0.1/callback", false),
    ] {
        let page = desk.get(&format!("/admin/new-client?kind={kind}")).await;
        assert_eq!(page.body.contains("redirect_uris"), kind != "service");
        let values = [("client_name", kind), ("redirect_uris", uri)];
        let page = desk.send(&page, "/admin/new-client", &values).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let id = shown(&page.body, "Client ID");
        assert_eq!(page.body.contains("Client secret</label>"), has_secret, "{kind}");
        let client = engine::find(&desk.app.app, &id).await.unwrap();
        let usual = ClientSettings::of_kind(ClientKind::parse(kind).unwrap());
        assert_eq!(client.grant_types, usual.grant_types);
        assert!(client.scope.same_as(&usual.scope), "{kind}: {}", client.scope);
        if kind == "service" {
            let secret = shown(&page.body, "Client secret");
            let request = http().post(desk.app.url("/token")).basic_auth(&id, Some(&secret));
            assert_eq!(send(request.form(&[("grant_type", "client_credentials")])).await.status, 200);
            let later = desk.get(&format!("/admin/clients/{id}")).await;
            assert!(!later.body.contains(&secret), "it is shown once");
        }
    }
    let page = desk.get("/admin/clients?q=nati").await;
    assert!(page.body.contains(">native<") && !page.body.contains(">web<"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_said_at_its_field_and_nothing_typed_is_lost() {
    let desk = Desk::new().await;
    let page = desk.get("/admin/new-client?kind=web").await;
    let values = [
        ("client_name", "My \"app\""),
        ("redirect_uris", "https://ok.example/cb\r\nhttp://evil.example/cb"),
    ];
    let page = desk.send(&page, "/admin/new-client", &values).await;
    assert_eq!(page.status, 422);
    assert!(page.body.contains("<title>Error: "), "{}", page.body);
    assert!(
        page.body
            .contains("aria-describedby=\"field-redirect_uris-hint field-redirect_uris-problem\" aria-invalid=\"true\"")
    );
    assert!(words(&page).contains("http is only allowed for 127.0.0.1"));
    let (_, fields) = super::form(&page, "/admin/new-client");
    let typed = |name: &str| fields.iter().find(|(field, _)| field == name).unwrap().1.clone();
    assert_eq!(typed("client_name"), "My \"app\"");
    assert_eq!(
        typed("redirect_uris").replace('\r', ""),
        "https://ok.example/cb\nhttp://evil.example/cb"
    );
    assert_eq!(typed("kind"), "web");
    let page = desk
        .send(&page, "/admin/new-client", &[("redirect_uris", "https://ok.example/cb")])
        .await;
    assert_eq!(page.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_changed_and_a_fault_in_the_folded_part_is_seen() {
    let desk = Desk::new().await;
    let client = desk.app.confidential_client().await;
    let path = format!("/admin/clients/{}", client.id());
    let page = desk.get(&path).await;
    // Sent as it is, nothing changes.
    let page = desk.send(&page, &path, &[]).await;
    assert!(words(&page).contains("Saved."), "{}", page.body);
    let same = engine::find(&desk.app.app, client.id()).await.unwrap();
    assert_eq!((same.version, &same.settings), (1, &client.client.settings));
    let values = [("access_token_lifetime", "5"), ("client_name", "Other")];
    let page = desk.send(&page, &path, &values).await;
    assert_eq!(page.status, 422);
    assert!(page.body.contains("<details class=\"folded\" open>"), "{}", page.body);
    let values = [
        ("access_token_lifetime", "60"),
        ("may_introspect", ""),
        ("logo_uri", "https://app.example/logo.png"),
    ];
    desk.send(&page, &path, &values).await;
    let changed = engine::find(&desk.app.app, client.id()).await.unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.access_token_lifetime, changed.may_introspect),
        ("Other", Some(60), false)
    );
    assert_eq!(changed.logo_uri.as_deref(), Some("https://app.example/logo.png"));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_was_faster() {
    let desk = Desk::new().await;
    let client = desk.app.public_client().await;
    let path = format!("/admin/clients/{}", client.id());
    let mine = desk.get(&path).await;
    let question = desk.get(&format!("{path}/disabled")).await;
    let theirs = desk.get(&path).await;
    desk.send(&theirs, &path, &[("client_name", "Theirs")]).await;
    let page = desk
        .send(&mine, &path, &[("client_name", "Mine"), ("consent_policy", "always")])
        .await;
    assert_eq!(page.status, 412);
    let said = words(&page);
    assert!(said.contains("Somebody else changed this while you were editing"), "{said}");
    assert!(said.contains("Saved now: Theirs"), "{said}");
    assert!(page.body.contains("value=\"Mine\""), "what was typed is still there");
    assert_eq!(
        engine::find(&desk.app.app, client.id()).await.unwrap().name,
        "Theirs",
        "nothing was overwritten"
    );
    let page = desk.send(&page, &path, &[]).await;
    assert!(words(&page).contains("Saved."));
    assert_eq!(
        engine::find(&desk.app.app, client.id()).await.unwrap().name,
        "Mine",
        "now on purpose"
    );
    // A form without a version replaces nothing.
    let page = desk.send(&mine, &path, &[("version", ""), ("client_name", "Blind")]).await;
    assert_eq!(page.status, 412);
    // Nor does a button of a page from before.
    let page = desk.send(&question, "/disabled", &[]).await;
    assert_eq!(page.status, 412);
    assert!(!engine::find(&desk.app.app, client.id()).await.unwrap().is_disabled);
    // Something else was wrong with it first: the version that was read stays the one that is expected.
    let mine = desk.get(&path).await;
    let wrong = desk.send(&mine, &path, &[("client_name", "")]).await;
    assert_eq!(wrong.status, 422);
    desk.send(&desk.get(&path).await, &path, &[("client_name", "Theirs again")]).await;
    assert_eq!(desk.send(&wrong, &path, &[("client_name", "Mine again")]).await.status, 412);
}

#[tokio::test(flavor = "multi_thread")]
async fn off_and_on_and_away() {
    let desk = Desk::new().await;
    let client = desk.app.public_client().await;
    let path = format!("/admin/clients/{}", client.id());
    let page = desk.get(&path).await;
    assert!(!page.body.contains(&format!("action=\"{path}/disabled\"")), "{}", page.body);
    let question = desk.get(&format!("{path}/disabled")).await;
    assert!(
        words(&question).contains("Disable this client? Example App stops working at once."),
        "{}",
        words(&question)
    );
    let page = desk.send(&question, "/disabled", &[]).await;
    assert!(words(&page).contains("Disabled: nothing works with it any more."));
    assert!(engine::find(&desk.app.app, client.id()).await.unwrap().is_disabled);
    let page = desk.send(&page, "/disabled", &[]).await;
    assert!(words(&page).contains("Enabled."));
    let page = desk.get(&format!("{path}/delete")).await;
    let page = desk.send(&page, "/delete", &[]).await;
    assert!(words(&page).contains("Deleted."));
    assert_eq!(desk.get(&path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_replaced_and_the_old_one_works_as_long_as_was_said() {
    let desk = Desk::new().await;
    let client = desk.app.confidential_client().await;
    let old = client.secret.clone().unwrap();
    let path = format!("/admin/clients/{}/secret", client.id());
    let works = async |secret: &str| {
        let request = http().post(desk.app.url("/token")).basic_auth(client.id(), Some(secret));
        send(request.form(&[("grant_type", "client_credentials")])).await.status == 200
    };
    let page = desk.get(&path).await;
    let page = desk.send(&page, "/secret", &[("overlap", "3600")]).await;
    let new = shown(&page.body, "Client secret");
    assert!(works(&old).await && works(&new).await);
    // The same form again is one from before.
    assert_eq!(desk.send(&page, "/admin/sign-out", &[]).await.status, 200);
    let page = desk.get("/admin/sign-in").await;
    desk.send(&page, "/admin/sign-in", &[("admin_token", &desk.token)]).await;
    let page = desk.get(&path).await;
    assert!(words(&page).contains("The secret before works until in 1 hour"), "{}", words(&page));
    desk.app.advance(3601);
    assert!(!works(&old).await && works(&new).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_to_begin_with_are_made_for_the_client() {
    let desk = Desk::new().await;
    let client = desk.app.public_client().await;
    let page = desk.get(&format!("/admin/clients/{}/connect", client.id())).await;
    let said = words(&page);
    for part in [
        client.id(),
        "https://app.example/callback",
        "code_challenge_method",
        "PkceCodeChallenge",
        "code_verifier",
    ] {
        assert!(said.contains(part), "{part}");
    }
    assert!(!said.contains("CLIENT_SECRET"), "it has none");
    let client = desk
        .app
        .client(gatehouse::protocol::client_authentication::AuthMethod::ClientSecretBasic, |new| {
            new.settings = ClientSettings {
                name: "Service".to_owned(),
                ..ClientSettings::of_kind(ClientKind::Service)
            };
        });
    let client = client.await;
    let said = words(&desk.get(&format!("/admin/clients/{}/connect", client.id())).await);
    assert!(said.contains("grant_type=client_credentials") && said.contains("CLIENT_SECRET"));
    assert!(!said.contains("code_challenge"));
}
