//! Providers and workloads in declarations: what they are given goes where it was meant to go, and nothing is lost unasked.

use gatehouse::admin::declaration::{self, ApplyError, PlanError, Pruning, Section};
use gatehouse::app::App;
use gatehouse::federation::providers::{self, ProviderProblem, SecretChange, credential};
use gatehouse::federation::workloads;
use gatehouse::model::event::{EventFilter, EventKind};
use gatehouse::model::provider::{Provider, ProviderSettings};
use gatehouse::model::workload::WorkloadSettings;
use secrecy::ExposeSecret;

use super::{OTHER_SECRET, SECRET, apply, environment, export, plan, prune, shown, source, try_plan};
use crate::providers::connect;
use crate::support::app::Options;
use crate::support::database::{FreshDatabase, execute};
use crate::support::{Database, TestApp, on_every_database};

/// A client, the providers that its agents need, and the agents.
const AGENTS: &str = "
clients:
  assistant:
    kind: service
    client_name: Assistant
    scope: vault
    client_secret_env: ALBUM_SECRET
providers:
  google:
    name: Google
    preset: google
    client_id: 123.apps.example
    client_secret_env: ALBUM_SECRET
    scope: openid calendar
  by-hand:
    name: By hand
    preset: oauth2
    client_id: us
    client_auth: none
    endpoints:
      authorization_endpoint: https://hand.example/authorize
      token_endpoint: https://hand.example/token
    authorization_parameters: { audience: \"no\" }
  weather: { name: Weather, kind: api_key, api_key_env: OTHER_SECRET }
workloads:
  calendar-agent:
    client_id: assistant
    display_name: \" Calendar agent \"
    ceilings: { google: openid calendar, weather: \"\" }
    return_uris: [https://assistant.example/connected]
  other.agent: { client_id: assistant, may_name_users: true, has_no_ceilings: true, disabled: true }
";

const KEY: &str = r#"{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" }"#;

async fn provider(app: &App, id: &str) -> Option<Provider> {
    app.store.read().await.unwrap().provider(id).await.unwrap()
}

async fn opened(app: &App, id: &str) -> String {
    let provider = provider(app, id).await.unwrap();
    credential(app, &provider).unwrap().unwrap().expose_secret().to_owned()
}

/// Providers and workloads with their versions: equal only when nothing was written.
async fn everything(app: &App) -> String {
    let mut reader = app.store.read().await.unwrap();
    format!(
        "{:?}{:?}",
        reader.providers().await.unwrap(),
        reader.every_workload().await.unwrap()
    )
}

async fn with_connections(app: &App, text: &str) -> gatehouse::admin::declaration::Plan {
    let declared = declaration::read(app, &[source(text)], &environment()).unwrap();
    declaration::plan(app, declared, Pruning::WithConnections).await.unwrap()
}

async fn problems(app: &App, text: &str, is_pruning: bool) -> Vec<String> {
    let problems = try_plan(app, text, is_pruning).await.unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

on_every_database! {
    async fn what_agents_need_is_made_once(app: TestApp) {
        let app = &app.app;
        let before = everything(app).await;
        let first = plan(app, AGENTS).await;
        let expected = [
            "+clients.assistant",
            "+providers.by-hand",
            "+providers.google",
            "+providers.weather",
            "+workloads.calendar-agent",
            "+workloads.other.agent",
        ];
        assert_eq!(shown(&first), expected);
        assert!(first.notes.is_empty(), "{:?}", first.notes);
        let told = format!("{first:?}{}", serde_json::to_string(&first.changes).unwrap());
        assert!(!told.contains(SECRET) && !told.contains(OTHER_SECRET), "{told}");
        assert!(told.contains("from environment variable OTHER_SECRET"), "{told}");
        assert_eq!(everything(app).await, before, "a plan changes nothing");
        declaration::apply(app, first).await.unwrap();
        assert_eq!((opened(app, "google").await, opened(app, "weather").await), (SECRET.to_owned(), OTHER_SECRET.to_owned()));
        let by_hand = provider(app, "by-hand").await.unwrap();
        assert_eq!((by_hand.has_secret(), by_hand.settings.authorization_parameters["audience"].as_str()), (false, "no"));
        let agent = app.store.read().await.unwrap().workload("calendar-agent").await.unwrap().unwrap();
        assert_eq!((agent.client_id.as_str(), agent.display_name.as_str(), agent.ceilings.len()), ("assistant", "Calendar agent", 2));

        let after = everything(app).await;
        let again = prune(app, AGENTS).await;
        assert!(again.is_empty() && again.unchanged == 6, "{:?}", again.changes);
        declaration::apply(app, again).await.unwrap();
        assert_eq!(everything(app).await, after, "a second run writes nothing");
        // Nothing of a secret is in the audit log or in an export.
        let mut reader = app.store.read().await.unwrap();
        let events = format!("{:?}", reader.events_nearby(&EventFilter::default(), None, 100).await.unwrap().events);
        let text = export(app).await;
        for told in [&events, &text] {
            assert!(!told.contains(SECRET) && !told.contains(OTHER_SECRET), "{told}");
        }
        assert!(events.contains("calendar-agent") && text.contains("calendar-agent"));
    }

    async fn what_differs_is_changed(app: TestApp) {
        let app = &app.app;
        apply(app, AGENTS).await;
        let changed = AGENTS
            .replace("name: Google", "name: Googol")
            .replace("openid calendar, weather", "openid, weather")
            .replace("https://assistant.example/connected", "https://assistant.example/other")
            .replace("may_name_users: true, ", "");
        let next = plan(app, &changed).await;
        let expected = [
            "~providers.google name",
            "~workloads.calendar-agent ceilings.google,return_uris",
            "~workloads.other.agent may_name_users",
        ];
        assert_eq!((shown(&next).as_slice(), next.unchanged), (expected.map(str::to_owned).as_slice(), 3));
        let sealed = provider(app, "google").await.unwrap().sealed_secret;
        declaration::apply(app, next).await.unwrap();
        assert_eq!(provider(app, "google").await.unwrap().sealed_secret, sealed, "the same secret is not sealed again");
        assert!(plan(app, &changed).await.is_empty());
        // Without a word about the secret it stays.
        assert!(plan(app, &changed.replace("    client_secret_env: ALBUM_SECRET\n    scope: openid c", "    scope: openid c")).await.is_empty());
        // A ceiling that no provider is for is no mistake, but is told of.
        let unknown = plan(app, &changed.replace("google: openid,", "gogle: openid,")).await;
        let said = ["workloads.calendar-agent has a ceiling for gogle, and there is no provider of this id: it gets nothing there"];
        assert_eq!(unknown.notes, said);
    }

    async fn a_secret_is_known_by_opening_it(app: TestApp) {
        let (server, app) = (&app, &app.app);
        apply(app, AGENTS).await;
        let other = AGENTS.replace("client_secret_env: ALBUM_SECRET\n    scope: openid c", "client_secret_env: OTHER_SECRET\n    scope: openid c");
        let next = plan(app, &other).await;
        assert_eq!(shown(&next), ["~providers.google client_secret"]);
        let told = format!("{next:?}{}", serde_json::to_string(&next.changes).unwrap());
        assert!(!told.contains(SECRET) && !told.contains(OTHER_SECRET), "{told}");
        declaration::apply(app, next).await.unwrap();
        assert_eq!(opened(app, "google").await, OTHER_SECRET);
        assert!(plan(app, &other).await.is_empty());

        // From a secret to a private key: it must be said where that is. The order of its members means nothing.
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key.jwk"), format!("{KEY}\n")).unwrap();
        let of_folder = |text: &str| declaration::Source { folder: folder.path().to_owned(), ..source(text) };
        let text = "providers: { google: { name: Google, preset: google, client_id: 123.apps.example, scope: openid calendar, client_auth: private_key_jwt } }";
        let said = problems(app, text, false).await;
        let expected = "file.yaml:1: providers.google: the provider now wants another kind of secret: say with this change where it is, as private_key_env or private_key_file";
        assert_eq!(said, [expected]);
        let text = text.replace("client_auth: private_key_jwt", "private_key_file: key.jwk");
        let planned = async || {
            let declared = declaration::read(app, &[of_folder(&text)], &environment()).unwrap();
            declaration::plan(app, declared, Pruning::Nothing).await.unwrap()
        };
        let next = planned().await;
        assert_eq!(shown(&next), ["~providers.google client_auth,private_key"]);
        declaration::apply(app, next).await.unwrap();
        let turned: serde_json::Map<String, serde_json::Value> = serde_json::from_str(KEY).unwrap();
        let turned: Vec<String> = turned.iter().rev().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        std::fs::write(folder.path().join("key.jwk"), format!("{{{}}}", turned.join(","))).unwrap();
        assert!(planned().await.is_empty());
        assert!(plan(app, &declaration::export(app, &[Section::Providers]).await.unwrap()).await.is_empty());

        // What proves itself by nothing has no secret any more.
        let text = text.replace("private_key_file: key.jwk", "client_auth: none");
        let next = plan(app, &text).await;
        assert_eq!(shown(&next), ["~providers.google client_auth,private_key"]);
        declaration::apply(app, next).await.unwrap();
        let google = provider(app, "google").await.unwrap();
        assert!(!google.has_secret() && credential(app, &google).unwrap().is_none());
        assert!(plan(app, &text).await.is_empty());
        // One that does not open is another one.
        apply(app, "providers: { weather: { name: Weather, kind: api_key, api_key_env: OTHER_SECRET } }").await;
        let statement = "UPDATE providers SET sealed_secret = 'x' WHERE id = 'weather'".to_owned();
        execute(&server.database_url(), statement).await;
        assert_eq!(shown(&plan(app, AGENTS).await).last().unwrap(), "~providers.weather api_key");
    }

    async fn what_needs_no_secret_is_confirmed(app: TestApp) {
        let (server, app) = (&app, &app.app);
        let text = "providers: {
            open: { name: Open, preset: oidc, issuer: 'https://open.example', client_id: us, client_auth: none },
            signs: { name: Signs, preset: oidc, issuer: 'https://signs.example', client_id: us, client_auth: private_key_jwt },
            keeps: { name: Keeps, preset: oidc, issuer: 'https://keeps.example', client_id: us } }";
        apply(app, text).await;
        assert!(plan(app, text).await.is_empty());
        // As an older version has left them, or somebody who has changed the database.
        execute(&server.database_url(), "UPDATE providers SET sealed_secret = NULL".to_owned()).await;
        let state = async |id: &str| credential(app, &provider(app, id).await.unwrap()).map(|secret| secret.is_some());
        assert_eq!(state("open").await, Err(ProviderProblem::Unsealed));
        assert_eq!(state("signs").await, Err(ProviderProblem::Unsealed));
        let next = plan(app, text).await;
        assert_eq!(shown(&next), ["~providers.open addresses", "~providers.signs addresses"]);
        declaration::apply(app, next).await.unwrap();
        assert_eq!((state("open").await, state("signs").await), (Ok(false), Ok(false)));
        assert_eq!(state("keeps").await, Err(ProviderProblem::NoSecret));
        assert!(plan(app, text).await.is_empty());
        // What was led elsewhere is where the file says again.
        let settings = provider(app, "open").await.unwrap().settings;
        let led = serde_json::to_string(&settings).unwrap().replace("open.example", "evil.example");
        execute(&server.database_url(), format!("UPDATE providers SET settings = '{led}' WHERE id = 'open'")).await;
        let next = plan(app, text).await;
        assert_eq!(shown(&next), ["~providers.open issuer,addresses"]);
        declaration::apply(app, next).await.unwrap();
        assert_eq!(state("open").await, Ok(false));
        assert_eq!(provider(app, "open").await.unwrap().issuer.as_deref(), Some("https://open.example"));
    }

    async fn a_secret_goes_only_where_it_was_given_for(app: TestApp) {
        let (server, app) = (&app, &app.app);
        let text = "providers: { hub: { name: Hub, preset: github, client_id: us, client_secret_env: ALBUM_SECRET } }";
        apply(app, text).await;
        let elsewhere = text.replace("client_id: us", "client_id: us, parameters: { host: hub.example }");
        let without = elsewhere.replace(", client_secret_env: ALBUM_SECRET", "");
        let expected = "file.yaml:1: providers.hub: the secret was given for the addresses that the provider had: say with this change where it is, as client_secret_env or client_secret_file";
        assert_eq!(problems(app, &without, false).await, [expected]);
        connect(server, "c1", "hub").await;
        let expected = "file.yaml:1: providers.hub: there is 1 connection to this provider: their tokens are for the addresses that it has; add another provider for the new ones";
        assert_eq!(problems(app, &elsewhere, false).await, [expected]);
        gatehouse::admin::connections::remove(app, "c1").await.unwrap();
        // The same text, given for the new ones.
        let next = plan(app, &elsewhere).await;
        assert_eq!(shown(&next), ["~providers.hub parameters.host,client_secret"]);
        // Somebody connects before it is done.
        connect(server, "c2", "hub").await;
        let before = everything(app).await;
        assert!(matches!(declaration::apply(app, next).await, Err(ApplyError::Changed(place)) if place.path == "providers.hub"));
        assert_eq!(everything(app).await, before);
        gatehouse::admin::connections::remove(app, "c2").await.unwrap();
        apply(app, &elsewhere).await;
        assert!(plan(app, &elsewhere).await.is_empty());
    }

    async fn what_people_gave_is_not_lost_unasked(app: TestApp) {
        let (server, app) = (&app, &app.app);
        apply(app, AGENTS).await;
        apply(app, "workloads: { agent: { client_id: assistant } }").await;
        connect(server, "c1", "google").await;
        let less = "providers: { by-hand: { name: By hand, preset: gitlab, client_id: us, client_auth: none } }";
        assert!(try_plan(app, &less.replace("gitlab", "google"), false).await.is_ok(), "nothing is removed unasked");
        let advice = "disable it instead, or say --with-connections to remove them with it; they are taken back at the provider then";
        let expected = format!("providers.google: there is 1 connection to this provider: {advice}");
        assert_eq!(problems(app, less, true).await, [expected]);
        let next = with_connections(app, less).await;
        assert_eq!(shown(&next), ["~providers.by-hand authorization_parameters.audience,endpoints,preset", "-providers.weather", "-providers.google"]);
        let lost = &next.changes[2].fields[0];
        assert_eq!((lost.field.as_str(), &lost.before, &lost.after), ("connections", &1.into(), &0.into()));
        declaration::apply(app, next).await.unwrap();
        let mut reader = app.store.read().await.unwrap();
        assert_eq!((reader.count_connections_at("google").await.unwrap(), reader.providers().await.unwrap().len()), (0, 1));
        drop(reader);
        // A workload goes with what it was given, as it does elsewhere, and the plan says so.
        connect(server, "c2", "by-hand").await;
        let next = prune(app, "workloads: {}").await;
        assert_eq!(shown(&next), ["-workloads.other.agent", "-workloads.calendar-agent", "-workloads.agent"]);
        assert_eq!(next.changes[2].fields[0].before, 1);
        assert!(next.changes[0].fields.is_empty());
        declaration::apply(app, next).await.unwrap();
        assert_eq!(app.store.read().await.unwrap().count_connections_at("by-hand").await.unwrap(), 0);
        // One who connects after the plan was made keeps the provider.
        let next = prune(app, "providers: {}").await;
        connect(server, "c3", "by-hand").await;
        assert!(matches!(declaration::apply(app, next).await, Err(ApplyError::Changed(_))));
        assert!(provider(app, "by-hand").await.is_some());
    }

    async fn a_workload_stays_with_its_client(app: TestApp) {
        let app = &app.app;
        apply(app, AGENTS).await;
        let nobody = "workloads:\n  new-one:\n    client_id: nobody\n";
        let expected = "file.yaml:3: workloads.new-one.client_id: there is no client nobody: register it first, or declare it, too";
        assert_eq!(problems(app, nobody, false).await, [expected]);
        let moved = "clients: { second: { kind: service, client_name: Second, scope: vault } }\nworkloads: { calendar-agent: { client_id: second } }";
        let expected = "file.yaml:2: workloads.calendar-agent.client_id: the workload belongs to the client assistant, and stays with it: take another name, or remove the workload first";
        assert_eq!(problems(app, moved, false).await, [expected]);
        let orphaned = "clients: {}\nworkloads: { calendar-agent: { client_id: assistant } }";
        let expected = "file.yaml:2: workloads.calendar-agent.client_id: the client assistant is about to be removed: the section clients does not name it";
        assert_eq!(problems(app, orphaned, true).await, [expected]);
        assert!(try_plan(app, orphaned, false).await.is_ok());
        // Where only clients are declared, their agents go with them, and the plan says so.
        let next = prune(app, "clients: {}").await;
        assert_eq!(shown(&next), ["-clients.assistant"]);
        assert_eq!(next.notes.len(), 2, "{:?}", next.notes);
        assert_eq!(next.notes[0], "the workload calendar-agent goes with clients.assistant, and what people gave it");
        // Both at once: the agents first.
        let next = prune(app, "clients: {}\nproviders: {}\nworkloads: {}").await;
        assert_eq!(shown(&next).first().unwrap(), "-workloads.other.agent");
        assert_eq!(shown(&next).last().unwrap(), "-clients.assistant");
        declaration::apply(app, next).await.unwrap();
        assert!(prune(app, "clients: {}\nproviders: {}\nworkloads: {}").await.is_empty());
    }

    async fn somebody_else_is_noticed(app: TestApp) {
        let app = &app.app;
        apply(app, AGENTS).await;
        let changed = AGENTS.replace("name: Google", "name: Googol").replace("may_name_users: true, ", "");
        let is_changed = async |next, path: &str| {
            let before = everything(app).await;
            let error = declaration::apply(app, next).await.unwrap_err();
            assert!(matches!(&error, ApplyError::Changed(place) if place.path == path), "{error}");
            assert_eq!(everything(app).await, before, "nothing is half done");
        };
        // The provider comes first, and is undone.
        let next = plan(app, &changed).await;
        let agent = app.store.read().await.unwrap().workload("other.agent").await.unwrap().unwrap();
        let settings = WorkloadSettings { is_disabled: false, ..agent.settings.clone() };
        workloads::change(app, agent, settings).await.unwrap();
        is_changed(next, "workloads.other.agent").await;
        let next = plan(app, &changed).await;
        let google = provider(app, "google").await.unwrap();
        let settings = ProviderSettings { is_disabled: true, ..google.settings.clone() };
        providers::change(app, google, settings, SecretChange::Keep).await.unwrap();
        is_changed(next, "providers.google").await;
        for (text, path) in [
            ("providers: { new: { name: New, preset: google, client_id: us } }", "providers.new"),
            ("workloads: { new: { client_id: assistant } }", "workloads.new"),
        ] {
            let next = plan(app, text).await;
            apply(app, text).await;
            is_changed(next, path).await;
        }
        let next = prune(app, "workloads: {}").await;
        apply(app, "workloads: { calendar-agent: { client_id: assistant } }").await;
        is_changed(next, "workloads.calendar-agent").await;
        // A client that is gone when it comes to it.
        let next = plan(app, "workloads: { late: { client_id: assistant } }").await;
        declaration::apply(app, prune(app, "clients: {}").await).await.unwrap();
        let error = declaration::apply(app, next).await.unwrap_err();
        assert!(matches!(&error, ApplyError::Refused(place, _) if place.path == "workloads.late"), "{error}");
    }

    async fn what_is_wrong_is_said_with_its_place(app: TestApp) {
        let app = &app.app;
        let text = r#"providers:
  Upper: { name: x, preset: google, client_id: us }
  a:
    id: a
    name: A
    preset: gogle
    client_secret: hunter2
    api_key: hunter2
    private_key: {}
  b: { name: B, preset: google, client_id: us, client_secret_env: ALBUM_SECRET, api_key_env: OTHER_SECRET }
  c: { name: C, preset: google, client_id: us, api_key_env: OTHER_SECRET }
  d: { name: D, preset: google, client_id: us, private_key_env: ALBUM_SECRET }
  e: { name: E, preset: google, client_id: us, client_secret_env: NOPE }
  f: { name: F, preset: oidc, issuer: "http://10.0.0.1", client_id: us, clientid: x }
  g: { name: G, kind: api_key, scope: read }
workloads:
  no: { client_id: 1 }
  "a b": { client_id: x }
  without: { ceilings: { google: [read] } }
  uris: { client_id: x, return_uris: ["http://a.example"], name: y }
"#;
        let expected = [
            "2: providers.Upper: an id has 1 to 64 small letters",
            "4: providers.a.id: the id is the name of the entry",
            "6: providers.a.preset: there is no such preset",
            "7: providers.a.client_secret: a secret does not belong into this text",
            "8: providers.a.api_key: an API key does not belong into this text",
            "9: providers.a.private_key: a private key does not belong into this text",
            "10: providers.b.api_key_env: a provider has one secret, and providers.b.client_secret_env says where it is already",
            "11: providers.c.api_key_env: this provider wants client_secret",
            "12: providers.d.private_key_env: a private key is a JWK, an object in JSON",
            "13: providers.e.client_secret_env: the environment variable NOPE is not set",
            "14: providers.f.clientid: unknown field; did you mean client_id?",
            "14: providers.f.issuer: ",
            "15: providers.g.scope: a provider of the kind api_key has no scope",
            "17: workloads.no: a name has 3 to 255 letters",
            "17: workloads.no.client_id: must be the client_id of the client that owns the workload, a text",
            "18: workloads.a b: a name has 3 to 255 letters",
            "19: workloads.without.ceilings.google: invalid type",
            "19: workloads.without.client_id: must be the client_id",
            "20: workloads.uris.name: the name is the name of the entry",
            "20: workloads.uris.return_uris: return URI http://a.example",
        ];
        let mut said = problems(app, text, true).await;
        assert!(!said.join("\n").contains("hunter2") && !said.join("\n").contains(SECRET), "{said:?}");
        for expected in expected {
            let expected = format!("file.yaml:{expected}");
            let at = said.iter().position(|problem| problem.starts_with(&expected));
            said.remove(at.unwrap_or_else(|| panic!("{expected}\nis not in\n{}", said.join("\n"))));
        }
        assert!(said.is_empty(), "{}", said.join("\n"));
        assert!(app.store.read().await.unwrap().providers().await.unwrap().is_empty());
    }

    async fn an_export_of_agents_is_what_is_there(app: TestApp) {
        apply(&app.app, AGENTS).await;
        let sections = [Section::Providers, Section::Workloads];
        let text = declaration::export(&app.app, &sections).await.unwrap();
        let expected = "\
version: 1
providers:
  by-hand:
    name: By hand
    preset: oauth2
    endpoints:
      authorization_endpoint: https://hand.example/authorize
      revocation_endpoint: null
      token_endpoint: https://hand.example/token
      userinfo_endpoint: null
    client_id: us
    client_auth: none
    authorization_parameters:
      audience: \"no\"
  google:
    name: Google
    preset: google
    client_id: 123.apps.example
    scope: openid calendar
  weather:
    name: Weather
    kind: api_key
workloads:
  calendar-agent:
    client_id: assistant
    display_name: Calendar agent
    return_uris:
      - https://assistant.example/connected
    ceilings:
      google: openid calendar
      weather: \"\"
  other.agent:
    client_id: assistant
    has_no_ceilings: true
    may_name_users: true
    disabled: true
";
        assert_eq!(text.split_once('\n').unwrap().1, expected);
        let whole = export(&app.app).await;
        let before = everything(&app.app).await;
        let next = prune(&app.app, &whole).await;
        assert!(next.is_empty(), "{:?}\n{whole}", next.changes);
        assert_eq!(everything(&app.app).await, before);
        let other = TestApp::on(FreshDatabase::create(Database::Sqlite).await, Options::default()).await;
        let next = plan(&other.app, &whole).await;
        let without: Vec<&String> = next.notes.iter().filter(|note| note.starts_with("providers.")).collect();
        assert_eq!(without.len(), 2, "{:?}", next.notes);
        declaration::apply(&other.app, next).await.unwrap();
        assert_eq!(export(&other.app).await, whole);
        assert!(prune(&other.app, &whole).await.is_empty());
        let created = EventFilter { kind: Some(EventKind::WorkloadCreated), ..EventFilter::default() };
        let events = other.app.store.read().await.unwrap().events_nearby(&created, None, 10).await.unwrap().events;
        assert_eq!(events.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_sections_are_told_in_full() {
    let app = TestApp::start(Database::Sqlite).await;
    let declared = declaration::read(&app.app, &[source("provider: {}")], &environment());
    let said = declared.unwrap_err()[0].to_string();
    let expected = "file.yaml:1: provider: unknown section; did you mean providers?; there are version, settings, scopes, resources, clients, providers, workloads and users";
    assert_eq!(said, expected);
    let declared = declaration::read(&app.app, &[source("workloads: [a]")], &environment());
    assert!(declared.unwrap_err()[0].to_string().contains("must be a map by name"));
    let read = declaration::read(&app.app, &[source("providers:\nworkloads: {}")], &environment()).unwrap();
    assert!(read.providers.is_none() && read.workloads.is_some());
    assert!(!matches!(
        declaration::plan(&app.app, read, Pruning::Nothing).await,
        Err(PlanError::Problems(_))
    ));
}
