//! The registered error codes, and a refusal: an answer that is the peer's fault.

use std::borrow::Cow;
use std::fmt;

/// An error code of the IANA registry "OAuth Extensions Errors" (RFC 6749 §11.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// RFC 6749 §4.1.2.1, §5.2
    InvalidRequest,
    /// RFC 6749 §5.2
    InvalidClient,
    /// RFC 6749 §5.2
    InvalidGrant,
    /// RFC 6749 §4.1.2.1, §5.2
    UnauthorizedClient,
    /// RFC 6749 §5.2
    UnsupportedGrantType,
    /// RFC 6749 §4.1.2.1
    UnsupportedResponseType,
    /// RFC 6749 §4.1.2.1, §5.2
    InvalidScope,
    /// RFC 6749 §4.1.2.1
    AccessDenied,
    /// RFC 6749 §4.1.2.1
    ServerError,
    /// RFC 6749 §4.1.2.1
    TemporarilyUnavailable,
    /// RFC 8707 §2
    InvalidTarget,
    /// RFC 6750 §3.1
    InvalidToken,
    /// RFC 6750 §3.1
    InsufficientScope,
    /// OpenID Connect Core §3.1.2.6
    LoginRequired,
    /// OpenID Connect Core §3.1.2.6
    ConsentRequired,
    /// OpenID Connect Core §3.1.2.6
    AccountSelectionRequired,
    /// OpenID Connect Core §3.1.2.6
    RequestNotSupported,
    /// OpenID Connect Core §3.1.2.6
    RequestUriNotSupported,
    /// OpenID Connect Core §3.1.2.6
    RegistrationNotSupported,
    /// OpenID Connect Core Error Code `unmet_authentication_requirements` §2
    UnmetAuthenticationRequirements,
    /// RFC 7591 §3.2.2
    InvalidRedirectUri,
    /// RFC 7591 §3.2.2
    InvalidClientMetadata,
    /// RFC 7591 §3.2.2
    InvalidSoftwareStatement,
    /// RFC 7591 §3.2.2
    UnapprovedSoftwareStatement,
}

impl ErrorCode {
    /// Every code, in the order in which they are declared.
    pub const ALL: [Self; 24] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::UnsupportedResponseType,
        Self::InvalidScope,
        Self::AccessDenied,
        Self::ServerError,
        Self::TemporarilyUnavailable,
        Self::InvalidTarget,
        Self::InvalidToken,
        Self::InsufficientScope,
        Self::LoginRequired,
        Self::ConsentRequired,
        Self::AccountSelectionRequired,
        Self::RequestNotSupported,
        Self::RequestUriNotSupported,
        Self::RegistrationNotSupported,
        Self::UnmetAuthenticationRequirements,
        Self::InvalidRedirectUri,
        Self::InvalidClientMetadata,
        Self::InvalidSoftwareStatement,
        Self::UnapprovedSoftwareStatement,
    ];

    /// The code of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// The code as it is registered.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::AccountSelectionRequired => "account_selection_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidSoftwareStatement => "invalid_software_statement",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A decision against the peer. It is an answer like any other: its transaction commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The registered code.
    pub code: ErrorCode,
    /// What the peer reads. Only the characters that RFC 6749 §5.2 allows.
    pub description: Cow<'static, str>,
    /// What only the log reads.
    pub detail: Option<String>,
    /// The peer asks too often; after so many seconds there is an answer again.
    pub retry_after: Option<i64>,
}

impl Refusal {
    /// A refusal whose description is fixed text.
    #[must_use]
    pub const fn new(code: ErrorCode, description: &'static str) -> Self {
        Self {
            code,
            description: Cow::Borrowed(description),
            detail: None,
            retry_after: None,
        }
    }

    /// A refusal that quotes something of the request: the text is cut to 200 characters and
    /// everything outside `error_description`'s alphabet (RFC 6749 §5.2) becomes `?`.
    #[must_use]
    pub fn quoting(code: ErrorCode, description: &str) -> Self {
        let safe = description
            .chars()
            .take(200)
            .map(|c| if matches!(c, ' '..='!' | '#'..='[' | ']'..='~') { c } else { '?' })
            .collect::<String>();
        Self {
            code,
            description: Cow::Owned(safe),
            detail: None,
            retry_after: None,
        }
    }

    /// Adds what the log should know, cut to 200 characters: peers must not write our log full.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        self.detail = Some(detail.chars().take(200).collect());
        self
    }
}

/// The peer asks too often, and may try again after so many seconds.
#[must_use]
pub fn too_many_requests(seconds: i64) -> Refusal {
    Refusal {
        retry_after: Some(seconds),
        ..Refusal::new(ErrorCode::TemporarilyUnavailable, "there were too many requests; try again later")
    }
}

/// Shorthand for the most frequent refusal.
#[must_use]
pub const fn invalid_request(description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, description)
}

/// `invalid_grant`: the code or refresh token is unknown, expired, used, revoked or another's.
#[must_use]
pub const fn invalid_grant(description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidGrant, description)
}
