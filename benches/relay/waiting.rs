//! Many long polls at once on a server that does nothing else, and how soon they learn of a redirect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gatehouse::base::random::Random;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::Plan;
use crate::cycle::{announce, collection, come_back};
use crate::support::database::Scratch;
use crate::support::machine::{Usage, megabytes, precise};
use crate::support::measure::spread;
use crate::support::nodes::{Installation, Node, Program};
use crate::support::wire::{Answer, Connection};
use crate::support::{Outcome, say};

/// How many wait.
pub const WAITS: i64 = 10_000;
/// How many of one program: its share, unless it is set.
const OF_ONE: usize = 1000;
/// How many of them get a redirect.
const WOKEN: usize = 100;
/// How many tasks open connections.
const AT_ONCE: usize = 16;
/// What all who wait may cost together, in megabytes.
const LIMIT: f64 = 200.0;
/// For how long nothing happens while the processor time is taken.
const QUIET: Duration = Duration::from_secs(10);
/// How long a request waits, and some time for all of them to be answered at once.
const PATIENCE: Duration = Duration::from_secs(90);
/// After this time no redirects are sent any more, because their requests would be over.
const TOO_LATE: Duration = Duration::from_secs(40);

/// The end of a wait.
struct Arrival {
    at: usize,
    when: Instant,
    outcome: Result<u16, String>,
}

/// A redirect that was sent.
struct Sent {
    at: usize,
    begun: Instant,
    answered: Instant,
}

/// Measures them on one node; the redirects arrive there, too, or at another over the same database.
pub async fn measure(plan: &Plan, scratch: &Scratch, has_other: bool) -> Outcome<()> {
    let waits = usize::try_from(plan.scaled(WAITS))?;
    let installation = Installation::new(scratch.url(), &plan.folder("waiting"))?;
    let names = (0..waits.div_ceil(OF_ONE)).map(|number| format!("Example Program {number}"));
    let programs: Vec<Program> = names.map(|name| installation.register(&name)).collect::<Outcome<_>>()?;
    let here = installation.start().await?;
    let there = if has_other { Some(installation.start().await?) } else { None };
    let place = there.as_ref().map_or("the same node", |_| "another node");
    say(&format!(
        "\nD. {waits} long polls of {} programs on {}; redirects arrive at {place}",
        programs.len(),
        scratch.name()
    ));
    let states = Arc::new(announce_all(&here, &programs, waits).await?);
    settle(&here).await?;
    let before = here.memory()?;

    let (tell, mut told) = unbounded_channel();
    let begun = Instant::now();
    open_all(&here, &programs, &states, &tell).await?;
    let opened = begun.elapsed();
    settle(&here).await?;
    let during = here.memory()?;
    let used = quiet(&here).await?;
    let more = megabytes(during.resident) - megabytes(before.resident);
    say(&format!("all of them were sent in {opened:.1?}"));
    say(&format!(
        "memory: {:.1} MB before, {:.1} MB while they wait, {more:.1} MB more ({:.1} kB each): {} {LIMIT:.0} MB",
        megabytes(before.resident),
        megabytes(during.resident),
        more * 1000.0 / precise(waits as u64),
        if more < LIMIT { "below" } else { "NOT below" }
    ));
    say(&format!(
        "processor time of the node while they wait: {:.1} ms a second",
        used.as_secs_f64() * 1000.0 / QUIET.as_secs_f64()
    ));
    if let Ok(early) = told.try_recv() {
        return Err(format!("request {} was answered before anything happened: {:?}", early.at, early.outcome).into());
    }
    let woken = if begun.elapsed() < TOO_LATE {
        let redirects = redirect(there.as_ref().unwrap_or(&here), &states).await?;
        await_woken(&mut told, &redirects).await?;
        redirects.len()
    } else {
        say("it took too long until all of them waited: redirects are not measured");
        0
    };
    await_rest(&mut told, waits - woken, begun).await?;
    let after = here.memory()?;
    say(&format!(
        "memory after all of them: {:.1} MB, at most {:.1} MB",
        megabytes(after.resident),
        megabytes(after.peak)
    ));
    here.stop().await?;
    match there {
        Some(there) => there.stop().await,
        None => Ok(()),
    }
}

/// The program whose turn it is.
fn whose(programs: &[Program], at: usize) -> &Program {
    &programs[at % programs.len()]
}

/// Does `work` for every number below `count`, some at a time; the results in order.
async fn for_all<T, F>(count: usize, work: impl Fn(usize, usize) -> F) -> Outcome<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<Vec<T>, String>> + Send + 'static,
{
    let share = count.div_ceil(AT_ONCE);
    let tasks = (0..AT_ONCE).map(|number| tokio::spawn(work((number * share).min(count), ((number + 1) * share).min(count))));
    let mut all = Vec::with_capacity(count);
    for task in tasks.collect::<Vec<_>>() {
        all.extend(task.await??);
    }
    Ok(all)
}

/// Announces a redirect for each; their states.
async fn announce_all(node: &Node, programs: &[Program], waits: usize) -> Outcome<Vec<String>> {
    let (address, programs) = (node.address, Arc::new(programs.to_vec()));
    for_all(waits, |from, to| {
        let programs = Arc::clone(&programs);
        async move {
            let mut connection = Connection::open(address).await?;
            let mut states = Vec::with_capacity(to - from);
            for at in from..to {
                states.push(announce(&mut connection, whose(&programs, at), None).await?);
            }
            Ok(states)
        }
    })
    .await
}

