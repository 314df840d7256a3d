//! How long a connection may keep a server waiting.
//!
//! A client that sends the first byte of a request and then nothing, or one byte each few seconds, holds a connection and its buffers
//! for as long as it likes: the HTTP library has a time limit for the first request only. So the time is taken here: while no
//! request of a connection is being answered, the next one must be there completely before it is over. And a client that takes no byte of
//! an answer for a while is let go.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::doors::{Guest, Large};

/// How long a client may take to send the head of a request, from the end of the answer before it.
pub const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an answer.
const STALL_PATIENCE: Duration = Duration::from_secs(30);
/// How long a head may be for which nobody has to ask, in bytes. A few may be longer at a time.
const USUAL_HEAD: usize = 16 * 1024;

/// How many requests of one connection are being answered.
#[derive(Clone, Debug, Default)]
pub struct Activity(Rc<Cell<usize>>);

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub struct Busy(Rc<Cell<usize>>);

impl Activity {
    /// A request begins to be answered: it has come completely, but for its body.
    #[must_use]
    pub fn begin(&self) -> Busy {
        self.0.set(self.0.get() + 1);
        Busy(Rc::clone(&self.0))
    }

    fn is_idle(&self) -> bool {
        self.0.get() == 0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// The patience with one connection.
#[derive(Debug, Default)]
pub struct Patience {
    activity: Activity,
    /// When the next request must be there; set while none is being answered
    quiet: Option<Pin<Box<Sleep>>>,
    is_quiet: bool,
    /// When something of an answer must be taken
    stall: Option<Pin<Box<Sleep>>>,
    is_stalled: bool,
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

    /// What the connection is doing.
    #[must_use]
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// So many bytes came.
    ///
    /// # Errors
    /// When a head is longer than it may be.
    pub fn came(&mut self, length: usize) -> io::Result<()> {
        if !self.activity.is_idle() {
            self.head = 0;
            self.large = None;
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
        Err(io::Error::other("the head of a request is long, and too many others are"))
    }

    /// Nothing has come.
    ///
    /// # Errors
    /// When it took too long.
    pub fn nothing_came(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.activity.is_idle() {
            (self.is_quiet, self.head, self.large) = (false, 0, None);
            return Ok(());
        }
        is_over(&mut self.quiet, &mut self.is_quiet, HEAD_PATIENCE, context)
    }

    /// Something of an answer was taken.
    pub fn taken(&mut self) {
        (self.is_stalled, self.is_quiet) = (false, false);
        (self.head, self.large) = (0, None);
    }

    /// Nothing of an answer was taken.
    ///
    /// # Errors
    /// When it took too long.
    pub fn nothing_taken(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        is_over(&mut self.stall, &mut self.is_stalled, STALL_PATIENCE, context)
    }
}

/// Begins to measure, or looks whether the time is over.
fn is_over(timer: &mut Option<Pin<Box<Sleep>>>, is_running: &mut bool, patience: Duration, context: &mut Context<'_>) -> io::Result<()> {
    let timer = timer.get_or_insert_with(|| Box::pin(sleep(patience)));
    if !*is_running {
        *is_running = true;
        timer.as_mut().reset(Instant::now() + patience);
    }
    match timer.as_mut().poll(context) {
        Poll::Ready(()) => Err(io::Error::from(io::ErrorKind::TimedOut)),
        Poll::Pending => Ok(()),
    }
}
