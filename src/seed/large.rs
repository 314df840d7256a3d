//! A large installation, for measuring: as many users, clients and grants as are asked for, in minutes.
//!
//! Everything but a few secrets follows from a number and the time of seeding, so that whoever measures knows what is
//! there without reading it. Rows are as old as in real life: ids grow with time, the newest are at the end.

use std::ops::Range;

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, json};

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::digest::sha256_text;
use crate::base::fault::Fault;
use crate::base::id::id_from_bytes;
use crate::model::client::{AccessTokenFormat, Client, ClientKind, ClientOrigin, ClientSettings, ConsentPolicy};
use crate::model::consent::Consent;
use crate::model::grant::Grant;
use crate::model::scope::{ScopeDefinition, ScopeSettings};
use crate::model::session::Session;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::user::{User, UserSettings};
use crate::protocol::claims_request::ClaimsRequest;
use crate::protocol::scope::Scope;

const DAY: i64 = 86_400;
/// Rows of a transaction.
const TRANSACTION: u64 = 12_800;
/// The scope of the clients that act for themselves.
pub const API_SCOPE: &str = "api";
/// The scope of people's applications, and of every grant.
pub const PERSONS_SCOPE: &str = "openid profile email offline_access";
/// Where answers are sent.
pub const REDIRECT_URI: &str = "https://app.example/callback";
/// For how long access tokens live, in seconds.
const LIFETIME: i64 = DAY;
/// A session for every so many users.
const USERS_PER_SESSION: u64 = 5;
/// Clients that have three tenths of all grants, besides the first, which has as many alone.
const POPULAR: u64 = 20;

/// How much is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Users; a fifth of them is signed in, and each has consented to something
    pub users: u64,
    /// Clients; four of ten act for themselves
    pub clients: u64,
    /// Grants
    pub grants: u64,
}

/// What a client of a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Whether people use it; else it acts for itself
    pub is_application: bool,
    /// What its tokens are signed with
    pub algorithm: SigningAlgorithm,
    /// What its access tokens are
    pub format: AccessTokenFormat,
}

/// A large installation as it is known from the outside.
#[derive(Clone, Debug, Serialize)]
pub struct Large {
    /// How much there is
    #[serde(flatten)]
    pub sizes: Sizes,
    /// When it was made, in seconds since 1970
    pub seeded_at: Timestamp,
    /// The password of every user
    pub password: String,
    /// The secret of every client
    pub client_secret: String,
}

/// Why there is none.
#[derive(Debug)]
pub enum SeedError {
    /// The database is not empty, or the numbers do not fit each other; the text says what to do.
    Refused(&'static str),
    /// The database failed.
    Fault(Fault),
}

impl From<Fault> for SeedError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Fills an empty database. What was written remains when this is interrupted: such a database is of no use.
///
/// # Errors
/// See [`SeedError`].
pub async fn seed(app: &App, sizes: Sizes) -> Result<Large, SeedError> {
    if sizes.users == 0 || sizes.clients < 10 {
        return Err(SeedError::Refused("there must be a user and ten clients, at least"));
    }
    if !app.store.read().await?.is_empty().await? {
        return Err(SeedError::Refused(
            "the database is not empty: a large installation is only made in one that nobody has used yet",
        ));
    }
    let large = Large {
        sizes,
        seeded_at: app.now(),
        password: app.random.secret(),
        client_secret: format!("ghs_{}", app.random.secret()),
    };
    let hash = app.passwords.hash(&SecretString::from(large.password.as_str())).await?;
    define_scope(app, &large).await?;
    let secret_hash = sha256_text(&large.client_secret);
    for part in parts(sizes.clients) {
        let clients: Vec<Client> = part.map(|number| large.client(number, &secret_hash)).collect();
        let mut tx = app.store.begin().await?;
        tx.insert_clients(&clients).await?;
        tx.commit().await?;
    }
    for part in parts(sizes.users) {
        let users: Vec<User> = part.clone().map(|number| large.user(number, &hash)).collect();
        let consents: Vec<Consent> = part.clone().map(|number| large.consent(number)).collect();
        let sessions: Vec<Session> = part
            .filter(|number| number % USERS_PER_SESSION == 0)
            .map(|number| large.session(number, app.random.secret()))
            .collect();
        let mut tx = app.store.begin().await?;
        tx.insert_users(&users).await?;
        tx.insert_consents(&consents).await?;
        tx.insert_sessions(&sessions).await?;
        tx.commit().await?;
    }
    app.store.drop_indexes_of_grants().await?;
    for part in parts(sizes.grants) {
        let grants: Vec<Grant> = part.map(|number| large.grant(number)).collect();
        let mut tx = app.store.begin().await?;
        tx.insert_grants(&grants).await?;
        tx.commit().await?;
    }
    app.store.create_indexes_of_grants().await?;
    Ok(large)
}

/// The numbers of the rows of each transaction.
fn parts(count: u64) -> impl Iterator<Item = Range<u64>> {
    (0..count.div_ceil(TRANSACTION)).map(move |part| part * TRANSACTION..((part + 1) * TRANSACTION).min(count))
}

async fn define_scope(app: &App, large: &Large) -> Result<(), Fault> {
    let mut tx = app.store.begin().await?;
    tx.insert_scope(&ScopeDefinition {
        name: API_SCOPE.to_owned(),
        settings: ScopeSettings {
            description: "Use the API".to_owned(),
            ..ScopeSettings::default()
        },
        version: 1,
        created_at: large.seeded_at,
        updated_at: large.seeded_at,
    })
    .await?;
    tx.commit().await
}

/// Numbers that look random and are the same each time (`SplitMix64`).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The id of a row that was made at a time (UUID version 7).
fn id(at: Timestamp, number: u64) -> String {
    let mut bytes = [0; 16];
    let millis = at.unsigned_abs() * 1000 + number % 1000;
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6..8].copy_from_slice(&[0x70, 0]);
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes[8] = 0x80;
    id_from_bytes(bytes)
}

