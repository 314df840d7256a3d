//! What the running server writes to standard output: its log, and the lines of the audit log.
//!
//! Whoever reads standard output may stop reading. Then the pipe fills up and a write to it waits for as long
//! as that lasts. No request may wait with it, so a thread of its own writes, and the others only put lines
//! into a queue of bounded size. When it is full, lines are left out and counted.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many bytes may wait to be written.
pub const ROOM: usize = 4 * 1024 * 1024;

/// The queue of lines. Cheap to clone.
#[derive(Clone)]
pub struct Lines(Arc<Shared>);

struct Shared {
    room: usize,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Vec<u8>>,
    /// Of those that wait and of the one that is being written
    bytes: usize,
    /// Since it was last said
    left_out: u64,
}

impl Lines {
    /// Starts the thread, which writes to `out`; `room` is how many bytes may wait.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub fn to(out: impl Write + Send + 'static, room: usize) -> io::Result<Self> {
        let lines = Self(Arc::new(Shared {
            room,
            queue: Mutex::default(),
            changed: Condvar::new(),
        }));
        let shared = Arc::clone(&lines.0);
        thread::Builder::new().name("lines".to_owned()).spawn(move || shared.write(out))?;
        Ok(lines)
    }

    /// Hands over a line, or several of our own words, which have no end of line yet. Never waits.
    pub fn line(&self, text: &str) {
        self.0.put(text.split('\n').flat_map(|line| single(line.as_bytes())).collect());
    }

    /// Waits until everything is written, `patience` at most; whether it is.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        let waited = self.0.changed.wait_timeout_while(self.0.lock(), patience, |queue| queue.bytes > 0);
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.bytes == 0
    }
}

/// The log hands over whole lines.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(single(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One line, whatever stands in it: texts of others begin no line of their own, tell the terminal of whoever reads nothing, and do
/// not turn around what stands beside them. What is replaced is written as JSON writes it, so lines of JSON stay what they are.
fn single(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let mut single = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if is_obeyed(c) {
            // All of them are in the first plane.
            let _ = write!(single, "\\u{:04x}", u32::from(c));
        } else {
            single.push(c);
        }
    }
    single.push('\n');
    single.into_bytes()
}

/// Whether a terminal or a viewer does something with it, in place of showing it.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, line: Vec<u8>) {
        let mut queue = self.lock();
        if queue.bytes + line.len() > self.room {
            queue.left_out += 1;
            return;
        }
        queue.bytes += line.len();
        queue.waiting.push_back(line);
        drop(queue);
        self.changed.notify_all();
    }

    fn take(&self) -> Vec<u8> {
        let mut queue = self.lock();
        loop {
            match queue.waiting.pop_front() {
                Some(line) => return line,
                None => queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// What the thread does, until the process ends.
    fn write(&self, mut out: impl Write) {
        loop {
            let line = self.take();
            // A reader that has gone away is no reason to stop serving.
            let _ = out.write_all(&line).and_then(|()| out.flush());
            let mut queue = self.lock();
            queue.bytes -= line.len();
            // Not before there is room again, so that this is said once and is not left out itself.
            let is_going_again = queue.bytes <= self.room / 2;
            let left_out = if is_going_again { std::mem::take(&mut queue.left_out) } else { 0 };
            drop(queue);
            if left_out > 0 {
                tracing::warn!(
                    event = "lines_left_out",
                    lines = left_out,
                    "nobody read standard output for a while, so lines of the log or the audit log were left out; events are in the database"
                );
            }
            self.changed.notify_all();
        }
    }
}
