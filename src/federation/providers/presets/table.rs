//! The table of presets. What providers document, or have been seen to do; where neither is certain, what is safe.

use crate::protocol::provider::{ClientAuth, Lifespan, RevokedToken};

use super::{Form, Known, Parameter, Preset, Quirks, Revoked, Said, Source};

/// A provider that does what the texts say.
const USUAL: Quirks = Quirks {
    said: Said::Userinfo,
    account: &["/sub"],
    label: &["/preferred_username", "/email", "/name"],
    whoami_scope: &["openid", "profile", "email"],
    pkce: true,
    client_auth: Some(ClientAuth::ClientSecretPost),
    json_body: false,
    headers: &[],
    authorization_parameters: &[],
    scope_parameter: "scope",
    scope_separator: ' ',
    offline_scope: None,
    refresh_with_redirect_uri: false,
    refresh_with_scope: false,
    wrapped_in: None,
    lifespan: Lifespan::Assumed(3600),
    passed_on: &[],
    dead_grant: &[],
    account_page: None,
};

/// A host whose name decides where tokens go.
const fn host(name: &'static str, description: &'static str, default: Option<&'static str>) -> Parameter {
    Parameter {
        name,
        description,
        form: Form::Host,
        default,
        is_required: true,
        is_address: true,
    }
}

/// Something that may be left out.
const fn optional(name: &'static str, description: &'static str, form: Form, is_address: bool) -> Parameter {
    Parameter {
        name,
        description,
        form,
        default: None,
        is_required: false,
        is_address,
    }
}

const GITHUB_HOST: &[Parameter] = &[host("host", "The host of GitHub, or of your GitHub Enterprise", Some("github.com"))];

const GITHUB: Known = Known {
    issuer: Some("https://{host}/login/oauth"),
    authorization_endpoint: "https://{host}/login/oauth/authorize",
    token_endpoint: "https://{host}/login/oauth/access_token",
    jwks_uri: None,
    // Only this token: the person may have connected other agents with other tokens.
    revocation: Revoked::Delete("{api}/applications/{client_id}/token"),
};

const GITHUB_QUIRKS: Quirks = Quirks {
    said: Said::At("{api}/user"),
    account: &["/id"],
    label: &["/login", "/name"],
    whoami_scope: &[],
    lifespan: Lifespan::Unlimited,
    ..USUAL
};

