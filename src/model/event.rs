//! An event of the audit log: who did what to whom, from where, and what came of it.
//!
//! Events are for the operator and, where they are the subject, for the person. They never carry a
//! secret: [`Event::detail`] replaces the values of fields with telling names.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::base::clock::Timestamp;

/// Who did something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who has not said or proved who they are
    #[default]
    Anonymous,
    /// The server itself: jobs, start-up
    System,
    /// The operator at the command line
    Command,
    /// Whoever holds the admin token
    AdminToken,
    /// A user, by id
    User(String),
    /// A client, by id
    Client(String),
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::System => f.write_str("system"),
            Self::Command => f.write_str("command"),
            Self::AdminToken => f.write_str("admin_token"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Client(id) => write!(f, "client:{id}"),
        }
    }
}

impl Actor {
    /// Reads what [`std::fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "anonymous" => Self::Anonymous,
            "system" => Self::System,
            "command" => Self::Command,
            "admin_token" => Self::AdminToken,
            _ => match text.split_once(':')? {
                ("user", id) => Self::User(id.to_owned()),
                ("client", id) => Self::Client(id.to_owned()),
                _ => return None,
            },
        })
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $text:literal,)+) => {
        /// What happened. The names are stable: collectors filter by them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $(#[doc = $text] $variant,)+
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// For people.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

kinds! {
    SignedIn = "session.started": "Signed in",
    SignInFailed = "session.refused": "Sign-in failed",
    SignInThrottled = "session.throttled": "Sign-in refused after too many failures",
    SprayingDetected = "session.spraying": "Passwords tried with many accounts",
    SignedOut = "session.ended": "Signed out",
    SessionRevoked = "session.revoked": "Session ended by somebody else or from another browser",
    ConsentGiven = "consent.given": "Consent given",
    ConsentDenied = "consent.denied": "Consent denied",
    ConsentWithdrawn = "consent.withdrawn": "Consent withdrawn",
    CodeRedeemed = "code.redeemed": "Authorization code redeemed",
    CodeReplayed = "code.replayed": "Authorization code presented twice",
    RefreshReplayed = "refresh_token.replayed": "Old refresh token presented",
    GrantRevoked = "grant.revoked": "Grant revoked",
    TokenRevoked = "token.revoked": "Access token revoked",
    UserCreated = "user.created": "Account made",
    UserChanged = "user.changed": "Account changed",
    UserDeleted = "user.deleted": "Account deleted",
    UserSignedOut = "user.signed_out": "Signed out everywhere",
    PasswordChanged = "password.changed": "Password changed",
    PasswordRefused = "password.refused": "Password change refused: wrong current password",
    ClientCreated = "client.created": "Client registered",
    ClientChanged = "client.changed": "Client changed",
    ClientDeleted = "client.deleted": "Client deleted",
    ClientSecretReplaced = "client.secret_replaced": "Client got a new secret",
    ClientRefused = "client.refused": "Client authentication failed",
    RegistrationRefused = "registration.refused": "Registration refused",
    InitialTokenCreated = "initial_access_token.created": "Initial access token made",
    InitialTokenDeleted = "initial_access_token.deleted": "Initial access token deleted",
    ScopeCreated = "scope.created": "Scope defined",
    ScopeChanged = "scope.changed": "Scope changed",
    ScopeDeleted = "scope.deleted": "Scope deleted",
    ResourceCreated = "resource.created": "Resource registered",
    ResourceChanged = "resource.changed": "Resource changed",
    ResourceDeleted = "resource.deleted": "Resource deleted",
    ProviderCreated = "provider.created": "Provider added",
    ProviderChanged = "provider.changed": "Provider changed",
    ProviderDeleted = "provider.deleted": "Provider deleted",
    KeyRotated = "signing_key.rotated": "Signing key rotated",
    KeyRetired = "signing_key.retired": "Signing key retired",
    SettingsChanged = "settings.changed": "Settings changed",
    ServerReloaded = "server.reloaded": "Certificate and log level read again",
    SetupCompleted = "setup.completed": "Set-up completed",
    SetupRefused = "setup.refused": "Set-up tried with a wrong code",
    AdminTokenReplaced = "admin_token.replaced": "Admin token replaced",
    AdminSignedIn = "admin.signed_in": "Signed in with the admin token",
    AdminRefused = "admin.refused": "Admin access refused",
    CallbackCreated = "callback.created": "Callback announced to the relay",
    CallbackReceived = "callback.received": "Redirect received by the relay",
    CallbackCollected = "callback.collected": "Redirect collected from the relay",
    CallbackRefused = "callback.refused": "Redirect refused: started by somebody else",
    FlowBound = "flow.bound": "Flow of an agent bound to a person",
    FlowCompleted = "flow.completed": "Flow of an agent completed by its person",
    FlowRefused = "flow.refused": "Flow of an agent not completed",
    ApiKeyGiven = "provider.api_key_given": "API key of a provider given to an agent",
    ConnectionAsked = "connection.asked": "Agent asked a person for access at a provider",
    ConnectionCancelled = "connection.cancelled": "Access at a provider declined, or not wanted any more",
    ConnectionRefused = "connection.refused": "Access at a provider not given",
    ConnectionMade = "connection.made": "Access at a provider given to an agent",
    ConnectionRefreshed = "connection.refreshed": "Access at a provider refreshed",
    ConnectionBroken = "connection.broken": "Access at a provider has ended there",
    ConnectionRemoved = "connection.removed": "Access at a provider taken back",
    ConnectionRevoked = "connection.revoked_upstream": "Access that was taken back here ended at the provider",
    WorkloadCreated = "workload.created": "Agent added",
    WorkloadChanged = "workload.changed": "Agent changed",
    WorkloadDeleted = "workload.deleted": "Agent deleted",
    WorkloadUserNamed = "workload.user_named": "Agent named a person by their id",
    WorkloadTokenRefused = "workload.token_refused": "Agent got no token for a person",
    AccessKeyCreated = "access_key.created": "Access key made",
    AccessKeyChanged = "access_key.changed": "Access key changed",
    AccessKeyDeleted = "access_key.deleted": "Access key deleted",
    AccessKeyRefused = "access_key.refused": "Signed request refused",
    VaultRewrapped = "vault.rewrapped": "Connections encrypted with another key",
    SecretRotated = "secret.rotated": "Nothing is sealed with the previous secret any more",
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl PartialSchema for EventKind {
    fn schema() -> RefOr<Schema> {
        let names = Self::ALL.iter().map(|kind| kind.as_str());
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
        schema.description(Some("What happened: a stable name")).build().into()
    }
}

impl ToSchema for EventKind {}

impl EventKind {
    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

/// Whether it was done or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done
    Success,
    /// Refused
    Failure,
}

impl Outcome {
    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }

    /// The outcome of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Success, Self::Failure].into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// One event. `App::event` makes it with time, address, request and actor filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Grows with time
    pub id: String,
    /// When
    pub at: Timestamp,
    /// What
    pub kind: EventKind,
    /// With what result
    pub outcome: Outcome,
    /// Who did it
    pub actor: Actor,
    /// The user whom it concerns, by id
    pub subject: Option<String>,
    /// The client that it concerns
    pub client_id: Option<String>,
    /// What else it concerns: the id of a grant, session, key, or the name of a scope
    pub target: Option<String>,
    /// From where
    pub address: Option<String>,
    /// In which request (`X-Request-Id`)
    pub request_id: Option<String>,
    /// More, without secrets: for changes, `before` and `after`
    pub detail: Map<String, Value>,
}

/// Fields whose values are never kept, wherever they stand in a detail.
const SECRET_FIELDS: [&str; 5] = ["code", "token", "secret", "password", "state"];

impl Event {
    /// The user whom it concerns.
    #[must_use]
    pub fn subject(mut self, user_id: &str) -> Self {
        self.subject = Some(user_id.to_owned());
        self
    }

    /// The client that it concerns.
    #[must_use]
    pub fn client(mut self, client_id: &str) -> Self {
        self.client_id = Some(client_id.to_owned());
        self
    }

    /// The client that it concerns, if it is one.
    #[must_use]
    pub fn client_if_any(mut self, client_id: Option<&str>) -> Self {
        self.client_id = client_id.map(str::to_owned);
        self
    }

    /// What else it concerns.
    #[must_use]
    pub fn target(mut self, id: &str) -> Self {
        self.target = Some(id.to_owned());
        self
    }

    /// Who did it, where the request does not say so.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// It was refused.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.outcome = Outcome::Failure;
        self
    }

    /// Adds a fact. Values of fields that are called `code`, `token`, `secret`, `password` or `state`, at
    /// any depth, are replaced.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        let mut value = value.into();
        redact(name, &mut value);
        self.detail.insert(name.to_owned(), value);
        self
    }
}

