//! What one client sends through a proxy, and what others are answered who share its connections to the server: bodies that are not
//! what their heads say, with requests hidden in them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::Front;
use crate::support::process::await_that;
use crate::support::tls_wire::TlsWire;
use crate::support::wire::{Answer, Wire};

/// How often each kind of body is sent.
const ROUNDS: u64 = 6;
/// How many others ask meanwhile.
const OTHERS: usize = 4;
/// For how long a body that is not complete is waited for by whoever does not finish it.
const WHILE: Duration = Duration::from_millis(100);
/// What a hidden request asks for. Nobody else does.
const HIDDEN: &str = "/hidden-in-a-body";

/// What others ask for, again and again: each has an answer of its own.
const ASKED: [&str; 4] = ["/healthz", "/jwks", "/.well-known/openid-configuration", "/nothing/is/here"];

/// A request that somebody hides in a body, long enough for the one that follows to be swallowed as one of its headers.
fn hidden() -> String {
    format!("GET {HIDDEN} HTTP/1.1\r\nHost: localhost\r\nX-Swallows: ")
}

/// Where bodies go of which nobody knows how they end. Whether a proxy passes them on is its affair.
const BROKEN: &str = "/token";

/// A body that is not what its head says.
struct Poison {
    name: &'static str,
    /// Where it goes; what is HTTP as it should be goes where nothing else goes, and so can be seen to arrive
    path: &'static str,
    request: String,
}

impl Poison {
    /// Whether it is HTTP as it should be: whoever goes by the rules passes it on.
    fn is_valid(&self) -> bool {
        self.path != BROKEN
    }
}

fn poisons() -> Vec<Poison> {
    let post_to = |path: &str, headers: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n{headers}\r\n{body}")
    };
    let post = |headers: &str, body: &str| post_to(BROKEN, headers, body);
    let hidden = hidden();
    let whole = format!("GET {HIDDEN} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let length = |body: &str| format!("Content-Length: {}\r\n", body.len());
    let chunk = |body: &str| format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    let broken = [
        // Whoever goes by the length takes what follows the last chunk for a part of the body; whoever goes by chunks takes it for a request.
        ("both lengths, chunks that end early", {
            let body = format!("0\r\n\r\n{hidden}");
            post(&format!("{}{chunked}", length(&body)), &body)
        }),
        ("both lengths, the other order", {
            let body = format!("0\r\n\r\n{hidden}");
            post(&format!("{chunked}{}", length(&body)), &body)
        }),
        // The other way about: the length ends before the chunks do.
        ("both lengths, one that ends early", {
            let body = chunk(&whole);
            post(&format!("Content-Length: 4\r\n{chunked}"), &body)
        }),
        ("two lengths", post(&format!("Content-Length: 0\r\n{}", length(&whole)), &whole)),
        ("chunks under another name", {
            let body = format!("0\r\n\r\n{hidden}");
            post(&format!("{}Transfer-Encoding : chunked\r\n", length(&body)), &body)
        }),
        ("chunks that are not the last coding", {
            let body = format!("0\r\n\r\n{hidden}");
            post(&format!("{}Transfer-Encoding: chunked, identity\r\n", length(&body)), &body)
        }),
        (
            "a body longer than it says",
            post("Content-Length: 5\r\n", &format!("a=b&c{hidden}")),
        ),
        ("a body shorter than it says", post("Content-Length: 5000\r\n", &whole)),
        ("an unfinished chunk", post(chunked, &format!("fff\r\n{whole}"))),
        ("chunks without an end", post(chunked, &format!("{:x}\r\n{whole}\r\n", whole.len()))),
        (
            "a length of a chunk that is none",
            post(chunked, &format!("5;a=\r\nb\r\n\r\n\r\n{hidden}")),
        ),
        ("a line break alone", post(chunked, &format!("5\naaaaa\n0\n\n{hidden}"))),
    ];
    let too_large = format!("{}{}", "a=b&".repeat(40_000), whole.repeat(100));
    let valid = [
        (
            "a request in a body",
            "/introspect",
            post_to("/introspect", &length(&whole), &whole),
        ),
        ("a request in a chunk", "/revoke", post_to("/revoke", chunked, &chunk(&whole))),
        ("a request in the body of a GET", "/ping", {
            format!("GET /ping HTTP/1.1\r\nHost: localhost\r\n{}\r\n{whole}", length(&whole))
        }),
        (
            "a body that is too large to be read",
            "/register",
            post_to("/register", &length(&too_large), &too_large),
        ),
    ];
    let broken = broken.into_iter().map(|(name, request)| (name, BROKEN, request));
    let all = broken.chain(valid);
    all.map(|(name, path, request)| Poison { name, path, request }).collect()
}