/// Every preset.
pub const ALL: &[Preset] = &[
    Preset {
        id: "google",
        label: "Google",
        parameters: &[],
        source: Source::Known(Known {
            issuer: Some("https://accounts.google.com"),
            authorization_endpoint: "https://accounts.google.com/o/oauth2/v2/auth",
            token_endpoint: "https://oauth2.googleapis.com/token",
            jwks_uri: None,
            revocation: Revoked::Standard("https://oauth2.googleapis.com/revoke", false, RevokedToken::Refresh),
        }),
        quirks: Quirks {
            said: Said::At("https://openidconnect.googleapis.com/v1/userinfo"),
            label: &["/email", "/name"],
            authorization_parameters: &[("access_type", "offline"), ("prompt", "consent")],
            account_page: Some("https://myaccount.google.com/permissions"),
            ..USUAL
        },
    },
    Preset {
        id: "microsoft",
        label: "Microsoft",
        parameters: &[Parameter {
            name: "tenant",
            description: "Whose accounts: common, organizations, consumers, or a directory by its UUID or domain",
            form: Form::Tenant,
            default: Some("common"),
            is_required: true,
            is_address: true,
        }],
        source: Source::Known(Known {
            // Only a directory by its UUID has an issuer that is known beforehand.
            issuer: Some("https://login.microsoftonline.com/{directory}/v2.0"),
            authorization_endpoint: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
            token_endpoint: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
            jwks_uri: Some("https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys"),
            revocation: Revoked::Never,
        }),
        quirks: Quirks {
            said: Said::IdToken,
            account: &["/tid", "/oid"],
            offline_scope: Some("offline_access"),
            refresh_with_scope: true,
            dead_grant: &["interaction_required"],
            account_page: Some("https://myapps.microsoft.com"),
            ..USUAL
        },
    },
    Preset {
        id: "github",
        label: "GitHub",
        parameters: GITHUB_HOST,
        source: Source::Known(GITHUB),
        quirks: GITHUB_QUIRKS,
    },
    Preset {
        id: "github_app",
        label: "GitHub App",
        parameters: GITHUB_HOST,
        source: Source::Known(GITHUB),
        quirks: Quirks {
            dead_grant: &["bad_refresh_token"],
            ..GITHUB_QUIRKS
        },
    },
    Preset {
        id: "gitlab",
        label: "GitLab",
        parameters: &[Parameter {
            name: "base_url",
            description: "The address of GitLab",
            form: Form::BaseUrl,
            default: Some("https://gitlab.com"),
            is_required: true,
            is_address: true,
        }],
        source: Source::Discovered("{base_url}"),
        quirks: Quirks {
            label: &["/nickname", "/preferred_username", "/email", "/name"],
            refresh_with_redirect_uri: true,
            ..USUAL
        },
    },
    Preset {
        id: "slack",
        label: "Slack",
        parameters: &[optional(
            "team",
            "The workspace that people are asked for first, by id",
            Form::Name,
            false,
        )],
        source: Source::Known(Known {
            issuer: Some("https://slack.com"),
            authorization_endpoint: "https://slack.com/oauth/v2/authorize",
            token_endpoint: "https://slack.com/api/oauth.v2.access",
            jwks_uri: None,
            revocation: Revoked::OwnProof("https://slack.com/api/auth.revoke"),
        }),
        quirks: Quirks {
            said: Said::AtByPost("https://slack.com/api/auth.test"),
            account: &["/team_id", "/user_id"],
            label: &["/user", "/team"],
            whoami_scope: &[],
            // An app that has it switched on is a public client for ever.
            pkce: false,
            client_auth: Some(ClientAuth::ClientSecretBasic),
            authorization_parameters: &[("team", "{team}")],
            scope_parameter: "user_scope",
            scope_separator: ',',
            wrapped_in: Some("authed_user"),
            lifespan: Lifespan::Unlimited,
            passed_on: &["team"],
            dead_grant: &["invalid_refresh_token", "token_revoked", "token_expired"],
            ..USUAL
        },
    },
    Preset {
        id: "atlassian",
        label: "Atlassian",
        parameters: &[],
        source: Source::Known(Known {
            issuer: Some("https://auth.atlassian.com"),
            authorization_endpoint: "https://auth.atlassian.com/authorize",
            token_endpoint: "https://auth.atlassian.com/oauth/token",
            jwks_uri: None,
            revocation: Revoked::Standard("https://auth.atlassian.com/oauth/revoke", true, RevokedToken::Refresh),
        }),
        quirks: Quirks {
            said: Said::At("https://api.atlassian.com/me"),
            account: &["/account_id"],
            label: &["/email", "/name"],
            whoami_scope: &["read:me"],
            authorization_parameters: &[("audience", "api.atlassian.com"), ("prompt", "consent")],
            offline_scope: Some("offline_access"),
            dead_grant: &["unauthorized_client"],
            account_page: Some("https://id.atlassian.com/manage-profile/apps"),
            ..USUAL
        },
    },
    Preset {
        id: "notion",
        label: "Notion",
        parameters: &[],
        source: Source::Known(Known {
            issuer: None,
            authorization_endpoint: "https://api.notion.com/v1/oauth/authorize",
            token_endpoint: "https://api.notion.com/v1/oauth/token",
            jwks_uri: None,
            revocation: Revoked::Json("https://api.notion.com/v1/oauth/revoke"),
        }),
        quirks: Quirks {
            said: Said::TokenAnswer,
            account: &["/workspace_id", "/owner/user/id"],
            label: &["/workspace_name", "/owner/user/person/email", "/owner/user/name"],
            whoami_scope: &[],
            pkce: false,
            client_auth: Some(ClientAuth::ClientSecretBasic),
            json_body: true,
            headers: &[("Notion-Version", "2022-06-28")],
            authorization_parameters: &[("owner", "user")],
            passed_on: &["workspace_id", "workspace_name", "bot_id"],
            ..USUAL
        },
    },
    Preset {
        id: "salesforce",
        label: "Salesforce",
        parameters: &[host(
            "login_host",
            "Where people sign in: login.salesforce.com, test.salesforce.com, or the host of your My Domain",
            Some("login.salesforce.com"),
        )],
        source: Source::Known(Known {
            issuer: Some("https://{login_host}"),
            authorization_endpoint: "https://{login_host}/services/oauth2/authorize",
            token_endpoint: "https://{login_host}/services/oauth2/token",
            jwks_uri: None,
            revocation: Revoked::Standard("https://{login_host}/services/oauth2/revoke", false, RevokedToken::Refresh),
        }),
        quirks: Quirks {
            said: Said::At("https://{login_host}/services/oauth2/userinfo"),
            account: &["/organization_id", "/user_id"],
            whoami_scope: &["openid", "id"],
            offline_scope: Some("refresh_token"),
            // The shortest session that an organization can set.
            lifespan: Lifespan::Assumed(900),
            passed_on: &["instance_url"],
            ..USUAL
        },
    },
    Preset {
        id: "dropbox",
        label: "Dropbox",
        parameters: &[],
        source: Source::Known(Known {
            issuer: None,
            authorization_endpoint: "https://www.dropbox.com/oauth2/authorize",
            token_endpoint: "https://api.dropboxapi.com/oauth2/token",
            jwks_uri: None,
            revocation: Revoked::OwnProof("https://api.dropboxapi.com/2/auth/token/revoke"),
        }),
        quirks: Quirks {
            said: Said::AtByPost("https://api.dropboxapi.com/2/users/get_current_account"),
            account: &["/account_id"],
            label: &["/email", "/name/display_name"],
            whoami_scope: &["account_info.read"],
            authorization_parameters: &[("token_access_type", "offline")],
            ..USUAL
        },
    },
    Preset {
        id: "discord",
        label: "Discord",
        parameters: &[],
        source: Source::Known(Known {
            issuer: Some("https://discord.com"),
            authorization_endpoint: "https://discord.com/api/oauth2/authorize",
            token_endpoint: "https://discord.com/api/oauth2/token",
            jwks_uri: None,
            revocation: Revoked::Standard("https://discord.com/api/oauth2/token/revoke", true, RevokedToken::Refresh),
        }),
        quirks: Quirks {
            said: Said::At("https://discord.com/api/users/@me"),
            account: &["/id"],
            label: &["/global_name", "/username"],
            whoami_scope: &["identify"],
            client_auth: Some(ClientAuth::ClientSecretBasic),
            ..USUAL
        },
    },
    Preset {
        id: "linkedin",
        label: "LinkedIn",
        parameters: &[],
        source: Source::Known(Known {
            issuer: Some("https://www.linkedin.com/oauth"),
            authorization_endpoint: "https://www.linkedin.com/oauth/v2/authorization",
            token_endpoint: "https://www.linkedin.com/oauth/v2/accessToken",
            jwks_uri: None,
            // One is used, but not documented.
            revocation: Revoked::Never,
        }),
        quirks: Quirks {
            said: Said::At("https://api.linkedin.com/v2/userinfo"),
            label: &["/email", "/name"],
            // A request with a verifier is refused.
            pkce: false,
            account_page: Some("https://www.linkedin.com/psettings/permitted-services"),
            ..USUAL
        },
    },
    Preset {
        id: "zoom",
        label: "Zoom",
        parameters: &[],
        source: Source::Known(Known {
            issuer: Some("https://zoom.us"),
            authorization_endpoint: "https://zoom.us/oauth/authorize",
            token_endpoint: "https://zoom.us/oauth/token",
            jwks_uri: None,
            revocation: Revoked::Standard("https://zoom.us/oauth/revoke", true, RevokedToken::Access),
        }),
        quirks: Quirks {
            said: Said::At("https://api.zoom.us/v2/users/me"),
            account: &["/id"],
            label: &["/email", "/display_name"],
            whoami_scope: &[],
            client_auth: Some(ClientAuth::ClientSecretBasic),
            passed_on: &["api_url"],
            ..USUAL
        },
    },
    Preset {
        id: "spotify",
        label: "Spotify",
        parameters: &[],
        source: Source::Known(Known {
            issuer: None,
            authorization_endpoint: "https://accounts.spotify.com/authorize",
            token_endpoint: "https://accounts.spotify.com/api/token",
            jwks_uri: None,
            revocation: Revoked::Never,
        }),
        quirks: Quirks {
            said: Said::At("https://api.spotify.com/v1/me"),
            account: &["/id"],
            label: &["/display_name", "/id"],
            whoami_scope: &[],
            client_auth: Some(ClientAuth::ClientSecretBasic),
            account_page: Some("https://www.spotify.com/account/apps/"),
            ..USUAL
        },
    },
    Preset {
        id: "okta",
        label: "Okta",
        parameters: &[
            host("domain", "The domain of your organization at Okta", None),
            optional(
                "authorization_server",
                "The authorization server in it, by id; the organization's own when this is not set",
                Form::Name,
                true,
            ),
        ],
        source: Source::Discovered("{okta_issuer}"),
        quirks: Quirks {
            client_auth: Some(ClientAuth::ClientSecretBasic),
            offline_scope: Some("offline_access"),
            ..USUAL
        },
    },
    Preset {
        id: "auth0",
        label: "Auth0",
        parameters: &[
            host("domain", "The domain of your tenant at Auth0", None),
            optional(
                "audience",
                "The API that access tokens are for, by its identifier",
                Form::Text,
                false,
            ),
        ],
        source: Source::Discovered("https://{domain}/"),
        quirks: Quirks {
            label: &["/email", "/nickname", "/name"],
            authorization_parameters: &[("audience", "{audience}")],
            offline_scope: Some("offline_access"),
            ..USUAL
        },
    },
    Preset {
        id: "gatehouse",
        label: "Gatehouse",
        parameters: &[],
        source: Source::Issuer,
        quirks: Quirks {
            client_auth: Some(ClientAuth::ClientSecretBasic),
            offline_scope: Some("offline_access"),
            ..USUAL
        },
    },
    Preset {
        id: "oidc",
        label: "OpenID Connect or OAuth 2, by its metadata",
        parameters: &[],
        source: Source::Issuer,
        quirks: Quirks {
            client_auth: None,
            ..USUAL
        },
    },
    Preset {
        id: "oauth2",
        label: "OAuth 2, by its endpoints",
        parameters: &[],
        source: Source::Settings,
        quirks: Quirks {
            client_auth: Some(ClientAuth::ClientSecretBasic),
            whoami_scope: &[],
            ..USUAL
        },
    },
];
