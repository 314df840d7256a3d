//! The standard claims and the scopes that release them (OpenID Connect Core §5.1, §5.4).

/// A scope of the OpenID Connect standard, as every new server knows it.
pub struct StandardScope {
    /// The scope token.
    pub name: &'static str,
    /// What it means, in words for the person who consents.
    pub description: &'static str,
    /// The claims it releases.
    pub claims: &'static [&'static str],
    /// Whether a request that names no scope gets it.
    pub is_default: bool,
}

/// `openid`, `profile`, `email`, `address`, `phone` and `offline_access`.
pub const STANDARD_SCOPES: [StandardScope; 6] = [
    StandardScope {
        name: "openid",
        description: "Know who you are: an identifier for your account here",
        claims: &["sub"],
        is_default: true,
    },
    StandardScope {
        name: "profile",
        description: "See your profile: name, picture, and similar details",
        claims: &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
        is_default: true,
    },
    StandardScope {
        name: "email",
        description: "See your e-mail address",
        claims: &["email", "email_verified"],
        is_default: true,
    },
    StandardScope {
        name: "address",
        description: "See your postal address",
        claims: &["address"],
        is_default: false,
    },
    StandardScope {
        name: "phone",
        description: "See your telephone number",
        claims: &["phone_number", "phone_number_verified"],
        is_default: false,
    },
    StandardScope {
        name: "offline_access",
        description: "Stay connected when you are not here, until you take it back",
        claims: &[],
        is_default: false,
    },
];

/// The scope that lets a client read the admin API.
pub const ADMIN_READ: &str = "admin:read";
/// The scope that lets a client change things through the admin API.
pub const ADMIN_WRITE: &str = "admin:write";

/// The scope that lets a client receive redirects through the callback relay.
pub const RELAY: &str = "relay";
/// The scope that lets a client get tokens for its workloads, and with these what people keep in the vault.
pub const VAULT: &str = "vault";

/// What clients may do at this server itself: name and description. Such a scope is for clients that an operator
/// made and gave it to; no person can hand it on, and metadata does not announce it.
pub const SERVER_SCOPES: [(&str, &str); 4] = [
    (ADMIN_READ, "See everything in the administration of this server"),
    (ADMIN_WRITE, "Change everything in the administration of this server"),
    (
        RELAY,
        "Receive the redirects of other providers through the callback relay of this server",
    ),
    (VAULT, "Get tokens of other providers that people keep in the vault of this server"),
];

/// Whether a scope is one of [`SERVER_SCOPES`].
#[must_use]
pub fn is_server_scope(name: &str) -> bool {
    SERVER_SCOPES.iter().any(|(scope, _)| *scope == name)
}

/// Claims that a user record keeps in its free part; the others have columns or are computed.
pub const PROFILE_CLAIMS: [&str; 15] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "address",
    "phone_number",
    "phone_number_verified",
];

/// Claims that the protocol itself sets: no extra claim of a user may carry such a name.
pub const RESERVED_CLAIMS: [&str; 24] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "sid",
    "scope",
    "client_id",
    "cnf",
    "act",
    "may_act",
    "typ",
    "events",
    "sub_id",
    "authorization_details",
];
