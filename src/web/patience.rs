//! How long a connection may keep a server waiting.
//!
//! A client that sends the first byte of a request and then nothing, or one byte each few seconds, holds a connection and its buffers
//! for as long as it likes: the HTTP library has a time limit for the first request only. So the time is taken here: while no
//! request of a connection is being answered, the next one must be there completely before it is over. (A client that takes no byte of
//! an answer for a while is let go by [`super::wire`].)

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::doors::{Guest, Large};

/// How long a client may take to send the head of a request, from the end of the answer before it.
pub const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an answer.
pub const STALL_PATIENCE: Duration = Duration::from_secs(30);
/// How long a client may take to go when it is told to.
pub const GOODBYE_PATIENCE: Duration = Duration::from_secs(1);
/// How long a head may be for which nobody has to ask, in bytes. A few may be longer at a time.
pub const USUAL_HEAD: usize = 16 * 1024;

/// What those who answer the requests of one connection are doing.
#[derive(Clone, Debug, Default)]
pub struct Activity(Rc<Doing>);

#[derive(Debug, Default)]
struct Doing {
    /// How many requests are being answered
    under_way: Cell<usize>,
    /// How many of these wait for more of their bodies
    reading: Cell<usize>,
    /// How many were answered since somebody looked
    answered: Cell<usize>,
    /// Whether the last answer was made
    is_over: Cell<bool>,
    /// Who is told when more of a body is waited for
    waiting: RefCell<Option<Waker>>,
}

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub struct Busy(Rc<Doing>);

/// A body that is being waited for, until it is dropped.
#[derive(Debug)]
pub struct Reading(Rc<Doing>);

impl Activity {
    /// A request begins to be answered: it has come completely, but for its body.
    #[must_use]
    pub fn begin(&self) -> Busy {
        add(&self.0.under_way, 1);
        Busy(Rc::clone(&self.0))
    }

    /// The body of a request is waited for.
    #[must_use]
    pub fn read(&self) -> Reading {
        add(&self.0.reading, 1);
        if let Some(waiting) = self.0.waiting.take() {
            waiting.wake();
        }
        Reading(Rc::clone(&self.0))
    }

    /// How many requests are being answered.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.0.under_way.get()
    }

    /// Whether the client is waited for in the middle of a request. The requests of a connection are read one after the other, so
    /// then none has come after this one.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.0.reading.get() > 0
    }

    /// How many requests were answered since this was asked last.
    #[must_use]
    pub fn take_answered(&self) -> usize {
        self.0.answered.take()
    }

    /// The answer that was made last closes the connection: no request that is sent after it is carried out (RFC 9112 §9.6).
    pub fn end(&self) {
        self.0.is_over.set(true);
    }

    /// Whether the last answer of the connection was made.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.is_over.get()
    }

    /// Tells `waker` when a body is waited for.
    pub fn await_reading(&self, waker: &Waker) {
        self.0.waiting.replace(Some(waker.clone()));
    }

    fn is_idle(&self) -> bool {
        self.under_way() == 0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get().saturating_sub(1));
        add(&self.0.answered, 1);
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.reading.set(self.0.reading.get().saturating_sub(1));
    }
}

fn add(number: &Cell<usize>, more: usize) {
    number.set(number.get() + more);
}

/// A time that is measured now and then, and what is left of it.
#[derive(Debug, Default)]
pub struct Countdown {
    /// Made when it is needed for the first time
    timer: Option<Pin<Box<Sleep>>>,
    is_running: bool,
}

impl Countdown {
    /// Begins to measure, or goes on with it.
    ///
    /// # Errors
    /// When the time is over.
    pub fn run(&mut self, patience: Duration, context: &mut Context<'_>) -> io::Result<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(patience)));
        if !self.is_running {
            self.is_running = true;
            timer.as_mut().reset(Instant::now() + patience);
        }
        match timer.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::Error::from(io::ErrorKind::TimedOut)),
            Poll::Pending => Ok(()),
        }
    }

    /// What is waited for has come: the next time begins anew.
    pub fn stop(&mut self) {
        self.is_running = false;
    }
}

/// The head of a request is longer than it may be now.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

/// The patience with one connection.
#[derive(Debug, Default)]
pub struct Patience {
    activity: Activity,
    /// Until the next request must be there; runs while none is being answered
    quiet: Countdown,
    /// Whether something of an answer could not be sent yet
    is_writing: bool,
    /// How much of a head has come
    head: usize,
    /// The right to send a long one
    large: Option<Large>,
    guest: Option<Guest>,
}

impl Patience {
    /// With a connection that came in by a door.
    #[must_use]
    pub fn with(guest: Guest) -> Self {
        Self {
            guest: Some(guest),
            ..Self::default()
        }
    }

    /// What those who answer are doing.
    #[must_use]
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Whether nothing can go on before the client sends more: no request is being answered or waits for that, or the one that is
    /// has not come completely.
    #[must_use]
    pub fn is_client_awaited(&self) -> bool {
        self.activity.is_reading() || (self.activity.is_idle() && !self.is_writing)
    }

    /// So many bytes came.
    ///
    /// # Errors
    /// When a head is longer than it may be.
    pub fn came(&mut self, length: usize) -> Result<(), TooLong> {
        if !self.activity.is_idle() {
            self.forget_head();
            return Ok(());
        }
        self.head += length;
        if self.head <= USUAL_HEAD || self.large.is_some() {
            return Ok(());
        }
        // Beyond it, the library's own limit holds.
        self.large = self.guest.as_ref().and_then(Guest::large);
        if self.guest.is_none() || self.large.is_some() {
            return Ok(());
        }
        Err(TooLong)
    }

    /// Nothing has come.
    ///
    /// # Errors
    /// When it took too long.
    pub fn nothing_came(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.activity.is_idle() {
            self.forget_head();
        }
        if !self.activity.is_idle() || self.is_writing {
            self.quiet.stop();
            return Ok(());
        }
        self.quiet.run(HEAD_PATIENCE, context)
    }

    /// Something of an answer was sent.
    pub fn answers(&mut self) {
        self.quiet.stop();
        self.forget_head();
    }

    /// What is to be sent waits for the client; or it does no more. Whether that is new.
    pub fn writes(&mut self, is_writing: bool) -> bool {
        std::mem::replace(&mut self.is_writing, is_writing) != is_writing
    }

    fn forget_head(&mut self) {
        (self.head, self.large) = (0, None);
    }
}
