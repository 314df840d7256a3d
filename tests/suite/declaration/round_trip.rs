//! What is exported can be applied, and comes out of another installation byte by byte.

use gatehouse::admin::declaration::{self, Section};
use gatehouse::identity::account;
use gatehouse::model::client::{AccessTokenFormat, ClientKind, ConsentPolicy};
use gatehouse::model::scope::ScopeSettings;
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::model::user::UserSettings;
use gatehouse::oauth::clients::{self, NewClient};
use gatehouse::oauth::scopes;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use serde_json::json;

use super::{apply, everything, export, plan, prune};
use crate::support::database::FreshDatabase;
use crate::support::{Database, TestApp, on_every_database};

const ODD: [&str; 30] = [
    "no",
    "1e3",
    "null",
    "~",
    "true",
    ": #",
    "- a",
    "# a",
    "a: b",
    "[x]",
    "{x}",
    "&a",
    "*a",
    "!a",
    "|",
    ">",
    "%",
    "@",
    "`",
    "'",
    "\"",
    "\\",
    "<<",
    "---",
    "...",
    "0x1f",
    "🎉",
    "é",
    "2026-01-01",
    ".inf",
];

/// Makes everything that makes trouble.
async fn fill(app: &TestApp) {
    let app = &app.app;
    apply(app, "settings: { id_token_lifetime: 300, session_lifetime: 3d }").await;
    for (at, odd) in ODD.iter().enumerate() {
        let mut new = NewClient::of_kind(odd, ClientKind::ALL[at % 5]);
        let is_id = !odd.contains(['"', '\\', ':', ' ', '🎉', 'é']) && *odd != "...";
        new.id = Some(if is_id { (*odd).to_owned() } else { format!("c{at}") });
        if new.grant_types.contains(&GrantType::AuthorizationCode) {
            new.redirect_uris = vec![format!("https://c{at}.example/callback?a=%23&b='")];
        }
        if at % 3 == 0 {
            new.scope = Scope::parse("openid photos:read !").unwrap();
            new.consent_policy = ConsentPolicy::Skip;
            new.signing_algorithm = SigningAlgorithm::EdDsa;
            new.access_token_format = AccessTokenFormat::Opaque;
            new.access_token_lifetime = Some(60);
            new.logo_uri = Some("https://logo.example/a b?x=1#y".to_owned());
            new.is_disabled = true;
        }
        clients::register(app, new).await.unwrap();
        if !odd.contains(['"', '\\', ' ', '🎉', 'é']) {
            let settings = ScopeSettings {
                description: (*odd).to_owned(),
                roles: vec![odd.replace(' ', "")],
                ..ScopeSettings::default()
            };
            let name = if *odd == "..." { "dots" } else { odd };
            scopes::define(app, name, settings).await.unwrap();
        }
        let text = format!(" {odd} \n\t{odd}\r\n");
        let username = if odd.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '@')) {
            (*odd).to_owned()
        } else {
            format!("u{at}")
        };
        let settings = UserSettings {
            username,
            email: Some(format!("u{at}@example.com")),
            profile: json!({ "name": odd, "address": { "formatted": text } })
                .as_object()
                .unwrap()
                .clone(),
            extra_claims: json!({ *odd: [text, null, 1.0, 1e300, -7, true, {}, [], { *odd: odd }], " x ": {} })
                .as_object()
                .unwrap()
                .clone(),
            roles: vec![odd.replace(' ', "")],
            allowed_scope: (at % 2 == 0).then(|| Scope::parse("openid").unwrap()),
            ..UserSettings::default()
        };
        account::create(app, settings, None).await.unwrap();
    }
    let address = app.store.read().await.unwrap().scope("address").await.unwrap().unwrap();
    let settings = ScopeSettings {
        is_default: true,
        ..address.settings.clone()
    };
    scopes::change(app, address, settings).await.unwrap();
}

on_every_database! {
    async fn an_export_is_what_is_there(app: TestApp) {
        fill(&app).await;
        let text = export(&app.app).await;
        assert_eq!(export(&app.app).await, text);
        let before = everything(&app.app).await;
        let next = prune(&app.app, &text).await;
        assert!(next.is_empty(), "{:?}\n{text}", next.changes);
        declaration::apply(&app.app, next).await.unwrap();
        assert_eq!(everything(&app.app).await, before);

        for kind in [Database::Sqlite, Database::Postgres, Database::MySql] {
            let other = TestApp::on(FreshDatabase::create(kind).await, crate::support::app::Options::default()).await;
            apply(&other.app, &text).await;
            assert_eq!(export(&other.app).await, text, "{kind:?}");
            let next = prune(&other.app, &text).await;
            assert!(next.is_empty(), "{:?}", next.changes);
        }
    }

    async fn an_export_says_no_more_than_it_must(app: TestApp) {
        let header = "# Written by gatehouse export, for gatehouse apply. Secrets and passwords are not in it.\nversion: 1\n";
        assert_eq!(export(&app.app).await, format!("{header}settings: {{}}\nscopes: {{}}\nresources: {{}}\nclients: {{}}\nproviders: {{}}\nworkloads: {{}}\nusers: {{}}\n"));
        let text = "\
clients:
  agent:
    kind: mcp
    client_name: Agent
    redirect_uris:
      - http://127.0.0.1/callback
  album:
    client_name: Photo Album
    redirect_uris:
      - https://photos.example/callback
    access_token_lifetime: 300
  report:
    kind: service
    client_name: Report
";
        apply(&app.app, text).await;
        let clients = declaration::export(&app.app, &[Section::Clients]).await.unwrap();
        assert_eq!(clients, format!("{header}{text}"));
        assert!(plan(&app.app, &clients).await.is_empty());
        // What every server defines is written only when it was changed, and then only what was.
        apply(&app.app, "scopes: { phone: { default: true } }").await;
        let scopes = declaration::export(&app.app, &[Section::Scopes]).await.unwrap();
        assert_eq!(scopes, format!("{header}scopes:\n  phone:\n    default: true\n"));
    }
}