/// Sends all requests; a task for each waits for the answer.
async fn open_all(node: &Node, programs: &[Program], states: &Arc<Vec<String>>, tell: &UnboundedSender<Arrival>) -> Outcome<()> {
    let (address, programs) = (node.address, Arc::new(programs.to_vec()));
    let opened = for_all(states.len(), |from, to| {
        let (programs, states, tell) = (Arc::clone(&programs), Arc::clone(states), tell.clone());
        async move {
            for at in from..to {
                let authorization = &whose(&programs, at).authorization;
                let mut connection = Connection::open(address).await?;
                connection
                    .send(&collection("Authorization", authorization, &states[at], "?wait=60"))
                    .await?;
                let tell = tell.clone();
                tokio::spawn(async move {
                    let answer = connection.answer().await;
                    let when = Instant::now();
                    let outcome = answer.and_then(|answer| judge(at, &answer));
                    // Nobody listens when the benchmark is over.
                    let _ = tell.send(Arrival { at, when, outcome });
                });
            }
            Ok(Vec::<()>::new())
        }
    });
    opened.await.map(drop)
}

/// Either the redirect that belongs to it has come, or none has.
fn judge(at: usize, answer: &Answer<'_>) -> Result<u16, String> {
    match answer.status {
        200 => answer.must_hold(&format!("\"auth_code\":\"{}\"", code(at)), "waiting")?,
        _ => answer.must_be(202, "waiting")?,
    }
    Ok(answer.status)
}

fn code(at: usize) -> String {
    format!("the-code-of-{at}-and-nobody-else")
}

/// Waits until a server has nothing more to do.
async fn settle(node: &Node) -> Outcome<()> {
    let (step, mut idle) = (Duration::from_millis(500), 0);
    for _ in 0..30 {
        let before = Usage::read(&[node.process()])?;
        tokio::time::sleep(step).await;
        let used = Usage::read(&[node.process()])?.since(&before).servers;
        idle = if used < step / 10 { idle + 1 } else { 0 };
        if idle == 2 {
            break;
        }
    }
    Ok(())
}

/// What a server uses while nothing happens.
async fn quiet(node: &Node) -> Outcome<Duration> {
    let before = Usage::read(&[node.process()])?;
    tokio::time::sleep(QUIET).await;
    Ok(Usage::read(&[node.process()])?.since(&before).servers)
}

/// Sends some redirects, at times that have nothing to do with those at which nodes look what others have received.
async fn redirect(node: &Node, states: &[String]) -> Outcome<Vec<Sent>> {
    let random = Random::system();
    let mut connection = Connection::open(node.address).await?;
    let mut sent = Vec::with_capacity(WOKEN);
    for at in (0..states.len()).step_by((states.len() / WOKEN).max(1)).take(WOKEN) {
        let [pause] = random.bytes::<1>();
        tokio::time::sleep(Duration::from_millis(30 + u64::from(pause) / 2)).await;
        let begun = Instant::now();
        come_back(&mut connection, &states[at], &code(at)).await?;
        sent.push(Sent {
            at,
            begun,
            answered: Instant::now(),
        });
    }
    Ok(sent)
}

/// Waits for those whose redirects have come, and says how long they had to wait.
async fn await_woken(told: &mut UnboundedReceiver<Arrival>, redirects: &[Sent]) -> Outcome<()> {
    let (mut since_begun, mut since_answered) = (Vec::new(), Vec::new());
    for _ in redirects {
        let arrival = next(told, Duration::from_secs(10)).await?;
        let sent = redirects.iter().find(|sent| sent.at == arrival.at);
        let sent = sent.ok_or_else(|| format!("request {} was woken by nothing: {:?}", arrival.at, arrival.outcome))?;
        match arrival.outcome? {
            200 => {}
            status => return Err(format!("request {} was woken and got {status}", arrival.at).into()),
        }
        let milliseconds = |from: Instant| {
            let after = arrival.when.saturating_duration_since(from).as_secs_f64();
            let before = from.saturating_duration_since(arrival.when).as_secs_f64();
            (after - before) * 1000.0
        };
        since_begun.push(milliseconds(sent.begun));
        since_answered.push(milliseconds(sent.answered));
    }
    say(&format!(
        "from the redirect's answer to the long poll's, {} times: {}",
        redirects.len(),
        spread(since_answered)
    ));
    say(&format!(
        "from the redirect's request to the long poll's answer: {}",
        spread(since_begun)
    ));
    Ok(())
}

async fn next(told: &mut UnboundedReceiver<Arrival>, patience: Duration) -> Outcome<Arrival> {
    let arrival = tokio::time::timeout(patience, told.recv()).await;
    let arrival = arrival.map_err(|_| "a request that waits was not answered in time")?;
    arrival.ok_or("a request that waits got lost".into())
}

/// Waits for all others, who must learn that nothing has come.
async fn await_rest(told: &mut UnboundedReceiver<Arrival>, left: usize, begun: Instant) -> Outcome<()> {
    for _ in 0..left {
        let arrival = next(told, PATIENCE.saturating_sub(begun.elapsed())).await?;
        match arrival.outcome? {
            202 => {}
            status => return Err(format!("request {} got {status} although nothing has come", arrival.at).into()),
        }
    }
    Ok(())
}
