//! What a process writes, kept while it runs.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use super::PATIENCE;

/// A stream, line by line.
#[derive(Default)]
pub(super) struct Captured {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    text: String,
    is_closed: bool,
}

impl Captured {
    /// Reads a stream to its end, on a thread.
    pub(super) fn of(stream: impl Read + Send + 'static) -> Arc<Self> {
        let captured = Arc::new(Self::default());
        let writer = Arc::clone(&captured);
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut state = writer.lock();
                state.text.push_str(&line);
                state.text.push('\n');
                writer.changed.notify_all();
            }
            writer.lock().is_closed = true;
            writer.changed.notify_all();
        });
        captured
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the reader does not panic")
    }

    /// What has been written so far.
    pub(super) fn text(&self) -> String {
        self.lock().text.clone()
    }

    /// Waits for a line that contains `text`; `None` when the stream ends or patience does.
    pub(super) fn await_line(&self, text: &str) -> Option<String> {
        let find = |state: &State| state.text.lines().find(|line| line.contains(text)).map(str::to_owned);
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), PATIENCE, |state| !state.is_closed && find(state).is_none())
            .expect("the reader does not panic");
        find(&state)
    }

    /// Waits for the end of the stream; whether it came.
    pub(super) fn await_end(&self, patience: Duration) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), patience, |state| !state.is_closed)
            .expect("the reader does not panic");
        state.is_closed
    }
}
