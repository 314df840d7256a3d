//! The settings of limits.

use secrecy::ExposeSecret;

use crate::config::limits::redis;
use crate::config::values::{authorities, network, number, secret_file, shown_networks, shown_path, shown_secret};
use crate::model::limit::{Class, Rates};

use super::Setting;

/// The rates of a class.
macro_rules! limit {
    ($key:literal, $env:literal, $class:ident, $help:literal) => {
        setting!(
            live $key,
            $env,
            "RATES",
            $help,
            |config, text| config.limits.set(Class::$class, Rates::parse(text, Class::$class)?),
            |config| config.limits.of(Class::$class).to_string()
        )
    };
}

/// Those of limits, in the order in which people look for them.
pub(super) const SETTINGS: &[Setting] = &[
    limit!(
        "limit_token",
        "GATEHOUSE_LIMIT_TOKEN",
        Token,
        "How many requests for tokens a minute allows; off: any number"
    ),
    limit!(
        "limit_introspect",
        "GATEHOUSE_LIMIT_INTROSPECT",
        Introspect,
        "The same for introspection"
    ),
    limit!(
        "limit_userinfo",
        "GATEHOUSE_LIMIT_USERINFO",
        Userinfo,
        "The same for claims about people"
    ),
    limit!(
        "limit_authorize",
        "GATEHOUSE_LIMIT_AUTHORIZE",
        Authorize,
        "The same for authorization requests"
    ),
    limit!(
        "limit_sign_in",
        "GATEHOUSE_LIMIT_SIGN_IN",
        SignIn,
        "The same for passwords that are typed, right or wrong"
    ),
    limit!(
        "limit_register",
        "GATEHOUSE_LIMIT_REGISTER",
        Register,
        "The same for the registration of clients"
    ),
    limit!(
        "limit_admin",
        "GATEHOUSE_LIMIT_ADMIN",
        Admin,
        "The same for pages and API of the administration"
    ),
    limit!("limit_relay", "GATEHOUSE_LIMIT_RELAY", Relay, "The same for the callback relay"),
    limit!(
        "limit_vault",
        "GATEHOUSE_LIMIT_VAULT",
        Vault,
        "The same for the vault, and for programs of AgentCore Identity"
    ),
    limit!(
        "limit_metadata",
        "GATEHOUSE_LIMIT_METADATA",
        Metadata,
        "The same for metadata, keys and style sheets"
    ),
    limit!(
        "limit_page",
        "GATEHOUSE_LIMIT_PAGE",
        Page,
        "The same for all other pages, and for paths that do not exist"
    ),
    limit!(
        "limit_failure",
        "GATEHOUSE_LIMIT_FAILURE",
        Failure,
        "How many wrong credentials of clients a minute allows: from an address, and of one client from an address"
    ),
    setting!(
        "unlimited_networks",
        "GATEHOUSE_UNLIMITED_NETWORKS",
        "NETWORKS",
        "Addresses or networks of your own, such as a gateway's, that are not limited, separated by commas; clients and people behind them are",
        |config, text| config.limits.unlimited = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(network)
            .collect::<Result<_, _>>()?,
        |config| shown_networks(&config.limits.unlimited)
    ),
    setting!(
        "connections",
        "GATEHOUSE_CONNECTIONS",
        "NUMBER",
        "The most connections at once; fewer when the process may not have so many files",
        |config, text| config.limits.connections = number(text, 16, 1_000_000)?,
        |config| config.limits.connections.to_string()
    ),
    setting!(
        "connections_per_address",
        "GATEHOUSE_CONNECTIONS_PER_ADDRESS",
        "NUMBER",
        "The most connections of one address; those of trusted_proxies and unlimited_networks may have all",
        |config, text| config.limits.connections_of_address = number(text, 1, 1_000_000)?,
        |config| config.limits.connections_of_address.to_string()
    ),
    setting!(secret "redis_url", "GATEHOUSE_REDIS_URL", "URL", "redis:// or rediss://USER:PASSWORD@HOST: where nodes tell each other how much of a limit is used; unless set, in the database",
        |config, text| {
            config.limits.redis = Some(redis(text)?);
            config.limits.redis_file = None;
        },
        |config| shown_secret(config.limits.redis.is_some() && config.limits.redis_file.is_none())),
    setting!(
        "redis_url_file",
        "GATEHOUSE_REDIS_URL_FILE",
        "FILE",
        "Read the URL of Redis from this file",
        |config, text| {
            config.limits.redis = Some(redis(secret_file(text, 1)?.expose_secret())?);
            config.limits.redis_file = Some(text.into());
        },
        |config| shown_path(config.limits.redis_file.as_ref())
    ),
    setting!(
        "redis_ca_file",
        "GATEHOUSE_REDIS_CA_FILE",
        "FILE",
        "Certificates in PEM of the authorities that Redis may have its certificate from (rediss://), in place of those that browsers know",
        |config, text| {
            config.limits.redis_authorities = Some(authorities(text)?);
            config.limits.redis_authorities_file = Some(text.into());
        },
        |config| shown_path(config.limits.redis_authorities_file.as_ref())
    ),
];
