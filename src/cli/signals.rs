//! What a running server is told from outside: to stop, or to read again.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};

/// How long the system may take to take a terminal away from a process that was told of it.
const TERMINAL_PATIENCE: Duration = Duration::from_millis(100);

/// What was told.
pub struct Signals {
    /// True when the process is told to stop: by a service manager, by Ctrl-C, or because its terminal was closed
    pub stop: watch::Receiver<bool>,
    /// Notified when it is told to read again what can be read again
    pub reload: Arc<Notify>,
}

/// Listens from now on. Told to stop twice, the process stops at once.
///
/// # Errors
/// When the system does not allow it.
pub fn listen() -> io::Result<Signals> {
    let terminal = Terminal::of_this_process();
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit()];
    let mut stops = kinds.into_iter().map(signal).collect::<Result<Vec<Signal>, _>>()?;
    let mut hangups = signal(SignalKind::hangup())?;
    let (told, stop) = watch::channel(false);
    let reload = Arc::new(Notify::new());

    let wants_reload = Arc::clone(&reload);
    let told_by_terminal = told.clone();
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            if terminal.was_closed().await {
                told_by_terminal.send_replace(true);
            } else {
                wants_reload.notify_one();
            }
        }
    });
    tokio::spawn(async move {
        next(&mut stops).await;
        let was_told = told.send_replace(true);
        // What is said of the stop comes later: a server that still starts finishes that first.
        tracing::debug!(event = "signal", "a signal to stop has arrived");
        // Whoever has closed the terminal and then wants it to be quick has told it twice, too.
        if !was_told {
            next(&mut stops).await;
        }
        // What was acknowledged is in the database.
        std::process::exit(1);
    });
    Ok(Signals { stop, reload })
}

async fn next(signals: &mut [Signal]) {
    let signals = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures_util::future::select_all(signals).await;
}

/// The terminal that the process was started in. SIGHUP says that it was closed, and is sent by hand to make a server read again,
/// too. What tells the two apart is whether the terminal is still there.
struct Terminal {
    /// Whether the process goes with it
    binds: bool,
}

impl Terminal {
    fn of_this_process() -> Self {
        Self {
            binds: Self::is_there() && !is_hangup_ignored(),
        }
    }

    /// The system opens this for whoever has a terminal, and for nobody else.
    fn is_there() -> bool {
        File::open("/dev/tty").is_ok()
    }

    async fn was_closed(&self) -> bool {
        if !self.binds {
            return false;
        }
        tokio::time::sleep(TERMINAL_PATIENCE).await;
        !Self::is_there()
    }
}

/// Whether whoever started this process wants it to outlive the terminal, as `nohup` does.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is that of signal 1, SIGHUP.
    ignored.is_some_and(|mask| mask & 1 == 1)
}
