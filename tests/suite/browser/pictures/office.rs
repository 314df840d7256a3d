//! A small office on an ordinary Friday morning: people, applications, and what they did in the last weeks.

use gatehouse::admin::users::id_of;
use gatehouse::federation::connections::NewConnection;
use gatehouse::federation::providers::{Credential, register as add_provider};
use gatehouse::federation::workloads::{self, NewWorkload};
use gatehouse::model::client::{ClientKind, ConsentPolicy};
use gatehouse::model::provider::{ProviderKind, ProviderSettings};
use gatehouse::model::scope::{ScopeDefinition, ScopeSettings};
use gatehouse::model::statistic::Statistic;
use gatehouse::model::workload::WorkloadSettings;
use gatehouse::oauth::clients::{self, NewClient};
use gatehouse::protocol::scope::Scope;
use secrecy::SecretString;

use crate::support::app::Options;
use crate::support::client::TestClient;
use crate::support::{Browser, Database, TestApp};
use crate::vault::{given, kept};

/// Where people believe to be; the browser comes to the server without the proxy that would be there.
pub const ISSUER: &str = "https://login.example.com";

const DAY: u64 = 86_400;
const HOUR: i64 = 3600;

const LAPTOP: &str =
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15";
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";
const TABLET: &str = "Mozilla/5.0 (Linux; Android 15; Pixel Tablet) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36";
const DESKTOP: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:139.0) Gecko/20100101 Firefox/139.0";

const PEOPLE: [(&str, &str, &str); 12] = [
    ("amelie", "Amélie Laurent", ""),
    ("bob", "Bob Brown", ""),
    ("chen", "Chen Wei", ""),
    ("dana", "Dana Kowalska", "auditor"),
    ("erik", "Erik Lindqvist", ""),
    ("fatima", "Fatima al-Zahra", ""),
    ("george", "George Okafor", ""),
    ("hanna", "Hanna Vogel", ""),
    ("ines", "Inês Carvalho", ""),
    ("jonas", "Jonas Berg", ""),
    ("kim", "Kim Min-jun", ""),
    ("alice", "Alice Adams", "admin"),
];

const APPLICATIONS: [(&str, &str, ClientKind, &str); 6] = [
    ("wiki", "Wiki", ClientKind::Web, "openid profile email offline_access"),
    (
        "photo-album",
        "Photo Album",
        ClientKind::Web,
        "openid profile email offline_access photos:read",
    ),
    ("board", "Board", ClientKind::Spa, "openid profile email offline_access"),
    (
        "pocket-calendar",
        "Pocket Calendar",
        ClientKind::Native,
        "openid profile offline_access calendar:read",
    ),
    ("nightly-report", "Nightly report", ClientKind::Service, "photos:read"),
    ("editor", "Editor assistant", ClientKind::Mcp, "openid offline_access"),
];

