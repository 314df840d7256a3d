//! Connections on which nobody asks faster than they are answered.
//!
//! Requests can be sent one after the other without waiting for answers (pipelining, RFC 9112 §9.3.2). The HTTP library
//! reads all of them that fit into its buffer, and each takes some kilobytes until its turn comes: thousands of small ones
//! are many megabytes for a stranger with one connection who reads no answer. And while its buffer is full it asks again
//! without a pause. So no more requests are let through to it than may wait.
//!
//! A request is counted by the end of its first line, and an answer by the beginning of its own. A body that says the same costs
//! its sender some time and nothing else.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::patience::{Activity, Patience};

/// How many requests may wait for an answer.
const MOST: usize = 16;
/// How much is read at once, in bytes.
const PART: usize = 8 * 1024;

thread_local! {
    /// Read into, so that no connection needs a buffer of its own while it says nothing.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; PART].into_boxed_slice());
}

/// Finds the ends of first lines of requests (RFC 9112 §3).
#[derive(Debug, Default)]
struct Requests {
    matched: usize,
}

impl Requests {
    /// Whether a first line ends with this byte.
    fn ends_with(&mut self, byte: u8) -> bool {
        const VERSION: &[u8] = b" HTTP/1.";
        let (digit, carriage_return) = (VERSION.len() + 1, VERSION.len() + 2);
        self.matched = match (self.matched, byte) {
            (matched, byte) if VERSION.get(matched) == Some(&byte) => matched + 1,
            (matched, b'0'..=b'9') if matched == VERSION.len() => digit,
            (matched, b'\r') if matched == digit => carriage_return,
            (matched, b'\n') if matched == digit || matched == carriage_return => {
                self.matched = 0;
                return true;
            }
            // The mark begins with its only space.
            (_, b' ') => 1,
            _ => 0,
        };
        false
    }
}

/// Counts the beginnings of answers (RFC 9112 §4).
#[derive(Debug, Default)]
struct Answers {
    matched: usize,
}

impl Answers {
    fn in_these(&mut self, bytes: &[u8]) -> usize {
        const VERSION: &[u8] = b"HTTP/1.";
        let mut count = 0;
        for byte in bytes {
            self.matched = match self.matched {
                matched if VERSION[matched] == *byte => matched + 1,
                _ => usize::from(VERSION[0] == *byte),
            };
            if self.matched == VERSION.len() {
                self.matched = 0;
                count += 1;
            }
        }
        count
    }
}

/// A connection.
#[derive(Debug)]
pub struct Paced<S> {
    stream: S,
    /// Whether it speaks HTTP/1.1
    counts: bool,
    requests: Requests,
    answers: Answers,
    /// How many requests have come that were not answered
    unanswered: usize,
    /// What has come and is not let through yet
    held: Vec<u8>,
    /// Whoever waits for it
    waiting: Option<Waker>,
    patience: Patience,
}

impl<S> Paced<S> {
    /// A connection that speaks HTTP/1.1.
    pub fn http1(stream: S) -> Self {
        Self {
            stream,
            counts: true,
            requests: Requests::default(),
            answers: Answers::default(),
            unanswered: 0,
            held: Vec::new(),
            waiting: None,
            patience: Patience::default(),
        }
    }

    /// The same, with this patience.
    #[must_use]
    pub fn with(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// What the connection is doing.
    pub fn activity(&self) -> &Activity {
        self.patience.activity()
    }

    /// A connection that speaks something else.
    pub fn unpaced(stream: S) -> Self {
        Self {
            counts: false,
            ..Self::http1(stream)
        }
    }

    fn is_full(&self) -> bool {
        self.unanswered >= MOST
    }

    /// How many of these bytes are let through now.
    fn admit(&mut self, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            if self.is_full() {
                return at;
            }
            self.unanswered += usize::from(self.requests.ends_with(*byte));
        }
        bytes.len()
    }

    /// Something was written: there may be room again.
    fn answered(&mut self, written: &[u8]) {
        self.unanswered = self.unanswered.saturating_sub(self.answers.in_these(written));
        if !self.is_full()
            && let Some(waiting) = self.waiting.take()
        {
            waiting.wake();
        }
    }
}

