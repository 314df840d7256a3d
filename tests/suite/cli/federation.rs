//! Providers, workloads and connections as commands, and in files.

use serde_json::{Value, json};

use super::database::{Database, Kind};
use crate::support;
use crate::support::TestApp;
use crate::support::app::{APP_SECRET, Options};
use crate::support::process::Sandbox;
use crate::vault::flow::{question, whole_way, world};

const SECRET: &str = "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re";

/// Whether a command failed; what it printed.
fn failed(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let run = sandbox.run(arguments);
    assert_eq!(run.status.code(), Some(1), "{arguments:?}: {}{}", run.stdout, run.stderr);
    run.stdout
}

#[test]
fn providers_are_added_looked_at_and_removed() {
    let sandbox = Sandbox::new().with("GOOGLE_SECRET", SECRET);
    let add = [
        "provider",
        "add",
        "google",
        "--name",
        "Google",
        "--preset",
        "google",
        "--client-id",
        "123.apps.example",
        "--scope",
        "openid calendar",
    ];
    let added = sandbox.run(&add).done();
    let redirect = format!("{}/connect/callback/google", sandbox.issuer());
    assert!(
        added.contains(&redirect) && added.contains("gatehouse provider secret google"),
        "{added}"
    );
    assert!(failed(&sandbox, &["provider", "check", "google"]).contains("the secret is missing"));
    let said = sandbox
        .run(&["provider", "secret", "google", "--secret-env", "GOOGLE_SECRET"])
        .done();
    assert_eq!(said, "google has a new secret.\n");
    let listed = sandbox.run(&["provider", "list", "--json"]).json();
    assert_eq!(
        (&listed[0]["has_secret"], &listed[0]["callback_url"]),
        (&json!(true), &json!(redirect))
    );
    assert!(!listed.to_string().contains(SECRET));
    let table = sandbox.run(&["provider", "list"]).done();
    assert!(
        table.starts_with("ID") && table.contains("123.apps.example") && table.contains("set"),
        "{table}"
    );

    // Secrets by the three ways, one of each kind.
    sandbox.write("weather.key", "the key of the weather\n");
    let key = ["provider", "add", "weather", "--name", "Weather", "--kind", "api-key", "--json"];
    let made = sandbox.run(&[&key[..], &["--secret-file", "weather.key"]].concat()).json();
    assert_eq!((&made["kind"], &made["has_secret"]), (&json!("api_key"), &json!(true)));
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                      "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" });
    let by_hand = [
        "provider",
        "add",
        "hand",
        "--name",
        "By hand",
        "--preset",
        "oauth2",
        "--client-id",
        "us",
        "--client-auth",
        "private_key_jwt",
        "--authorization-endpoint",
        "https://hand.example/authorize",
        "--token-endpoint",
        "https://hand.example/token",
        "--authorization-parameter",
        "audience=https://api.example?a=b",
        "--pkce",
        "true",
        "--json",
        "--secret-stdin",
    ];
    let made = sandbox.run_with_input(&by_hand, &jwk.to_string()).json();
    assert_eq!(made["authorization_parameters"], json!({ "audience": "https://api.example?a=b" }));
    assert_eq!(made["endpoints"]["token_endpoint"], "https://hand.example/token");
    assert_eq!((&made["pkce"], &made["has_secret"]), (&json!(true), &json!(true)));
    assert!(!made.to_string().contains("nWGxne"));

    let presets = sandbox.run(&["provider", "presets", "--json"]).json();
    assert!(presets.as_array().unwrap().iter().any(|preset| preset["preset"] == "google"));
    let table = sandbox.run(&["provider", "presets"]).done();
    assert!(
        table.contains("[--parameter tenant=common]") && table.contains("--provider-issuer"),
        "{table}"
    );

    sandbox.run(&["provider", "disable", "hand"]).done();
    let checked: Value = serde_json::from_str(&failed(&sandbox, &["provider", "check", "hand", "--json"])).unwrap();
    assert!(checked["problems"][0].as_str().unwrap().contains("is disabled"), "{checked}");
    sandbox.run(&["provider", "enable", "hand"]).done();
    let checked = sandbox.run(&["provider", "check", "hand"]).done();
    assert!(
        checked.contains("can be used") && checked.contains("https://hand.example/token"),
        "{checked}"
    );
    assert_eq!(sandbox.run(&["provider", "remove", "hand"]).done(), "hand is removed.\n");
    sandbox.run(&["provider", "delete", "weather"]).done();
    assert_eq!(sandbox.run(&["provider", "list", "--json"]).json().as_array().unwrap().len(), 1);
    let log = sandbox.run(&["audit", "list", "--json"]).done();
    assert!(log.contains("provider.created") && !log.contains(SECRET) && !log.contains("key of the weather") && !log.contains("nWGxne"));

    for (arguments, named) in [
        (&add[..], "there is a provider google already"),
        (
            &["provider", "add", "A", "--name", "A", "--preset", "google", "--client-id", "x"],
            "ID: an id has",
        ),
        (
            &["provider", "add", "a", "--name", "A", "--preset", "gogle", "--client-id", "x"],
            "--preset: there is no such preset",
        ),
        (&["provider", "add", "a", "--name", "A", "--preset", "google"], "--client-id: "),
        (
            &["provider", "add", "a", "--name", "A", "--preset", "oidc", "--client-id", "x"],
            "--provider-issuer: set the issuer",
        ),
        (
            &[
                "provider",
                "add",
                "a",
                "--name",
                "A",
                "--preset",
                "microsoft",
                "--client-id",
                "x",
                "--parameter",
                "tenant",
            ],
            "write NAME=VALUE",
        ),
        (
            &[
                "provider",
                "add",
                "a",
                "--name",
                "A",
                "--preset",
                "google",
                "--client-id",
                "x",
                "--client-auth",
                "magic",
            ],
            "--client-auth must be",
        ),
        (
            &[
                "provider",
                "add",
                "a",
                "--name",
                "A",
                "--preset",
                "google",
                "--client-id",
                "x",
                "--secret-env",
                "NOPE",
            ],
            "NOPE is not set",
        ),
        (
            &[
                "provider",
                "add",
                "a",
                "--name",
                "A",
                "--preset",
                "google",
                "--client-id",
                "x",
                "--secret-stdin",
            ],
            "standard input is empty",
        ),
        (&["provider", "secret", "google"], "--secret-stdin"),
        (&["provider", "secret", "google", "--secret-file", "none"], "cannot read none"),
        (&["provider", "check", "nobody"], "there is no provider nobody"),
        (&["provider", "remove", "nobody"], "there is no provider nobody"),
        (&["provider", "disable", "nobody"], "there is no provider nobody"),
    ] {
        let said = sandbox.run(arguments).refused();
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
}

