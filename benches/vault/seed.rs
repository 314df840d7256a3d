//! What is there before it is measured: people, what they gave an agent, and tokens of theirs; and the connections of
//! everybody else.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::app::App;
use gatehouse::base::clock::Clock;
use gatehouse::base::id::new_id;
use gatehouse::base::random::Random;
use gatehouse::config::sources::Sources;
use gatehouse::federation::connections::{NewConnection, keep};
use gatehouse::federation::program::Program;
use gatehouse::federation::providers::{self, Credential};
use gatehouse::federation::workloads::{self, ActsFor, Issuance, NewWorkload};
use gatehouse::identity::account;
use gatehouse::installation;
use gatehouse::model::client::{AccessTokenFormat, Client};
use gatehouse::model::connection::Tokens;
use gatehouse::model::grant::Grant;
use gatehouse::model::provider::{Endpoints, ProviderSettings};
use gatehouse::model::scope::ScopeCatalog;
use gatehouse::model::user::{User, UserSettings};
use gatehouse::model::workload::{Workload, WorkloadSettings};
use gatehouse::oauth::clients::{self, NewClient, Registered};
use gatehouse::oauth::issue::{self, OnBehalf};
use gatehouse::oauth::resources::Audience;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use crate::support::Outcome;
use crate::support::asking::Request;
use crate::support::database::Scratch;
use crate::support::rows::{self, row};

/// People whose tokens are asked for where there are many connections.
pub const PEOPLE: usize = 1000;
/// Agents, and providers, of everybody else.
const AGENTS: i64 = 10;
const PROVIDERS: i64 = 5;
/// How long tokens live, in seconds: longer than the benchmark.
const LIFETIME: i64 = 86_400;
/// What was granted.
const SCOPE: &str = "openid email read send";
/// As long as a sealed access token and refresh token, and a wrapped data key.
const SEALED: usize = 700;
const WRAPPED: usize = 80;

/// What is asked for: the same people each time.
pub struct Requests {
    pub given: Arc<[Request]>,
    pub opaque: Arc<[Request]>,
    pub jwt: Arc<[Request]>,
}

/// An installation with an agent and a resource server.
pub struct Seeded {
    app: App,
    owner: Client,
    agent: Workload,
    /// Whose tokens are introspected
    front: Client,
    /// The header of who introspects
    authorization: String,
}

impl Seeded {
    /// The schema, the clients, the agent and a provider.
    pub async fn new(scratch: &Scratch) -> Outcome<Self> {
        let app = open(scratch).await?;
        let owner = register(&app, "Owner", |new| {
            new.scope = Scope::parse("vault").unwrap_or_default();
            new.grant_types.push(GrantType::ClientCredentials);
        })
        .await?
        .client;
        let front = register(&app, "Front", |_| {}).await?.client;
        let introspecting = register(&app, "Resource Server", |new| new.may_introspect = true).await?;
        let secret = introspecting.secret.ok_or("the resource server has no secret")?;
        let authorization = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", introspecting.client.id)));
        let endpoint = |path: &str| Url::parse(&format!("http://127.0.0.1:9{path}"));
        let settings = ProviderSettings {
            name: "Mail".to_owned(),
            preset: "oauth2".to_owned(),
            endpoints: Some(Endpoints {
                authorization_endpoint: endpoint("/authorize")?,
                token_endpoint: endpoint("/token")?,
                revocation_endpoint: None,
                userinfo_endpoint: None,
            }),
            client_id: "gatehouse".to_owned(),
            scope: scope(SCOPE)?,
            ..ProviderSettings::default()
        };
        let secret = Credential::ClientSecret(SecretString::from("the secret of a client"));
        let registered = providers::register(&app, "mail", settings, Some(secret)).await;
        registered.map_err(|error| format!("{error:?}"))?;
        let new = NewWorkload {
            name: "mail-agent".to_owned(),
            client_id: owner.id.clone(),
            settings: WorkloadSettings {
                ceilings: [("mail".to_owned(), scope(SCOPE)?)].into(),
                may_name_users: true,
                ..WorkloadSettings::default()
            },
        };
        let agent = workloads::create(&app, new).await.map_err(|error| format!("{error:?}"))?;
        Ok(Self {
            app,
            owner,
            agent,
            front,
            authorization,
        })
    }

