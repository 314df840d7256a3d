//! What commands keep in the database: users, clients, scopes, keys, demo data.

use gatehouse::identity::admin_token;
use serde_json::Value;

use super::person::PASSWORD;
use crate::support::process::Sandbox;

fn find<'a>(list: &'a Value, key: &str, name: &str) -> Option<&'a Value> {
    list.as_array().expect("a list").iter().find(|item| item[key] == name)
}

#[test]
fn users() {
    let sandbox = Sandbox::new();
    let add = [
        "user",
        "add",
        "Alice",
        "--password-stdin",
        "--email",
        "alice@example.com",
        "--email-verified",
        "--name",
    ];
    let added = sandbox.run_with_input(
        &[&add[..], &["Alice Adams", "--role", "editor", "--claim", "team=7"]].concat(),
        PASSWORD,
    );
    assert!(added.done().starts_with("alice is added; sub: "));
    let bob = sandbox
        .run(&[
            "user",
            "add",
            "bob",
            "--generate-password",
            "--allowed-scopes",
            "openid read",
            "--json",
        ])
        .json();
    assert!(bob["password"].as_str().unwrap().len() >= 32);
    assert_eq!(bob["allowed_scope"], "openid read");

    let users = sandbox.run(&["user", "list", "--json"]).json();
    let alice = find(&users, "username", "alice").expect("alice");
    assert_eq!(alice["email"], "alice@example.com");
    assert_eq!(alice["email_verified"], true);
    assert_eq!(alice["profile"]["name"], "Alice Adams");
    assert_eq!(alice["extra_claims"]["team"], 7);
    assert_eq!(alice["roles"][0], "editor");
    assert!(!users.to_string().contains("argon2"), "password hashes are not listed");
    let table = sandbox.run(&["user", "list"]).done();
    assert!(table.starts_with("USERNAME") && table.contains("alice@example.com"));

    assert!(
        sandbox
            .run_with_input(&["user", "password", "alice", "--password-stdin"], "another password")
            .done()
            .contains("changed")
    );
    let generated = sandbox.run(&["user", "password", "alice", "--generate-password"]).done();
    assert!(generated.contains("Password, shown once: "));
    sandbox.run(&["user", "disable", "alice"]).done();
    let users = sandbox.run(&["user", "list", "--json"]).json();
    assert_eq!(find(&users, "username", "alice").unwrap()["disabled"], true);
    sandbox.run(&["user", "enable", "ALICE"]).done();
    sandbox.run(&["user", "delete", "alice"]).done();
    let users = sandbox.run(&["user", "list", "--json"]).json();
    assert!(find(&users, "username", "alice").is_none());
}

#[test]
fn users_that_cannot_be() {
    let sandbox = Sandbox::new();
    sandbox
        .run_with_input(&["user", "add", "alice", "--password-stdin", "--email", "a@example.com"], PASSWORD)
        .done();
    for (arguments, named) in [
        (&["user", "add", "alice", "--generate-password"][..], "belongs to another account"),
        (
            &["user", "add", "eve", "--generate-password", "--email", "A@example.com"],
            "belongs to another account",
        ),
        (&["user", "add", "eve", "--password-stdin"], "at least 8 characters"),
        (&["user", "add", "eve"], "--password-stdin"),
        (&["user", "add", "", "--generate-password"], "user name"),
        (&["user", "add", "eve", "--generate-password", "--claim", "sub=1"], "sub"),
        (&["user", "add", "eve", "--generate-password", "--claim", "team"], "NAME=VALUE"),
        (&["user", "password", "eve", "--generate-password"], "eve"),
        (&["user", "disable", "eve"], "eve"),
        (&["user", "enable", "eve"], "eve"),
        (&["user", "delete", "eve"], "eve"),
    ] {
        let line = sandbox.run_with_input(arguments, "short").refused();
        assert!(line.contains(named), "{arguments:?}: {line}");
    }
    assert_eq!(sandbox.run(&["user", "list", "--json"]).json().as_array().unwrap().len(), 1);
}

