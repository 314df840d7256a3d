//! Which secrets, and which contents of files, differ between two configurations. What is shown of settings does not tell.

use secrecy::{ExposeSecret, SecretString};

use super::Config;

impl Config {
    /// The settings that give this configuration another secret than `other` has, by key: the secret or the file that it was
    /// read from. So is another content of a file of certificates. The admin token is not among them: once there is one, no setting changes it.
    #[must_use]
    pub fn other_secrets(&self, other: &Self) -> Vec<&'static str> {
        let differ = |secret: fn(&Self) -> Option<&SecretString>| {
            let exposed = |config| secret(config).map(ExposeSecret::expose_secret);
            exposed(self) != exposed(other)
        };
        let (here, there) = (&self.monitoring.otlp_headers, &other.monitoring.otlp_headers);
        let vault_keys = |config: &Self| -> Vec<(String, String)> {
            let keys = config.vault_keys.iter();
            keys.map(|key| (key.name().to_owned(), key.id().to_owned())).collect()
        };
        let all = [
            ("database_url", "", self.database_url != other.database_url),
            ("app_secret", "app_secret_file", differ(|config| config.app_secret.as_ref())),
            (
                "app_secret_previous",
                "app_secret_previous_file",
                differ(|config| config.app_secret_previous.as_ref()),
            ),
            (
                "app_secret_next",
                "app_secret_next_file",
                differ(|config| config.app_secret_next.as_ref()),
            ),
            (
                "completion_token",
                "completion_token_file",
                differ(|config| config.relay.completion_token.as_ref()),
            ),
            ("vault_keys_file", "", vault_keys(self) != vault_keys(other)),
            ("otlp_headers", "otlp_headers_file", !here.all().eq(there.all())),
            ("redis_url", "redis_url_file", differ(|config| config.limits.redis.as_ref())),
            ("redis_ca_file", "", self.limits.redis_authorities != other.limits.redis_authorities),
        ];
        let differing = all.into_iter().filter(|(_, _, is_other)| *is_other);
        differing
            .map(|(key, file, _)| if self.source(file).is_fixed() { file } else { key })
            .collect()
    }
}