    /// Adds so many people with a connection each, and makes the requests for what they have.
    pub async fn requests(&self, people: usize) -> Outcome<Requests> {
        let (mut given, mut opaque, mut jwt) = (Vec::new(), Vec::new(), Vec::new());
        let catalog = self.app.store.read().await?.scopes().await?;
        for _ in 0..people {
            let user = self.person().await?;
            let access_token = self.connect(&user).await?;
            let program = Program::Client(Arc::new(self.owner.clone()));
            let issuance = workloads::issue(&self.app, &program, &self.agent.name, ActsFor::User(&user.id)).await?;
            let Issuance::Issued(token, _) = issuance else {
                return Err(format!("{issuance:?}").into());
            };
            given.push(Request {
                text: post(
                    "/api/vault/token",
                    &format!("Bearer {token}"),
                    "application/json",
                    "{\"provider\":\"mail\",\"scope\":\"read\"}",
                ),
                holds: format!("\"access_token\":\"{access_token}\""),
            });
            let grant = self.grant(&user).await?;
            let of_grant = [(&mut opaque, AccessTokenFormat::Opaque), (&mut jwt, AccessTokenFormat::Jwt)];
            for (requests, format) in of_grant {
                let token = self.access_token(&user, &grant, &catalog, format)?;
                requests.push(Request {
                    text: post(
                        "/introspect",
                        &self.authorization,
                        "application/x-www-form-urlencoded",
                        &format!("token={token}"),
                    ),
                    holds: format!("\"active\":true,\"scope\":\"read\",\"client_id\":\"{}\"", self.front.id),
                });
            }
        }
        Ok(Requests {
            given: given.into(),
            opaque: opaque.into(),
            jwt: jwt.into(),
        })
    }

    async fn person(&self) -> Outcome<User> {
        let settings = UserSettings {
            username: new_id(&self.app.clock, &self.app.random),
            ..UserSettings::default()
        };
        let made = account::create(&self.app, settings, None).await;
        Ok(made.map_err(|error| format!("{error:?}"))?)
    }

    /// What a person gives the agent; the access token.
    async fn connect(&self, user: &User) -> Outcome<String> {
        // As long as those of the big providers.
        let access_token = format!(
            "ya29.{}{}{}",
            self.app.random.secret(),
            self.app.random.secret(),
            self.app.random.secret()
        );
        let new = NewConnection {
            user_id: user.id.clone(),
            provider_id: "mail".to_owned(),
            account: user.id.clone(),
            account_label: format!("{}@mail.example", user.settings.username),
            scope: scope(SCOPE)?,
            resource: Vec::new(),
            tokens: Tokens {
                access_token: access_token.clone(),
                token_type: "Bearer".to_owned(),
                refresh_token: Some(self.app.random.secret()),
                passed_on: serde_json::Map::new(),
            },
            token_expires_at: Some(self.app.now() + LIFETIME),
        };
        let mut tx = self.app.store.begin().await?;
        let kept = keep(&self.app, &mut tx, &self.agent, &new).await?;
        kept.ok_or("the connection was not kept")?;
        tx.commit().await?;
        Ok(access_token)
    }

