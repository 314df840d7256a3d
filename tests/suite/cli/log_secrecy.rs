//! Nothing secret is logged, whatever the log level.

mod vault;

use gatehouse::protocol::pkce::CodeChallenge;
use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};

use super::person::{Application, CALLBACK, PASSWORD, Person, VERIFIER, authorization_url, browser, hidden, parameter, text};
use crate::support::certificate::certify;
use crate::support::curl::{curl, printed_with};
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::process::{APP_SECRET, Sandbox, Server};

const ADMIN_TOKEN: &str = "an-admin-token-of-the-operator";

/// What must not be seen, with what it is.
#[derive(Default)]
pub struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    pub fn add(&mut self, what: &'static str, value: impl Into<String>) {
        let value = value.into();
        assert!(value.len() >= 8, "{what} is too short to look for: {value:?}");
        self.0.push((what, value));
    }

    pub fn assert_absent(&self, log: &str) {
        for (what, value) in &self.0 {
            let line = log.lines().find(|line| line.contains(value.as_str()));
            assert!(line.is_none(), "the log shows the {what}: {}", line.unwrap_or_default());
        }
    }
}

pub fn talkative() -> Sandbox {
    Sandbox::new()
        .with("GATEHOUSE_LOG_LEVEL", "trace")
        .with("GATEHOUSE_LOG_FORMAT", "json")
        .with("ENABLE_DEV_ENDPOINTS", "true")
}

/// The whole log of a server, which stops for that, without the set-up link, whose purpose is to be seen.
pub fn log_of(mut server: Server) -> String {
    server.terminate();
    assert!(server.await_exit().success());
    let output = server.output();
    let is_link = |line: &&str| line.trim().starts_with("http");
    output.lines().filter(|line| !is_link(line)).collect::<Vec<_>>().join("\n")
}

/// Adds alice, and a client that may do everything; its secret.
pub fn register(sandbox: &Sandbox) -> String {
    sandbox
        .run_with_input(&["user", "add", "alice", "--password-stdin"], PASSWORD)
        .done();
    let add = [
        "client",
        "add",
        "App",
        "--id",
        "app",
        "--redirect-uri",
        CALLBACK,
        "--client-credentials",
        "--scope",
        "openid offline_access relay",
        "--json",
    ];
    text(&sandbox.run(&add).json(), "client_secret")
}

/// Claims the server by its link; wrong codes first.
pub async fn set_up(sandbox: &Sandbox, server: &Server, secrets: &mut Secrets) {
    // Standard output is for log collectors here, and the code is not for them.
    let link = server.await_notice("/setup?code=").trim().to_owned();
    let browser = browser();
    let page = browser.get(&link).send().await.unwrap().text().await.unwrap();
    let (csrf, code) = (hidden(&page, "csrf"), hidden(&page, "code"));
    for code in ["a-code-that-is-wrong", &code] {
        let form = [("csrf", csrf.as_str()), ("code", code)];
        let page = browser
            .post(format!("{}/setup", sandbox.issuer()))
            .form(&form)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        if let Some(at) = page.find("gh_admin_") {
            let token: String = page[at..].chars().take_while(|c| !c.is_whitespace() && *c != '<').collect();
            let pkce = browser
                .get(format!("{}/dev/pkce", sandbox.issuer()))
                .header("X-Admin-Token", &token);
            assert!(pkce.send().await.unwrap().status().is_success());
            secrets.add("admin token", token);
        }
    }
    secrets.add("set-up code", code);
    secrets.add("wrong set-up code", "a-code-that-is-wrong");
    secrets.add("token of a form", csrf);
}

/// Signs in by hand, to see every cookie and field; wrong password first.
pub async fn sign_in(sandbox: &Sandbox, secrets: &mut Secrets) -> String {
    let person = Person::new(&sandbox.issuer(), "alice", PASSWORD);
    let url = authorization_url(&sandbox.issuer(), "app", "openid offline_access");
    let login = person.http.get(&url).send().await.unwrap();
    let login = login.url().join(login.headers()["location"].to_str().unwrap()).unwrap();
    let page = person.http.get(login.clone()).send().await.unwrap();
    for cookie in page.headers().get_all(SET_COOKIE) {
        secrets.add("browser cookie", cookie_value(cookie.to_str().unwrap()));
    }
    let page = page.text().await.unwrap();
    let (csrf, interaction) = (hidden(&page, "csrf"), hidden(&page, "interaction"));
    for password in ["a password that is wrong", PASSWORD] {
        let form = [
            ("csrf", csrf.as_str()),
            ("interaction", &interaction),
            ("username", "alice"),
            ("password", password),
        ];
        let answer = person.http.post(login.clone()).form(&form).send().await.unwrap();
        for cookie in answer.headers().get_all(SET_COOKIE) {
            secrets.add("session or device cookie", cookie_value(cookie.to_str().unwrap()));
        }
        secrets.add("password", password);
    }
    secrets.add("interaction", interaction);
    let callback = person.follow(&url).await.unwrap();
    let code = parameter(&callback, "code").unwrap();
    secrets.add("authorization code", &*code);
    secrets.add("PKCE verifier", VERIFIER);
    let logout = person
        .http
        .get(format!("{}/logout", sandbox.issuer()))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let form = [("csrf", hidden(&logout, "csrf"))];
    person
        .http
        .post(format!("{}/logout", sandbox.issuer()))
        .form(&form)
        .send()
        .await
        .unwrap();
    code
}