#[test]
fn clients() {
    let sandbox = Sandbox::new();
    let uri = "https://app.example/callback";
    let web = sandbox.run(&["client", "add", "Web app", "--redirect-uri", uri, "--json"]).json();
    let id = web["client_id"].as_str().unwrap().to_owned();
    let secret = web["client_secret"].as_str().unwrap().to_owned();
    assert_eq!(web["redirect_uris"][0], uri);
    assert_eq!(web["require_pkce"], true);
    assert_eq!(web["token_endpoint_auth_method"], "client_secret_basic");
    let text = sandbox
        .run(&[
            "client",
            "add",
            "Tool",
            "--kind",
            "native",
            "--id",
            "tool",
            "--redirect-uri",
            "http://127.0.0.1/cb",
        ])
        .done();
    assert!(text.contains("client_id:     tool") && !text.contains("client_secret"));
    let service = sandbox
        .run(&["client", "add", "Job", "--kind", "service", "--scope", "openid", "--json"])
        .json();
    assert_eq!(service["grant_types"], serde_json::json!(["client_credentials"]));

    let list = sandbox.run(&["client", "list", "--json"]).json();
    assert_eq!(list.as_array().unwrap().len(), 3);
    assert!(!list.to_string().contains(&secret), "secrets are shown once");
    assert!(sandbox.run(&["client", "list"]).done().starts_with("CLIENT ID"));
    let replaced = sandbox.run(&["client", "secret", &id]).done();
    assert!(replaced.trim().len() >= 43 && replaced.trim() != secret);
    assert_eq!(replaced.lines().count(), 1, "nothing but the secret, for scripts");

    sandbox.run(&["client", "disable", &id]).done();
    let list = sandbox.run(&["client", "list", "--json"]).json();
    assert_eq!(find(&list, "client_id", &id).unwrap()["disabled"], true);
    sandbox.run(&["client", "enable", &id]).done();
    sandbox.run(&["client", "delete", &id]).done();
    let list = sandbox.run(&["client", "list", "--json"]).json();
    assert!(find(&list, "client_id", &id).is_none());

    for (arguments, named) in [
        (&["client", "secret", &id][..], "there is no client"),
        (&["client", "secret", "tool"], "secret"),
        (&["client", "disable", "nobody"], "nobody"),
        (&["client", "delete", "nobody"], "nobody"),
        (
            &[
                "client",
                "add",
                "Twice",
                "--kind",
                "native",
                "--id",
                "tool",
                "--redirect-uri",
                "http://127.0.0.1/cb",
            ],
            "registered already",
        ),
        (
            &["client", "add", "X", "--redirect-uri", "http://app.example/cb"],
            "http://app.example/cb",
        ),
        (&["client", "add", "X", "--redirect-uri", "javascript:alert(1)"], "javascript:"),
        (&["client", "add", "X", "--redirect-uri", "https://app.example/#here"], "fragment"),
        (&["client", "add", "X"], "redirect"),
        (
            &["client", "add", "X", "--redirect-uri", "https://a.example/", "--consent", "never"],
            "--consent",
        ),
        (
            &[
                "client",
                "add",
                "X",
                "--redirect-uri",
                "https://a.example/",
                "--access-token",
                "saml",
            ],
            "--access-token",
        ),
        (
            &[
                "client",
                "add",
                "X",
                "--redirect-uri",
                "https://a.example/",
                "--signing-algorithm",
                "none",
            ],
            "--signing-algorithm",
        ),
        (
            &[
                "client",
                "add",
                "X",
                "--redirect-uri",
                "https://a.example/",
                "--token-lifetime",
                "0",
            ],
            "access token lives",
        ),
    ] {
        let line = sandbox.run(arguments).refused();
        assert!(line.contains(named), "{arguments:?}: {line}");
    }
    assert_eq!(sandbox.run(&["client", "list", "--json"]).json().as_array().unwrap().len(), 2);
}

