//! The certificate of the listener: read at the start, and again when it is renewed, without a connection noticing.

pub mod careless;
mod validity;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, ServerConfig};
use secrecy::zeroize::Zeroizing;

use crate::app::reload::Reread;
use crate::base::clock::Timestamp;
use crate::base::digest::sha256;
use crate::base::measure::Moment;
use crate::config::TlsFiles;

pub use validity::Validity;

/// Time between two looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// After so many looks at files that cannot be read they are not about to be replaced any more: somebody has to know.
const LOOKS_IN_VAIN: u32 = 4;

/// Certificate and key, as they are in force, and the files that they come from.
#[derive(Debug)]
pub struct Certificates {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    state: Mutex<State>,
    /// Where it is told until when the certificate is valid
    end: OnceLock<Arc<Moment>>,
}

#[derive(Debug)]
struct State {
    current: Arc<CertifiedKey>,
    /// What the files held when they were read last, usable or not
    seen: [u8; 32],
}

impl Certificates {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// When a file cannot be read or its content cannot be used; the message names the file.
    pub fn read(files: TlsFiles) -> io::Result<Arc<Self>> {
        let provider = Arc::new(default_provider());
        let pair = Pair::read(&files)?;
        let state = State {
            current: Arc::new(pair.certified(&files, &provider)?),
            seen: pair.digest(),
        };
        Ok(Arc::new(Self {
            files,
            provider,
            state: Mutex::new(state),
            end: OnceLock::new(),
        }))
    }

    /// How the listener speaks TLS: 1.3 and 1.2, with forward secrecy and authenticated encryption only. There is no early data,
    /// which can be replayed.
    ///
    /// # Errors
    /// When the library refuses its own choice.
    pub fn server_config(self: &Arc<Self>) -> io::Result<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Reads the files again. New connections get what is in them; when it cannot be used, what they got before.
    #[must_use]
    pub fn reload(&self) -> Reread {
        match self.reread() {
            Ok(Some(current)) => Reread::Changed(described(&current)),
            Ok(None) => Reread::Unchanged(described(&self.current())),
            Err(error) => Reread::Failed(error.to_string()),
        }
    }

    fn reread(&self) -> io::Result<Option<Arc<CertifiedKey>>> {
        // Handshakes wait for the state: nothing that may take its time is done while it is held.
        let pair = Pair::read(&self.files)?;
        let (digest, certified) = (pair.digest(), pair.certified(&self.files, &self.provider));
        let mut state = self.state();
        state.seen = digest;
        let certified = Arc::new(certified?);
        if certified.cert == state.current.cert {
            return Ok(None);
        }
        state.current = Arc::clone(&certified);
        drop(state);
        self.tell_end();
        Ok(Some(certified))
    }

    /// What the files hold when it is something else than when they were read last.
    fn news(&self) -> io::Result<Option<[u8; 32]>> {
        let digest = Pair::read(&self.files)?.digest();
        Ok((digest != self.state().seen).then_some(digest))
    }

    /// From now on `end` says until when the certificate is valid that is in force.
    pub fn announce_end(&self, end: Arc<Moment>) {
        // The first one stays; there is no second.
        let _ = self.end.set(end);
        self.tell_end();
    }

    fn tell_end(&self) {
        if let (Some(end), Some(validity)) = (self.end.get(), self.validity()) {
            end.set(validity.ends);
        }
    }

    /// Looks at the files now and then, and reads them again when they have changed, and have stayed as they are for two
    /// looks: one of the two may be written before the other. For as long as somebody uses the certificates.
    pub async fn watch(certificates: Weak<Self>) {
        let mut ticks = tokio::time::interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut before, mut in_vain) = (None, 0_u32);
        loop {
            ticks.tick().await;
            let Some(certificates) = certificates.upgrade() else { return };
            let look = tokio::task::spawn_blocking(move || {
                let news = certificates.news()?;
                let has_settled = news.is_some() && news == before;
                Ok::<_, io::Error>((news, has_settled.then(|| certificates.reload())))
            });
            let Ok(look) = look.await else { continue };
            let (news, reread) = match look {
                Ok(look) => look,
                Err(problem) => {
                    // They may be about to be replaced, and then the next look finds them.
                    (before, in_vain) = (None, in_vain.saturating_add(1));
                    if in_vain == LOOKS_IN_VAIN {
                        tracing::error!(
                            event = "reload_failed",
                            part = "certificate",
                            "the certificate cannot be read again, and the one before stays: {problem}"
                        );
                    }
                    continue;
                }
            };
            (before, in_vain) = (news, 0);
            match reread {
                Some(Reread::Changed(detail)) => {
                    tracing::info!(event = "certificate_renewed", "the certificate was renewed: {detail}");
                }
                Some(Reread::Failed(problem)) => tracing::error!(
                    event = "reload_failed",
                    part = "certificate",
                    "the new certificate cannot be used, and the one before stays: {problem}"
                ),
                Some(Reread::Unchanged(_)) | None => {}
            }
        }
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.state().current)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From when until when the certificate is valid, if it says so in a way that is understood.
    #[must_use]
    pub fn validity(&self) -> Option<Validity> {
        Validity::of(self.current().end_entity_cert().ok()?)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

fn described(certified: &CertifiedKey) -> String {
    let validity = certified.end_entity_cert().ok().and_then(|certificate| Validity::of(certificate));
    validity.map_or_else(|| "in force".to_owned(), |validity| format!("valid until {validity}"))
}

/// What the two files hold.
struct Pair {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Pair {
    fn read(files: &TlsFiles) -> io::Result<Self> {
        let content = |path: &Path| std::fs::read(path).map_err(|error| named(path, error));
        Ok(Self {
            certificate: content(&files.certificate)?,
            key: Zeroizing::new(content(&files.key)?),
        })
    }

    fn digest(&self) -> [u8; 32] {
        sha256(&[sha256(&self.certificate), sha256(&self.key)].concat())
    }

    fn certified(&self, files: &TlsFiles, provider: &CryptoProvider) -> io::Result<CertifiedKey> {
        let chain = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| named(&files.certificate, error))?;
        if chain.is_empty() {
            return Err(named(&files.certificate, "holds no certificate in PEM"));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| named(&files.key, error))?;
        CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => named(&files.key, "the key is that of another certificate"),
            error => named(&files.certificate, error),
        })
    }
}

fn named(path: &Path, problem: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {problem}", path.display()))
}

/// How a certificate stands at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is valid for longer than that
    Valid,
    /// It ends soon
    EndsSoon,
    /// It is over, or has not begun
    Invalid,
}

impl Validity {
    /// How it stands at `now`, when what ends in `soon` seconds ends soon.
    #[must_use]
    pub fn standing(&self, now: Timestamp, soon: i64) -> Standing {
        if now < self.begins || now > self.ends {
            Standing::Invalid
        } else if self.ends - now < soon {
            Standing::EndsSoon
        } else {
            Standing::Valid
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Standing, Validity};

    #[test]
    fn a_certificate_stands_at_a_time() {
        let validity = Validity { begins: 100, ends: 200 };
        for (now, standing) in [
            (99, Standing::Invalid),
            (100, Standing::Valid),
            (190, Standing::Valid),
            (191, Standing::EndsSoon),
            (200, Standing::EndsSoon),
            (201, Standing::Invalid),
        ] {
            assert_eq!(validity.standing(now, 10), standing, "{now}");
        }
    }
}