/// A digest of nothing.
fn digest(number: u64) -> String {
    let [a, b, c] = [mixed(number), mixed(number ^ 0xff00), mixed(number ^ 0xff_0000) >> 20];
    format!("{a:016x}{b:016x}{c:011x}")
}

/// When the row of a number was made, where all were made over some days that ended some days ago.
fn at(large: &Large, number: u64, of: u64, days: i64, ago: i64) -> Timestamp {
    let span = u128::from((days * DAY).unsigned_abs());
    let after = u128::from(number) * span / u128::from(of.max(1));
    large.seeded_at - (days + ago) * DAY + i64::try_from(after).unwrap_or_default()
}

impl Kind {
    /// Of the client of a number.
    #[must_use]
    pub fn of(number: u64) -> Self {
        let (is_application, algorithm, format) = match number % 10 {
            0 => (false, SigningAlgorithm::Rs256, AccessTokenFormat::Jwt),
            1 => (false, SigningAlgorithm::Es256, AccessTokenFormat::Jwt),
            2 => (false, SigningAlgorithm::EdDsa, AccessTokenFormat::Jwt),
            3 => (false, SigningAlgorithm::Rs256, AccessTokenFormat::Opaque),
            4 | 5 => (true, SigningAlgorithm::Rs256, AccessTokenFormat::Jwt),
            6 | 7 => (true, SigningAlgorithm::Es256, AccessTokenFormat::Jwt),
            _ => (true, SigningAlgorithm::Rs256, AccessTokenFormat::Opaque),
        };
        Self {
            is_application,
            algorithm,
            format,
        }
    }
}

impl Large {
    /// The name of the user of a number.
    #[must_use]
    pub fn username(number: u64) -> String {
        format!("user-{number:08}")
    }

    /// The id of the client of a number.
    #[must_use]
    pub fn client_id(number: u64) -> String {
        format!("client-{number:06}")
    }

    /// The application of a number: people's applications alone are counted.
    fn application(&self, number: u64) -> u64 {
        // Of ten clients, the last six are applications.
        let number = number % (self.sizes.clients / 10 * 6);
        number / 6 * 10 + 4 + number % 6
    }

    fn user_id(&self, number: u64) -> String {
        id(at(self, number, self.sizes.users, 900, 61), number)
    }

    /// The id of the grant of a number.
    #[must_use]
    pub fn grant_id(&self, number: u64) -> String {
        id(self.granted_at(number), number)
    }

    fn granted_at(&self, number: u64) -> Timestamp {
        at(self, number, self.sizes.grants, 60, 1)
    }

    /// The number of the client to which the grant of a number was given.
    #[must_use]
    pub fn client_of_grant(&self, number: u64) -> u64 {
        let random = mixed(number);
        self.application(match random % 10 {
            0..3 => 0,
            3..6 => 1 + random / 10 % POPULAR,
            _ => random / 10,
        })
    }

    /// Whether the grant of a number is alive, and its first refresh token good.
    #[must_use]
    pub fn is_alive(&self, number: u64) -> bool {
        mixed(number ^ 0xf00d) % 1000 < 820
    }

