//! `gatehouse healthcheck`

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::config::Config;
use crate::web::tls::careless;

use super::Failure;
use super::output::say;

const PATIENCE: Duration = Duration::from_secs(5);

/// Asks `/healthz` of the server on this machine.
pub fn run(config: &Config) -> Result<(), Failure> {
    let address = reachable(config.listen);
    let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(|error| format!("nothing answers on {address}: {error}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let speaks_tls = config.tls().is_some();
    let status = if speaks_tls { ask(tls(stream)?) } else { ask(stream) };
    let status = status.map_err(|error| unread(address, speaks_tls, &error))?;
    if status == 200 {
        say!("healthy");
        return Ok(());
    }
    Err(format!("{address} answers with status {status}").into())
}

/// The address at which this machine reaches what listens everywhere.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, listen.port())
}

/// Why no answer could be read. Most often the server speaks TLS, and this command is not told so, or the other way round.
fn unread(address: SocketAddr, speaks_tls: bool, error: &io::Error) -> String {
    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
        return format!("{address} says nothing within {} seconds", PATIENCE.as_secs());
    }
    let said = if error.kind() == ErrorKind::UnexpectedEof {
        "it ends the connection".to_owned()
    } else {
        error.to_string()
    };
    let (spoken, hint) = if speaks_tls {
        ("TLS", "does it speak HTTP without TLS?")
    } else {
        ("HTTP", "does it speak TLS?")
    };
    format!("{address} does not answer in {spoken} ({said}): {hint} Give this command the settings of the server")
}

fn ask(mut stream: impl Read + Write) -> io::Result<u16> {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let status = std::str::from_utf8(&head[9..]).ok().and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "the answer is not HTTP"))
}

fn tls(stream: TcpStream) -> Result<StreamOwned<ClientConnection, TcpStream>, Failure> {
    // The certificate is made out to the public name, and nothing secret is sent.
    let config = Arc::new(careless::client()?);
    let connection = ClientConnection::new(config, ServerName::try_from("localhost")?)?;
    Ok(StreamOwned::new(connection, stream))
}
