//! Users and clients to play with. Never for production: everybody knows the passwords.

pub mod large;

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::base::encoding::base64url;
use crate::base::fault::Fault;
use crate::base::redacted::redacted;
use crate::identity::account::{self, AccountError};
use crate::model::client::ConsentPolicy;
use crate::model::event::EventKind;
use crate::model::scope::{ScopeDefinition, ScopeSettings};
use crate::model::user::UserSettings;
use crate::oauth::clients::{self, ClientError, NewClient};
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::scope::Scope;
use crate::protocol::token_request::GrantType;
use crate::store::Setting;

/// A set of demo data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// alice and bob, and the public client `demo-web`
    Demo,
    /// alice, bob and admin, limited to scopes `read`, `write` and `admin`, for an MCP server
    Mcp,
}

impl Profile {
    /// The profile of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "demo" => Some(Self::Demo),
            "mcp" => Some(Self::Mcp),
            _ => None,
        }
    }
}

/// A demo user.
#[derive(Clone, Serialize)]
pub struct SeededUser {
    username: &'static str,
    password: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_scope: Option<&'static str>,
}

redacted!(SeededUser);

/// A demo client.
#[derive(Clone, Serialize)]
pub struct SeededClient {
    client_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    redirect_uris: Vec<&'static str>,
    scope: &'static str,
}

redacted!(SeededClient);

/// What is there now.
#[derive(Clone, Debug, Serialize)]
pub struct Seeded {
    users: Vec<SeededUser>,
    clients: Vec<SeededClient>,
    /// Of the users: who existed before, and now has the demo password and limits
    #[serde(skip)]
    pub replaced: Vec<&'static str>,
}

/// Why nothing was seeded.
#[derive(Debug)]
pub enum SeedError {
    /// It would open an installation of others to everybody; the text says how.
    Refused(String),
    /// The database failed.
    Fault(Fault),
}

impl From<Fault> for SeedError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The issuer by which others reach this installation, if they do: that of this process, or that of a server which was started on
/// the same database.
///
/// # Errors
/// When the database fails.
pub async fn public_issuer(app: &App) -> Result<Option<String>, Fault> {
    if app.issuer.is_loopback() {
        return app.store.read().await?.setting(Setting::Issuer).await;
    }
    Ok(Some(app.issuer.as_str().to_owned()))
}

/// Makes the users and clients of a profile. Doing it again brings users back to their demo
/// passwords and limits, and leaves clients as they are. An installation that others can reach is left alone unless `even_in_public`,
/// and a user who administers something in any case.
///
/// # Errors
/// See [`SeedError`]; when the database fails, a part of it may be done.
pub async fn seed(app: &App, profile: Profile, even_in_public: bool) -> Result<Seeded, SeedError> {
    if let (Some(issuer), false) = (public_issuer(app).await?, even_in_public) {
        return Err(SeedError::Refused(format!(
            "the issuer {issuer} can be reached by others, and everybody knows the demo passwords"
        )));
    }
    let (users, clients) = match profile {
        Profile::Demo => (
            vec![
                SeededUser {
                    username: "alice",
                    password: "alice",
                    allowed_scope: None,
                },
                SeededUser {
                    username: "bob",
                    password: "bob",
                    allowed_scope: None,
                },
            ],
            vec![demo_web()],
        ),
        Profile::Mcp => {
            define_mcp_scopes(app).await?;
            (
                vec![
                    SeededUser {
                        username: "alice",
                        password: "password123",
                        allowed_scope: Some("read write"),
                    },
                    SeededUser {
                        username: "bob",
                        password: "secret456",
                        allowed_scope: Some("read"),
                    },
                    SeededUser {
                        username: "admin",
                        password: "admin789",
                        allowed_scope: Some("read write admin"),
                    },
                ],
                mcp_clients(app),
            )
        }
    };
    for user in &users {
        let existing = app.store.read().await?.user_by_name(user.username).await?;
        if existing.is_some_and(|existing| !existing.settings.roles.is_empty()) {
            return Err(SeedError::Refused(format!(
                "the user {} has roles, and everybody would know their password",
                user.username
            )));
        }
    }
    let mut replaced = Vec::new();
    for user in &users {
        if put_user(app, user).await? {
            replaced.push(user.username);
        }
    }
    for client in &clients {
        put_client(app, client).await?;
    }
    Ok(Seeded { users, clients, replaced })
}

fn demo_web() -> SeededClient {
    SeededClient {
        client_id: "demo-web",
        client_secret: None,
        redirect_uris: vec!["http://localhost:3000/callback"],
        scope: "openid profile email offline_access",
    }
}

