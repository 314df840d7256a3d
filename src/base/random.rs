//! Randomness as a value: bytes from a cryptographic generator that tests can seed.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SecureRandom as _;

use super::encoding::base64url;

/// A source of bytes that nobody can predict.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

/// Fills a buffer.
type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl Random {
    /// The cryptographic generator of the library, seeded by the operating system.
    ///
    /// # Panics
    /// A machine that cannot give randomness cannot run this server: a fill aborts the request
    /// by a panic rather than hand out predictable bytes.
    #[must_use]
    #[expect(clippy::disallowed_types, reason = "the one place that names the generator")]
    pub fn system() -> Self {
        let generator = aws_lc_rs::rand::SystemRandom::new();
        Self::from_fill(move |bytes| {
            assert!(generator.fill(bytes).is_ok(), "the operating system gives no randomness");
        })
    }

    /// A source that fills buffers with `fill`; tests seed it.
    pub fn from_fill(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        (self.0)(bytes);
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A secret of 256 bits in base64url: client secrets, admin tokens, cookies.
    #[must_use]
    pub fn secret(&self) -> String {
        base64url(&self.bytes::<32>())
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

/// Lends a [`Random`] to libraries that want the traits of `rand_core`.
pub struct RandCore<'a>(pub &'a Random);

impl rand_core::RngCore for RandCore<'_> {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.0.bytes())
    }
    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.0.bytes())
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl rand_core::CryptoRng for RandCore<'_> {}
