//! A closed loop: so many workers, each of which does the same again and again, and what came of it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::Outcome;
use super::machine::{Usage, precise};

/// What is done before it counts: connections are opened, statements prepared.
const WARM_UP: Duration = Duration::from_secs(1);
/// What a worker waits after something went wrong.
const PAUSE: Duration = Duration::from_millis(20);

/// Something that can be done again and again.
pub trait Work: Send + 'static {
    /// What has to be there before it can be measured; called before each round.
    fn prepare(&mut self) -> impl Future<Output = Result<(), String>> + Send {
        std::future::ready(Ok(()))
    }

    /// Does it once; what was wrong with the answer, if something was.
    fn once(&mut self) -> impl Future<Output = Result<(), String>> + Send;

    /// The time that each of its steps has taken so far, together, and how often.
    fn steps(&self) -> (Vec<Duration>, u32) {
        (Vec::new(), 1)
    }
}

/// What came of some seconds of it.
pub struct Round {
    /// A second
    pub rate: f64,
    /// In milliseconds
    pub median: f64,
    pub p99: f64,
    /// Processor time for each, in microseconds
    pub servers: f64,
    pub bench: f64,
    /// Processor time of everybody else, in parts of one processor
    pub others: f64,
    /// Answers that were not as they should be, and the first of them
    pub wrong: usize,
    pub complaint: Option<String>,
    /// The mean of each step, in milliseconds
    pub steps: Vec<f64>,
}

/// What one worker has seen.
#[derive(Default)]
struct Seen {
    /// In microseconds
    taken: Vec<u32>,
    wrong: usize,
    complaint: Option<String>,
}

/// Lets the workers work for so long.
pub async fn round<W: Work>(mut workers: Vec<W>, time: Duration, servers: &[u32]) -> Outcome<Round> {
    round_of(&mut workers, time, servers).await
}

/// As [`round`], with workers that go on in a later round with what they have.
pub async fn round_of<W: Work>(workers: &mut Vec<W>, time: Duration, servers: &[u32]) -> Outcome<Round> {
    let prepared = std::mem::take(workers).into_iter().map(|mut worker| {
        tokio::spawn(async move {
            let outcome = worker.prepare().await;
            outcome.map(|()| worker)
        })
    });
    for task in prepared.collect::<Vec<_>>() {
        workers.push(task.await??);
    }
    let begin = Instant::now() + WARM_UP;
    let end = begin + time;
    let working = std::mem::take(workers).into_iter();
    let tasks: Vec<_> = working.map(|worker| tokio::spawn(work(worker, begin, end))).collect();
    tokio::time::sleep_until(begin.into()).await;
    let before = Usage::read(servers)?;
    tokio::time::sleep_until(end.into()).await;
    let used = Usage::read(servers)?.since(&before);
    let mut all = Seen::default();
    let (mut steps, mut times) = (Vec::new(), 0);
    for task in tasks {
        let (worker, seen) = task.await?;
        all.taken.extend(seen.taken);
        all.wrong += seen.wrong;
        all.complaint = all.complaint.or(seen.complaint);
        let (of_worker, often) = worker.steps();
        steps.resize(of_worker.len(), Duration::ZERO);
        steps.iter_mut().zip(of_worker).for_each(|(sum, step)| *sum += step);
        times += often;
        workers.push(worker);
    }
    all.taken.sort_unstable();
    let at = |hundredths: usize| {
        let place = (all.taken.len() * hundredths / 100).min(all.taken.len().saturating_sub(1));
        f64::from(all.taken.get(place).copied().unwrap_or_default()) / 1000.0
    };
    let count = precise(all.taken.len() as u64);
    Ok(Round {
        rate: count / time.as_secs_f64(),
        median: at(50),
        p99: at(99),
        servers: used.servers.as_secs_f64() * 1e6 / count.max(1.0),
        bench: used.bench.as_secs_f64() * 1e6 / count.max(1.0),
        others: used.others().as_secs_f64() / time.as_secs_f64(),
        wrong: all.wrong,
        complaint: all.complaint,
        steps: steps
            .iter()
            .map(|sum| sum.as_secs_f64() * 1000.0 / f64::from(times.max(1)))
            .collect(),
    })
}

