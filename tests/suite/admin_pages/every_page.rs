//! What holds for every page: it has a title and one heading, nothing in it is inline, and nothing that people
//! typed becomes a part of it.

use actix_web::http::Method;
use gatehouse::app::App;
use gatehouse::federation::connections::NewConnection;
use gatehouse::federation::providers::{self, Credential, presets};
use gatehouse::federation::workloads::{self, NewWorkload};
use gatehouse::model::client::ClientKind;
use gatehouse::model::client::ConsentPolicy;
use gatehouse::model::provider::{ProviderKind, ProviderSettings};
use gatehouse::model::resource::ResourceSettings;
use gatehouse::model::workload::WorkloadSettings;
use gatehouse::oauth::clients::{self, NewClient};
use gatehouse::oauth::initial_access_tokens::{self, NewToken};
use gatehouse::oauth::resources;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::web::routes;
use secrecy::SecretString;

use super::Desk;
use crate::support::{Browser, Page};
use crate::vault;

const EVIL: &str = "<script>alert(1)</script>\"'><img src=x>&amp;";

/// Things whose names want to be more than names.
pub struct Things {
    pub client: String,
    pub user: String,
    scope: String,
    resource: String,
    key: String,
    event: String,
    grant: String,
    session: String,
    initial_token: String,
    pub connection: String,
}

/// A provider, an agent, and what somebody gave it there, all of whose names want to be more. With a second provider that
/// keeps an API key. The id of the connection.
async fn elsewhere(app: &App, client_id: &str, user_id: &str) -> String {
    let settings = ProviderSettings {
        name: EVIL.to_owned(),
        preset: "slack".to_owned(),
        client_id: EVIL.to_owned(),
        authorization_parameters: [("evil".to_owned(), EVIL.to_owned())].into(),
        scope: Scope::parse("<script>alert(1)</script>").expect("a scope"),
        ..ProviderSettings::default()
    };
    providers::register(app, "evil", settings, None).await.expect("a provider");
    let parameters = [("domain", "evil.example"), ("audience", EVIL)];
    let settings = ProviderSettings {
        name: EVIL.to_owned(),
        preset: "auth0".to_owned(),
        client_id: EVIL.to_owned(),
        parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..ProviderSettings::default()
    };
    providers::register(app, "evil-audience", settings, None).await.expect("a provider");
    let settings = ProviderSettings {
        name: EVIL.to_owned(),
        kind: ProviderKind::ApiKey,
        ..ProviderSettings::default()
    };
    let key = Credential::ApiKey(SecretString::from(EVIL));
    providers::register(app, "evil-key", settings, Some(key)).await.expect("a provider");
    let ceiling = |id: &str| (id.to_owned(), Scope::parse("'$(id) <script>alert(1)</script>").expect("a scope"));
    let new = NewWorkload {
        name: "evil-agent".to_owned(),
        client_id: client_id.to_owned(),
        settings: WorkloadSettings {
            display_name: EVIL.to_owned(),
            return_uris: vec!["https://agent.example/'quoted'$(id)?a=1&b=2".to_owned()],
            ceilings: ["evil", "evil-key", "gone"].map(ceiling).into(),
            ..WorkloadSettings::default()
        },
    };
    let agent = workloads::create(app, new).await.expect("a workload");
    let given = NewConnection {
        provider_id: "evil".to_owned(),
        account: EVIL.to_owned(),
        account_label: format!("\u{202e}{EVIL}"),
        scope: Scope::parse("<script>alert(1)</script>").expect("a scope"),
        ..vault::given(user_id, EVIL, 1)
    };
    vault::kept(app, &agent, &given).await.id
}

impl Things {
    pub async fn make(desk: &Desk) -> Self {
        let app = &desk.app;
        app.define_scope("<script>alert(1)</script>", &[]).await;
        let client = app
            .client(AuthMethod::ClientSecretBasic, |new| {
                EVIL.clone_into(&mut new.name);
                new.id = Some("<script>alert(1)</script>'x".to_owned());
                new.redirect_uris.push("https://app.example/'quoted'$(id)?a=1&b=2".to_owned());
                new.consent_policy = ConsentPolicy::Once;
            })
            .await;
        let mut service = NewClient::of_kind(EVIL, ClientKind::Service);
        service.id = Some("service".to_owned());
        clients::register(&app.app, service).await.expect("a service");
        let resource = ResourceSettings {
            name: EVIL.to_owned(),
            ..ResourceSettings::default()
        };
        let identifier = "https://evil.example/'x'?a=1&b=2";
        resources::register(&app.app, identifier, resource).await.expect("a resource");
        let user = app
            .user_with("mallory", |new| {
                new.profile.insert("name".to_owned(), EVIL.into());
                new.extra_claims.insert(EVIL.to_owned(), EVIL.into());
                new.roles = vec!["<script>alert(1)</script>".to_owned()];
            })
            .await;
        client.tokens("mallory", &[]).await;
        let browser = Browser::new();
        let page = browser.visit(&app.url("/login")).await;
        browser.submit(&page, &[("username", EVIL), ("password", "wrong")]).await;
        let grants = desk.get("/admin/grants").await;
        let sessions = desk.get("/admin/sessions").await;
        let first = |page: &Page, place: &str| {
            let rest = page.body.split(&format!("/admin/{place}/")).nth(1).expect("there is one");
            rest.split('/').next().expect("its id").to_owned()
        };
        let token = NewToken {
            name: EVIL.to_owned(),
            expires_in: 3600,
            uses: Some(3),
        };
        let (initial_token, _) = initial_access_tokens::create(&app.app, token).await.expect("a token");
        let connection = elsewhere(&app.app, "service", &user.id).await;
        let key = app.app.keys.current().records().next().expect("a key").id.clone();
        let events = desk.get("/admin/events").await;
        let event = events.body.split("/admin/events/").nth(1).expect("an event");
        Self {
            client: "%3Cscript%3Ealert%281%29%3C%2Fscript%3E%27x".to_owned(),
            user: user.id,
            scope: "%3Cscript%3Ealert%281%29%3C%2Fscript%3E".to_owned(),
            resource: "https%3A%2F%2Fevil.example%2F%27x%27%3Fa%3D1%26b%3D2".to_owned(),
            key,
            event: event.split('"').next().expect("its id").to_owned(),
            grant: first(&grants, "grants"),
            session: first(&sessions, "sessions"),
            initial_token: initial_token.id,
            connection,
        }
    }

