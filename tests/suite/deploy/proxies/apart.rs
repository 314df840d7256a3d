//! What one client sends through a proxy, and what others are answered who share its connections to the server: bodies that are not
//! what their heads say, with requests hidden in them.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::Front;
use crate::support::tls_wire::TlsWire;
use crate::support::wire::Answer;

/// How often each kind of body is sent.
const ROUNDS: usize = 6;
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

/// Bodies that are not what their heads say, by name.
fn poisons() -> Vec<(&'static str, String)> {
    let post = |headers: &str, body: &str| {
        format!("POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n{headers}\r\n{body}")
    };
    let hidden = hidden();
    let whole = format!("GET {HIDDEN} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let length = |body: &str| format!("Content-Length: {}\r\n", body.len());
    let chunk = |body: &str| format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    vec![
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
        ("a request in a body", post(&length(&whole), &whole)),
        ("a request in a chunk", post(chunked, &chunk(&whole))),
        ("a request in the body of a GET", {
            format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{}\r\n{whole}", length(&whole))
        }),
        ("a body that is too large to be read", {
            let body = format!("{}{}", "a=b&".repeat(40_000), whole.repeat(100));
            post(&length(&body), &body)
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
    ]
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

impl Front {
    fn wire(&self) -> TlsWire {
        TlsWire::at(&self.sandbox, &self.base["https://".len()..], "http/1.1")
    }

    /// Nobody is answered what somebody else has asked, whatever is sent.
    pub fn assert_requests_stay_apart(&self) {
        let mut first = self.wire();
        let expected = ASKED.map(|path| essence(&first.get(path)));
        assert!(
            expected[..3].iter().all(|answer| answer.starts_with("200 ")) && expected[3].starts_with("404"),
            "{expected:?}"
        );
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
            let others: Vec<_> = (0..OTHERS).map(|_| scope.spawn(ask)).collect();
            for _ in 0..ROUNDS {
                for (what, poison) in poisons() {
                    let mut wire = self.wire();
                    // Who is refused may notice while writing.
                    let _ = wire.try_to_send(poison.as_bytes());
                    thread::sleep(WHILE);
                    drop(wire);
                    // Perhaps on the connection to the server that the one before had.
                    let mut next = self.wire();
                    for (path, expected) in ASKED.iter().zip(&expected) {
                        assert_eq!(essence(&next.get(path)), *expected, "{path} after {what}");
                    }
                }
            }
            is_over.store(true, Ordering::Relaxed);
            others
                .into_iter()
                .map(|other| other.join().expect("each is answered what it has asked"))
                .sum()
        });
        assert!(asked > 100, "only {asked}");
        // Who sends more than it says is answered all of it, and nobody else is.
        let mut wire = self.wire();
        let after = format!("a=b&cGET {HIDDEN} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        wire.send(format!("POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{after}").as_bytes());
        let statuses = [wire.answer().status(), wire.answer().status()];
        assert!(matches!(statuses, [400..=415, 404]), "{statuses:?}");
    }
}
