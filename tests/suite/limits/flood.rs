//! A flood of bad requests of every kind, and crowds at the sign-in: memory stays bounded, and good requests still succeed.
//!
//! The real program, with the limits and password costs that everybody has. `FLOOD_REQUESTS` is how many bad requests there are. They
//! come from as many networks as there are connections, so that limits turn few of them away before they are read; how many of
//! each kind were answered by what reads them is counted.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use gatehouse::base::digest::sha256;
use gatehouse::base::encoding::base64url;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::from;
use crate::cli::crash::populate;
use crate::cli::person::{Answer, Application, CALLBACK, PASSWORD, authorization_url, text};
use crate::support::app::roomy;
use crate::support::database::FreshDatabase;
use crate::support::process::{Sandbox, Server};
use crate::support::wire::{connect, exchange, statuses};
use crate::support::{Browser, Database};

/// How long one answer may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(5);
/// The most that the server may hold, in MiB.
const MOST_MEMORY: u64 = 250;
/// How many requests are sent on one connection, one after the other, without waiting.
const PIPELINED: usize = 20;
/// How long somebody waits who was told to come back.
const PAUSE: Duration = Duration::from_secs(1);

/// Kinds of which many follow each other on a connection; [`bad`] makes them.
const KINDS: [&str; 16] = [
    "wrong secret",
    "unknown client",
    "form of nonsense",
    "deep JSON",
    "made-up access token",
    "made-up code",
    "unknown method",
    "unknown path",
    "authorization for nobody",
    "long header",
    "introspection by nobody",
    "made-up admin token",
    "sign-in by another site",
    "made-up callback",
    "too many parameters",
    "another origin",
];
/// Kinds that end their connection; [`breaking`] makes them.
const BREAKING: [&str; 6] = ["TLS", "large body", "bad chunk", "large header", "too many headers", "two lengths"];

/// What became of the requests of one kind.
#[derive(Debug, Default)]
struct Tally {
    sent: AtomicUsize,
    answered: AtomicUsize,
    /// Answered with 429 or 503: nobody has read more of them than was needed for that
    turned_away: AtomicUsize,
}

/// What became of all of them, by kind: first [`KINDS`], then [`BREAKING`].
#[derive(Debug, Default)]
struct Tallies([Tally; KINDS.len() + BREAKING.len()]);

impl Tallies {
    fn count(&self, kind: usize, sent: usize, statuses: &[u16]) {
        let tally = &self.0[kind];
        let turned_away = statuses.iter().filter(|status| matches!(status, 429 | 503)).count();
        tally.sent.fetch_add(sent, Ordering::Relaxed);
        tally.answered.fetch_add(statuses.len(), Ordering::Relaxed);
        tally.turned_away.fetch_add(turned_away, Ordering::Relaxed);
    }