#[test]
fn registration_tokens() {
    let sandbox = Sandbox::new();
    let token = sandbox.run(&["registration-token", "add", "CI", "--uses", "2"]).done();
    assert!(token.starts_with("ghi_"), "{token}");
    let made = sandbox
        .run(&["registration-token", "add", "Long", "--expires-in", "30d", "--json"])
        .json();
    assert!(made["token"].as_str().unwrap().starts_with("ghi_") && made["uses_left"].is_null());
    let list = sandbox.run(&["registration-token", "list", "--json"]).json();
    assert_eq!(find(&list, "name", "CI").unwrap()["uses_left"], 2);
    let shown = sandbox.run(&["registration-token", "list"]).done();
    assert!(shown.contains("any number") && !shown.contains("ghi_"), "{shown}");
    let id = made["id"].as_str().unwrap();
    assert!(sandbox.run(&["registration-token", "delete", id]).done().contains("is deleted"));
    let again = sandbox.run(&["registration-token", "delete", id]).refused();
    assert!(again.contains("there is no token"), "{again}");
    let refused = sandbox.run(&["registration-token", "add", "x", "--uses", "0"]).refused();
    assert!(refused.contains("1 to 1000000"), "{refused}");
}

#[test]
fn scopes() {
    let sandbox = Sandbox::new();
    sandbox.begin();
    let list = sandbox.run(&["scope", "list", "--json"]).json();
    assert!(find(&list, "name", "openid").is_some(), "the standard scopes are there");
    sandbox
        .run(&[
            "scope",
            "add",
            "todo:write",
            "--description",
            "Change your list",
            "--claim",
            "team",
            "--role",
            "editor",
        ])
        .done();
    let list = sandbox.run(&["scope", "list", "--json"]).json();
    let scope = find(&list, "name", "todo:write").unwrap();
    assert_eq!(scope["description"], "Change your list");
    assert_eq!(scope["claims"][0], "team");
    assert_eq!(scope["roles"][0], "editor");
    assert!(sandbox.run(&["scope", "list"]).done().contains("Change your list"));
    assert!(
        sandbox
            .run(&["scope", "add", "todo:write", "--description", "x"])
            .refused()
            .contains("todo:write")
    );
    assert!(
        sandbox
            .run(&["scope", "add", "two words", "--description", "x"])
            .refused()
            .contains("scope")
    );
    sandbox.run(&["scope", "delete", "todo:write"]).done();
    assert!(sandbox.run(&["scope", "delete", "todo:write"]).refused().contains("todo:write"));
}

#[test]
fn demo_data() {
    let sandbox = Sandbox::new();
    let seeded = sandbox.run(&["seed"]).json();
    assert_eq!(seeded["clients"][0]["client_id"], "demo-web");
    // Whose password is another one now is told, apart from what programs read.
    let told = |arguments: &[&str]| {
        let run = sandbox.run(arguments);
        assert!(run.status.success(), "{}", run.stderr);
        (serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap(), run.stderr)
    };
    let notice = "alice existed: password and limits replaced\nbob existed: password and limits replaced\n";
    assert_eq!(told(&["seed"]), (seeded, notice.to_owned()), "seeding twice changes nothing else");
    let (mcp, complaint) = told(&["seed", "--profile", "mcp"]);
    assert_eq!(mcp["users"].as_array().unwrap().len(), 3);
    assert_eq!(complaint, notice);
    assert!(sandbox.run(&["seed", "--profile", "other"]).refused().contains("--profile"));
    let sandbox = sandbox.with("GATEHOUSE_ISSUER", "https://login.example");
    assert!(sandbox.run(&["seed"]).refused().contains("https://login.example"));
    assert!(sandbox.run(&["seed", "--i-know-the-passwords-are-public"]).status.success());
    // Who forgets to say how others reach it seeds nothing all the same, once a server was there for them.
    drop(sandbox.serve());
    let issuer = sandbox.issuer();
    let sandbox = sandbox.with("GATEHOUSE_ISSUER", &issuer);
    assert!(sandbox.run(&["seed"]).refused().contains("https://login.example"));
    assert!(
        sandbox
            .run(&["seed", "--profile", "large"])
            .refused()
            .contains("https://login.example")
    );
}

