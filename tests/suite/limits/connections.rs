//! Connections: how many there may be, and how long they may keep the server waiting.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::limited;
use crate::support::TestApp;
use crate::support::browser::http;
use crate::support::client::send;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

fn address(app: &TestApp) -> SocketAddr {
    app.base.trim_start_matches("http://").parse().expect("an address")
}

async fn connect(app: &TestApp, from: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind(format!("{from}:0").parse().expect("an address"))
        .expect("an address of this machine");
    socket.connect(address(app)).await.expect("a connection")
}

/// What comes until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    // A connection that is closed with something unread in it is reset.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all))
        .await
        .expect("it is closed");
    String::from_utf8_lossy(&all).into_owned()
}

/// One answer without a body of unknown length.
async fn answer(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut part = [0; 1024];
    while !all.windows(4).any(|window| window == b"\r\n\r\n") {
        let length = tokio::time::timeout(PATIENCE, stream.read(&mut part))
            .await
            .expect("an answer")
            .expect("an answer");
        assert!(length > 0, "it was closed: {}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&part[..length]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_so_many_connections_and_others_have_theirs() {
    let app = limited(&[("connections_per_address", "3")]).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(&app, "127.0.0.2").await;
        stream.write_all(HEALTH).await.unwrap();
        assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200"));
        open.push(stream);
    }
    for _ in 0..20 {
        let mut refused = connect(&app, "127.0.0.2").await;
        // Before or after they have asked.
        let _ = refused.write_all(HEALTH).await;
        let said = rest(&mut refused).await;
        assert!(said.starts_with("HTTP/1.1 503") && said.contains("\r\nRetry-After: "), "{said}");
    }
    assert_eq!(send(http().get(app.url("/healthz"))).await.status, 200);
    drop(open);
    // As soon as it is noticed that they have gone.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut stream = connect(&app, "127.0.0.2").await;
        let _ = stream.write_all(HEALTH).await;
        let mut part = [0; 12];
        if stream.read_exact(&mut part).await.is_ok() && &part == b"HTTP/1.1 200" {
            break;
        }
        assert!(Instant::now() < deadline, "there is room again");
    }
}

