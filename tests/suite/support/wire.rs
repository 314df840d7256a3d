//! HTTP/1.1 as it goes over the wire, for what no client library sends or shows.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::process::PATIENCE;

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
    /// Connects, and waits for no answer longer than a test does.
    pub fn to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let reader = BufReader::new(stream.try_clone()?);
        Ok(Self { stream, reader })
    }

    /// Sends bytes, whatever they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// The next answer.
    pub fn answer(&mut self) -> io::Result<Answer> {
        answer(&mut self.reader)
    }

    /// Sends a request and reads its answer.
    pub fn ask(&mut self, request: &str) -> io::Result<Answer> {
        self.send(request)?;
        self.answer()
    }

    /// Asks for a path.
    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }
}

/// Reads one answer, whose length its head tells.
pub fn answer(reader: &mut impl BufRead) -> io::Result<Answer> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
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

/// How a request begins that posts a form, with further headers.
pub fn post_head(path: &str, form: &str, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n{more}\r\n",
        form.len()
    )
}

/// A connection from an address of this machine.
pub async fn connect(address: SocketAddr, from: IpAddr) -> io::Result<tokio::net::TcpStream> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(address).await
}

/// Sends bytes on a connection of their own, and reads until the server closes it; what came. It may be closed before all is sent.
pub async fn exchange(address: SocketAddr, from: IpAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect(address, from).await?;
    let (mut reader, mut writer) = stream.split();
    let mut all = Vec::new();
    let (_, _) = tokio::join!(writer.write_all(bytes), reader.read_to_end(&mut all));
    Ok(all)
}

/// The statuses of all answers, in their order.
pub fn statuses(bytes: &[u8]) -> Vec<u16> {
    let begins = bytes.windows(12).filter(|window| window.starts_with(b"HTTP/1.1 "));
    begins
        .filter_map(|window| std::str::from_utf8(&window[9..]).ok()?.parse().ok())
        .collect()
}