    fn client(&self, number: u64, secret_hash: &str) -> Client {
        let kind = Kind::of(number);
        let made_at = at(self, number, self.sizes.clients, 900, 61);
        let of = if kind.is_application {
            ClientKind::Web
        } else {
            ClientKind::Service
        };
        let mut settings = ClientSettings {
            name: format!("Client {number}"),
            access_token_format: kind.format,
            signing_algorithm: kind.algorithm,
            access_token_lifetime: Some(LIFETIME),
            consent_policy: ConsentPolicy::Skip,
            ..ClientSettings::of_kind(of)
        };
        if kind.is_application {
            settings.redirect_uris = vec![REDIRECT_URI.to_owned(), format!("https://app{number}.example/callback")];
        } else {
            settings.scope = Scope::stored(API_SCOPE).unwrap_or_default();
        }
        Client {
            id: Self::client_id(number),
            origin: ClientOrigin::Operator,
            secret_hash: Some(secret_hash.to_owned()),
            previous_secret_hash: None,
            previous_secret_expires_at: None,
            sealed_secret: None,
            registration_token_hash: None,
            registration_mark: None,
            document_expires_at: None,
            token_generation: 0,
            settings,
            version: 1,
            created_at: made_at,
            updated_at: made_at,
        }
    }

    fn user(&self, number: u64, password_hash: &str) -> User {
        let username = Self::username(number);
        let made_at = at(self, number, self.sizes.users, 900, 61);
        let mut profile = Map::new();
        profile.insert("name".to_owned(), json!(format!("User {number}")));
        profile.insert("locale".to_owned(), json!("en"));
        User {
            id: self.user_id(number),
            password_hash: Some(password_hash.to_owned()),
            settings: UserSettings {
                email: Some(format!("{username}@example.com")),
                email_verified: true,
                username,
                profile,
                ..UserSettings::default()
            },
            version: 1,
            created_at: made_at,
            updated_at: made_at,
        }
    }

    fn session_id(&self, number: u64) -> String {
        id(self.signed_in_at(number), number)
    }

    fn signed_in_at(&self, number: u64) -> Timestamp {
        at(self, number, self.sizes.users, 10, 1)
    }

    fn session(&self, number: u64, secret: String) -> Session {
        let begun_at = self.signed_in_at(number);
        Session {
            id: self.session_id(number),
            // Nobody has its cookie.
            secret_hash: sha256_text(&secret),
            user_id: self.user_id(number),
            auth_time: begun_at,
            amr: vec!["pwd".to_owned()],
            user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36".to_owned(),
            address: "192.0.2.7".to_owned(),
            created_at: begun_at,
            last_seen_at: begun_at,
            idle_expires_at: self.seeded_at + 7 * DAY,
            expires_at: begun_at + 30 * DAY,
        }
    }

    fn consent(&self, number: u64) -> Consent {
        let given_at = self.signed_in_at(number);
        Consent {
            user_id: self.user_id(number),
            client_id: Self::client_id(self.application(mixed(number))),
            scope: Scope::stored(PERSONS_SCOPE).unwrap_or_default(),
            claims: Vec::new(),
            resource: Vec::new(),
            created_at: given_at,
            updated_at: given_at,
        }
    }

    fn grant(&self, number: u64) -> Grant {
        let at = self.granted_at(number);
        let user = mixed(number ^ 0xbee) % self.sizes.users;
        let fate = mixed(number ^ 0xf00d) % 1000;
        let is_redeemed = fate < 970;
        let ends_at = if is_redeemed {
            self.seeded_at + 30 * DAY
        } else {
            self.seeded_at + DAY
        };
        Grant {
            id: self.grant_id(number),
            client_id: Self::client_id(self.client_of_grant(number)),
            user_id: self.user_id(user),
            session_id: self.session_id(user),
            scope: Scope::stored(PERSONS_SCOPE).unwrap_or_default(),
            resource: Vec::new(),
            claims: ClaimsRequest::default(),
            redirect_uri: REDIRECT_URI.to_owned(),
            is_redirect_uri_explicit: true,
            nonce: Some(digest(number)),
            auth_time: at,
            amr: vec!["pwd".to_owned()],
            code_hash: digest(!number),
            code_challenge: None,
            code_expires_at: at + 60,
            code_consumed_at: is_redeemed.then_some(at + 2),
            generation: u32::from(is_redeemed),
            rotated_at: at + 2,
            idle_expires_at: ends_at,
            ends_at,
            expires_at: ends_at,
            created_at: at,
            revoked_at: (is_redeemed && !self.is_alive(number)).then_some(at + 3600),
            ends_with_session: false,
        }
    }
}
