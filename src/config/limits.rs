//! How often strangers, clients and people may ask, and how many connections there may be.

use std::path::PathBuf;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::model::limit::{Class, Rates};

/// The settings of limits. `Debug` hides the secret.
#[derive(Clone, Debug)]
pub struct Limits {
    rates: [Rates; Class::ALL.len()],
    /// Networks whose addresses are not limited
    pub unlimited: Vec<IpNet>,
    /// The most connections in all
    pub connections: usize,
    /// The most connections from one network
    pub connections_of_address: usize,
    /// Where nodes tell each other what they have counted, when that is not the database
    pub redis: Option<SecretString>,
    pub(super) redis_file: Option<PathBuf>,
    /// The authorities that the certificate of Redis may be from, in PEM, when they are not those that the program carries
    pub redis_authorities: Option<Vec<u8>>,
    pub(super) redis_authorities_file: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rates: Class::ALL.map(Class::usual),
            unlimited: Vec::new(),
            connections: 16_384,
            connections_of_address: 2048,
            redis: None,
            redis_file: None,
            redis_authorities: None,
            redis_authorities_file: None,
        }
    }
}

impl Limits {
    /// The rates of a class.
    #[must_use]
    pub fn of(&self, class: Class) -> Rates {
        self.rates[class as usize]
    }

    /// Sets the rates of a class.
    pub fn set(&mut self, class: Class, rates: Rates) {
        self.rates[class as usize] = rates;
    }

    /// Whether Redis is spoken to by TLS.
    pub(super) fn is_redis_by_tls(&self) -> bool {
        self.redis.as_ref().is_some_and(|url| is_by_tls(url.expose_secret()))
    }
}

/// Schemes are written in letters of both sizes.
fn is_by_tls(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "rediss")
}

/// `redis://…`, or `rediss://…` with TLS.
pub(super) fn redis(text: &str) -> Result<SecretString, String> {
    let wrong = || "must be redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or the same with rediss:// for TLS".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_redis = matches!(url.scheme(), "redis" | "rediss") && url.host_str().is_some_and(|host| !host.is_empty());
    // There is a way to say that certificates are not checked.
    if !is_redis || url.fragment().is_some() {
        return Err(wrong());
    }
    Ok(SecretString::from(text))
}
