//! Asking for an address again and again, one request after the other, and what came of it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use reqwest::Client;

use crate::ADMIN_TOKEN;
use crate::addresses::{Address, Cookies, Who};
use crate::support::Outcome;

/// What is asked of every answer, in milliseconds.
const LIMIT: f64 = 50.0;
/// Requests before it counts: the first few of a connection to PostgreSQL are planned one by one.
const WARM_UP: usize = 7;
/// What one address may take; then fewer requests have to do.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the answers of an address took, in milliseconds.
pub struct Measurement {
    what: &'static str,
    path: String,
    bytes: usize,
    first: f64,
    median: f64,
    p95: f64,
    longest: f64,
}

/// Asks so many times; fails when an answer is not the page that was asked for.
pub async fn measure(client: &Client, base: &str, address: &Address, cookies: &Cookies, requests: usize) -> Outcome<Measurement> {
    let began = Instant::now();
    let (first, bytes) = ask(client, base, address, cookies).await?;
    for _ in 1..WARM_UP {
        ask(client, base, address, cookies).await?;
    }
    let mut taken = Vec::with_capacity(requests);
    while taken.len() < requests.max(1) && (taken.len() < 3 || began.elapsed() < PATIENCE) {
        taken.push(ask(client, base, address, cookies).await?.0);
    }
    taken.sort_by(f64::total_cmp);
    let at = |hundredths: usize| taken[(taken.len() * hundredths / 100).min(taken.len() - 1)];
    Ok(Measurement {
        what: address.what,
        path: address.path.clone(),
        bytes,
        first,
        median: at(50),
        p95: at(95),
        longest: at(100),
    })
}

/// One request: the milliseconds until the whole answer was there, and its length.
async fn ask(client: &Client, base: &str, address: &Address, cookies: &Cookies) -> Outcome<(f64, usize)> {
    let request = client.get(format!("{base}{}", address.path));
    let request = match address.who {
        Who::Program => request.header("X-Admin-Token", ADMIN_TOKEN),
        Who::Administrator => request.header("Cookie", format!("gatehouse_session={}", cookies.administrator)),
        Who::Person => request.header("Cookie", format!("gatehouse_session={}", cookies.person)),
        Who::Busy => request.header("Cookie", format!("gatehouse_session={}", cookies.busy)),
    };
    let began = Instant::now();
    let response = request.send().await?;
    let status = response.status();
    let body = response.bytes().await?;
    let taken = began.elapsed().as_secs_f64() * 1000.0;
    if status != 200 {
        let text = String::from_utf8_lossy(&body);
        return Err(format!("{}: {status} {}", address.path, text.chars().take(300).collect::<String>()).into());
    }
    Ok((taken, body.len()))
}

/// The results as a table, the slowest first.
pub fn table(mut measured: Vec<Measurement>) -> String {
    measured.sort_by(|left, right| right.p95.total_cmp(&left.p95));
    let over = measured.iter().filter(|measurement| measurement.p95 > LIMIT).count();
    let mut text = String::from("     p95  median     max   first    bytes  what\n");
    for Measurement {
        what,
        path,
        bytes,
        first,
        median,
        p95,
        longest,
    } in &measured
    {
        let mark = if *p95 > LIMIT { '!' } else { ' ' };
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "{mark}{p95:7.1} {median:7.1} {longest:7.1} {first:7.1} {bytes:8}  {what}: {}",
            shown(path)
        );
    }
    let _ = write!(
        text,
        "{} of {} addresses took longer than {LIMIT} ms (95 of 100 requests; all times in ms)",
        over,
        measured.len()
    );
    text
}

/// An address without the length of its cursor.
fn shown(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query: Vec<&str> = query
        .split('&')
        .map(|pair| if pair.starts_with("cursor=") { "cursor=…" } else { pair })
        .collect();
    let query = query.join("&");
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}
