//! Nothing of what the vault keeps, asks for and gives is logged or recorded: the whole way of an agent and its person, with a
//! provider that repeats what it was shown in its errors.

use std::time::{Duration, Instant};

use gatehouse::model::signing_key::SigningAlgorithm;
use reqwest::{Client, RequestBuilder, Url};
use serde_json::{Value, json};

use super::{ADMIN_TOKEN, Secrets, log_of, talkative};
use crate::cli::person::{Application, CALLBACK, PASSWORD, Person, browser, hidden, parameter, text};
use crate::support::assertion::ClientKey;
use crate::support::database::execute;
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::process::Sandbox;

const CLIENT_SECRET: &str = "a-secret-of-the-client-at-the-provider";
const API_KEY: &str = "an-api-key-of-the-weather";

/// What the test plays: an operator, an agent, its person, and the provider.
struct Play {
    sandbox: Sandbox,
    http: Client,
    base: String,
    there: Elsewhere,
    person: Person,
    secrets: Secrets,
    /// The secret of the client that owns the agent
    secret: String,
    codes: usize,
}

impl Play {
    async fn json(&self, request: RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    async fn admin(&self, method: &str, path: &str, body: Value) -> Value {
        let method = method.parse().unwrap();
        let request = self.http.request(method, format!("{}/api/admin/v1{path}", self.base));
        let request = request.header("X-Admin-Token", ADMIN_TOKEN).header("If-Match", "*");
        let (status, answer) = self.json(if body.is_null() { request } else { request.json(&body) }).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// What the token endpoint of the provider gives from now on.
    fn gives(&mut self, name: &str) {
        let (access, refresh) = (format!("an-access-token-{name}"), format!("a-refresh-token-{name}"));
        // So short that each request refreshes.
        let answer = json!({ "access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": 30 });
        self.there.serve("/token", Served::json(&answer));
        self.secrets.add("access token of the provider", access);
        self.secrets.add("refresh token of the provider", refresh);
    }

    /// What it refuses from now on, in many words.
    fn refuses(&self, status: u16, error: &str, repeated: &str) {
        let description = format!("not {repeated} of {CLIENT_SECRET}");
        let answer = json!({ "error": error, "error_description": description, "access_token": "an-access-token-in-an-error" });
        self.there.serve("/token", Served::json(&answer).status(status));
    }

    async fn workload_token(&mut self) -> String {
        let code = self.person.authorize("app", "openid").await.unwrap();
        let application = Application::confidential(&self.base, "app", &self.secret);
        let id_token = text(&application.redeem(&code).await.unwrap().1, "id_token");
        let ask = |user_token: &str| {
            let body = json!({ "workload": "the-agent", "user_token": user_token });
            let request = self.http.post(format!("{}/api/vault/workload-token", self.base));
            request.basic_auth("app", Some(&self.secret)).json(&body)
        };
        let wrong = format!("{}wrong-signature", id_token.rsplit_once('.').unwrap().0);
        assert_eq!(self.json(ask(&wrong)).await.0, 400);
        let (status, answer) = self.json(ask(&id_token)).await;
        assert_eq!(status, 200, "{answer}");
        let token = text(&answer, "workload_access_token");
        self.secrets.add("user token", id_token);
        self.secrets.add("wrong user token", wrong);
        self.secrets.add("workload token", &*token);
        token
    }

    async fn ask(&self, token: &str) -> (u16, Value) {
        let body = json!({ "provider": "mail", "state": "a-state-of-the-agent", "return_uri": "https://agent.example/done" });
        let request = self.http.post(format!("{}/api/vault/token", self.base)).bearer_auth(token);
        self.json(request.json(&body)).await
    }

    /// The way of the person, from the link to the page at the end; with ways that lead nowhere.
    async fn consent(&mut self, asked: &Value, token: &str) {
        let (link, session) = (text(asked, "authorization_url"), text(asked, "session_uri"));
        let name = link.rsplit('/').next().unwrap().to_owned();
        self.secrets.add("second half of the link", &name[32..]);
        let wait = self.http.get(format!("{}/api/vault/session", self.base)).bearer_auth(token);
        assert_eq!(self.json(wait.query(&[("uri", session.as_str()), ("wait", "1")])).await.0, 200);
        let page = self.person.http.get(&link).send().await.unwrap().text().await.unwrap();
        let csrf = hidden(&page, "csrf");
        let form = [("csrf", csrf.as_str()), ("decision", "allow")];
        let gone = self.person.http.post(&link).form(&form).send().await.unwrap();
        let address: Url = gone.headers()["location"].to_str().unwrap().parse().unwrap();
        let (state, challenge) = (
            parameter(&address, "state").unwrap(),
            parameter(&address, "code_challenge").unwrap(),
        );
        self.codes += 1;
        let code = format!("a-code-of-the-provider-{}", self.codes);
        let back = format!("{}/connect/callback/mail", self.base);
        for (code, state) in [
            ("a-code-for-nobody", "gh_connect_a-state-of-nobody"),
            (&code, &state),
            (&code, &state),
        ] {
            let answer = self
                .person
                .http
                .get(&back)
                .query(&[("code", code), ("state", state)])
                .send()
                .await
                .unwrap();
            answer.text().await.unwrap();
        }
        let shown = self.there.requests();
        let request = shown
            .iter()
            .rev()
            .find(|request| request.contains(&code))
            .expect("the code came there");
        let body = request.split("\r\n\r\n").nth(1).unwrap();
        let verifier = url::form_urlencoded::parse(body.as_bytes())
            .find(|(name, _)| name == "code_verifier")
            .unwrap()
            .1;
        for (what, value) in [
            ("state", state.as_str()),
            ("challenge", &challenge),
            ("verifier", &verifier),
            ("code", &code),
            ("token of a form", &csrf),
            ("unknown code", "a-code-for-nobody"),
            ("unknown state", "a-state-of-nobody"),
        ] {
            self.secrets.add(what, value);
        }
    }

    async fn set_up(&mut self) {
        let url = |path: &str| self.there.url(path);
        let endpoints = json!({
            "authorization_endpoint": url("/authorize"), "token_endpoint": url("/token"), "revocation_endpoint": url("/revoke"),
            "userinfo_endpoint": url("/userinfo"),
        });
        let mail = json!({
            "id": "mail", "name": "Mail", "preset": "oauth2", "client_id": "us", "client_secret": CLIENT_SECRET,
            "client_auth": "client_secret_post", "scope": "read", "endpoints": endpoints,
        });
        let key = ClientKey::new(SigningAlgorithm::EdDsa).private_jwk();
        let signed = json!({ "id": "signed", "name": "Signed", "preset": "github", "client_id": "us", "private_key": key });
        let weather = json!({ "id": "weather", "name": "Weather", "kind": "api_key", "api_key": API_KEY });
        for provider in [mail, signed, weather] {
            let path = format!("/providers/{}/check", provider["id"].as_str().unwrap());
            self.admin("POST", "/providers", provider).await;
            self.admin("POST", &path, Value::Null).await;
        }
        let workload = json!({
            "name": "the-agent", "client_id": "app", "ceilings": { "mail": "read", "weather": "" },
            "return_uris": ["https://agent.example/done"],
        });
        self.admin("POST", "/workloads", workload).await;
        self.secrets.add("private key", key["d"].as_str().unwrap());
        for (what, value) in [
            ("admin token", ADMIN_TOKEN),
            ("secret at the provider", CLIENT_SECRET),
            ("API key", API_KEY),
            ("state of the agent", "a-state-of-the-agent"),
            ("token in an error", "an-access-token-in-an-error"),
        ] {
            self.secrets.add(what, value);
        }
        self.there.serve("/userinfo", Served::json(&json!({ "sub": "the-account" })));
        self.there.serve("/revoke", Served::json(&json!({})));
    }
}

fn register(sandbox: &Sandbox) -> String {
    for name in ["alice", "bob"] {
        sandbox.run_with_input(&["user", "add", name, "--password-stdin"], PASSWORD).done();
    }
    let scope = ["--client-credentials", "--scope", "openid vault", "--json"];
    let add = ["client", "add", "App", "--id", "app", "--redirect-uri", CALLBACK];
    let arguments: Vec<&str> = add.into_iter().chain(scope).collect();
    text(&sandbox.run(&arguments).json(), "client_secret")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_vault_is_logged_or_recorded() {
    let sandbox = talkative().with("ADMIN_TOKEN", ADMIN_TOKEN).with("GATEHOUSE_AUDIT_LOG", "stdout");
    let secret = register(&sandbox);
    let server = sandbox.serve();
    let base = sandbox.issuer();
    let mut play = Play {
        http: browser(),
        there: Elsewhere::start().await,
        person: Person::new(&base, "alice", PASSWORD),
        secrets: Secrets::default(),
        codes: 0,
        secret,
        base,
        sandbox,
    };
    play.set_up().await;
    let token = play.workload_token().await;
    play.secrets.add("secret of the client", play.secret.clone());

    // The first time: asked, given, refreshed.
    let (status, asked) = play.ask(&token).await;
    assert_eq!(status, 202, "{asked}");
    play.gives("first");
    play.consent(&asked, &token).await;
    play.gives("second");
    let (status, given) = play.ask(&token).await;
    assert_eq!(
        (status, text(&given, "access_token").as_str()),
        (200, "an-access-token-second"),
        "{given}"
    );
    // The provider says that it is over, and repeats what it was shown.
    play.refuses(400, "invalid_grant", "a-refresh-token-second");
    let (status, asked) = play.ask(&token).await;
    assert_eq!(status, 202, "{asked}");
    // A code that the provider does not take; then what it gives cannot be read.
    play.refuses(400, "invalid_grant", "a-code-of-the-provider-2");
    play.consent(&asked, &token).await;
    let (_, asked) = play.ask(&token).await;
    let broken = r#"{"access_token":["an-access-token-in-an-error"],"refresh_token":"an-access-token-in-an-error"}"#;
    play.there.serve(
        "/token",
        Served {
            body: broken.as_bytes().to_vec(),
            ..Served::json(&Value::Null)
        },
    );
    play.consent(&asked, &token).await;
    let (_, asked) = play.ask(&token).await;
    play.gives("third");
    play.there
        .serve("/userinfo", Served::json(&json!({ "error": "an-access-token-third" })).status(401));
    play.consent(&asked, &token).await;
    play.there.serve("/userinfo", Served::json(&json!({ "sub": "the-account" })));
    let (_, asked) = play.ask(&token).await;
    play.gives("fourth");
    play.consent(&asked, &token).await;
    // It fails in many ways, and a token that still lives is given.
    play.refuses(500, "server_error", "a-refresh-token-fourth");
    assert_eq!(play.ask(&token).await.0, 200);

    let key = play.http.post(format!("{}/api/vault/api-key", play.base)).bearer_auth(&token);
    let (status, given) = play.json(key.json(&json!({ "provider": "weather" }))).await;
    assert_eq!((status, text(&given, "api_key").as_str()), (200, API_KEY));

    // A row that is moved to somebody else.
    let users = play.admin("GET", "/users?limit=10", Value::Null).await;
    let id_of = |name: &str| {
        let users = users["items"].as_array().unwrap();
        text(users.iter().find(|user| user["username"] == name).unwrap(), "id")
    };
    let (alice, bob) = (id_of("alice"), id_of("bob"));
    let database = format!("sqlite://{}", play.sandbox.file("gatehouse.db").display());
    let moved = |from: &str, to: &str| format!("UPDATE connections SET user_id = '{to}' WHERE user_id = '{from}'");
    execute(&database, moved(&alice, &bob)).await;
    play.person = Person::new(&play.base, "bob", PASSWORD);
    let bobs = play.workload_token().await;
    let (status, refused) = play.ask(&bobs).await;
    // It may be left alone for a moment because the provider was away.
    assert!([502, 503].contains(&status), "{refused}");
    play.secrets.assert_absent(&refused.to_string());
    execute(&database, moved(&bob, &alice)).await;

    // Taken back: by the operator, and with the person.
    let list = play.admin("GET", &format!("/connections?user={alice}"), Value::Null).await;
    let id = text(&list["items"][0], "id");
    play.refuses(500, "server_error", "a-refresh-token-fourth");
    play.there
        .serve("/revoke", Served::json(&json!({ "error": "a-refresh-token-fourth" })).status(500));
    play.admin("DELETE", &format!("/connections/{id}"), Value::Null).await;
    play.there.serve("/revoke", Served::json(&json!({})));
    play.person = Person::new(&play.base, "alice", PASSWORD);
    let token = play.workload_token().await;
    let (_, asked) = play.ask(&token).await;
    play.gives("fifth");
    play.consent(&asked, &token).await;
    play.admin("DELETE", &format!("/users/{alice}"), Value::Null).await;
    let deadline = Instant::now() + Duration::from_mins(1);
    let is_done = async || {
        let events = play.admin("GET", "/events?limit=200", Value::Null).await;
        events.to_string().contains("connection.revoked_upstream")
    };
    while !is_done().await {
        assert!(Instant::now() < deadline, "the job takes it back");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    let mut shown = list.to_string();
    for path in ["/events?limit=200", "/connections?provider=mail", "/providers", "/workloads"] {
        shown += &play.admin("GET", path, Value::Null).await.to_string();
    }
    for kind in [
        "connection.made",
        "connection.broken",
        "connection.refused",
        "connection.removed",
        "provider.api_key_given",
    ] {
        assert!(shown.contains(kind), "nothing is recorded of {kind}: {shown}");
    }
    play.secrets.assert_absent(&shown);
    let Play { secrets, .. } = play;
    let log = log_of(server);
    for event in [
        "provider_unusable",
        "connection_not_opened",
        "connection.revoked_upstream",
        "workload.token_refused",
    ] {
        assert!(log.contains(event), "the log is the finest, and has no {event}: {log}");
    }
    secrets.assert_absent(&log);
}