#[test]
fn the_metadata_of_a_provider_is_read() {
    let sandbox = Sandbox::new();
    let mut server = sandbox.serve();
    let issuer = sandbox.issuer();
    let add = [
        "provider",
        "add",
        "other",
        "--name",
        "Other",
        "--preset",
        "gatehouse",
        "--client-id",
        "us",
        "--client-auth",
        "none",
    ];
    sandbox.run(&[&add[..], &["--provider-issuer", &issuer]].concat()).done();
    let checked = sandbox.run(&["provider", "check", "other"]).done();
    assert!(checked.contains(&format!("token endpoint:         {issuer}/token\n")), "{checked}");
    let checked = sandbox.run(&["provider", "check", "other", "--json"]).json();
    assert_eq!((&checked["is_usable"], &checked["found"]["issuer"]), (&json!(true), &json!(issuer)));
    server.terminate();
    server.await_exit();
    let said = failed(&sandbox, &["provider", "check", "other"]);
    assert!(said.starts_with("other cannot be used:\n"), "{said}");
}

#[test]
fn workloads_are_added_and_removed() {
    let sandbox = Sandbox::new();
    sandbox
        .run(&[
            "client",
            "add",
            "Assistant",
            "--id",
            "assistant",
            "--kind",
            "service",
            "--scope",
            "vault",
        ])
        .done();
    let add = [
        "workload",
        "add",
        "calendar-agent",
        "--client",
        "assistant",
        "--display-name",
        "Calendar agent",
        "--ceiling",
        "google=openid calendar",
        "--ceiling",
        "weather=",
        "--return-uri",
        "https://assistant.example/connected",
    ];
    let said = sandbox.run(&add).done();
    assert!(
        said.starts_with("calendar-agent is added.\n") && said.contains("there is no provider google yet"),
        "{said}"
    );
    let made = sandbox
        .run(&[
            "workload",
            "add",
            "other",
            "--client",
            "assistant",
            "--may-name-users",
            "--no-ceilings",
            "--json",
        ])
        .json();
    assert_eq!((&made["client_id"], &made["may_name_users"]), (&json!("assistant"), &json!(true)));
    assert_eq!(made["has_no_ceilings"], true);
    let listed = sandbox.run(&["workload", "list", "--client", "assistant", "--json"]).json();
    assert_eq!(listed[0]["ceilings"], json!({ "google": "openid calendar", "weather": "" }));
    assert_eq!(sandbox.run(&["workload", "list", "--client", "nobody", "--json"]).json(), json!([]));
    let table = sandbox.run(&["workload", "list"]).done();
    assert!(
        table.starts_with("NAME") && table.contains("google weather") && table.contains("its client's") && table.contains("tokens and ids"),
        "{table}"
    );
    sandbox.run(&["workload", "disable", "other"]).done();
    assert_eq!(sandbox.run(&["workload", "list", "--json"]).json()[1]["disabled"], true);
    sandbox.run(&["workload", "enable", "other"]).done();
    assert_eq!(sandbox.run(&["workload", "remove", "other"]).done(), "other is removed.\n");
    assert_eq!(sandbox.run(&["workload", "list", "--json"]).json().as_array().unwrap().len(), 1);
    for (arguments, named) in [
        (&add[..], "there is a workload calendar-agent already"),
        (&["workload", "add", "xy", "--client", "assistant"], "a name has 3 to 255"),
        (&["workload", "add", "next", "--client", "nobody"], "there is no client nobody"),
        (
            &["workload", "add", "next", "--client", "assistant", "--ceiling", "google"],
            "write NAME=VALUE",
        ),
        (
            &[
                "workload",
                "add",
                "next",
                "--client",
                "assistant",
                "--ceiling",
                "a=x",
                "--ceiling",
                "a=y",
            ],
            "--ceiling a is there twice",
        ),
        (&["workload", "remove", "nobody"], "there is no workload nobody"),
        (&["workload", "enable", "nobody"], "there is no workload nobody"),
        (&["connection", "remove", "nobody"], "there is no connection nobody"),
        (&["connection", "list", "--user", "nobody"], "there is no user nobody"),
    ] {
        let said = sandbox.run(arguments).refused();
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
}

/// A connection that a person has made, taken back from a shell: the provider is told, and what it says is passed on.
async fn a_connection_is_taken_back_on(kind: support::Database) {
    let options = Options {
        real_time: true,
        ..Options::default()
    };
    let world = world(TestApp::start_with(kind, options).await).await;
    let sandbox = Sandbox::bare()
        .with("DATABASE_URL", &world.app.database_url())
        .with("APP_SECRET", APP_SECRET)
        .with("GATEHOUSE_ISSUER", &world.app.base);
    let connected = async || {
        let (link, _) = question(&world.ask(&world.alice, json!({})).await);
        whole_way(&link, "alice").await;
        let listed = sandbox.run(&["connection", "list", "--user", "Alice", "--json"]).json();
        assert_eq!(listed.as_array().unwrap().len(), 1);
        listed[0].clone()
    };
    let connection = connected().await;
    let found = ["username", "workload", "provider"].map(|name| connection[name].as_str().unwrap());
    assert_eq!(found, ["alice", "agent", "there"]);
    let token = world.ask(&world.alice, json!({})).await.text("access_token").to_owned();
    let id = connection["id"].as_str().unwrap();
    for table in [
        sandbox.run(&["connection", "list"]).done(),
        sandbox
            .run(&[
                "connection",
                "list",
                "--user",
                &world.alice.id,
                "--provider",
                "there",
                "--workload",
                "agent",
            ])
            .done(),
    ] {
        assert!(table.starts_with("ID") && table.contains(id) && !table.contains(&token), "{table}");
    }
    assert!(!sandbox.run(&["connection", "list", "--user", "bob"]).done().contains(id));
    for (flag, name) in [("--provider", "elsewhere"), ("--workload", "nobody")] {
        let refused = sandbox.run(&["connection", "list", flag, name]);
        assert!(
            !refused.status.success() && refused.stderr.contains("there is no"),
            "{}",
            refused.stderr
        );
    }
    // A provider that people use is not removed by mistake.
    let said = sandbox.run(&["provider", "remove", "there"]).refused();
    assert!(
        said.contains("there is 1 connection to this provider") && said.contains("--with-connections"),
        "{said}"
    );
    sandbox.write("less.yaml", "providers: {}\n");
    let said = sandbox.run(&["apply", "-f", "less.yaml", "--prune", "--yes"]).refused();
    assert!(said.starts_with("gatehouse: providers.there: there is 1 connection"), "{said}");

    let said = sandbox.run(&["connection", "remove", id]).done();
    assert_eq!(said, format!("{id} is removed, here and at the provider.\n"));
    let there = crate::support::client::send(
        crate::support::browser::http()
            .get(world.provider.url("/userinfo"))
            .bearer_auth(&token),
    )
    .await;
    assert_eq!(there.status, 401, "the provider was told");
    assert_eq!(sandbox.run(&["connection", "list", "--json"]).json(), json!([]));

    // One whose provider is away.
    let connection = connected().await;
    let id = connection["id"].as_str().unwrap();
    world.provider.stop().await;
    let removed = sandbox.run(&["connection", "remove", id, "--json"]);
    assert!(removed.status.success(), "{}", removed.stderr);
    let removed: Value = serde_json::from_str(&removed.stdout).unwrap();
    assert_eq!(removed, json!({ "id": id, "at_provider": "later", "account_page": null }));
    let report = sandbox
        .run(&["apply", "-f", "less.yaml", "--prune", "--yes", "--with-connections", "--json"])
        .json();
    assert_eq!(
        report["changes"][0],
        json!({ "section": "providers", "key": "there", "action": "delete", "fields": [] })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_taken_back() {
    for kind in [support::Database::Sqlite, support::Database::Postgres, support::Database::MySql] {
        a_connection_is_taken_back_on(kind).await;
    }
}

const FILE: &str = "
clients:
  assistant: { kind: service, client_name: Assistant, scope: vault }
providers:
  google: { name: Google, preset: google, client_id: 123.apps.example, client_secret_file: google.secret }
  weather: { name: Weather, kind: api_key }
workloads:
  calendar-agent: { client_id: assistant, ceilings: { google: openid } }
";

on_every_database!(a_file_with_agents_is_applied_and_exported);

async fn a_file_with_agents_is_applied_and_exported(kind: Kind) {
    let (database, sandbox) = Database::sandbox(kind).await;
    sandbox.write("gatehouse.yaml", FILE);
    sandbox.write("google.secret", &format!("{SECRET}\n"));
    let dry = sandbox.run(&["apply", "-f", "gatehouse.yaml", "--dry-run"]).done();
    assert!(dry.contains("    client_secret: \"from file google.secret\"\n"), "{dry}");
    assert!(dry.contains("Note: providers.weather has no api_key_env or api_key_file"), "{dry}");
    assert!(dry.contains("+ workloads.calendar-agent\n    client_id: \"assistant\"\n"), "{dry}");
    assert!(database.texts("SELECT id FROM providers").await.is_empty(), "nothing was changed");
    let applied = sandbox.run(&["apply", "-f", "gatehouse.yaml", "--json"]);
    assert!(!applied.stdout.contains(SECRET) && !applied.stderr.contains(SECRET));
    assert_eq!(applied.json()["summary"]["create"], 4);
    let code = |arguments: &[&str]| sandbox.run(arguments).status.code();
    assert_eq!(code(&["apply", "-f", "gatehouse.yaml", "--prune", "--detailed-exitcode"]), Some(0));
    let exported = sandbox.run(&["export"]).done();
    assert!(
        exported.contains("\nworkloads:\n  calendar-agent:\n    client_id: assistant\n"),
        "{exported}"
    );
    assert!(!exported.contains(SECRET) && !exported.contains("client_secret"), "{exported}");
    let again = sandbox.run_with_input(&["apply", "-f", "-", "--prune"], &exported).done();
    assert_eq!(again, "Nothing to do: 4 as declared.\n");
    let only = sandbox.run(&["export", "--only", "providers,workloads"]).done();
    assert!(
        only.contains("\nproviders:\n") && only.contains("\nworkloads:\n") && !only.contains("clients:"),
        "{only}"
    );
    // The secret alone.
    sandbox.write("google.secret", "GOCSPX-another");
    assert_eq!(
        code(&["apply", "-f", "gatehouse.yaml", "--dry-run", "--detailed-exitcode"]),
        Some(2)
    );
    let dry = sandbox.run(&["apply", "-f", "gatehouse.yaml", "--dry-run"]).done();
    let expected = "~ providers.google\n    client_secret: \"another\" → \"from file google.secret\"\n0 to create, 1 to change, 0 to remove, 3 unchanged.\n";
    assert_eq!(dry, expected);
    let sealed = async || database.texts("SELECT sealed_secret FROM providers WHERE id = 'google'").await;
    let before = sealed().await;
    sandbox.run(&["apply", "-f", "gatehouse.yaml"]).done();
    assert_ne!(sealed().await, before);
    let run = sandbox.run(&["apply", "-f", "gatehouse.yaml", "--with-connections"]);
    assert!(run.stderr.contains("--prune"), "{}", run.stderr);
}
