//! What is asked: about what there is, and about what there is not.

use std::net::SocketAddr;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::nodes::{ISSUER, Installation, Node};
use crate::{Outcome, say};

const ADMIN_TOKEN: &str = "an-admin-token-of-the-benchmark-that-nobody-guesses";
const FORM: &str = "application/x-www-form-urlencoded";
/// Accounts, of which each may be tried 100 times in an hour.
const PEOPLE: usize = 40;

type Question = fn(&World, usize) -> String;

/// Two kinds of questions.
pub struct Case {
    pub name: &'static str,
    pub one: (&'static str, Question),
    pub other: (&'static str, Question),
    /// Of both answers
    pub status: u16,
    /// The most questions of each kind
    pub most: usize,
}

/// A server with people and clients.
pub struct World {
    _installation: Installation,
    node: Node,
    /// A browser with a form
    cookie: String,
    csrf: String,
    /// Id and secret
    client: (String, String),
    /// Id and token of a client that registered itself
    registration: (String, String),
}

/// Each request from somewhere else, so that nobody is slowed down.
fn from(n: usize) -> String {
    format!("X-Forwarded-For: 2001:db8:{:x}:{:x}::1\r\n", n >> 16, n & 0xffff)
}

fn post(path: &str, headers: &str, content_type: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")
}

/// A text with one character replaced by another.
fn bent(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text that is as long as another one and has nothing of it.
fn unlike(text: &str) -> String {
    (0..text.len()).fold(text.to_owned(), |bent_so_far, at| bent(&bent_so_far, at))
}

impl World {
    pub async fn start(folder: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(
            folder.join("gatehouse.toml"),
            format!("admin_token = \"{ADMIN_TOKEN}\"\ntrusted_proxies = \"127.0.0.1\"\nregistration = \"token\"\n"),
        )?;
        let url = format!("sqlite://{}", folder.join("gatehouse.db").display());
        let installation = Installation::new(url, folder)?;
        let node = installation.start().await?;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let base = format!("http://{}", node.address);
        let api = |path: &str, body: Value| {
            let request = http.post(format!("{base}/api/admin/v1{path}"));
            let request = request.header("x-admin-token", ADMIN_TOKEN).json(&body);
            async move { Outcome::Ok(request.send().await?.error_for_status()?.json::<Value>().await?) }
        };
        say(&format!("{PEOPLE} people are made, at {ISSUER}"));
        for n in 0..PEOPLE {
            let user = api("/users", json!({ "username": format!("person{n:04}") })).await?;
            let id = user["id"].as_str().ok_or("a user has an id")?.to_owned();
            let request = http.post(format!("{base}/api/admin/v1/users/{id}/password"));
            let request = request.header("x-admin-token", ADMIN_TOKEN);
            request
                .json(&json!({ "password": format!("the password of {n}") }))
                .send()
                .await?
                .error_for_status()?;
        }
        let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned).ok_or(format!("there is no {name}"));
        let client = json!({
            "client_name": "App", "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_basic", "scope": "",
        });
        let client = api("/clients", client).await?;
        let initial = api("/initial-access-tokens", json!({ "name": "benchmark" })).await?;
        let registered = http
            .post(format!("{base}/register"))
            .bearer_auth(text(&initial, "token").or_else(|_| text(&initial, "initial_access_token"))?)
            .json(&json!({ "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none" }))
            .send()
            .await?
            .error_for_status()?
            .json::<Value>()
            .await?;
        let login = http.get(format!("{base}/login")).send().await?;
        let cookie = login.headers()["set-cookie"]
            .to_str()?
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned();
        let page = login.text().await?;
        let csrf = page
            .split("name=\"csrf\" value=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .ok_or("no form")?
            .to_owned();
        Ok(Self {
            cookie,
            csrf,
            client: (text(&client, "client_id")?, text(&client, "client_secret")?),
            registration: (text(&registered, "client_id")?, text(&registered, "registration_access_token")?),
            _installation: installation,
            node,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.node.address
    }

    pub async fn stop(self) -> Outcome<()> {
        self.node.stop().await
    }

    fn sign_in(&self, name: &str, n: usize) -> String {
        let headers = format!("Cookie: {}\r\n{}", self.cookie, from(n));
        post(
            "/login",
            &headers,
            FORM,
            &format!("csrf={}&username={name}&password=guess{n}", self.csrf),
        )
    }

    fn token(id: &str, secret: &str, n: usize) -> String {
        let headers = format!("Authorization: Basic {}\r\n{}", STANDARD.encode(format!("{id}:{secret}")), from(n));
        post("/token", &headers, FORM, "grant_type=client_credentials")
    }

    fn revoke(&self, token: &str, n: usize) -> String {
        let (id, secret) = &self.client;
        let headers = format!("Authorization: Basic {}\r\n{}", STANDARD.encode(format!("{id}:{secret}")), from(n));
        post("/revoke", &headers, FORM, &format!("token={token}"))
    }

    fn registration(id: &str, token: &str, n: usize) -> String {
        get(&format!("/register/{id}"), &format!("Authorization: Bearer {token}\r\n{}", from(n)))
    }

    fn register(token: &str, n: usize) -> String {
        post(
            "/register",
            &format!("Authorization: Bearer {token}\r\n{}", from(n)),
            "application/json",
            "{}",
        )
    }

    fn administer(token: &str, n: usize) -> String {
        get("/api/admin/v1/users", &format!("X-Admin-Token: {token}\r\n{}", from(n)))
    }

    /// Everything that is compared.
    #[expect(clippy::too_many_lines, reason = "a table")]
    pub fn cases() -> Vec<Case> {
        let known: Question = |world, n| world.sign_in(&format!("person{:04}", n % PEOPLE), n);
        // As many as one may try without being slowed down, all of them together.
        let tries = PEOPLE * 40;
        vec![
            Case {
                name: "sign-in: control",
                one: ("sign-in, a user", known),
                other: ("the same", known),
                status: 401,
                most: tries / 4,
            },
            Case {
                name: "sign-in",
                one: ("sign-in, a user", known),
                other: ("no such user", |world, n| world.sign_in(&format!("nobody{n:04}"), n)),
                status: 401,
                most: tries / 2,
            },
            Case {
                name: "client: control",
                one: ("client, a wrong secret", |world, n| {
                    Self::token(&world.client.0, &unlike(&world.client.1), n)
                }),
                other: ("the same", |world, n| Self::token(&world.client.0, &unlike(&world.client.1), n)),
                status: 401,
                most: usize::MAX,
            },
            Case {
                name: "client",
                one: ("client, a wrong secret", |world, n| {
                    Self::token(&world.client.0, &unlike(&world.client.1), n)
                }),
                other: ("no such client", |world, n| {
                    Self::token(&unlike(&world.client.0), &unlike(&world.client.1), n)
                }),
                status: 401,
                most: usize::MAX,
            },
            Case {
                name: "secret of a client",
                one: ("client secret, only its last character is wrong", |world, n| {
                    Self::token(&world.client.0, &bent(&world.client.1, world.client.1.len() - 2), n)
                }),
                other: ("its first character is wrong", |world, n| {
                    Self::token(&world.client.0, &bent(&world.client.1, 0), n)
                }),
                status: 401,
                most: usize::MAX,
            },
            Case {
                name: "registration",
                one: ("registration, a wrong token", |world, n| {
                    Self::registration(&world.registration.0, "wrong", n)
                }),
                other: ("no such client", |_, n| Self::registration("nobody", "wrong", n)),
                status: 401,
                most: usize::MAX,
            },
            Case {
                name: "registration token",
                one: ("registration token, only its last character is wrong", |world, n| {
                    let (id, token) = &world.registration;
                    Self::registration(id, &bent(token, token.len() - 2), n)
                }),
                other: ("all of it is wrong", |world, n| {
                    let (id, token) = &world.registration;
                    Self::registration(id, &unlike(token), n)
                }),
                status: 401,
                most: usize::MAX,
            },
            Case {
                name: "initial access token",
                one: ("initial access token, of the right form", |_, n| {
                    Self::register("gh_initial_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", n)
                }),
                other: ("of no form", |_, n| {
                    Self::register("xxxxxxxxxxxAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", n)
                }),
                status: 401,
                most: usize::MAX,
            },
            Case {
                name: "admin token",
                one: ("admin token, only its last character is wrong", |_, n| {
                    Self::administer(&bent(ADMIN_TOKEN, ADMIN_TOKEN.len() - 1), n)
                }),
                other: ("all of it is wrong", |_, n| Self::administer(&unlike(ADMIN_TOKEN), n)),
                status: 401,
                most: usize::MAX,
            },
            Case {
                name: "token",
                one: ("revocation, a refresh token that was made up", |world, n| {
                    world.revoke("ghr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", n)
                }),
                other: ("no token at all", |world, n| {
                    world.revoke("xxxxAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", n)
                }),
                status: 200,
                most: usize::MAX,
            },
        ]
    }
}
