//! A person at a browser without JavaScript, and the application that sent them.

use gatehouse::protocol::pkce::CodeChallenge;
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;

/// Where answers to the application of these tests go.
pub const CALLBACK: &str = "http://127.0.0.1/callback";
/// A PKCE verifier; how good it is does not matter here.
pub const VERIFIER: &str = "a-code-verifier-of-at-least-forty-three-characters";
/// The password of everybody in these tests.
pub const PASSWORD: &str = "correct horse battery";

/// Somebody with a browser. Cheap to clone; clones share the cookies.
#[derive(Clone)]
pub struct Person {
    /// The browser
    pub http: Client,
    issuer: String,
    username: String,
    password: String,
}

impl Person {
    /// Somebody who is not signed in yet.
    pub fn new(issuer: &str, username: &str, password: &str) -> Self {
        Self {
            http: browser(),
            issuer: issuer.to_owned(),
            username: username.to_owned(),
            password: password.to_owned(),
        }
    }

    /// The same person at another browser, which has to keep cookies and to show redirects.
    pub fn through(self, http: Client) -> Self {
        Self { http, ..self }
    }

    /// The same, in the same browser, at another node.
    pub fn at(&self, issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            ..self.clone()
        }
    }

    /// Opens an authorization request and does what the pages ask for, until the browser is sent to
    /// the application; that address.
    pub async fn follow(&self, url: &str) -> Result<Url, reqwest::Error> {
        let mut answer = self.http.get(url).send().await?;
        for _ in 0..12 {
            let at = answer.url().clone();
            if answer.status() == StatusCode::SEE_OTHER {
                let next = at.join(&header(&answer, LOCATION.as_str())).expect("a location");
                if !next.as_str().starts_with(&self.issuer) {
                    return Ok(next);
                }
                answer = self.http.get(next).send().await?;
                continue;
            }
            let status = answer.status();
            let page = answer.text().await?;
            assert_eq!(status, StatusCode::OK, "{} answered {page}", at.path());
            answer = self.submit(&at, &page).await?;
        }
        panic!("the pages lead nowhere");
    }

    async fn submit(&self, at: &Url, page: &str) -> Result<Response, reqwest::Error> {
        let csrf = hidden(page, "csrf");
        let interaction = hidden(page, "interaction");
        let mut form = vec![("csrf", csrf.as_str()), ("interaction", interaction.as_str())];
        if at.path().ends_with("/login") {
            form.extend([("username", self.username.as_str()), ("password", self.password.as_str())]);
        } else {
            assert!(at.path().ends_with("/consent"), "a page that nobody expected: {at}");
            form.push(("decision", "allow"));
        }
        self.http.post(at.clone()).form(&form).send().await
    }

    /// Authorizes the application; the code that it is sent.
    pub async fn authorize(&self, client_id: &str, scope: &str) -> Result<String, reqwest::Error> {
        let url = authorization_url(&self.issuer, client_id, scope);
        let callback = self.follow(&url).await?;
        Ok(parameter(&callback, "code").unwrap_or_else(|| panic!("no code: {callback}")))
    }
}

/// A browser that keeps cookies and shows redirects.
pub fn browser() -> Client {
    Client::builder()
        .cookie_store(true)
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .expect("a browser")
}

/// The authorization request of the application.
pub fn authorization_url(issuer: &str, client_id: &str, scope: &str) -> String {
    let challenge = CodeChallenge::of(VERIFIER);
    let parameters = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", CALLBACK),
        ("scope", scope),
        ("state", "xyz"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    Url::parse_with_params(&format!("{issuer}/authorize"), parameters)
        .expect("a URL")
        .into()
}

/// Status and JSON of an answer from an endpoint for programs.
pub type Answer = (StatusCode, Value);

/// An application that talks to the token endpoint.
#[derive(Clone)]
pub struct Application {
    http: Client,
    issuer: String,
    client_id: String,
    secret: Option<String>,
}

impl Application {
    /// An application without a secret.
    pub fn public(issuer: &str, client_id: &str) -> Self {
        Self {
            http: browser(),
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            secret: None,
        }
    }

    /// An application with a secret.
    pub fn confidential(issuer: &str, client_id: &str, secret: &str) -> Self {
        Self {
            secret: Some(secret.to_owned()),
            ..Self::public(issuer, client_id)
        }
    }

    /// The same application, whose requests another client sends.
    pub fn through(self, http: Client) -> Self {
        Self { http, ..self }
    }

    /// The same application, which asks at another address.
    pub fn asking(&self, issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            ..self.clone()
        }
    }

    /// Its secret, empty when it has none.
    pub fn secret(&self) -> &str {
        self.secret.as_deref().unwrap_or_default()
    }

    /// Posts a form to an endpoint, authenticated.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Answer, reqwest::Error> {
        let mut form = form.to_vec();
        let mut request = self.http.post(format!("{}{path}", self.issuer));
        match &self.secret {
            Some(secret) => request = request.basic_auth(&self.client_id, Some(secret)),
            None => form.push(("client_id", &self.client_id)),
        }
        let answer = request.form(&form).send().await?;
        let status = answer.status();
        Ok((status, answer.json().await.unwrap_or_default()))
    }

    /// Redeems a code.
    pub async fn redeem(&self, code: &str) -> Result<Answer, reqwest::Error> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.post("/token", &form).await
    }

    /// Redeems a refresh token.
    pub async fn refresh(&self, token: &str) -> Result<Answer, reqwest::Error> {
        self.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    /// Asks what a token is worth.
    pub async fn is_active(&self, token: &str) -> bool {
        let (status, answer) = self.post("/introspect", &[("token", token)]).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["active"].as_bool().expect("active is a boolean")
    }
}

/// A text of a JSON answer.
pub fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned()
}

/// A parameter of a URL.
pub fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The value of a field of a page's form.
pub fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\""))
        .unwrap_or_else(|| panic!("no field {name}: {page}"));
    let (_, rest) = rest.split_once("value=\"").expect("a value");
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// A header of an answer, as text.
pub fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name).unwrap_or_else(|| panic!("no header {name}"));
    value.to_str().expect("a textual header").to_owned()
}
