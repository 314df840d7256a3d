//! Where names become addresses: once for each request, and in no other place.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

type Lookup = dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync;

/// Finds the addresses of a host.
#[derive(Clone)]
pub struct Resolver(Arc<Lookup>);

impl Resolver {
    /// The resolver of the system.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(|host| {
            async move {
                let addresses = tokio::net::lookup_host((host, 0)).await?;
                Ok(addresses.map(|address| address.ip()).collect())
            }
            .boxed()
        }))
    }

    /// A resolver for tests, which may say what it likes.
    #[must_use]
    pub fn from_fn(lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |host| futures_util::future::ready(lookup(&host)).boxed()))
    }

    /// Every address of the host.
    ///
    /// # Errors
    /// When the name is not known or nobody answers.
    pub async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        (self.0)(host.to_owned()).await
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
