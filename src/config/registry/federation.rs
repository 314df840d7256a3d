//! The settings of the relay and the vault.

use crate::config::agentcore::AgentCore;
use crate::config::relay::{self, CompletionUrl};
use crate::config::values::{number, provider_networks, secret, secret_file, shown_networks, shown_path, shown_secret, vault_keys};
use crate::protocol::issuer::Issuer;

use super::{MIN_ADMIN_TOKEN, Setting};

/// Those of the relay and the vault, in the order in which people look for them.
pub(super) const SETTINGS: &[Setting] = &[
    setting!(
        "relay_url",
        "GATEHOUSE_RELAY_URL",
        "URL",
        "The URL below which browsers reach /callback, when it is not the issuer",
        |config, text| config.relay.url = Some(Issuer::parse(text)?),
        |config| config.relay.url.as_ref().map(ToString::to_string).unwrap_or_default()
    ),
    setting!(
        live "relay_origins",
        "GATEHOUSE_RELAY_ORIGINS",
        "ORIGINS",
        "Web origins whose pages may use the API of the relay, separated by commas; none unless set",
        |config, text| config.relay.origins = relay::origins(text)?,
        |config| config.relay.origins.join(",")
    ),
    setting!(
        live "relay_waiters",
        "GATEHOUSE_RELAY_WAITERS",
        "NUMBER",
        "How many requests of one program may wait for redirects at once on one node",
        |config, text| config.relay.waiters = number(text, 1, 20_000)?,
        |config| config.relay.waiters.to_string()
    ),
    setting!(
        live "relay_open_entries",
        "GATEHOUSE_RELAY_OPEN_ENTRIES",
        "NUMBER",
        "The most redirects that an open relay keeps",
        |config, text| config.relay.open_entries = number(text, 1, 10_000_000)?,
        |config| config.relay.open_entries.to_string()
    ),
    setting!(
        "completion_url",
        "GATEHOUSE_COMPLETION_URL",
        "URL",
        "Where /oauth2/callback completes the flow of an agent for the person who is signed in; /userIdentifier/token exists only then",
        |config, text| config.relay.completion_url = Some(CompletionUrl::parse(text)?),
        |config| config.relay.completion_url.as_ref().map(ToString::to_string).unwrap_or_default()
    ),
    setting!(secret "completion_token", "GATEHOUSE_COMPLETION_TOKEN", "TEXT", "The bearer token that is shown at completion_url, 16 characters or more",
        |config, text| {
            config.relay.completion_token = Some(secret(text, MIN_ADMIN_TOKEN)?);
            config.relay.completion_token_file = None;
        },
        |config| shown_secret(config.relay.completion_token.is_some() && config.relay.completion_token_file.is_none())),
    setting!(
        "completion_token_file",
        "GATEHOUSE_COMPLETION_TOKEN_FILE",
        "FILE",
        "Read the bearer token from this file",
        |config, text| {
            config.relay.completion_token = Some(secret_file(text, MIN_ADMIN_TOKEN)?);
            config.relay.completion_token_file = Some(text.into());
        },
        |config| shown_path(config.relay.completion_token_file.as_ref())
    ),
    setting!(
        "user_token_issuers",
        "GATEHOUSE_USER_TOKEN_ISSUERS",
        "ISSUERS",
        "Issuers besides this server whose JWTs name people here: ISSUER AUDIENCE CLAIM, separated by commas; CLAIM is sub, preferred_username (the user name) or email",
        |config, text| config.relay.user_issuers = relay::user_issuers(text)?,
        |config| relay::show_user_issuers(&config.relay.user_issuers)
    ),
    setting!(
        "vault_keys_file",
        "GATEHOUSE_VAULT_KEYS_FILE",
        "FILE",
        "Keys for the tokens of connections, a line each: a name, and 32 bytes in base64; the first one seals, all open. Unless set, a key that is derived from APP_SECRET",
        |config, text| (config.vault_keys, config.vault_keys_file) = (vault_keys(text)?, Some(text.into())),
        |config| shown_path(config.vault_keys_file.as_ref())
    ),
    setting!(
        "provider_networks",
        "GATEHOUSE_PROVIDER_NETWORKS",
        "NETWORKS",
        "Networks and addresses of your own that providers of the vault may be in, separated by commas; unless set, providers are on the public internet",
        |config, text| config.provider_networks = provider_networks(text)?,
        |config| shown_networks(&config.provider_networks)
    ),
    setting!(
        "agentcore",
        "GATEHOUSE_AGENTCORE",
        "SWITCH",
        "on: answer programs written for AWS Bedrock AgentCore Identity, whose requests are signed with access keys; unsigned:CLIENT_ID, with a loopback issuer only: also without a signature, as that client; off: do not",
        |config, text| config.agentcore = AgentCore::parse(text)?,
        |config| config.agentcore.to_string()
    ),
];
