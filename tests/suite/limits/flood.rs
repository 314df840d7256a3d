//! A flood of bad requests of every kind, and crowds at the sign-in: memory stays bounded, and good requests still succeed.
//!
//! The real program, with the limits and password costs that everybody has. `FLOOD_REQUESTS` is how many bad requests there are.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::from;
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
const PASSWORD: &str = "correct horse battery staple";

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
    sandbox
        .run_with_input(&["user", "add", "alice", "--password-stdin"], PASSWORD)
        .done();
    let secret = sandbox.service_client("machine", "openid", &[]);
    let server = sandbox.serve();
    let (address, issuer) = (sandbox.address(), sandbox.issuer());

    let begun = Instant::now();
    let is_over = Arc::new(AtomicBool::new(false));
    let good = tokio::spawn(good_requests(issuer.clone(), secret, Arc::clone(&is_over)));
    let slow = tokio::spawn(slow_connections(address, Arc::clone(&is_over)));
    let next = Arc::new(AtomicUsize::new(0));
    let floods: Vec<_> = (2..=6)
        .flat_map(|number| (0..4).map(move |_| number))
        .map(|number| tokio::spawn(bad_requests(address, place(number), Arc::clone(&next), requests)))
        .collect();
    let crowd = tokio::spawn(crowd(issuer.clone(), sign_ins));
    let mut answered = 0;
    for flood in floods {
        answered += flood.await.expect("no flood fails");
    }
    let crowd = crowd.await.expect("the crowd is answered");
    let took = begun.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let (good, longest) = good.await.expect("every good request succeeds");
    let turned_away = slow.await.expect("slow connections do not fail");
    sign_in(&issuer).await;

    let peak = server.peak_kib() / 1024;
    println!(
        "{kind:?}: {requests} bad requests ({answered} answers), {sign_ins} sign-ins and {turned_away} slow connections in {took:?}; {good} good requests, the longest took {longest:?}; {peak} MiB at most"
    );
    assert!(peak < MOST_MEMORY, "{peak} MiB");
    assert!(good > 5, "{good}");
    // What is no HTTP, or is larger than it may be, may end without an answer.
    assert!(answered * 10 > requests * 8, "{answered} of {requests} were answered");
    assert_eq!(crowd.len(), sign_ins);
    assert!(crowd.iter().all(|status| matches!(status, 401 | 429 | 503)), "{crowd:?}");
    assert_calm(&server);
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

/// Sends bad requests from one place until there were `most` from all places; how many were answered.
async fn bad_requests(address: SocketAddr, from: IpAddr, next: Arc<AtomicUsize>, most: usize) -> usize {
    let mut answered = 0;
    loop {
        let first = next.fetch_add(PIPELINED, Ordering::Relaxed);
        if first >= most {
            return answered;
        }
        let kind = first / PIPELINED;
        // What breaks its connection needs one each.
        let parts = match breaking(kind) {
            Some(request) => vec![request; PIPELINED],
            None => vec![
                (0..PIPELINED)
                    .flat_map(|number| bad(kind, first + number, number + 1 == PIPELINED))
                    .collect(),
            ],
        };
        for part in parts {
            let answers = tokio::time::timeout(PATIENCE, exchange(address, from, &part)).await;
            answered += answers.expect("it does not hang").map_or(0, |answers| statuses(&answers).len());
        }
    }
}

/// Kinds of which each request ends its connection; a fifth of all.
fn breaking(kind: usize) -> Option<Vec<u8>> {
    let form = "Host: x\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    (kind % 5 == 4).then(|| match kind / 5 % 6 {
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
    })
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
    match kind % 16 {
        0 => post("/token", form, machine, "grant_type=client_credentials"),
        1 => post(
            "/token",
            form,
            "",
            &format!("grant_type=client_credentials&client_id=nobody{number}&client_secret=x"),
        ),
        2 => post("/token", form, "", &"%ff%00&=&&".repeat(50)),
        3 => post("/register", "application/json", "", &"[".repeat(2000)),
        4 => get("/userinfo", &format!("Authorization: Bearer ghx_{number}\r\n")),
        5 => post(
            "/token",
            form,
            "",
            &format!(
                "grant_type=authorization_code&code=ghc_{number}&client_id=machine&code_verifier={}",
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