    /// What a person granted the client whose tokens are introspected.
    async fn grant(&self, user: &User) -> Outcome<Grant> {
        let now = self.app.now();
        let grant = Grant {
            id: new_id(&self.app.clock, &self.app.random),
            client_id: self.front.id.clone(),
            user_id: user.id.clone(),
            session_id: new_id(&self.app.clock, &self.app.random),
            scope: scope("read")?,
            resource: Vec::new(),
            claims: gatehouse::protocol::claims_request::ClaimsRequest::default(),
            redirect_uri: "https://app.example/callback".to_owned(),
            is_redirect_uri_explicit: true,
            nonce: None,
            auth_time: now,
            amr: vec!["pwd".to_owned()],
            code_hash: self.app.random.secret(),
            code_challenge: None,
            code_expires_at: now + 60,
            code_consumed_at: Some(now),
            generation: 0,
            rotated_at: now,
            idle_expires_at: now + LIFETIME,
            ends_at: now + LIFETIME,
            expires_at: now + LIFETIME,
            created_at: now,
            revoked_at: None,
            ends_with_session: false,
        };
        let mut tx = self.app.store.begin().await?;
        tx.insert_grant(&grant).await?;
        tx.commit().await?;
        Ok(grant)
    }

    fn access_token(&self, user: &User, grant: &Grant, catalog: &ScopeCatalog, format: AccessTokenFormat) -> Outcome<String> {
        let audience = Audience {
            identifiers: vec![self.app.issuer.as_str().to_owned()],
            scope: scope("read")?,
            format,
            lifetime: LIFETIME,
        };
        let person = OnBehalf {
            grant,
            user,
            generation: None,
            catalog,
        };
        let answer = issue::tokens(&self.app, &self.front, audience, &grant.scope, Some(&person))?;
        let answer: Value = json!(answer);
        Ok(answer["access_token"].as_str().ok_or("there is no access token")?.to_owned())
    }

    /// The connections of everybody else: of people who have one with each of some agents at each of some providers.
    pub async fn fill(&self, scratch: &Scratch, count: i64) -> Outcome<()> {
        let (clock, random, now) = (&self.app.clock, &self.app.random, self.app.now());
        let mut user_id = String::new();
        let connections = (0..count).map(|number| {
            let of_person = number % (AGENTS * PROVIDERS);
            if of_person == 0 {
                user_id = new_id(clock, random);
            }
            row![
                new_id(clock, random),
                format!("agent-{}", of_person % AGENTS),
                user_id.clone(),
                format!("provider-{}", of_person / AGENTS),
                format!("account-{number}"),
                format!("person-{number}@mail.example"),
                SCOPE,
                "0123456789abcdef",
                "w".repeat(WRAPPED),
                "s".repeat(SEALED),
                now + LIFETIME,
                false,
                None::<String>,
                0_i64,
                0_i64,
                0_i64,
                now,
                now,
                1_i64,
            ]
        });
        let columns = "id, workload, user_id, provider_id, account, account_label, scope, key_id, wrapped_key, sealed_tokens, \
                       token_expires_at, needs_consent, refresher, refreshing_until, retry_at, failures, created_at, updated_at, version";
        rows::insert(&mut scratch.loader().await?, "connections", columns, connections).await
    }

    /// Leaves the database to the server.
    pub async fn close(self) {
        self.app.store.close().await;
    }
}

fn scope(text: &str) -> Outcome<Scope> {
    Ok(Scope::parse(text).map_err(|refusal| refusal.description)?)
}

async fn register(app: &App, name: &str, change: impl FnOnce(&mut NewClient)) -> Outcome<Registered> {
    let mut new = NewClient::new(name, AuthMethod::ClientSecretBasic);
    new.redirect_uris = vec!["https://app.example/callback".to_owned()];
    change(&mut new);
    let registered = clients::register(app, new).await;
    Ok(registered.map_err(|error| format!("{error:?}"))?)
}

/// The installation that the server is started on afterwards.
async fn open(scratch: &Scratch) -> Outcome<App> {
    let flags: BTreeMap<String, String> = [
        ("issuer", crate::support::nodes::ISSUER.to_owned()),
        ("database_url", scratch.url()),
        ("app_secret", crate::support::nodes::APP_SECRET.to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let sources = Sources {
        flags,
        ..Sources::default()
    };
    let config = sources.load().map_err(|error| format!("{error:?}"))?;
    Ok(Box::pin(installation::open(config, Clock::system(), Random::system())).await?)
}

fn post(path: &str, authorization: &str, kind: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: gatehouse\r\nAuthorization: {authorization}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