impl<S: AsyncRead + Unpin> Paced<S> {
    /// Lets through what is held.
    fn release(&mut self, buffer: &mut ReadBuf<'_>) {
        let mut held = std::mem::take(&mut self.held);
        let fits = held.len().min(buffer.remaining());
        let admitted = self.admit(&held[..fits]);
        buffer.put_slice(&held[..admitted]);
        held.drain(..admitted);
        self.held = if held.is_empty() { Vec::new() } else { held };
    }

    /// Nothing is let through; but whoever hangs up meanwhile is noticed.
    fn listen(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.waiting = Some(context.waker().clone());
        while self.held.len() < PART {
            let mut part = [0; 1024];
            let mut buffer = ReadBuf::new(&mut part);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => self.held.extend_from_slice(buffer.filled()),
                Poll::Pending => break,
                // It is over, and what is held is worth nothing.
                over @ Poll::Ready(_) => return over,
            }
        }
        self.wait(context)
    }

    /// Waits for more, as long as there is patience.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.patience.nothing_came(context) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.counts {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        if this.is_full() {
            return this.listen(context);
        }
        if !this.held.is_empty() {
            this.release(buffer);
            return Poll::Ready(Ok(()));
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let room = buffer.remaining().min(PART);
            let mut part = ReadBuf::new(&mut scratch[..room]);
            match Pin::new(&mut this.stream).poll_read(context, &mut part) {
                Poll::Pending => this.wait(context),
                Poll::Ready(Ok(())) => {
                    let came = part.filled();
                    if let Err(error) = this.patience.came(came.len()) {
                        return Poll::Ready(Err(error));
                    }
                    let admitted = this.admit(came);
                    buffer.put_slice(&came[..admitted]);
                    this.held.extend_from_slice(&came[admitted..]);
                    Poll::Ready(Ok(()))
                }
                failed @ Poll::Ready(Err(_)) => failed,
            }
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Ready(Ok(length)) => {
                self.patience.taken();
                if self.counts {
                    self.answered(&bytes[..length]);
                }
                Poll::Ready(Ok(length))
            }
            Poll::Pending => match self.patience.nothing_taken(context) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::{MOST, Paced};

    const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\nVia: HTTP/1.1 proxy\r\n\r\n";

    /// What is let through now.
    async fn read(server: &mut Paced<tokio::io::DuplexStream>) -> Vec<u8> {
        let mut all = Vec::new();
        let mut part = [0; 100];
        let patience = std::time::Duration::from_millis(20);
        while let Ok(Ok(length @ 1..)) = tokio::time::timeout(patience, server.read(&mut part)).await {
            all.extend_from_slice(&part[..length]);
        }
        all
    }

    fn count(bytes: &[u8]) -> usize {
        bytes.windows(4).filter(|window| window == b"GET ").count()
    }

    #[tokio::test]
    async fn no_more_requests_come_than_may_wait() {
        let (mut client, server) = duplex(1 << 20);
        let mut server = Paced::http1(server);
        client.write_all(&REQUEST.repeat(100)).await.unwrap();
        let first = read(&mut server).await;
        assert_eq!(count(&first), MOST);
        assert!(read(&mut server).await.is_empty());
        // As many as are answered come after them, and nothing is lost or changed.
        let mut all = first;
        for _ in MOST..100 {
            server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            all.extend(read(&mut server).await);
        }
        assert_eq!(count(&all), 100);
        server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        all.extend(read(&mut server).await);
        assert_eq!(all, REQUEST.repeat(100));
    }

    #[tokio::test]
    async fn who_hangs_up_is_noticed_although_they_asked_much() {
        let (mut client, server) = duplex(1 << 20);
        let mut server = Paced::http1(server);
        client.write_all(&REQUEST.repeat(20)).await.unwrap();
        read(&mut server).await;
        drop(client);
        assert_eq!(server.read(&mut [0; 10]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_speaks_something_else_is_let_through() {
        let (mut client, server) = duplex(1 << 20);
        let mut server = Paced::unpaced(server);
        client.write_all(&REQUEST.repeat(100)).await.unwrap();
        assert_eq!(read(&mut server).await, REQUEST.repeat(100));
    }

    #[tokio::test]
    async fn a_long_body_is_one_request() {
        let (mut client, server) = duplex(1 << 20);
        let mut server = Paced::http1(server);
        let mut request = b"POST /a HTTP/1.1\r\nContent-Length: 100000\r\n\r\n".to_vec();
        request.extend_from_slice(&b"a line \r\n\r\n".repeat(10_000));
        client.write_all(&request).await.unwrap();
        assert_eq!(read(&mut server).await, request);
    }
}
