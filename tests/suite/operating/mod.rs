//! What operators do to a server that runs: stop it, let it read again, put it under a service manager, speak TLS with it.

mod certificate;
mod notify;
mod reload;
mod shutdown;
mod terminal;
pub mod tls;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::process::PATIENCE;

/// A connection over which one request follows the other.
pub struct Wire {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

/// An answer, as it came.
pub struct Answer {
    /// Status line and headers, in small letters
    pub head: String,
    /// What follows them
    pub body: String,
}

impl Wire {
    pub fn to(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let reader = BufReader::new(stream.try_clone()?);
        Ok(Self { stream, reader })
    }

    pub fn get(&mut self, path: &str) -> std::io::Result<Answer> {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    pub fn ask(&mut self, request: &str) -> std::io::Result<Answer> {
        self.stream.write_all(request.as_bytes())?;
        answer(&mut self.reader)
    }
}

/// Reads one answer, whose length its head tells.
pub fn answer(reader: &mut impl BufRead) -> std::io::Result<Answer> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a length"))];
    reader.read_exact(&mut body)?;
    Ok(Answer {
        head,
        body: String::from_utf8(body).expect("text"),
    })
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head[9..12].parse().expect("a status")
    }

    /// Whether the server says that this was the last one.
    pub fn closes(&self) -> bool {
        self.head.contains("\r\nconnection: close\r\n")
    }
}
