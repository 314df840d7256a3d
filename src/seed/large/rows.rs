//! The rows of a large installation.

use serde_json::{Map, json};

use crate::base::clock::Timestamp;
use crate::base::digest::sha256_text;
use crate::model::client::{Client, ClientKind, ClientOrigin, ClientSettings, ConsentPolicy};
use crate::model::consent::Consent;
use crate::model::grant::Grant;
use crate::model::session::Session;
use crate::model::user::{User, UserSettings};
use crate::protocol::claims_request::ClaimsRequest;
use crate::protocol::scope::Scope;

use super::{API_SCOPE, DAY, Kind, Large, PERSONS_SCOPE, REDIRECT_URI, at, id, mixed};

/// For how long access tokens live, in seconds.
const LIFETIME: i64 = DAY;

/// A digest of nothing.
fn digest(number: u64) -> String {
    let [a, b, c] = [mixed(number), mixed(number ^ 0xff00), mixed(number ^ 0xff_0000) >> 20];
    format!("{a:016x}{b:016x}{c:011x}")
}

impl Large {
    pub(super) fn client(&self, number: u64, secret_hash: &str) -> Client {
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

    pub(super) fn user(&self, number: u64, password_hash: &str) -> User {
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

    pub(super) fn session(&self, number: u64, secret: String) -> Session {
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

    pub(super) fn consent(&self, number: u64) -> Consent {
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

    pub(super) fn grant(&self, number: u64) -> Grant {
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