fn mcp_clients(app: &App) -> Vec<SeededClient> {
    // Derived, so that seeding twice shows the same secret and none is stored.
    let secret = format!("ghs_{}", base64url(&app.secrets.setup.mac(&[b"dev seed", b"mcp-server"])));
    vec![
        SeededClient {
            client_id: "mcp-client",
            client_secret: None,
            redirect_uris: vec!["http://localhost:8080/callback", "http://127.0.0.1/callback"],
            scope: "read write admin offline_access",
        },
        SeededClient {
            client_id: "mcp-server",
            client_secret: Some(secret),
            redirect_uris: Vec::new(),
            scope: "read write admin",
        },
    ]
}

async fn define_mcp_scopes(app: &App) -> Result<(), Fault> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    for (name, description) in [
        ("read", "Read your data"),
        ("write", "Change your data"),
        ("admin", "Administer the service in your name"),
    ] {
        let scope = ScopeDefinition {
            name: name.to_owned(),
            settings: ScopeSettings {
                description: description.to_owned(),
                ..ScopeSettings::default()
            },
            version: 1,
            created_at: now,
            updated_at: now,
        };
        if tx.insert_scope(&scope).await? {
            tx.record(app.event(EventKind::ScopeCreated).target(name).detail("seed", true))
                .await?;
        }
    }
    tx.commit().await
}

/// Makes a user; whether there was one of that name, who now has another password and other limits.
async fn put_user(app: &App, seeded: &SeededUser) -> Result<bool, Fault> {
    let password = SecretString::from(seeded.password);
    let allowed_scope = seeded.allowed_scope.map(|scope| Scope::parse(scope).unwrap_or_default());
    let existing = app.store.read().await?.user_by_name(seeded.username).await?;
    if let Some(user) = existing {
        let settings = UserSettings {
            allowed_scope,
            is_disabled: false,
            ..user.settings.clone()
        };
        let user = match account::change(app, user, settings).await {
            Ok(user) => user,
            Err(error) => return Err(fault(seeded.username, error)),
        };
        return account::set_password(app, &user, &password)
            .await
            .map(|()| true)
            .map_err(|error| fault(seeded.username, error));
    }
    let new = UserSettings {
        username: seeded.username.to_owned(),
        email: Some(format!("{}@example.com", seeded.username)),
        email_verified: true,
        profile: profile_of(seeded.username),
        allowed_scope,
        ..UserSettings::default()
    };
    match account::create(app, new, Some(&password)).await {
        Ok(_) => Ok(false),
        Err(error) => Err(fault(seeded.username, error)),
    }
}

fn fault(username: &str, error: AccountError) -> Fault {
    match error {
        AccountError::Fault(fault) => fault,
        AccountError::Taken(_) => Fault::internal(format!("{username}@example.com belongs to another account")),
        other => Fault::internal(other),
    }
}

fn profile_of(username: &str) -> Map<String, Value> {
    let (given, family) = match username {
        "alice" => ("Alice", "Adams"),
        "bob" => ("Bob", "Brown"),
        _ => ("Ada", "Admin"),
    };
    let mut profile = Map::new();
    profile.insert("name".to_owned(), json!(format!("{given} {family}")));
    profile.insert("given_name".to_owned(), json!(given));
    profile.insert("family_name".to_owned(), json!(family));
    profile
}

async fn put_client(app: &App, seeded: &SeededClient) -> Result<(), Fault> {
    let is_public = seeded.client_secret.is_none();
    let name = match seeded.client_id {
        "demo-web" => "Demo web app",
        "mcp-client" => "Demo MCP client",
        _ => "Demo MCP server",
    };
    let mut new = NewClient::new(
        name,
        if is_public {
            AuthMethod::None
        } else {
            AuthMethod::ClientSecretBasic
        },
    );
    new.id = Some(seeded.client_id.to_owned());
    new.redirect_uris = seeded.redirect_uris.iter().map(|uri| (*uri).to_owned()).collect();
    new.scope = Scope::parse(seeded.scope).unwrap_or_default();
    new.secret.clone_from(&seeded.client_secret);
    new.consent_policy = ConsentPolicy::Once;
    if seeded.redirect_uris.is_empty() {
        new.grant_types = vec![GrantType::ClientCredentials];
        new.may_introspect = true;
    }
    match clients::register(app, new).await {
        Ok(_) | Err(ClientError::Taken) => Ok(()),
        Err(ClientError::Fault(fault)) => Err(fault),
        Err(other) => Err(Fault::internal(other)),
    }
}