    /// Kind, and how many were sent, answered, and turned away.
    fn rows(&self) -> impl Iterator<Item = (&'static str, usize, usize, usize)> {
        let names = KINDS.iter().chain(&BREAKING);
        names.zip(&self.0).map(|(name, tally)| {
            let count = |number: &AtomicUsize| number.load(Ordering::Relaxed);
            (*name, count(&tally.sent), count(&tally.answered), count(&tally.turned_away))
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_bad_requests_and_two_thousand_sign_ins() {
    #[expect(clippy::disallowed_methods, reason = "whoever runs the test may want a larger flood")]
    let requests = std::env::var("FLOOD_REQUESTS").ok().and_then(|number| number.parse().ok());
    flood(Database::Sqlite, requests.unwrap_or(100_000), 2000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smaller_one_on_postgres() {
    flood(Database::Postgres, 5000, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smaller_one_on_mariadb() {
    flood(Database::MySql, 5000, 200).await;
}

async fn flood(kind: Database, requests: usize, sign_ins: usize) {
    let database = FreshDatabase::create(kind).await;
    let mut sandbox = Sandbox::new().with("DATABASE_URL", &database.url());
    // What everybody has who sets nothing.
    for (key, _) in roomy() {
        sandbox = sandbox.without(&format!("GATEHOUSE_{}", key.to_uppercase()));
    }
    let sandbox = sandbox.without("GATEHOUSE_PASSWORD_MEMORY").without("GATEHOUSE_PASSWORD_PASSES");
    populate(&sandbox);
    let secret = sandbox.service_client("machine", "openid", &[]);
    let server = sandbox.serve();
    let (address, issuer) = (sandbox.address(), sandbox.issuer());

    let begun = Instant::now();
    let is_over = Arc::new(AtomicBool::new(false));
    let good = tokio::spawn(good_requests(issuer.clone(), secret, Arc::clone(&is_over)));
    let person = tokio::spawn(good_person(issuer.clone(), Arc::clone(&is_over)));
    let slow = tokio::spawn(slow_connections(address, Arc::clone(&is_over)));
    let next = Arc::new(AtomicUsize::new(0));
    let tallies = Arc::new(Tallies::default());
    let floods: Vec<_> = (0..20)
        .map(|_| tokio::spawn(bad_requests(address, Arc::clone(&next), requests, Arc::clone(&tallies))))
        .collect();
    let crowd = tokio::spawn(crowd(issuer.clone(), sign_ins));
    for flood in floods {
        flood.await.expect("no flood fails");
    }
    let flooded = begun.elapsed();
    for (name, sent, answered, turned_away) in tallies.rows() {
        println!("{name}: {sent} sent, {answered} answered, {turned_away} of them turned away");
    }
    let crowd = crowd.await.expect("the crowd is answered");
    let took = begun.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let (good, longest) = good.await.expect("every good request succeeds");
    let (rounds, again) = person.await.expect("she is let in and goes on");
    let turned_away = slow.await.expect("slow connections do not fail");
    sign_in(&issuer).await;

    let peak = server.peak_kib() / 1024;
    println!(
        "{kind:?}: {requests} bad requests in {flooded:?}, {sign_ins} sign-ins and {turned_away} slow connections in {took:?}; {good} good requests, the longest took {longest:?}; {rounds} times a code, tokens and others for them, asked {again} times again; {peak} MiB at most"
    );
    assert!(peak < MOST_MEMORY, "{peak} MiB");
    assert!(good > 5 && rounds > 1, "{good}, {rounds}");
    assert_reached(&tallies);
    assert_eq!(crowd.len(), sign_ins);
    assert!(crowd.iter().all(|status| matches!(status, 401 | 429 | 503)), "{crowd:?}");
    assert_calm(&server);
}

/// Of each kind, most were answered by what reads them.
fn assert_reached(tallies: &Tallies) {
    for (name, sent, answered, turned_away) in tallies.rows() {
        let read = answered - turned_away;
        let least = match name {
            // What is no HTTP, or is larger than it may be, may end without an answer.
            _ if BREAKING.contains(&name) => sent / 2,
            // Ten guesses of a network are looked at.
            "made-up admin token" => sent * 2 / 5,
            _ => sent * 9 / 10,
        };
        assert!(
            sent > 0 && read >= least,
            "{name}: {sent} sent, {answered} answered, {turned_away} of them turned away"
        );
    }
}

/// Nothing went wrong inside.
fn assert_calm(server: &Server) {
    let output = server.output();
    for wrong in ["panicked", "internal fault", "event=\"fault\""] {
        let lines: Vec<&str> = output.lines().filter(|line| line.contains(wrong)).take(3).collect();
        assert!(lines.is_empty(), "{lines:?}");
    }
}

/// Somebody who does everything right, from another address, until it is over: how many requests, and how long the longest took.
async fn good_requests(issuer: String, secret: String, is_over: Arc<AtomicBool>) -> (usize, Duration) {
    // A new connection for each: one that is kept may be closed just when it is used again.
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client");
    let (mut count, mut longest) = (0, Duration::ZERO);
    while !is_over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let request = client.post(format!("{issuer}/token")).basic_auth("machine", Some(&secret));
        let answer = request.form(&[("grant_type", "client_credentials")]).timeout(PATIENCE).send().await;
        assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
        let ready = client.get(format!("{issuer}/readyz")).timeout(PATIENCE).send().await;
        assert_eq!(ready.expect("an answer").status(), StatusCode::OK);
        longest = longest.max(begun.elapsed());
        count += 2;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (count, longest)
}

/// Alice signs in, perhaps after some of the crowd.
async fn sign_in(issuer: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let browser = Browser::new();
        let page = browser.visit(&format!("{issuer}/login")).await;
        let answer = browser.submit(&page, &[("username", "alice"), ("password", PASSWORD)]).await;
        if answer.status == StatusCode::SEE_OTHER {
            return;
        }
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
        assert!(Instant::now() < deadline, "she gets in");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Alice signs in meanwhile, as soon as there is room for one more password, and her application gets codes, tokens and others for
/// them until it is over; how often, and how often it had to ask again.
async fn good_person(issuer: String, is_over: Arc<AtomicBool>) -> (usize, usize) {
    let browser = Browser::new();
    let application = Application::public(&issuer, "app");
    let url = authorization_url(&issuer, "app", "openid offline_access");
    let mut page = browser.visit(&url).await;
    while page.location().is_none_or(|location| !location.starts_with(CALLBACK)) {
        let answer = browser.submit(&page, &[("username", "alice"), ("password", PASSWORD)]).await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            assert!(!is_over.load(Ordering::Relaxed), "she waits until all others have gone");
            tokio::time::sleep(Duration::from_millis(500)).await;
            continue;
        }
        page = browser.follow(answer).await;
        assert!(
            page.location().is_some() || page.status == StatusCode::OK,
            "{} {}",
            page.status,
            page.body
        );
    }
    let (mut rounds, mut again) = (0, 0);
    loop {
        let code = page.answer("code").expect("a code");
        let tokens = patiently(&mut again, || application.redeem(&code)).await;
        let refresh_token = text(&tokens, "refresh_token");
        patiently(&mut again, || application.refresh(&refresh_token)).await;
        rounds += 1;
        if is_over.load(Ordering::Relaxed) {
            return (rounds, again);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        page = browser.visit(&url).await;
        while page.status == StatusCode::SERVICE_UNAVAILABLE {
            again += 1;
            tokio::time::sleep(PAUSE).await;
            page = browser.visit(&url).await;
        }
    }
}

/// Asks again while there is no room to write, as every application does that knows 503; what was got in the end.
async fn patiently<F: Future<Output = Result<Answer, reqwest::Error>>>(again: &mut usize, ask: impl Fn() -> F) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, answer) = ask().await.expect("an answer");
        if status == StatusCode::OK {
            return answer;
        }
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        assert!(Instant::now() < deadline, "there is room at last");
        *again += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

/// So many people who sign in at the same moment, all in vain; their answers.
async fn crowd(issuer: String, sign_ins: usize) -> Vec<u16> {
    let url = format!("{issuer}/login");
    let places = 11..=15;
    let of_place = sign_ins / places.clone().count();
    let mut attempts = Vec::new();
    for place in places {
        let client = from(&format!("127.0.0.{place}"));
        let page = client.get(&url).timeout(PATIENCE).send().await.expect("the page");
        let cookie = page.headers()["set-cookie"]
            .to_str()
            .expect("a cookie")
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned();
        let page = page.text().await.expect("the page");
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let csrf = csrf.expect("a form").to_owned();
        for number in 0..of_place {
            let (client, url, cookie, csrf) = (client.clone(), url.clone(), cookie.clone(), csrf.clone());
            attempts.push(async move {
                let name = format!("person{place}.{number}");
                let fields = [("csrf", csrf.as_str()), ("username", name.as_str()), ("password", "a guess")];
                let request = client.post(url).header("cookie", cookie).form(&fields).timeout(PATIENCE);
                request.send().await.expect("an answer").status().as_u16()
            });
        }
    }
    join_all(attempts).await
}

/// An address of this machine.
fn place(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, number).into()
}

/// Connections that say a little and then nothing, again and again until it is over; how many were closed on them.
async fn slow_connections(address: SocketAddr, is_over: Arc<AtomicBool>) -> usize {
    let slow = (0..200).map(|number: usize| {
        let is_over = Arc::clone(&is_over);
        async move {
            let mut turned_away = 0;
            while !is_over.load(Ordering::Relaxed) {
                let Ok(mut stream) = connect(address, place(7)).await else {
                    continue;
                };
                let part = [
                    &b"G"[..],
                    b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na",
                    b"GET / HTTP/1.1\r\nX: ",
                ][number % 3];
                let _ = stream.write_all(part).await;
                let mut part = [0; 1024];
                while !is_over.load(Ordering::Relaxed) {
                    match tokio::time::timeout(Duration::from_millis(500), stream.read(&mut part)).await {
                        Err(_) | Ok(Ok(1..)) => {}
                        Ok(Ok(0) | Err(_)) => {
                            turned_away += 1;
                            break;
                        }
                    }
                }
            }
            turned_away
        }
    });
    join_all(slow).await.into_iter().sum()
}

/// A network of its own for each, as far as this machine has so many.
fn network(number: usize) -> IpAddr {
    let part = |number: usize| u8::try_from(number % 250).unwrap_or_default();
    Ipv4Addr::new(127, 1 + part(number / 250), part(number), 9).into()
}

/// Sends bad requests until there were `most` from everywhere.
async fn bad_requests(address: SocketAddr, next: Arc<AtomicUsize>, most: usize, tallies: Arc<Tallies>) {
    loop {
        let first = next.fetch_add(PIPELINED, Ordering::Relaxed);
        if first >= most {
            return;
        }
        let kind = first / PIPELINED;
        // What breaks its connection needs one each.
        let (name, parts) = match breaking(kind) {
            Some((number, request)) => (KINDS.len() + number, vec![request; PIPELINED]),
            None => {
                let requests = (0..PIPELINED).flat_map(|number| bad(kind, first + number, number + 1 == PIPELINED));
                (kind % KINDS.len(), vec![requests.collect()])
            }
        };
        let sent = PIPELINED / parts.len();
        for part in parts {
            let answers = tokio::time::timeout(PATIENCE, exchange(address, network(kind), &part)).await;
            let answers = answers.expect("it does not hang").unwrap_or_default();
            tallies.count(name, sent, &statuses(&answers));
        }
    }
}

/// Kinds of which each request ends its connection, with their number; a fifth of all.
fn breaking(kind: usize) -> Option<(usize, Vec<u8>)> {
    let form = "Host: x\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let number = kind / 5 % BREAKING.len();
    let request = || match number {
        // The beginning of TLS
        0 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
        1 => format!(
            "POST /token HTTP/1.1\r\n{form}Connection: close\r\nContent-Length: 100000000\r\n\r\n{}",
            "a".repeat(70_000)
        )
        .into_bytes(),
        2 => format!("POST /token HTTP/1.1\r\n{form}Transfer-Encoding: chunked\r\n\r\nzzzz\r\n").into_bytes(),
        3 => format!("GET /login HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(140_000)).into_bytes(),
        4 => format!("GET /login HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: a\r\n".repeat(300)).into_bytes(),
        _ => format!("POST /token HTTP/1.1\r\n{form}Content-Length: 5\r\nContent-Length: 6\r\n\r\naaaaaa").into_bytes(),
    };
    (kind % 5 == 4).then(|| (number, request()))
}

/// Bytes that nobody has made, in base64url.
fn made_up(number: usize, length: usize) -> String {
    let digest = sha256(&number.to_be_bytes());
    base64url(&digest.iter().copied().cycle().take(length).collect::<Vec<_>>())
}

/// A bad request of some kind; the last one of a connection says so.
fn bad(kind: usize, number: usize, is_last: bool) -> Vec<u8> {
    let end = if is_last { "Connection: close\r\n" } else { "" };
    let get = |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}{end}\r\n").into_bytes();
    let post = |path: &str, content_type: &str, headers: &str, body: &str| {
        let length = body.len();
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{headers}{end}\r\n{body}")
            .into_bytes()
    };
    let form = "application/x-www-form-urlencoded";
    let machine = "Authorization: Basic bWFjaGluZTp3cm9uZw==\r\n";
    match kind % KINDS.len() {
        0 => post("/token", form, machine, "grant_type=client_credentials"),
        1 => post(
            "/token",
            form,
            "",
            &format!("grant_type=client_credentials&client_id=nobody{number}&client_secret=x"),
        ),
        2 => post("/token", form, "", &"%ff%00&=&&".repeat(50)),
        3 => post("/register", "application/json", "", &"[".repeat(2000)),
        4 => get("/userinfo", &format!("Authorization: Bearer gha_{}\r\n", made_up(number, 400))),
        5 => post(
            "/token",
            form,
            "",
            // As long as a code is, from a client that has no secret: what reads it is what reads codes.
            &format!(
                "grant_type=authorization_code&code=ghc_{}&client_id=app&code_verifier={}",
                made_up(number, 56),
                "v".repeat(50)
            ),
        ),
        6 => format!("BREW /authorize HTTP/1.1\r\nHost: x\r\n{end}\r\n").into_bytes(),
        7 => get(&format!("/nothing/{number}/at/all?{}", "a=b&".repeat(20)), "Accept: text/html\r\n"),
        8 => get(
            &format!("/authorize?client_id=x{number}&response_type=code&redirect_uri=https://a.example"),
            "",
        ),
        9 => get("/login", &format!("X-Long: {}\r\n", "a".repeat(12_000))),
        10 => post("/introspect", form, machine, &format!("token=ghx_{number}")),
        11 => get("/api/admin/v1/users", &format!("X-Admin-Token: gh_admin_{number}\r\n")),
        12 => post("/login", form, "", &format!("username=alice&password={number}&csrf=x")),
        13 => get(&format!("/api/callback/gh_state_{number}?wait=1"), machine),
        14 => post("/token", form, "", &"a=b&".repeat(200)),
        _ => get(
            "/.well-known/openid-configuration",
            "Origin: https://evil.example\r\nX-Forwarded-For: 1.2.3.4\r\n",
        ),
    }
}
