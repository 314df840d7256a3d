//! A large installation, for measuring: as many users, clients and grants as are asked for, in minutes.
//!
//! Everything but a few secrets follows from a number and the time of seeding, so that whoever measures knows what is
//! there without reading it. Rows are as old as in real life: ids grow with time, the newest are at the end.

mod rows;

use std::ops::Range;

use secrecy::SecretString;
use serde::Serialize;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::digest::sha256_text;
use crate::base::fault::Fault;
use crate::base::id::id_from_bytes;
use crate::base::redacted::redacted;
use crate::model::client::{AccessTokenFormat, Client};
use crate::model::consent::Consent;
use crate::model::grant::Grant;
use crate::model::scope::{ScopeDefinition, ScopeSettings};
use crate::model::session::Session;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::user::User;

const DAY: i64 = 86_400;
/// Rows of a transaction.
const TRANSACTION: u64 = 12_800;
/// The scope of the clients that act for themselves.
pub const API_SCOPE: &str = "api";
/// The scope of people's applications, and of every grant.
pub const PERSONS_SCOPE: &str = "openid profile email offline_access";
/// Where answers are sent.
pub const REDIRECT_URI: &str = "https://app.example/callback";
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
#[derive(Clone, Serialize)]
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

redacted!(Large);

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
}