    /// Every page that can be opened.
    pub fn pages(&self) -> Vec<String> {
        let mut pages: Vec<String> = routes::all()
            .filter(|route| route.path.starts_with("/admin") && route.methods.contains(&Method::GET))
            .map(|route| filled(route.path, self))
            .collect();
        assert!(pages.len() > 25, "{pages:?}");
        pages.extend(["web", "spa", "native", "service", "mcp"].map(|kind| format!("/admin/new-client?kind={kind}")));
        let presets = presets::ALL.iter().map(|preset| preset.id).chain(["api_key"]);
        pages.extend(presets.map(|preset| format!("/admin/new-provider?preset={preset}")));
        pages.extend(["gatehouse", "oauth2"].map(|preset| format!("/admin/new-provider?preset={preset}&as=other")));
        pages.push("/admin/new-provider?preset=google&as=".to_owned());
        pages.extend([
            "/admin?range=month".to_owned(),
            "/admin/clients/service".to_owned(),
            "/admin/clients/service/connect".to_owned(),
            "/admin/clients/service/playground".to_owned(),
            "/admin/clients?q=%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
            "/admin/connections?user=mallory".to_owned(),
            "/admin/connections?provider=evil&workload=evil-agent".to_owned(),
            "/admin/connections?provider=%22%3E%3Cscript%3Ealert(1)".to_owned(),
            "/admin/workloads?client_id=service".to_owned(),
            "/admin/providers/evil-key".to_owned(),
            "/admin/providers/evil-audience".to_owned(),
            "/admin/providers/evil-key/secret".to_owned(),
            "/admin/events?kind=session.refused&client_id=%22%3E%3Cscript%3Ealert(1)".to_owned(),
        ]);
        pages
    }

    /// Those that are not only there to change something.
    pub fn pages_to_look_at(&self) -> Vec<String> {
        let only_for_changes = ["/new-", "/rotate", "/confirm", "/playground", "/sign-in"];
        let mut pages = self.pages();
        pages.retain(|page| !only_for_changes.iter().any(|part| page.contains(part)));
        pages
    }
}

/// A path of the table with its placeholders filled.
pub fn filled(path: &str, things: &Things) -> String {
    let id = match path.split('/').nth(2) {
        Some("users") => things.user.as_str(),
        Some("grants") => &things.grant,
        Some("sessions") => &things.session,
        Some("initial-access-tokens") => &things.initial_token,
        Some("connections") => &things.connection,
        Some("providers") => "evil",
        _ => "00000000000000000000000000000000",
    };
    if path == "/admin/consents/withdraw" {
        return format!("{path}?user_id={}&client_id={}", things.user, things.client);
    }
    let name = if path.starts_with("/admin/workloads/") {
        "evil-agent"
    } else {
        &things.scope
    };
    path.replace("{client_id}", &things.client)
        .replace("{id}", id)
        .replace("{name}", name)
        .replace("{identifier}", &things.resource)
        .replace("{kid}", &things.key)
        .replace("{key}", "access_token_lifetime")
        .replace("{event_id}", &things.event)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_a_page() {
    let desk = Desk::new().await;
    let things = Things::make(&desk).await;
    for path in things.pages() {
        let page = desk.get(&path).await;
        let body = &page.body;
        assert_eq!(page.status, 200, "{path}: {body}");
        let count = |what: &str| body.matches(what).count();
        assert_eq!((count("<h1"), count("<main"), count("<title>")), (1, 1, 1), "{path}");
        // The chart's pictures have titles of their own.
        assert!(!body.contains("<title></title>") && !body.contains("<title> "), "{path}");
        assert!(body.contains("<html lang=\"en\">"), "{path}");
        assert!(body.contains("class=\"skip\" href=\"#content\""), "{path}");
        assert_eq!(count("<script"), 1, "{path}: only our own file");
        assert_eq!(count(" style="), 0, "{path}");
        assert_eq!(count("<style"), 0, "{path}");
        assert!(!body.contains("onclick") && !body.contains("alert(1)</script"), "{path}: {body}");
        assert!(!body.contains("<img src=x"), "{path}: {body}");
        assert!(page.header("content-security-policy").contains("script-src 'self'"), "{path}");
        assert!(!page.header("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        labels(&path, body);
        ids(&path, body);
    }
}

/// Every field has a label.
fn labels(path: &str, body: &str) {
    for kind in ["<input", "<select", "<textarea"] {
        for piece in body.split(kind).skip(1) {
            let tag = &piece[..piece.find('>').unwrap()];
            if tag.contains("type=\"hidden\"") {
                continue;
            }
            let id = tag
                .split("id=\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next())
                .unwrap_or_default();
            assert!(body.contains(&format!("for=\"{id}\"")), "{path}: no label for {tag}");
        }
    }
}

/// No id is given twice.
fn ids(path: &str, body: &str) {
    let mut ids: Vec<&str> = body.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "{path}: an id is there twice");
}