impl Event {
    /// The event as collectors read it. The names are stable; what is not known is `null`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let time = OffsetDateTime::from_unix_timestamp(self.at)
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok());
        json!({
            "id": self.id,
            "time": time,
            "event": self.kind.as_str(),
            "outcome": self.outcome.as_str(),
            "actor": self.actor.to_string(),
            "user": self.subject,
            "client": self.client_id,
            "target": self.target,
            "address": self.address,
            "request": self.request_id,
            "detail": self.detail,
        })
    }

    /// As [`Self::to_json`], in one line that can be told from other lines by its `log`.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = self.to_json();
        line["log"] = "audit".into();
        line.to_string()
    }
}

fn redact(name: &str, value: &mut Value) {
    let is_secret = |name: &str| SECRET_FIELDS.contains(&name) || SECRET_FIELDS.iter().any(|field| name.ends_with(&format!("_{field}")));
    match value {
        _ if is_secret(name) && !value.is_null() && !value.is_boolean() => *value = Value::from("[redacted]"),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| redact(name, value)),
        Value::Array(items) => items.iter_mut().for_each(|item| redact("", item)),
        _ => {}
    }
}

/// Which events to read: those for which everything that is set here is true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// What happened
    pub kind: Option<EventKind>,
    /// The user whom it concerns, by id
    pub subject_id: Option<String>,
    /// The client that it concerns
    pub client_id: Option<String>,
    /// Who did it
    pub actor: Option<Actor>,
    /// Not before this time
    pub since: Option<Timestamp>,
    /// Before this time
    pub until: Option<Timestamp>,
    /// With what result
    pub outcome: Option<Outcome>,
}
