//! HTTP/1.1 as far as it is needed, on a connection of one's own: a load generator that costs less than the server.

use std::net::SocketAddr;
use std::ops::Range;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest answer that is read.
const MOST: usize = 1 << 20;

/// A connection that is kept alive.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What came back.
pub struct Answer<'c> {
    pub status: u16,
    /// The status line and the headers
    head: &'c str,
    pub body: &'c str,
}

impl Answer<'_> {
    /// The values of a header, in order.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        pairs
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// It must be of this status; else what it was instead.
    pub fn must_be(&self, status: u16, what: &str) -> Result<(), String> {
        if self.status == status {
            return Ok(());
        }
        let body: String = self.body.chars().take(300).collect();
        Err(format!("{what}: {} instead of {status}: {body}", self.status))
    }

    /// It must hold a text; else what it holds instead.
    pub fn must_hold(&self, text: &str, what: &str) -> Result<(), String> {
        if self.body.contains(text) {
            return Ok(());
        }
        Err(format!("{what}: there is no {text} in it: {}", self.body))
    }
}

impl Connection {
    pub async fn open(to: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(to).await.map_err(|error| format!("connecting: {error}"))?;
        stream.set_nodelay(true).map_err(|error| format!("connecting: {error}"))?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    /// Sends a request and reads its answer.
    pub async fn ask(&mut self, request: &str) -> Result<Answer<'_>, String> {
        self.send(request).await?;
        self.answer().await
    }

    pub async fn send(&mut self, request: &str) -> Result<(), String> {
        let sent = self.stream.write_all(request.as_bytes()).await;
        sent.map_err(|error| format!("sending: {error}"))
    }

    /// Waits for an answer, however long it takes.
    pub async fn answer(&mut self) -> Result<Answer<'_>, String> {
        self.received.clear();
        let Whole { status, head, body } = loop {
            let read = self.stream.read_buf(&mut self.received).await;
            if read.map_err(|error| format!("receiving: {error}"))? == 0 {
                return Err("the server hung up".to_owned());
            }
            if let Some(whole) = whole(&self.received)? {
                break whole;
            }
            if self.received.len() > MOST {
                return Err("the answer does not end".to_owned());
            }
        };
        let text =
            |part: Range<usize>| std::str::from_utf8(&self.received[part]).map_err(|error| format!("the answer is no text: {error}"));
        Ok(Answer {
            status,
            head: text(head)?,
            body: text(body)?,
        })
    }
}

/// Where the parts of an answer are in what was received.
struct Whole {
    status: u16,
    head: Range<usize>,
    body: Range<usize>,
}

/// The answer, once everything of it is there.
fn whole(received: &[u8]) -> Result<Option<Whole>, String> {
    let Some(end) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..end]).map_err(|error| format!("the head is no text: {error}"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.get(9..12)).and_then(|digits| digits.parse().ok());
    let status = status.ok_or_else(|| format!("this is no answer: {head}"))?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let length = match (length, status) {
        (Some(length), _) => length,
        (None, 204 | 304) => 0,
        (None, _) => return Err(format!("an answer of unknown length: {head}")),
    };
    let body = end + 4..end + 4 + length;
    Ok((received.len() >= body.end).then_some(Whole {
        status,
        head: 0..end,
        body,
    }))
}