#[test]
fn whoever_administers_something_is_not_made_a_demo_user() {
    let sandbox = Sandbox::new();
    let add = ["user", "add", "bob", "--role", "admin", "--password-stdin"];
    sandbox.run_with_input(&add, "a password of bob's").done();
    let refused = sandbox.run(&["seed"]).refused();
    assert!(refused.contains("bob has roles"), "{refused}");
    assert!(!sandbox.run(&["user", "list"]).done().contains("alice"));
}

#[test]
fn keys_are_listed_alike_for_people_and_programs() {
    let sandbox = Sandbox::new();
    sandbox.begin();
    let before = sandbox.run(&["key", "list", "--json"]).json();
    let old = find(&before, "algorithm", "ES256").unwrap()["kid"].as_str().unwrap().to_owned();
    sandbox.run(&["key", "rotate", "--now", "--algorithm", "ES256"]).done();
    let refusal = sandbox.run(&["key", "retire", "--now", "another"]).refused();
    assert!(
        refusal.contains("there is no key another") && refusal.contains("gatehouse key list"),
        "{refusal}"
    );
    sandbox.run(&["key", "retire", "--now", &old]).done();
    let keys = sandbox.run(&["key", "list", "--json"]).json();
    let expired = find(&keys, "kid", &old).expect("it is still there");
    assert_eq!(expired["state"], "expired");
    assert!(expired["expires_at"].is_i64() && expired["public_jwk"]["kty"] == "EC", "{expired}");
    let table = sandbox.run(&["key", "list"]).done();
    assert_eq!(table.lines().count(), keys.as_array().unwrap().len() + 1, "{table}");
    for key in keys.as_array().unwrap() {
        let (kid, state) = (key["kid"].as_str().unwrap(), key["state"].as_str().unwrap());
        assert!(
            table.lines().any(|line| line.contains(kid) && line.contains(state)),
            "{key}: {table}"
        );
    }
}

#[test]
fn an_admin_token_of_the_documentation_is_warned_of() {
    for (token, is_warned) in [(admin_token::EXAMPLES[0], true), ("one-that-nobody-has-read-0123", false)] {
        let sandbox = Sandbox::new().with("ADMIN_TOKEN", token);
        sandbox.serve();
        let findings = sandbox.run(&["doctor", "--json"]).json();
        let found = find(&findings, "check", "token");
        assert_eq!(
            found.map(|found| found["state"] == "warning"),
            is_warned.then_some(true),
            "{findings}"
        );
    }
}

#[test]
fn clients_that_sign() {
    let sandbox = Sandbox::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let keys = r#"{"keys":[{"crv":"Ed25519","kty":"OKP","x":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}]}"#;
    std::fs::write(file.path(), keys).unwrap();
    let path = file.path().display().to_string();
    let add = |more: &[&str]| sandbox.run(&[&["client", "add", "Job", "--kind", "service", "--json", "--auth-method"], more].concat());
    let signs = add(&["private_key_jwt", "--jwks", &path]).json();
    assert_eq!((&signs["client_secret"], signs["jwks"].to_string().as_str()), (&Value::Null, keys));
    let afar = add(&["private_key_jwt", "--jwks-uri", "https://job.example/jwks"]).json();
    assert_eq!(afar["jwks_uri"], "https://job.example/jwks");
    let macs = add(&["client_secret_jwt"]).json();
    assert!(macs["client_secret"].as_str().unwrap().starts_with("ghs_"));
    let id = macs["client_id"].as_str().unwrap();
    assert!(sandbox.run(&["client", "secret", id]).done().starts_with("ghs_"));
    std::fs::write(file.path(), keys.replace("\"x\"", "\"d\":\"AA\",\"x\"")).unwrap();
    for (more, told) in [
        (&["private_key_jwt"][..], "needs jwks or jwks_uri"),
        (&["private_key_jwt", "--jwks", &path], "private or symmetric key"),
        (&["private_key_jwt", "--jwks", "/nowhere"], "cannot read /nowhere"),
        (&["private_key_jwt", "--jwks-uri", "http://job.example/jwks"], "https"),
        (&["tls_client_auth"], "--auth-method must be one of"),
    ] {
        let refused = add(more).refused();
        assert!(refused.contains(told), "{more:?}: {refused}");
    }
}