async fn work<W: Work>(mut worker: W, begin: Instant, end: Instant) -> (W, Seen) {
    let mut seen = Seen::default();
    loop {
        let last = Instant::now();
        let outcome = worker.once().await;
        let done = Instant::now();
        match outcome {
            Ok(()) if done >= begin && done < end => {
                seen.taken.push(u32::try_from((done - last).as_micros()).unwrap_or(u32::MAX));
            }
            Ok(()) => {}
            Err(complaint) => {
                seen.wrong += 1;
                seen.complaint.get_or_insert(complaint);
                tokio::time::sleep(PAUSE).await;
            }
        }
        if done >= end {
            return (worker, seen);
        }
    }
}

/// A line of the results: the same, measured some times.
pub struct Row {
    pub what: &'static str,
    pub at_once: usize,
    pub rounds: Vec<Round>,
}

impl Row {
    pub fn new(what: &'static str, at_once: usize) -> Self {
        Self {
            what,
            at_once,
            rounds: Vec::new(),
        }
    }

    pub fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        let mut all: Vec<f64> = self.rounds.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    }

    pub fn rate(&self) -> f64 {
        self.median(|round| round.rate)
    }

    /// How fast this is beside another.
    pub fn ratio(&self, other: &Self) -> f64 {
        self.rate() / other.rate()
    }

    fn line(&self) -> String {
        let rates = || self.rounds.iter().map(|round| round.rate);
        let (slowest, fastest) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
        let wrong: usize = self.rounds.iter().map(|round| round.wrong).sum();
        let mut line = format!(
            "{:34} {:7} {:8.0} {:>15} {:8.2} {:8.2} {:8.0} {:8.0} {:7.0} {:6}",
            self.what,
            self.at_once,
            self.rate(),
            format!("{slowest:.0}–{fastest:.0}"),
            self.median(|round| round.median),
            self.median(|round| round.p99),
            self.median(|round| round.servers),
            self.median(|round| round.bench),
            self.median(|round| round.others) * 100.0,
            wrong
        );
        for (at, step) in self.rounds.first().map_or(&[][..], |round| &round.steps).iter().enumerate() {
            let typical = self.median(|round| round.steps.get(at).copied().unwrap_or(*step));
            // Writing to a text cannot fail.
            let _ = write!(line, " {typical:7.2}");
        }
        line
    }
}

/// The results as a table. `steps` names the columns behind the others.
pub fn table(rows: &[Row], steps: &[&str]) -> String {
    let mut text = format!(
        "{:34} {:>7} {:>8} {:>15} {:>8} {:>8} {:>8} {:>8} {:>7} {:>6}",
        "medians of the rounds", "at once", "a second", "from–to", "p50 ms", "p99 ms", "server µs", "bench µs", "other %", "wrong"
    );
    for step in steps {
        let _ = write!(text, " {step:>7}");
    }
    for row in rows {
        text.push('\n');
        text.push_str(&row.line());
    }
    text
}

/// An error when something was not answered as it should have been.
pub fn must_be_right(rows: &[Row]) -> Outcome<()> {
    let rounds = || rows.iter().flat_map(|row| &row.rounds);
    let wrong: usize = rounds().map(|round| round.wrong).sum();
    match rounds().find_map(|round| round.complaint.as_ref()) {
        Some(complaint) => Err(format!("{wrong} answers were wrong; one of them: {complaint}").into()),
        None => Ok(()),
    }
}

/// The middle and the 99th hundredth of times, in milliseconds.
pub fn spread(mut taken: Vec<f64>) -> String {
    taken.sort_by(f64::total_cmp);
    let at = |hundredths: usize| taken.get((taken.len() * hundredths / 100).min(taken.len().saturating_sub(1)));
    match (at(50), at(99)) {
        (Some(median), Some(p99)) => format!("p50 {median:.2} ms, p99 {p99:.2} ms"),
        _ => "nothing was measured".to_owned(),
    }
}