fn cookie_value(cookie: &str) -> String {
    let pair = cookie.split(';').next().unwrap_or_default();
    pair.split_once('=').expect("a cookie").1.to_owned()
}

/// Everything that can be done with a code and with what comes of it, rightly and wrongly.
pub async fn use_tokens(sandbox: &Sandbox, secret: &str, code: &str, secrets: &mut Secrets) {
    let application = Application::confidential(&sandbox.issuer(), "app", secret);
    let stranger = Application::confidential(&sandbox.issuer(), "app", "a-client-secret-that-is-wrong");
    secrets.add("client secret", secret);
    secrets.add("wrong client secret", "a-client-secret-that-is-wrong");
    assert_eq!(stranger.redeem(code).await.unwrap().0, 401);
    let mut tokens = Vec::new();
    let (status, answer) = application.redeem(code).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    tokens.push(answer);
    for _ in 0..2 {
        let token = text(tokens.last().unwrap(), "refresh_token");
        tokens.push(application.refresh(&token).await.unwrap().1);
    }
    // A replayed refresh token and a replayed code raise alarms; alarms must not shout secrets.
    application.refresh(&text(&tokens[0], "refresh_token")).await.unwrap();
    let access = text(&tokens[2], "access_token");
    let userinfo = browser()
        .get(format!("{}/userinfo", sandbox.issuer()))
        .bearer_auth(&access)
        .send()
        .await
        .unwrap();
    let _: Value = userinfo.json().await.unwrap();
    application.is_active(&access).await;
    application.redeem(code).await.unwrap();
    application.post("/revoke", &[("token", &access)]).await.unwrap();
    application.refresh("ghr_a-refresh-token-of-nobody-at-all").await.unwrap();
    secrets.add("unknown refresh token", "a-refresh-token-of-nobody-at-all");
    for answer in &tokens {
        for name in ["access_token", "refresh_token", "id_token"] {
            secrets.add(name, text(answer, name));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_finest_level_no_secret_is_logged() {
    let sandbox = talkative();
    let mut secrets = Secrets::default();
    secrets.add("APP_SECRET", APP_SECRET);
    let secret = register(&sandbox);
    let server = sandbox.serve();
    set_up(&sandbox, &server, &mut secrets).await;
    let code = sign_in(&sandbox, &mut secrets).await;
    use_tokens(&sandbox, &secret, &code, &mut secrets).await;
    let log = log_of(server);
    for event in [
        "signed_in",
        "sign_in_failed",
        "code_redeemed",
        "refreshed",
        "code.replayed",
        "setup_completed",
        "served",
    ] {
        assert!(log.contains(event), "the log is the finest, and has no {event}: {log}");
    }
    for line in log.lines().filter(|line| line.starts_with('{')) {
        serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    }
    secrets.assert_absent(&log);
}

/// What travels through the relay: in paths, queries, forms, headers, and in what is posted elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn no_state_and_no_code_of_the_relay_is_logged() {
    let vault = Elsewhere::start().await;
    vault.serve("/complete", Served::json(&Value::Null).status(500));
    let sandbox = talkative()
        .with("ADMIN_TOKEN", ADMIN_TOKEN)
        .with("GATEHOUSE_COMPLETION_URL", &vault.url("/complete"))
        .with("GATEHOUSE_COMPLETION_TOKEN", "a-token-for-the-vault-of-agents");
    let secret = register(&sandbox);
    let server = sandbox.serve();
    let mut secrets = Secrets::default();
    secrets.add("completion token", "a-token-for-the-vault-of-agents");
    let (http, base) = (browser(), sandbox.issuer());
    let challenge = CodeChallenge::of(VERIFIER);
    let own = "a state of a program/with a slash";
    for state in [None, Some(own)] {
        let wanted = json!({ "state": state, "code_challenge": challenge.as_str(), "code_challenge_method": "S256" });
        let created = http
            .post(format!("{base}/api/callbacks"))
            .header("X-Admin-Token", ADMIN_TOKEN)
            .json(&wanted);
        let created: Value = created.send().await.unwrap().json().await.unwrap();
        let (state, place) = (text(&created, "state"), text(&created, "callback_uri"));
        http.get(format!("{place}?wait=1"))
            .header("X-Callback-Verifier", VERIFIER)
            .send()
            .await
            .unwrap();
        http.get(&place)
            .header("X-Callback-Verifier", "a-verifier-that-is-wrong")
            .send()
            .await
            .unwrap();
        for code in ["4/a-code-of-a-provider", "4/another-code-of-a-provider"] {
            let form = [("code", code), ("state", &state), ("error_description", "words-of-a-provider")];
            http.post(format!("{base}/callback")).form(&form).send().await.unwrap();
            secrets.add("code", code);
        }
        http.get(format!("{place}/events"))
            .header("X-Callback-Verifier", VERIFIER)
            .send()
            .await
            .unwrap();
        http.get(&place).header("X-Callback-Verifier", VERIFIER).send().await.unwrap();
        http.delete(&place).header("X-Admin-Token", ADMIN_TOKEN).send().await.unwrap();
        secrets.add("place of a state", place.rsplit('/').next().unwrap());
        secrets.add("state", state);
    }
    http.get(format!("{base}/callback?code=a-code-for-nobody&state=a-state-of-nobody"))
        .send()
        .await
        .unwrap();
    http.get(format!(
        "{base}/callback?code=a-code-twice&code=a-code-twice&state=a-state-of-nobody"
    ))
    .send()
    .await
    .unwrap();
    for (what, value) in [
        ("unknown code", "a-code-for-nobody"),
        ("unknown state", "a-state-of-nobody"),
        ("repeated code", "a-code-twice"),
        ("words of a provider", "words-of-a-provider"),
        ("verifier", VERIFIER),
        ("wrong verifier", "a-verifier-that-is-wrong"),
        ("admin token", ADMIN_TOKEN),
    ] {
        secrets.add(what, value);
    }

    // A flow of an agent whose vault fails.
    let person = Person::new(&base, "alice", PASSWORD);
    let code = person.authorize("app", "openid").await.unwrap();
    let tokens = Application::confidential(&base, "app", &secret).redeem(&code).await.unwrap().1;
    let body = json!({ "user_token": text(&tokens, "id_token"), "session_id": "urn:a-session-of-an-agent" });
    let bind = http
        .post(format!("{base}/userIdentifier/token"))
        .basic_auth("app", Some(&secret))
        .json(&body);
    assert_eq!(bind.send().await.unwrap().status(), 200);
    let completed = person
        .http
        .get(format!("{base}/oauth2/callback?session_id=urn:a-session-of-an-agent"));
    assert_eq!(completed.send().await.unwrap().status(), 502);
    secrets.add("user token", text(&tokens, "id_token"));
    secrets.add("session of an agent", "urn:a-session-of-an-agent");

    let log = log_of(server);
    for event in [
        "callback.received",
        "callback.collected",
        "flow.bound",
        "flow_not_completed",
        "/api/callback/{state}",
    ] {
        assert!(log.contains(event), "the log is the finest, and has no {event}: {log}");
    }
    secrets.assert_absent(&log);
}

#[tokio::test(flavor = "multi_thread")]
async fn not_even_by_the_libraries_below_http_2() {
    let sandbox = talkative()
        .without("GATEHOUSE_ISSUER")
        .without("ENABLE_DEV_ENDPOINTS")
        .with("ADMIN_TOKEN", ADMIN_TOKEN);
    certify(&sandbox, "certificate", 2);
    let secret = register(&sandbox);
    let sandbox = sandbox
        .with("GATEHOUSE_TLS_CERTIFICATE", "certificate.pem")
        .with("GATEHOUSE_TLS_KEY", "certificate.key");
    let server = sandbox.serve();
    let base = format!("https://{}", sandbox.address());
    let ask = |arguments: &[&str]| {
        let mut curl = curl(&sandbox);
        curl.arg("--http2").args(arguments);
        let (body, version) = printed_with(curl, "http_version");
        assert_eq!(version, "2", "{body}");
        body
    };
    let mut secrets = Secrets::default();
    let credentials = format!("app:{secret}");
    let answer = ask(&["-u", &credentials, "-d", "grant_type=client_credentials", &format!("{base}/token")]);
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let token = text(&answer, "access_token");
    ask(&["-H", &format!("Authorization: Bearer {token}"), &format!("{base}/userinfo")]);
    ask(&[
        "-H",
        "Cookie: __Host-gatehouse_session=a-session-cookie-of-somebody",
        &format!("{base}/login"),
    ]);
    ask(&[&format!("{base}/authorize?login_hint=a-hint-that-is-private")]);
    secrets.add("client secret", &*secret);
    secrets.add(
        "client secret in Basic",
        gatehouse::base::encoding::base64url(credentials.as_bytes())[..40].to_owned(),
    );
    secrets.add("access token", token);
    secrets.add("cookie", "a-session-cookie-of-somebody");
    secrets.add("query of a request", "a-hint-that-is-private");
    secrets.add("admin token", ADMIN_TOKEN);
    secrets.assert_absent(&log_of(server));
}