/// Sends a byte each second until the server has had enough; what it said.
async fn drip(stream: &mut TcpStream, bytes: &[u8]) -> String {
    let begun = Instant::now();
    let mut all = Vec::new();
    for byte in bytes.iter().cycle() {
        assert!(begun.elapsed() < PATIENCE, "it has all the time in the world");
        if stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        let mut part = [0; 1024];
        match tokio::time::timeout(Duration::from_secs(1), stream.read(&mut part)).await {
            Err(_) => {}
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(length)) => all.extend_from_slice(&part[..length]),
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// How long something took, and what came of it.
async fn timed(what: impl Future<Output = String>) -> (u64, String) {
    let begun = Instant::now();
    let said = what.await;
    (begun.elapsed().as_secs(), said)
}

/// Ten seconds for a head, the first one of a connection and each later one, and ten for a body. All at once, because they take so long.
#[tokio::test(flavor = "multi_thread")]
async fn who_sends_a_byte_from_time_to_time_is_let_go() {
    let app = limited(&[]).await;
    let first = timed(async {
        let mut stream = connect(&app, "127.0.0.1").await;
        drip(
            &mut stream,
            b"GET /healthz HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        )
        .await
    });
    let second = timed(async {
        let mut stream = connect(&app, "127.0.0.1").await;
        stream.write_all(HEALTH).await.unwrap();
        answer(&mut stream).await;
        drip(
            &mut stream,
            b"GET /healthz HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        )
        .await
    });
    // The beginning of the next request comes together with a whole one, and then nothing.
    let silent = timed(async {
        let mut stream = connect(&app, "127.0.0.1").await;
        stream.write_all(&[HEALTH, b"G"].concat()).await.unwrap();
        answer(&mut stream).await;
        rest(&mut stream).await
    });
    // Lines that look like the first ones of requests are in one head.
    let many_lines = timed(async {
        let mut stream = connect(&app, "127.0.0.1").await;
        let lines = b"X: GET / HTTP/1.1\r\n".repeat(40);
        stream
            .write_all(&[&b"GET /healthz HTTP/1.1\r\n"[..], &lines].concat())
            .await
            .unwrap();
        rest(&mut stream).await
    });
    let body = timed(async {
        let mut stream = connect(&app, "127.0.0.1").await;
        let head = b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n";
        stream.write_all(head).await.unwrap();
        drip(&mut stream, b"a").await
    });
    let nothing = timed(async {
        let mut stream = connect(&app, "127.0.0.1").await;
        rest(&mut stream).await
    });
    let (first, second, silent, many_lines, body, nothing) = tokio::join!(first, second, silent, many_lines, body, nothing);
    assert!(
        body.1.starts_with("HTTP/1.1 400") && body.1.contains("did not arrive"),
        "{}",
        body.1
    );
    for (what, (seconds, said)) in [
        ("first", first),
        ("second", second),
        ("many lines", many_lines),
        ("body", body),
        ("nothing", nothing),
    ] {
        assert!((9..20).contains(&seconds), "{what}: {seconds} seconds, {said}");
    }
    // Nothing at all for five seconds is enough, too.
    assert!((4..20).contains(&silent.0), "{} seconds, {}", silent.0, silent.1);
}

/// Somebody whose network is away for longer than a head may take does not lose the answers that are under way.
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_nothing_for_a_while_gets_the_rest_of_the_answer() {
    const REQUESTS: usize = 40;
    let app = limited(&[]).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address(&app)).await.unwrap();
    let request = b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(&request.repeat(REQUESTS)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(14)).await;
    let mut all = Vec::new();
    let mut part = vec![0; 64 * 1024];
    loop {
        match tokio::time::timeout(PATIENCE, stream.read(&mut part)).await.expect("it goes on") {
            Ok(0) => break,
            Ok(length) => all.extend_from_slice(&part[..length]),
            Err(error) => panic!("{error} after {} bytes", all.len()),
        }
    }
    let text = String::from_utf8_lossy(&all);
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), REQUESTS);
    assert!(text.ends_with('}'), "the last one is whole");
}

/// Long heads are possible, and only a few at a time while they are not complete; one network does not have all of these.
#[tokio::test(flavor = "multi_thread")]
async fn heads_that_never_end_do_not_fill_the_memory() {
    let app = limited(&[]).await;
    let mut open = Vec::new();
    for _ in 0..150 {
        let mut stream = connect(&app, "127.0.0.3").await;
        let head = [b"GET /healthz HTTP/1.1\r\nX: ".to_vec(), vec![b'a'; 30_000]].concat();
        // Who is turned away may notice it while writing.
        let _ = stream.write_all(&head).await;
        open.push(stream);
    }
    // Eight of them may be so long; the others are told that they may not, and these are closed after ten seconds.
    let mut refused = 0;
    for stream in &mut open {
        let mut said = [0; 12];
        let said = match tokio::time::timeout(Duration::from_millis(200), stream.read_exact(&mut said)).await {
            Ok(Ok(_)) => &said[..],
            Ok(Err(error)) => panic!("{error} without a word"),
            Err(_) => continue,
        };
        assert_eq!(said, b"HTTP/1.1 431");
        refused += 1;
    }
    assert_eq!(refused, 142);
    // Somebody else's is answered meanwhile.
    assert_eq!(send_long(&app, 30_000).await, 200);
    drop(open);
    assert_eq!(send_long(&app, 15_000).await, 200);
    // Who does not stop writing may lose the answer.
    assert!(matches!(send_long(&app, 140_000).await, 431 | 0));
}

async fn send_long(app: &TestApp, length: usize) -> u16 {
    let mut stream = connect(app, "127.0.0.4").await;
    let head = [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ".to_vec(),
        vec![b'a'; length],
        b"\r\n\r\n".to_vec(),
    ]
    .concat();
    let (mut reader, mut writer) = stream.split();
    let mut begin = [0; 12];
    let (_, read) = tokio::join!(
        writer.write_all(&head),
        tokio::time::timeout(PATIENCE, reader.read_exact(&mut begin))
    );
    match read {
        Ok(Ok(_)) => String::from_utf8_lossy(&begin[9..]).parse().unwrap_or(0),
        _ => 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_headers_and_parameters_are_refused() {
    let app = limited(&[]).await;
    let mut stream = connect(&app, "127.0.0.1").await;
    let lines = (0..200).map(|number| format!("X-{number}: a\r\n")).collect::<Vec<_>>().concat();
    stream
        .write_all(format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{lines}\r\n").as_bytes())
        .await
        .unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 431"));
    let query = (0..101).map(|number| format!("p{number}=a&")).collect::<Vec<_>>().concat();
    let answer = send(http().get(app.url(&format!("/authorize?{query}")))).await;
    assert_eq!(answer.status, 400);
    let form = http()
        .post(app.url("/token"))
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = send(form.body(query)).await;
    assert_eq!((answer.status, answer.error()), (400, "invalid_request"));
}
