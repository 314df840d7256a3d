//! What is wrong with a declaration: all of it is said, with its place, and nothing is changed.

use gatehouse::admin::declaration::{self, Source};

use super::{environment, everything, source, try_plan};
use crate::support::{TestApp, on_every_database};

const WRONG: &str = r#"version: 2
setting: {}
settings:
  access_token_lifetim: 3
  listen: 127.0.0.1:1
  code_lifetime: 10d
scopes:
  "a b": { descripton: x, claims: [a, 1] }
clients:
  x:
    kind: foo
    redirect_uri: https://x.example/
    client_name: 12
    redirect_uris: [https://x.example/, {}]
    client_secret: foo
  y:
    redirect_uris: [http://a.example, "https://b.example/#x"]
    client_secret_env: NOPE
    access_token_lifetime: 1
  z:
    kind: spa
    client_name: Z
    redirect_uris: [https://z.example/]
    client_secret_env: ALBUM_SECRET
users:
  "b ob": {}
  c: [a]
  d: { email: x, username: e, password: y, roles: [a b] }
  e: { email: e@example.com }
  f: { email: E@example.com }
  E: {}
"#;

#[rustfmt::skip]
const SAID: [&str; 27] = [
    "1: version: this program reads version 1",
    "2: setting: unknown section; did you mean settings?",
    "4: settings.access_token_lifetim: there is no such setting; did you mean access_token_lifetime?",
    "5: settings.listen: cannot change while the server runs",
    "6: settings.code_lifetime: must be a time from 5s to 1m",
    "8: scopes.a b: a scope has 1 to 128 printable characters",
    "8: scopes.a b.descripton: unknown field; did you mean description?; expected one of claims, default, description, roles",
    "8: scopes.a b.claims[1]: invalid type: integer `1`, expected a string (put it in quotes)",
    "11: clients.x.kind: must be web, spa, native, service or mcp",
    "12: clients.x.redirect_uri: unknown field; did you mean redirect_uris?; expected one of access_token_format, ",
    "13: clients.x.client_name: invalid type: integer `12`, expected a string (put it in quotes)",
    "14: clients.x.redirect_uris[1]: invalid type: map, expected a string",
    "15: clients.x.client_secret: a secret does not belong into this text",
    "16: clients.y.client_name: a client name has 1 to 200 characters",
    "17: clients.y.redirect_uris: redirect URI http://a.example: http is only allowed for",
    "17: clients.y.redirect_uris: redirect URI https://b.example/#x: a redirect URI has no fragment",
    "18: clients.y.client_secret_env: the environment variable NOPE is not set",
    "19: clients.y.access_token_lifetime: an access token lives from 10 seconds to 1 day",
    "24: clients.z.client_secret_env: a public client has no secret",
    "26: users.b ob: a user name consists of letters, digits and . _ - + @",
    "27: users.c: must be a map of fields",
    "28: users.d.email: not an e-mail address",
    "28: users.d.username: the user name is the name of the entry",
    "28: users.d.password: a password does not belong into this text",
    "28: users.d.roles: a user has at most 50 roles",
    "30: users.f.email: users.e has the e-mail address e@example.com, too",
    "31: users.E: it is declared at file.yaml:29: users.e already",
];

on_every_database! {
    async fn everything_is_said_at_once_and_nothing_changes(app: TestApp) {
        let app = &app.app;
        let before = everything(app).await;
        let problems = try_plan(app, WRONG, true).await.unwrap_err();
        let mut said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        for expected in SAID {
            let expected = format!("file.yaml:{expected}");
            let Some(at) = said.iter().position(|problem| problem.starts_with(&expected)) else {
                panic!("{expected}\nis not in\n{}", said.join("\n"));
            };
            said.remove(at);
        }
        assert!(said.is_empty(), "{}", said.join("\n"));
        assert_eq!(everything(app).await, before);
        let lines: Vec<u64> = problems.iter().map(|problem| problem.place.line).collect();
        assert!(lines.is_sorted(), "in the order of the text: {lines:?}");
    }

    async fn what_does_not_fit_together_is_said(app: TestApp) {
        let app = &app.app;
        for (text, said) in [
            ("settings: { session_lifetime: 1h }", "file.yaml:1: settings.session_lifetime: session_idle_lifetime is longer than session_lifetime"),
            ("users: { x: { password_env: NOPE } }", "file.yaml:1: users.x.password_env: the environment variable NOPE is not set"),
            ("users: { x: { password_file: /does/not/exist } }", "file.yaml:1: users.x.password_file: cannot read /does/not/exist"),
            ("clients: [a]", "file.yaml:1: clients: must be a map by client_id"),
            ("- clients", "file.yaml: a declaration is a map"),
            ("clients: {}\nclients: {}", "file.yaml:2: duplicate"),
            ("clients: { a: { client_name: [", "file.yaml:1: "),
            ("clients: { a: { kind: service, client_name: A, client_secret_env: ALBUM_SECRET, client_secret_file: x } }",
             "file.yaml:1: clients.a.client_secret_file: clients.a.client_secret_env says where it is already"),
        ] {
            let problems = try_plan(app, text, false).await.unwrap_err();
            assert!(problems[0].to_string().starts_with(said), "{text}: {}", problems[0]);
        }
        // A password that is not there matters only while the account is new.
        app_user(app).await;
        assert!(try_plan(app, "users: { x: { password_env: NOPE } }", false).await.unwrap().is_empty());
    }

    async fn several_files_are_one_declaration(app: TestApp) {
        let named = |name: &str, text: &str| Source { name: name.to_owned(), ..source(text) };
        let one = named("one.yaml", "scopes: { a: { description: A } }\n");
        let two = named("two.yaml", "scopes: { b: { description: B } }\nclients: {}\n");
        let declared = declaration::read(&app.app, &[one.clone(), two], &environment()).unwrap();
        assert_eq!(declared.scopes.unwrap().len(), 2);
        let problems = declaration::read(&app.app, &[one, named("three.yaml", "scopes:\n  a: {}\n")], &environment()).unwrap_err();
        assert_eq!(problems[0].to_string(), "three.yaml:2: scopes.a: it is declared at one.yaml:1: scopes.a already");
    }
}

async fn app_user(app: &gatehouse::app::App) {
    super::apply(app, "users: { x: {} }").await;
}
