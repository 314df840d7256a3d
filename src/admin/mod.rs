//! What administrators do: the one engine behind the admin API, the admin pages and `gatehouse apply`.
//!
//! `access` says who may. A file per noun says what there is: how it is listed, found and shown. The rules
//! of making and changing things are not here but with the thing itself (`oauth::clients`,
//! `oauth::scopes`, `identity::account`), because commands and registration follow them, too.

pub mod access;
pub mod access_keys;
pub mod clients;
pub mod connections;
pub mod consents;
pub mod declaration;
pub mod events;
pub mod grants;
pub mod initial_access_tokens;
pub mod page;
pub mod providers;
pub mod reload;
pub mod resources;
pub mod scopes;
pub mod secret_rotation;
pub mod sessions;
pub mod settings;
pub mod signing_keys;
pub mod stats;
pub mod users;
pub mod vault_keys;
pub mod warnings;
pub mod workloads;

use std::borrow::Cow;

use crate::base::fault::Fault;
use crate::base::invalid::Invalid;
use crate::federation::access_keys::AccessKeyError;
use crate::federation::providers::ProviderError;
use crate::federation::workloads::WorkloadError;
use crate::identity::account::AccountError;
use crate::oauth::clients::ClientError;
use crate::oauth::initial_access_tokens::TokenError;
use crate::oauth::resources::ResourceError;
use crate::oauth::scopes::ScopeError;

use self::settings::SettingError;

/// Why something is not done.
#[derive(Debug)]
pub enum AdminError {
    /// A field has a value that cannot be
    Invalid {
        /// The field, as a path: `redirect_uris[2]`
        field: String,
        /// What is wrong with it
        message: String,
    },
    /// A parameter of a list has a value that cannot be
    InvalidParameter {
        /// Its name
        name: &'static str,
        /// What is wrong with it
        message: String,
    },
    /// There is no such thing
    NotFound,
    /// It collides with something that is there
    Conflict {
        /// The field whose value something else has, if that is the reason
        field: Option<&'static str>,
        /// With what
        message: Cow<'static, str>,
    },
    /// Somebody else changed it since it was read
    Changed,
    /// It exists, and the caller did not say which version is to be replaced
    VersionRequired,
    /// The server failed
    Fault(Fault),
}

impl AdminError {
    /// `message` about `field`.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            message: message.into(),
        }
    }

    /// `message` about a parameter of a list.
    pub fn parameter(name: &'static str, message: impl Into<String>) -> Self {
        Self::InvalidParameter {
            name,
            message: message.into(),
        }
    }

    /// It cannot be done as things are.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Conflict {
            field: None,
            message: message.into(),
        }
    }

    /// Something else has this value of `field`.
    pub fn taken(field: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Conflict {
            field: Some(field),
            message: message.into(),
        }
    }
}

impl From<Fault> for AdminError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Invalid> for AdminError {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(invalid.field, invalid.message)
    }
}

impl From<ClientError> for AdminError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Invalid(invalid) => invalid.into(),
            ClientError::Taken => Self::taken("client_id", error.to_string()),
            ClientError::Changed => Self::Changed,
            ClientError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<AccountError> for AdminError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Invalid(invalid) => invalid.into(),
            AccountError::Taken(field) => Self::taken(field, error.to_string()),
            AccountError::Changed => Self::Changed,
            AccountError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<ResourceError> for AdminError {
    fn from(error: ResourceError) -> Self {
        match error {
            ResourceError::Invalid(invalid) => invalid.into(),
            ResourceError::Taken(_) => Self::taken("identifier", error.to_string()),
            ResourceError::Changed => Self::Changed,
            ResourceError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<WorkloadError> for AdminError {
    fn from(error: WorkloadError) -> Self {
        match error {
            WorkloadError::Invalid(invalid) => invalid.into(),
            WorkloadError::Taken(_) => Self::taken("name", error.to_string()),
            WorkloadError::Changed => Self::Changed,
            WorkloadError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<AccessKeyError> for AdminError {
    fn from(error: AccessKeyError) -> Self {
        match error {
            AccessKeyError::Invalid(invalid) => invalid.into(),
            AccessKeyError::Changed => Self::Changed,
            AccessKeyError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<ProviderError> for AdminError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Invalid(invalid) => invalid.into(),
            ProviderError::Taken(_) => Self::taken("id", error.to_string()),
            ProviderError::InUse(..) => Self::conflict(error.to_string()),
            ProviderError::Changed => Self::Changed,
            ProviderError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<ScopeError> for AdminError {
    fn from(error: ScopeError) -> Self {
        match error {
            ScopeError::Invalid(invalid) => invalid.into(),
            ScopeError::Taken(_) => Self::taken("name", error.to_string()),
            ScopeError::Needed => Self::conflict(error.to_string()),
            ScopeError::Changed => Self::Changed,
            ScopeError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<TokenError> for AdminError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid(invalid) => invalid.into(),
            TokenError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<SettingError> for AdminError {
    fn from(error: SettingError) -> Self {
        // The field says which setting it is.
        match error {
            SettingError::Unknown(key) => Self::invalid(key, "there is no setting of this name"),
            SettingError::NotChangeable { key, reason } => Self::invalid(key, reason),
            SettingError::Invalid { key, message } => Self::invalid(key, message),
            SettingError::Changed => Self::Changed,
            SettingError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl std::fmt::Display for AdminError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid { field, message } => write!(f, "{field}: {message}"),
            Self::InvalidParameter { name, message } => write!(f, "{name}: {message}"),
            Self::NotFound => f.write_str("there is no such thing"),
            Self::Conflict { message, .. } => f.write_str(message),
            Self::Changed => f.write_str("somebody else changed it since it was read"),
            Self::VersionRequired => f.write_str("it exists; say which version is to be replaced"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for AdminError {}

/// Which version of a thing the caller has seen and wants to replace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// It was not said
    #[default]
    Unsaid,
    /// Whatever is there
    Any,
    /// One of these
    Versions(Vec<i64>),
}

impl Expected {
    /// Whether a change to a thing of this version may go on.
    ///
    /// # Errors
    /// [`AdminError::Changed`] when it is another version, [`AdminError::VersionRequired`] when none was said.
    pub fn check(&self, version: i64) -> Result<(), AdminError> {
        match self {
            Self::Unsaid => Err(AdminError::VersionRequired),
            Self::Any => Ok(()),
            Self::Versions(versions) if versions.contains(&version) => Ok(()),
            Self::Versions(_) => Err(AdminError::Changed),
        }
    }

    /// As [`Self::check`], for what may be done without saying: removing.
    ///
    /// # Errors
    /// [`AdminError::Changed`] when it is another version.
    pub fn check_if_said(&self, version: i64) -> Result<(), AdminError> {
        match self {
            Self::Unsaid => Ok(()),
            said => said.check(version),
        }
    }
}
