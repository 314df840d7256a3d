//! Connections on which nobody asks faster than they are answered.
//!
//! Requests can be sent one after the other without waiting for answers (pipelining, RFC 9112 §9.3.2). The HTTP library
//! reads all of them that fit into its buffer, and each takes some kilobytes until its turn comes: thousands of small ones
//! are many megabytes for a stranger with one connection who reads no answer. And while its buffer is full it asks again
//! without a pause. What is more, it takes the end of a connection, `HEAD` and the version from the request that it has read last, not from
//! the one that it answers. So requests are let through to it one at a time, and none after the last answer (RFC 9112 §9.6).
//! Only after a body that is full of first lines up to sixteen may come together, because each of these would cost a round by itself.
//!
//! What ends like the first line of a request is counted as one, wherever it stands: so there are never more than were counted. There may be
//! fewer, because a header or a body can say the same. But when whoever answers waits for the client, to send the rest of a head or of a
//! body, then nothing else can be waiting, and the count is put right.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::patience::{Activity, Countdown, GOODBYE_PATIENCE, Patience, TooLong};

/// How many requests may wait for an answer: one, and the first line of the next, which nobody can answer without the rest of its head.
const MOST: usize = 2;
/// The same while a body is read that says many first lines: what looked like them was its own, and may be looked at in larger parts.
const MOST_IN_BODY: usize = 16;
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

/// What is said to whoever sends a long head while too many others do.
const TOO_LONG: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// A connection that is over: how much of the last word was said, and until when is listened to what still comes. Who is cut
/// off while they are sending may not hear it.
#[derive(Debug, Default)]
struct Farewell {
    said: usize,
    end: Countdown,
}

/// A connection that speaks HTTP/1.1.
#[derive(Debug)]
pub struct Paced<S> {
    stream: S,
    requests: Requests,
    /// How many requests have come, at most, that were not answered
    unanswered: usize,
    /// How many there may be now
    most: usize,
    /// What has come and is not let through yet
    held: Vec<u8>,
    /// Whether all that was let through has been looked at
    is_settled: bool,
    /// Whether more is to be let through as soon as there is room
    is_holding: bool,
    /// Whether what comes belongs to a request that is to be answered, as far as can be seen: it may be the rest of a body
    has_begun: bool,
    farewell: Option<Farewell>,
    /// Until when is listened after the last answer
    goodbye: Countdown,
    patience: Patience,
}

impl<S> Paced<S> {
    /// Over this stream, with this patience.
    pub fn new(stream: S, patience: Patience) -> Self {
        Self {
            stream,
            requests: Requests::default(),
            unanswered: 0,
            most: MOST,
            held: Vec::new(),
            is_settled: true,
            is_holding: false,
            has_begun: true,
            farewell: None,
            goodbye: Countdown::default(),
            patience,
        }
    }

    /// What those who answer are doing.
    pub fn activity(&self) -> &Activity {
        self.patience.activity()
    }

    fn is_full(&self) -> bool {
        self.unanswered >= self.most
    }