/// What is the same each time in an answer.
fn essence(answer: &Answer) -> String {
    let mut essence = answer.status().to_string();
    for line in answer.head.lines().filter(|line| line.starts_with("content-type: ")) {
        let _ = write!(essence, " {line}");
    }
    // A page of an error names its request.
    if answer.status() == 200 {
        let _ = write!(essence, " {}", answer.body);
    }
    essence
}

/// Tells those who go on asking that it is over, when it is dropped: also when something fails, or they would be waited for for ever.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Front {
    fn wire(&self) -> TlsWire {
        TlsWire::at(&self.sandbox, &self.base["https://".len()..], "http/1.1")
    }

    /// How many requests for a path have reached the server.
    fn arrived(&self, path: &str) -> u64 {
        let page = Wire::to(self.metrics).and_then(|mut wire| wire.get("/metrics")).expect("metrics");
        let beginning = format!("gatehouse_http_requests_total{{route=\"{path}\",");
        let mut arrived = 0;
        for line in page.body.lines().filter(|line| line.starts_with(&beginning)) {
            let (_, count) = line.rsplit_once(' ').expect("a number at the end");
            arrived += count.parse::<u64>().expect("a number");
        }
        arrived
    }

    /// Nobody is answered what somebody else has asked, whatever is sent; and what is HTTP as it should be has reached the server, for a
    /// proxy that refuses everything keeps requests apart, too.
    pub fn assert_requests_stay_apart(&self) {
        let mut first = self.wire();
        let expected = ASKED.map(|path| essence(&first.get(path)));
        assert!(
            expected[..3].iter().all(|answer| answer.starts_with("200 ")) && expected[3].starts_with("404"),
            "{expected:?}"
        );
        let mut arrived: BTreeMap<&str, u64> = BTreeMap::new();
        let is_over = AtomicBool::new(false);
        let ask = || {
            let mut wire = self.wire();
            let mut asked = 0;
            while !is_over.load(Ordering::Relaxed) {
                for (path, expected) in ASKED.iter().zip(&expected) {
                    assert_eq!(essence(&wire.get(path)), *expected, "{path}");
                }
                asked += ASKED.len();
                // Proxies let each connection go after some requests.
                if asked % 200 == 0 {
                    wire = self.wire();
                }
            }
            asked
        };
        let asked: usize = thread::scope(|scope| {
            let end = End(&is_over);
            let others: Vec<_> = (0..OTHERS).map(|_| scope.spawn(ask)).collect();
            for _ in 0..ROUNDS {
                for poison in poisons() {
                    let before = self.arrived(poison.path);
                    let mut wire = self.wire();
                    // Who is refused may notice while writing.
                    let _ = wire.try_to_send(poison.request.as_bytes());
                    thread::sleep(WHILE);
                    if poison.is_valid() {
                        await_that(
                            || format!("{} does not reach the server: {arrived:?}", poison.name),
                            || self.arrived(poison.path) > before,
                        );
                    }
                    drop(wire);
                    // Perhaps on the connection to the server that the one before had.
                    let mut next = self.wire();
                    for (path, expected) in ASKED.iter().zip(&expected) {
                        assert_eq!(essence(&next.get(path)), *expected, "{path} after {}", poison.name);
                    }
                    // What is broken has one path, so that a late one may be counted for the one after it.
                    *arrived.entry(poison.name).or_default() += self.arrived(poison.path) - before;
                }
            }
            drop(end);
            others
                .into_iter()
                .map(|other| other.join().expect("each is answered what it has asked"))
                .sum()
        });
        assert!(asked > 100, "only {asked}");
        for poison in poisons().iter().filter(|poison| poison.is_valid()) {
            assert!(arrived[poison.name] >= ROUNDS, "{}: {arrived:?}", poison.name);
        }
        // Who sends more than it says is answered all of it, and nobody else is.
        let mut wire = self.wire();
        let after = format!("a=b&cGET {HIDDEN} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        wire.send(format!("POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{after}").as_bytes());
        let statuses = [wire.answer().status(), wire.answer().status()];
        assert!(matches!(statuses, [400..=415, 404]), "{statuses:?}");
    }
}
