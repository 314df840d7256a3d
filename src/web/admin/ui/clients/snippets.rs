//! Programs to begin with, for one client: what it needs is already in its place.
//!
//! Everything that comes from the registration goes into them as a literal of their language.

use askama::Template;

use super::super::view::parts::{Code, Folded, Section};
use crate::app::App;
use crate::model::client::{Client, ClientKind};
use crate::protocol::token_request::GrantType;

/// What the programs are made of, as literals of one language.
struct Values {
    issuer: String,
    authorize: String,
    token: String,
    client_id: String,
    redirect_uri: String,
    scope: String,
    scopes: Vec<String>,
    has_secret: bool,
}

macro_rules! programs {
    ($($name:ident = $path:literal;)+) => {
        $(
            #[derive(Template)]
            #[template(path = $path, escape = "none")]
            struct $name<'a> {
                v: &'a Values,
            }
        )+
    };
}

programs! {
    PeopleShell = "admin/snippets/people.sh.txt";
    PeopleJavaScript = "admin/snippets/people.js.txt";
    PeoplePython = "admin/snippets/people.py.txt";
    PeopleRust = "admin/snippets/people.rs.txt";
    ServiceShell = "admin/snippets/service.sh.txt";
    ServiceJavaScript = "admin/snippets/service.js.txt";
    ServicePython = "admin/snippets/service.py.txt";
    ServiceRust = "admin/snippets/service.rs.txt";
}

/// `text` in single quotes, in which a shell sees nothing special.
pub fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// JSON, which JavaScript and Python read the same way. `<` is written as an escape, so that the program can
/// be pasted into a page.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default().replace('<', "\\u003c")
}

fn rust(text: &str) -> String {
    format!("{text:?}")
}

fn values(app: &App, client: &Client, literal: fn(&str) -> String) -> Values {
    let issuer = &app.issuer;
    let is_service = client.kind() == ClientKind::Service;
    let refreshes = client.allows(GrantType::RefreshToken);
    let scope = client.scope.filter(|token| {
        // Asked for only where it can be used.
        !token.starts_with("admin:") && (token != "offline_access" || refreshes) || is_service
    });
    Values {
        issuer: literal(issuer.as_str()),
        authorize: literal(&issuer.endpoint("/authorize")),
        token: literal(&issuer.endpoint("/token")),
        client_id: literal(&client.id),
        redirect_uri: literal(client.redirect_uris.first().map_or("", String::as_str)),
        scope: literal(&scope.to_string()),
        scopes: scope.iter().map(literal).collect(),
        has_secret: client.needs_secret(),
    }
}

/// The programs for a client.
pub fn section(app: &App, client: &Client) -> Section {
    if client.auth_method.is_assertion() {
        return Section::new("Programs to begin with").line(
            "This client makes a signed assertion for each request to the token endpoint. Libraries call that private_key_jwt or client_secret_jwt; the audience is the issuer.",
        );
    }
    let (sh, json, rs) = (values(app, client, shell), values(app, client, quoted), values(app, client, rust));
    let is_service = client.kind() == ClientKind::Service;
    let programs = if is_service {
        [
            ServiceShell { v: &sh }.render(),
            ServiceJavaScript { v: &json }.render(),
            ServicePython { v: &json }.render(),
            ServiceRust { v: &rs }.render(),
        ]
    } else {
        [
            PeopleShell { v: &sh }.render(),
            PeopleJavaScript { v: &json }.render(),
            PeoplePython { v: &json }.render(),
            PeopleRust { v: &rs }.render(),
        ]
    };
    let line = if is_service {
        "Client credentials: the service shows its secret and gets a token for itself."
    } else {
        "Authorization code with PKCE: the person signs in here, the application gets a code, and redeems it."
    };
    let names = ["curl", "JavaScript", "Python", "Rust"];
    let mut section = Section::new("Programs to begin with").line(line);
    for (index, (name, program)) in names.into_iter().zip(programs).enumerate() {
        let folded = Folded::new(name).part(Code::new(format!("With {name}"), program.unwrap_or_default()));
        section = section.part(if index == 0 { folded.open() } else { folded });
    }
    section
}
