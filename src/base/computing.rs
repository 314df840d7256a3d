//! Threads for what takes the processor for long. Everything else goes first: whoever waits for a short answer does not wait for them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::fault::Fault;

/// By how much their priority is less (nice(2)).
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

type Work = Box<dyn FnOnce() + Send>;
type Works = Mutex<mpsc::UnboundedReceiver<Work>>;

/// A number of such threads. They are made when there is something to do for the first time, and end with this.
pub struct Computing {
    threads: usize,
    works: OnceLock<mpsc::UnboundedSender<Work>>,
}

impl Computing {
    /// So many threads.
    #[must_use]
    pub fn on(threads: usize) -> Self {
        Self {
            threads,
            works: OnceLock::new(),
        }
    }

    /// Does this on one of them, even when nobody waits for it any more.
    ///
    /// # Errors
    /// When it panics, or no thread can be made.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
        let (done, awaited) = oneshot::channel();
        let work: Work = Box::new(move || {
            // Whoever waited may have gone.
            let _ = done.send(work());
        });
        let works = match self.works.get() {
            Some(works) => works,
            // Two may start them at the same moment; those of one end at once.
            None => {
                let started = start(self.threads)?;
                self.works.get_or_init(|| started)
            }
        };
        works.send(work).map_err(|_| Fault::internal("there is no thread that computes"))?;
        awaited.await.map_err(|_| Fault::internal("a computation ended without an outcome"))
    }
}

fn start(threads: usize) -> Result<mpsc::UnboundedSender<Work>, Fault> {
    let (sender, works) = mpsc::unbounded_channel();
    let works = Arc::new(Mutex::new(works));
    for number in 0..threads.max(1) {
        let works = Arc::clone(&works);
        let started = std::thread::Builder::new()
            .name("computing".to_owned())
            .spawn(move || work_off(&works));
        match started {
            Ok(_) => {}
            Err(error) if number == 0 => return Err(Fault::internal(error)),
            Err(error) => tracing::error!(event = "fault", "only {number} threads for computations can be made: {error}"),
        }
    }
    Ok(sender)
}

fn work_off(works: &Works) {
    give_way();
    // Those who wait for work wait for each other: one for work, the others for its place.
    let next = || works.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
    while let Some(work) = next() {
        // A bug costs one computation.
        let _ = catch_unwind(AssertUnwindSafe(work));
    }
}

/// Lets this thread, and on Linux it alone, go after others.
#[cfg(target_os = "linux")]
fn give_way() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!(
            event = "same_priority",
            "requests may wait for password hashes, whose threads cannot be given a lower priority: {error}"
        );
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use super::Computing;

    #[tokio::test]
    async fn what_panics_costs_nobody_else_anything() {
        let computing = Computing::on(1);
        assert_eq!(computing.run(|| 6 * 7).await.unwrap(), 42);
        let bug = || assert_eq!(6 * 7, 54, "a bug");
        assert!(computing.run(bug).await.is_err());
        assert_eq!(computing.run(|| 6 * 7).await.unwrap(), 42);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn they_go_after_others() {
        let niceness = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let (_, fields) = stat.rsplit_once(") ").unwrap();
            fields.split(' ').nth(16).unwrap().parse::<i32>().unwrap()
        };
        let here = niceness();
        assert_eq!(Computing::on(2).run(niceness).await.unwrap(), (here + super::NICENESS).min(19));
        assert_eq!(niceness(), here);
    }

    #[tokio::test]
    async fn as_many_at_once_as_there_are_threads() {
        let computing = Computing::on(2);
        let both = std::sync::Arc::new(std::sync::Barrier::new(2));
        let other = std::sync::Arc::clone(&both);
        let (first, second) = tokio::join!(computing.run(move || both.wait()), computing.run(move || other.wait()));
        assert!(first.unwrap().is_leader() != second.unwrap().is_leader());
    }
}
