//! What is spoken over: TCP, or TLS over it. A client that takes no byte of what is sent to it for a while is let go.
//!
//! That is measured below TLS, which takes some of an answer when the client takes nothing; so it holds for everything that is ever sent, on
//! all ways.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::patience::{Countdown, STALL_PATIENCE};

/// A connection on the wire.
#[derive(Debug)]
pub enum Wire {
    /// In the clear: a reverse proxy stands before it, or it is this machine's own
    Plain(Impatient<TcpStream>),
    /// Encrypted
    Tls(Box<TlsStream<Impatient<TcpStream>>>),
}

/// A stream that fails when nothing of what is to be sent is taken for too long.
#[derive(Debug)]
pub struct Impatient<S> {
    stream: S,
    patience: Duration,
    stall: Countdown,
}

impl<S> Impatient<S> {
    /// This stream.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            patience: STALL_PATIENCE,
            stall: Countdown::default(),
        }
    }

    /// What came of sending: while nothing is taken, time runs.
    fn sent<T>(&mut self, sent: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        match sent {
            Poll::Pending => match self.stall.run(self.patience, context) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
            over @ Poll::Ready(_) => {
                self.stall.stop();
                over
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.sent(sent, context)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.sent(sent, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
    use rustls::ServerConfig;
    use rustls::crypto::aws_lc_rs::{default_provider, sign::any_ecdsa_type};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{sleep, timeout};
    use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

    use super::Impatient;
    use crate::web::tls::careless;

    const PATIENCE: Duration = Duration::from_millis(400);

    fn pair() -> (DuplexStream, Impatient<DuplexStream>) {
        let (client, server) = duplex(1000);
        let mut server = Impatient::new(server);
        server.patience = PATIENCE;
        (client, server)
    }

    #[tokio::test]
    async fn who_takes_nothing_is_let_go_and_who_takes_little_is_not() {
        let (mut client, mut server) = pair();
        let begun = Instant::now();
        let takes_little = async {
            for _ in 0..8 {
                sleep(PATIENCE / 4).await;
                client.read_exact(&mut [0; 1000]).await.unwrap();
            }
        };
        let (sent, ()) = tokio::join!(server.write_all(&[b'a'; 9000]), takes_little);
        sent.unwrap();
        assert!(begun.elapsed() >= PATIENCE * 2);
        let begun = Instant::now();
        let error = server.write_all(b"b").await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= PATIENCE);
    }

    async fn tls_pair() -> (client::TlsStream<DuplexStream>, server::TlsStream<Impatient<DuplexStream>>) {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .unwrap()
            .to_pkcs8v1()
            .unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.as_ref().to_vec()));
        let key = CertifiedKey::new(
            vec![CertificateDer::from(b"nobody looks at it".to_vec())],
            any_ecdsa_type(&key).unwrap(),
        );
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let connector = TlsConnector::from(Arc::new(careless::client().unwrap()));
        let (client, server) = pair();
        let name = ServerName::try_from("gatehouse.example").unwrap();
        let (client, server) = tokio::join!(connector.connect(name, client), acceptor.accept(server));
        (client.unwrap(), server.unwrap())
    }

    /// TLS takes the end of an answer when nobody else does; then only flushing and closing wait.
    #[tokio::test]
    async fn who_takes_nothing_of_what_tls_has_taken_is_let_go() {
        let (_client, mut server) = tls_pair().await;
        let taken = timeout(PATIENCE / 4, server.write(&[b'a'; 16_000])).await;
        assert!(taken.unwrap().unwrap() > 1000, "more than can be sent");
        let flushed = timeout(PATIENCE * 10, server.flush()).await.expect("it ends");
        assert_eq!(flushed.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        let (_client, mut server) = tls_pair().await;
        assert!(server.write(&[b'a'; 16_000]).await.unwrap() > 1000);
        let closed = timeout(PATIENCE * 10, server.shutdown()).await.expect("it ends");
        assert_eq!(closed.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    }
}