/// The office; its clock stands at the moment of the picture.
pub async fn office() -> TestApp {
    let options = Options {
        settings: vec![("issuer", ISSUER.to_owned()), ("trusted_proxies", "127.0.0.1".to_owned())],
        ..Options::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    scope(&app, "photos:read", "See your photos").await;
    scope(&app, "calendar:read", "Read your calendar").await;
    for (username, name, role) in PEOPLE {
        app.user_with(username, |new| {
            new.profile.insert("name".to_owned(), name.into());
            new.roles = Some(role.to_owned()).into_iter().filter(|role| !role.is_empty()).collect();
            new.is_disabled = username == "jonas";
        })
        .await;
        app.advance(DAY / 3);
    }
    let mut registered = Vec::new();
    for (id, name, kind, scope) in APPLICATIONS {
        registered.push(register(&app, id, name, kind, scope).await);
        app.advance(DAY);
    }
    let [wiki, album, board, calendar, ..] = registered.as_slice() else {
        panic!("there are six");
    };
    busy(&app, "amelie", LAPTOP, "198.51.100.7", &[wiki, album]).await;
    app.advance(2 * DAY);
    busy(&app, "chen", PHONE, "203.0.113.24", &[calendar]).await;
    app.advance(DAY);
    busy(&app, "hanna", DESKTOP, "198.51.100.9", &[wiki, board]).await;
    busy(&app, "alice", PHONE, "203.0.113.80", &[album, calendar]).await;
    app.advance(DAY - 3600);
    busy(&app, "fatima", DESKTOP, "198.51.100.31", &[wiki]).await;
    app.advance(2 * 3600);
    mistyped(&app, "kim", "203.0.113.66").await;
    busy(&app, "kim", TABLET, "203.0.113.66", &[board, album]).await;
    app.advance(2520);
    busy(&app, "erik", LAPTOP, "198.51.100.12", &[wiki]).await;
    app.advance(1140);
    numbers(&app).await;
    vault(&app).await;
    app
}

/// What agents may ask people for, and what people gave them.
async fn vault(app: &TestApp) {
    let scope = |text: &str| Scope::parse(text).expect("a scope");
    let calendar = "https://www.googleapis.com/auth/calendar.readonly";
    for (id, name, preset, text) in [("google", "Google", "google", calendar), ("github", "GitHub", "github", "read:org")] {
        let settings = ProviderSettings {
            name: name.to_owned(),
            preset: preset.to_owned(),
            client_id: "login-example".to_owned(),
            scope: scope(text),
            ..ProviderSettings::default()
        };
        let secret = Credential::ClientSecret(SecretString::from("a secret"));
        add_provider(&app.app, id, settings, Some(secret)).await.expect("a provider");
    }
    let weather = ProviderSettings {
        name: "Weather".to_owned(),
        kind: ProviderKind::ApiKey,
        ..ProviderSettings::default()
    };
    let key = Credential::ApiKey(SecretString::from("a key"));
    add_provider(&app.app, "weather", weather, Some(key)).await.expect("a provider");
    let mut assistant = NewClient::of_kind("Assistant", ClientKind::Service);
    assistant.id = Some("assistant".to_owned());
    assistant.scope = scope("vault");
    clients::register(&app.app, assistant).await.expect("a client");
    let ceilings = [("google", calendar), ("weather", "")].map(|(id, text)| (id.to_owned(), scope(text)));
    let new = NewWorkload {
        name: "calendar-agent".to_owned(),
        client_id: "assistant".to_owned(),
        settings: WorkloadSettings {
            display_name: "Calendar agent".to_owned(),
            return_uris: vec!["https://assistant.example.com/connected".to_owned()],
            ceilings: ceilings.into(),
            ..WorkloadSettings::default()
        },
    };
    let agent = workloads::create(&app.app, new).await.expect("a workload");
    for username in ["amelie", "chen", "erik", "hanna"] {
        let user = id_of(&app.app, username).await.expect("a database").expect("a person");
        let given = NewConnection {
            provider_id: "google".to_owned(),
            account_label: format!("{username}@example.com"),
            scope: scope(calendar),
            ..given(&user, username, 1)
        };
        kept(&app.app, &agent, &given).await;
    }
}

async fn scope(app: &TestApp, name: &str, description: &str) {
    let now = app.app.now();
    let mut tx = app.app.store.begin().await.expect("a transaction");
    tx.insert_scope(&ScopeDefinition {
        name: name.to_owned(),
        settings: ScopeSettings {
            description: description.to_owned(),
            ..ScopeSettings::default()
        },
        version: 1,
        created_at: now,
        updated_at: now,
    })
    .await
    .expect("an insertion");
    tx.commit().await.expect("a commit");
}

async fn register(app: &TestApp, id: &str, name: &str, kind: ClientKind, scope: &str) -> TestClient {
    let mut new = NewClient::of_kind(name, kind);
    new.id = Some(id.to_owned());
    new.scope = Scope::parse(scope).expect("a scope");
    new.redirect_uris = match kind {
        ClientKind::Service => Vec::new(),
        ClientKind::Native | ClientKind::Mcp => vec!["http://127.0.0.1/callback".to_owned()],
        ClientKind::Web | ClientKind::Spa => vec![format!("https://{id}.example.com/callback")],
    };
    new.consent_policy = if id == "wiki" { ConsentPolicy::Skip } else { ConsentPolicy::Once };
    if id == "photo-album" {
        new.redirect_uris.push(format!("{ISSUER}/admin/playground/callback"));
    }
    let registered = clients::register(&app.app, new).await.expect("the client is registered");
    TestClient::new(app, registered.client, registered.secret)
}

/// Somebody signs in and uses some applications.
async fn busy(app: &TestApp, username: &str, user_agent: &str, address: &str, applications: &[&TestClient]) {
    let browser = Browser::named(user_agent, address);
    for client in applications {
        let scope = client.client.scope.to_string();
        let mut page = browser.get(&client.authorize_url(&[("scope", &scope)])).await;
        for _ in 0..10 {
            page = match page.location() {
                Some(at) if !at.starts_with(&client.redirect_uri) => browser.get(&at.replace(ISSUER, &app.base)).await,
                Some(_) => break,
                None if page.body.contains("name=\"password\"") => {
                    browser.submit(&page, &[("username", username), ("password", username)]).await
                }
                None => browser.submit(&page, &[("decision", "allow")]).await,
            };
        }
        let code = page.answer("code").unwrap_or_else(|| panic!("no code: {}", page.body));
        assert_eq!(client.redeem(&code).await.status, 200);
        app.advance(97);
    }
}

/// Somebody has forgotten their password, nearly.
async fn mistyped(app: &TestApp, username: &str, address: &str) {
    let browser = Browser::named(TABLET, address);
    let page = browser.get(&app.url("/login")).await;
    for guess in ["kim1", "Kim"] {
        browser.submit(&page, &[("username", username), ("password", guess)]).await;
        app.advance(11);
    }
}

/// What the dashboard draws: more by day than by night, and little at the weekend.
async fn numbers(app: &TestApp) {
    let last = app.app.now() / HOUR * HOUR;
    let mut tx = app.app.store.begin().await.expect("a transaction");
    for back in 0..30 * 24 {
        let hour = last - back * HOUR;
        let (of_day, day) = (hour / HOUR % 24, hour / (24 * HOUR));
        // The epoch was a Thursday.
        let is_weekend = matches!((day + 4) % 7, 0 | 6);
        let busy = match of_day {
            7..=8 => 9,
            9..=11 => 6,
            12..=16 => 5,
            17..=21 => 2,
            _ => 0,
        };
        let busy = if is_weekend { busy / 4 } else { busy + (hour / HOUR * 7 + day) % 3 };
        let amounts = [
            (Statistic::SignIns, busy),
            (Statistic::FailedSignIns, i64::from((hour / HOUR) % 5 == 0) * busy / 4),
            (Statistic::CodeTokens, busy * 2),
            (Statistic::RefreshTokens, 8 + busy * 3),
            (Statistic::ClientTokens, if of_day == 2 { 6 } else { 1 }),
        ];
        for (statistic, amount) in amounts {
            tx.add_to_stat(hour, statistic, amount).await.expect("a number");
        }
        tx.put_stat(hour, Statistic::ActiveGrants, 31 + busy + day % 7)
            .await
            .expect("a number");
        tx.put_stat(hour, Statistic::Sessions, 14 + busy).await.expect("a number");
    }
    tx.commit().await.expect("a commit");
}
