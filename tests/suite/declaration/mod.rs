//! Declarations of settings, scopes, clients and users, on every database.

mod federation;
mod round_trip;
mod wrong;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use gatehouse::admin::declaration::{self, Action, Applied, ApplyError, Plan, PlanError, Problem, Pruning, Section, Source};
use gatehouse::app::App;
use gatehouse::model::client::ConsentPolicy;
use gatehouse::model::user::UserSettings;
use gatehouse::oauth::clients;

use crate::support::{TestApp, on_every_database};

const SECRET: &str = "a-secret-of-more-than-32-characters";
const OTHER_SECRET: &str = "another-secret-of-more-than-32-characters";

/// What most tests begin with.
const BASICS: &str = "
settings:
  access_token_lifetime: 600
scopes:
  photos:read:
    description: See your photos
clients:
  album:
    client_name: Photo Album
    redirect_uris: [https://photos.example/callback]
    scope: openid photos:read
    client_secret_env: ALBUM_SECRET
  report:
    kind: service
    client_name: Report
    scope: photos:read
users:
  alice:
    email: alice@example.com
    roles: [admin]
    profile: { name: Alice }
    password_env: ALICE_PASSWORD
";

fn environment() -> BTreeMap<String, String> {
    [
        ("ALBUM_SECRET", SECRET),
        ("OTHER_SECRET", OTHER_SECRET),
        ("ALICE_PASSWORD", "correct horse battery staple"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn source(text: &str) -> Source {
    Source {
        name: "file.yaml".to_owned(),
        text: text.to_owned(),
        folder: PathBuf::new(),
    }
}

async fn try_plan(app: &App, text: &str, is_pruning: bool) -> Result<Plan, Vec<Problem>> {
    let pruning = if is_pruning { Pruning::Unnamed } else { Pruning::Nothing };
    let declared = declaration::read(app, &[source(text)], &environment())?;
    declaration::plan(app, declared, pruning).await.map_err(|error| match error {
        PlanError::Problems(problems) => problems,
        PlanError::Fault(fault) => panic!("{fault}"),
    })
}

async fn plan(app: &App, text: &str) -> Plan {
    try_plan(app, text, false).await.unwrap()
}

async fn prune(app: &App, text: &str) -> Plan {
    try_plan(app, text, true).await.unwrap()
}

async fn apply(app: &App, text: &str) -> Applied {
    let plan = plan(app, text).await;
    declaration::apply(app, plan).await.unwrap()
}

async fn export(app: &App) -> String {
    declaration::export(app, &Section::ALL).await.unwrap()
}

/// The changes as `+clients.album`, with the names of fields where something is changed.
fn shown(plan: &Plan) -> Vec<String> {
    let show = |change: &declaration::Change| {
        let sign = match change.action {
            Action::Create => '+',
            Action::Update => '~',
            Action::Delete => '-',
        };
        let fields: Vec<&str> = change.fields.iter().map(|field| field.field.as_str()).collect();
        let fields = if change.action == Action::Update {
            format!(" {}", fields.join(","))
        } else {
            String::new()
        };
        format!("{sign}{}.{}{fields}", change.section.as_str(), change.key)
    };
    plan.changes.iter().map(show).collect()
}

/// Everything that can change, with versions: equal only when nothing was written.
async fn everything(app: &App) -> String {
    let mut connection = app.store.read().await.unwrap();
    format!(
        "{:?}{:?}{:?}{:?}",
        connection.live_settings().await.unwrap(),
        connection.scopes().await.unwrap(),
        connection.every_client().await.unwrap(),
        connection.every_user().await.unwrap()
    )
}

on_every_database! {
    async fn clients_that_registered_themselves_are_in_no_file(app: TestApp) {
        let body = serde_json::json!({ "client_name": "Newcomer", "redirect_uris": ["https://app.example/"] });
        let request = crate::support::browser::http().post(app.url("/register")).json(&body);
        let answer = crate::support::client::send(request).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let app = &app.app;
        apply(app, BASICS).await;
        assert!(!export(app).await.contains("Newcomer"));
        let pruned = prune(app, "clients:\n  report: { kind: service, client_name: Report, scope: photos:read }").await;
        assert_eq!(shown(&pruned), ["-clients.album"]);
        declaration::apply(app, pruned).await.unwrap();
        let client = app.store.read().await.unwrap().client(answer.text("client_id")).await.unwrap();
        assert!(client.is_some());
    }

    async fn what_is_declared_is_made_once(app: TestApp) {
        let app = &app.app;
        let before = everything(app).await;
        let first = plan(app, BASICS).await;
        let expected = ["+settings.access_token_lifetime", "+scopes.photos:read", "+clients.album", "+clients.report", "+users.alice"];
        assert_eq!(shown(&first), expected);
        assert_eq!(everything(app).await, before, "a plan changes nothing");
        let applied = declaration::apply(app, first).await.unwrap();
        assert_eq!(applied.secrets.keys().collect::<Vec<_>>(), ["report"], "the one that was not given");

        let mut connection = app.store.read().await.unwrap();
        let album = connection.client("album").await.unwrap().unwrap();
        assert!(album.has_secret(SECRET, app.now()));
        assert_eq!(album.scope.to_string(), "openid photos:read");
        let report = connection.client("report").await.unwrap().unwrap();
        assert!(report.has_secret(&applied.secrets["report"], app.now()));
        let alice = connection.user_by_name("alice").await.unwrap().unwrap();
        assert!(alice.password_hash.is_some());
        assert_eq!(app.lifetimes().access_token, 600);
        drop(connection);

        let after = everything(app).await;
        let again = plan(app, BASICS).await;
        assert!(again.is_empty(), "{:?}", shown(&again));
        assert_eq!(again.unchanged, 5);
        assert!(declaration::apply(app, again).await.unwrap().secrets.is_empty());
        assert_eq!(everything(app).await, after, "a second run writes nothing");
    }

    async fn what_differs_is_changed_and_nothing_else(app: TestApp) {
        let app = &app.app;
        apply(app, BASICS).await;
        let changed = BASICS
            .replace("600", "20m")
            .replace("See your", "Look at your")
            .replace("https://photos.example/callback", "https://photos.example/callback, https://photos.example/other")
            .replace("profile: { name: Alice }", "profile: { name: Alice Adams }")
            .replace("    roles: [admin]\n", "");
        let next = plan(app, &changed).await;
        let expected = [
            "~settings.access_token_lifetime value",
            "~scopes.photos:read description",
            "~clients.album redirect_uris",
            "~users.alice profile.name,roles",
        ];
        assert_eq!(shown(&next), expected);
        assert_eq!(next.unchanged, 1);
        let name = next.changes[3].fields.iter().find(|field| field.field == "profile.name").unwrap();
        assert_eq!((&name.before, &name.after), (&"Alice".into(), &"Alice Adams".into()));
        let hash = async || app.store.read().await.unwrap().user_by_name("alice").await.unwrap().unwrap().password_hash;
        let before = hash().await;
        declaration::apply(app, next).await.unwrap();
        assert_eq!(hash().await, before, "a password is for new accounts");
        assert!(plan(app, &changed).await.is_empty());
        // What is left out is the default again, and sections that are left out stay.
        apply(app, "settings: { access_token_lifetime: null }\nclients: { report: { kind: service, client_name: Report } }").await;
        assert_eq!(app.lifetimes().access_token, 3600);
        let rest = plan(app, &changed).await;
        assert_eq!(shown(&rest), ["+settings.access_token_lifetime", "~clients.report scope"]);
    }

    async fn a_secret_is_replaced_when_another_is_given(app: TestApp) {
        let app = &app.app;
        apply(app, BASICS).await;
        let other = BASICS.replace("ALBUM_SECRET", "OTHER_SECRET");
        let next = plan(app, &other).await;
        assert_eq!(shown(&next), ["~clients.album client_secret"]);
        let told = format!("{:?} {}", next.changes, serde_json::to_string(&next.changes).unwrap());
        assert!(!told.contains(SECRET) && !told.contains(OTHER_SECRET), "{told}");
        assert!(told.contains("from environment variable OTHER_SECRET"), "{told}");
        declaration::apply(app, next).await.unwrap();
        let client = app.store.read().await.unwrap().client("album").await.unwrap().unwrap();
        assert!(client.has_secret(OTHER_SECRET, app.now()) && !client.has_secret(SECRET, app.now()));
        assert!(plan(app, &other).await.is_empty());
        // Without a word about the secret it stays.
        assert!(plan(app, &BASICS.replace("    client_secret_env: ALBUM_SECRET\n", "")).await.is_empty());

        // A public client that gets a secret needs one; one that becomes public loses it.
        let public = BASICS.replace("    client_secret_env: ALBUM_SECRET\n", "    token_endpoint_auth_method: none\n");
        apply(app, &public).await;
        let made = apply(app, &BASICS.replace("    client_secret_env: ALBUM_SECRET\n", "")).await;
        let client = app.store.read().await.unwrap().client("album").await.unwrap().unwrap();
        assert!(client.has_secret(&made.secrets["album"], app.now()));

        let file = tempfile::tempdir().unwrap();
        std::fs::write(file.path().join("album.secret"), format!("{SECRET}\n")).unwrap();
        let text = BASICS.replace("client_secret_env: ALBUM_SECRET", "client_secret_file: album.secret");
        let from_file = Source { folder: file.path().to_owned(), ..source(&text) };
        let declared = declaration::read(app, &[from_file], &environment()).unwrap();
        let next = declaration::plan(app, declared, Pruning::Nothing).await.unwrap();
        declaration::apply(app, next).await.unwrap();
        let client = app.store.read().await.unwrap().client("album").await.unwrap().unwrap();
        assert!(client.has_secret(SECRET, app.now()));
        let text = export(app).await;
        for secret in [SECRET, OTHER_SECRET, "correct horse", "$argon2", client.secret_hash.as_deref().unwrap()] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    async fn clients_that_sign_are_declared_with_their_keys(app: TestApp) {
        let app = &app.app;
        let text = "
clients:
  macs:
    kind: service
    client_name: Macs
    token_endpoint_auth_method: client_secret_jwt
    client_secret_env: ALBUM_SECRET
  signs:
    kind: service
    client_name: Signs
    token_endpoint_auth_method: private_key_jwt
    jwks: { keys: [{ kty: OKP, crv: Ed25519, x: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE }] }
";
        let applied = apply(app, text).await;
        assert!(applied.secrets.is_empty(), "there is none to show");
        assert!(plan(app, text).await.is_empty());
        assert!(plan(app, &export(app).await).await.is_empty());
        let client = async |id: &str| app.store.read().await.unwrap().client(id).await.unwrap().unwrap();
        assert!(client("macs").await.sealed_secret.is_some() && client("signs").await.secret_hash.is_none());
        // Sent from now on, and then used for MACs again: the declared secret is sealed again.
        apply(app, &text.replace("client_secret_jwt", "client_secret_post")).await;
        assert!(client("macs").await.sealed_secret.is_none());
        apply(app, text).await;
        assert!(client("macs").await.sealed_secret.is_some());
        assert!(plan(app, text).await.is_empty());
        // From keys to a secret, which nobody has said: it is made.
        let secret = text.replace("private_key_jwt", "client_secret_basic");
        let made = apply(app, &secret).await;
        assert!(client("signs").await.has_secret(&made.secrets["signs"], app.now()));
    }

    async fn clients_that_nobody_declared_are_left_alone(app: TestApp) {
        let app = &app.app;
        apply(app, "clients: { web: { client_name: Web, redirect_uris: [https://web.example/callback] } }").await;
        let described = gatehouse::model::client::Client {
            id: "https://app.example/client.json".to_owned(),
            origin: gatehouse::model::client::ClientOrigin::Document,
            document_expires_at: Some(app.now()),
            secret_hash: None,
            ..app.store.read().await.unwrap().client("web").await.unwrap().unwrap()
        };
        let mut tx = app.store.begin().await.unwrap();
        assert!(tx.insert_client(&described).await.unwrap());
        tx.commit().await.unwrap();
        assert!(!export(app).await.contains("app.example"));
        let next = prune(app, "clients: {}").await;
        assert_eq!(shown(&next), ["-clients.web"]);
    }

    async fn what_is_not_named_is_removed_on_request_only(app: TestApp) {
        let app = &app.app;
        apply(app, BASICS).await;
        let less = "settings: {}\nscopes: {}\nclients:\n  report: { kind: service, client_name: Report, scope: photos:read }\n";
        assert!(plan(app, less).await.is_empty());
        let next = prune(app, less).await;
        assert_eq!(shown(&next), ["-settings.access_token_lifetime", "-clients.album", "-scopes.photos:read"]);
        declaration::apply(app, next).await.unwrap();
        let mut connection = app.store.read().await.unwrap();
        assert!(connection.client("album").await.unwrap().is_none());
        assert!(connection.user_by_name("alice").await.unwrap().is_some(), "its section was not there");
        let scopes = connection.scopes().await.unwrap();
        for name in ["openid", "profile", "email", "offline_access", "admin:read", "admin:write"] {
            assert!(scopes.definition(name).is_some(), "{name} stays");
        }
        assert!(scopes.definition("photos:read").is_none());
        drop(connection);
        assert!(prune(app, less).await.is_empty());
        assert!(prune(app, "clients:\nusers:\n").await.is_empty(), "an empty section is one that nobody has written yet");
        assert_eq!(shown(&prune(app, "clients: {}\nusers: {}\n").await), ["-users.alice", "-clients.report"]);
    }

    async fn somebody_else_is_noticed_and_nothing_is_half_done(app: TestApp) {
        let app = &app.app;
        apply(app, BASICS).await;
        let changed = BASICS.replace("See your", "Look at your").replace("600", "300").replace("client_name: Photo Album", "client_name: Album");
        let next = plan(app, &changed).await;
        let client = app.store.read().await.unwrap().client("album").await.unwrap().unwrap();
        let mut settings = client.settings.clone();
        settings.consent_policy = ConsentPolicy::Always;
        clients::change(app, client, settings).await.unwrap();
        let before = everything(app).await;
        let error = declaration::apply(app, next).await.unwrap_err();
        assert!(matches!(&error, ApplyError::Changed(place) if place.path == "clients.album"), "{error}");
        assert!(error.to_string().contains("run it again"), "{error}");
        assert_eq!(everything(app).await, before, "the scope and the setting came before it, and are undone");
        assert_eq!(app.lifetimes().access_token, 600);
        apply(app, &changed).await;
        assert!(plan(app, &changed).await.is_empty());

        // The same for what is made, removed, and for settings.
        let next = plan(app, "clients: { new: { kind: service, client_name: New } }").await;
        apply(app, "clients: { new: { kind: service, client_name: Newer } }").await;
        assert!(matches!(declaration::apply(app, next).await, Err(ApplyError::Changed(_))));
        let next = plan(app, "settings: { code_lifetime: 10s }").await;
        apply(app, "settings: { code_lifetime: 20s }").await;
        assert!(matches!(declaration::apply(app, next).await, Err(ApplyError::Changed(_))));
        assert_eq!(app.lifetimes().code, 20);
        let next = prune(app, "users: {}").await;
        apply(app, "users: { alice: { email: alice@example.org } }").await;
        assert!(matches!(declaration::apply(app, next).await, Err(ApplyError::Changed(_))));
        assert!(app.store.read().await.unwrap().user_by_name("alice").await.unwrap().is_some());
    }

    async fn addresses_can_change_hands(app: TestApp) {
        let app = &app.app;
        apply(app, "users: { a: { email: a@x.example }, b: { email: b@x.example }, c: { email: c@x.example } }").await;
        let swapped = "users: { a: { email: b@x.example }, b: { email: a@x.example }, d: { email: c@x.example } }";
        let problems = try_plan(app, swapped, false).await.unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].to_string(), "file.yaml:1: users.d.email: the e-mail address c@x.example belongs to the account c");
        let next = prune(app, swapped).await;
        assert_eq!(shown(&next), ["~users.a email", "~users.b email", "+users.d", "-users.c"]);
        assert_eq!(next.notes.len(), 1, "d cannot sign in with a password");
        declaration::apply(app, next).await.unwrap();
        assert!(prune(app, swapped).await.is_empty());
    }

    async fn many_clients_take_no_time(app: TestApp) {
        let app = &app.app;
        let mut text = "clients:\n".to_owned();
        for number in 0..2500 {
            let uri = format!("https://c{number}.example/");
            let _ = writeln!(text, "  c{number}: {{ kind: spa, client_name: Client {number}, redirect_uris: [\"{uri}\"] }}");
        }
        let begun = std::time::Instant::now();
        apply(app, &text).await;
        assert!(plan(app, &text).await.is_empty());
        let exported = export(app).await;
        assert!(plan(app, &exported).await.is_empty());
        let next = prune(app, "clients: {}").await;
        assert_eq!(next.count(Action::Delete), 2500);
        assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    }

    async fn a_user_made_by_others_is_left_as_declared(app: TestApp) {
        app.user_with("bob", |user: &mut UserSettings| user.roles = vec!["auditor".to_owned()]).await;
        let text = "users: { Bob: { email: bob@example.com, email_verified: true, roles: [auditor], profile: { name: bob example } } }";
        assert!(plan(&app.app, text).await.is_empty(), "names are compared in lower case");
    }
}