    /// How many of these bytes are let through now.
    fn admit(&mut self, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            if self.is_full() {
                return at;
            }
            if self.requests.ends_with(*byte) {
                self.unanswered += 1;
                self.has_begun = true;
            }
        }
        bytes.len()
    }

    /// All that was to be sent is sent: there may be room again.
    fn sent(&mut self, context: &mut Context<'_>) {
        let answered = self.patience.activity().take_answered();
        if answered > 0 {
            self.most = MOST;
        }
        self.unanswered = self.unanswered.saturating_sub(answered);
        let has_waited = self.patience.writes(false);
        let has_room = self.is_holding && (!self.is_full() || self.patience.is_client_awaited());
        // The next head has its time from now on.
        if has_waited || has_room {
            self.is_holding = false;
            context.waker().wake_by_ref();
        }
        if self.patience.activity().is_over() {
            // When the time is over, it is seen while reading.
            let _ = self.part_soon(context);
        }
    }

    /// The last answer was made. Once it is sent, the client has a moment to hang up.
    ///
    /// # Errors
    /// When that is over.
    fn part_soon(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.patience.is_client_awaited() {
            self.goodbye.run(GOODBYE_PATIENCE, context)
        } else {
            Ok(())
        }
    }

    /// Waits for more, as long as there is patience.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_settled = true;
        match self.patience.nothing_came(context) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Paced<S> {
    /// Reads what comes now, and lets it through as far as there is room.
    fn receive(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let came = SCRATCH.with_borrow_mut(|scratch| {
            let room = buffer.remaining().min(PART);
            let mut part = ReadBuf::new(&mut scratch[..room]);
            let came = Pin::new(&mut self.stream).poll_read(context, &mut part);
            came.map_ok(|()| {
                let admitted = self.admit(part.filled());
                buffer.put_slice(&part.filled()[..admitted]);
                self.held.extend_from_slice(&part.filled()[admitted..]);
                admitted
            })
        });
        match came {
            Poll::Pending => self.wait(context),
            Poll::Ready(Ok(length)) => self.let_through(length, context),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// Lets through what is held, as far as there is room.
    fn release(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut held = std::mem::take(&mut self.held);
        let fits = held.len().min(buffer.remaining());
        let admitted = self.admit(&held[..fits]);
        buffer.put_slice(&held[..admitted]);
        held.drain(..admitted);
        self.held = if held.is_empty() { Vec::new() } else { held };
        self.let_through(admitted, context)
    }

    fn let_through(&mut self, length: usize, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_settled = false;
        match self.patience.came(length) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(TooLong) if !self.has_begun => Poll::Ready(Err(too_long())),
            Err(TooLong) => {
                // Once what was let through before has been looked at, and answered.
                self.farewell = Some(Farewell::default());
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    /// Nothing is let through; but whoever hangs up meanwhile is noticed.
    fn listen(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_holding = true;
        self.patience.activity().await_reading(context.waker());
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
        if !self.is_settled {
            // Once what was let through has been looked at, it is known whether there is room.
            context.waker().wake_by_ref();
        }
        self.wait(context)
    }

    /// Says that a head is too long, and what comes then is for nobody.
    fn part(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_awaited = self.patience.is_client_awaited();
        let Some(farewell) = self.farewell.as_mut().filter(|farewell| is_awaited || farewell.said > 0) else {
            // In the middle of an answer nothing else can be said.
            return Poll::Ready(Err(too_long()));
        };
        while farewell.said < TOO_LONG.len() {
            match Pin::new(&mut self.stream).poll_write(context, &TOO_LONG[farewell.said..]) {
                Poll::Ready(Ok(length)) if length > 0 => farewell.said += length,
                Poll::Ready(_) => return Poll::Ready(Err(too_long())),
                Poll::Pending => break,
            }
        }
        if farewell.said == TOO_LONG.len() && Pin::new(&mut self.stream).poll_flush(context).is_ready() {
            let _ = Pin::new(&mut self.stream).poll_shutdown(context);
        }
        if farewell.end.run(GOODBYE_PATIENCE, context).is_err() {
            return Poll::Ready(Err(too_long()));
        }
        discard(&mut self.stream, context).map(|()| Err(too_long()))
    }

    /// What comes after the last answer is for nobody. In the end it is as if the client had hung up.
    fn ignore(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.held = Vec::new();
        match self.part_soon(context) {
            Ok(()) => discard(&mut self.stream, context).map(Ok),
            Err(_) => Poll::Ready(Ok(())),
        }
    }
}

/// Reads what is for nobody, until nothing more can come.
fn discard<S: AsyncRead + Unpin>(stream: &mut S, context: &mut Context<'_>) -> Poll<()> {
    SCRATCH.with_borrow_mut(|scratch| {
        loop {
            let mut part = ReadBuf::new(scratch);
            match Pin::new(&mut *stream).poll_read(context, &mut part) {
                Poll::Ready(Ok(())) if !part.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
}

fn too_long() -> io::Error {
    io::Error::other("the head of a request is long, and too many others are")
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.farewell.is_some() {
            return this.part(context);
        }
        if this.patience.activity().is_over() {
            return this.ignore(context);
        }
        if this.is_full() && this.is_settled && this.patience.is_client_awaited() {
            // Whatever else looked like a request was none, but for the one that has not come completely.
            let _ = this.patience.activity().take_answered();
            this.unanswered = this.patience.activity().under_way().max(1);
            this.most = if this.patience.activity().is_reading() {
                (this.most * 2).min(MOST_IN_BODY)
            } else {
                MOST
            };
        }
        if this.is_full() {
            return this.listen(context);
        }
        this.is_holding = false;
        if this.held.is_empty() {
            this.receive(context, buffer)
        } else {
            this.release(context, buffer)
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.farewell.as_ref().is_some_and(|farewell| farewell.said > 0) {
            return Poll::Ready(Err(too_long()));
        }
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        match &sent {
            Poll::Ready(_) => {
                self.patience.answers();
                self.has_begun = false;
            }
            Poll::Pending => {
                self.patience.writes(true);
            }
        }
        sent
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = Pin::new(&mut self.stream).poll_flush(context);
        match &sent {
            Poll::Ready(Ok(())) => self.sent(context),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                self.patience.writes(true);
            }
        }
        sent
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
