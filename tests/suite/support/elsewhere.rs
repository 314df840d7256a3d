//! A web server somewhere else, on this machine: it answers as it is told, and remembers who came.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is answered at a path.
#[derive(Clone)]
pub struct Served {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// How long it takes before each part of the answer
    pub delay: Duration,
    /// Whether it never ends
    pub is_endless: bool,
}

impl Served {
    pub fn json(value: &Value) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "application/json".to_owned())],
            body: value.to_string().into_bytes(),
            delay: Duration::ZERO,
            is_endless: false,
        }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

#[derive(Default)]
struct Memory {
    answers: HashMap<String, Served>,
    connections: usize,
    requests: Vec<String>,
}

/// A running server; gone when it is dropped.
pub struct Elsewhere {
    ip: IpAddr,
    port: u16,
    memory: Arc<Mutex<Memory>>,
    task: JoinHandle<()>,
}

impl Elsewhere {
    pub async fn start() -> Self {
        Self::start_at(IpAddr::V4(Ipv4Addr::LOCALHOST), 0).await
    }

    pub async fn start_at(ip: IpAddr, port: u16) -> Self {
        let listener = TcpListener::bind((ip, port)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let memory = Arc::new(Mutex::new(Memory::default()));
        let own = Arc::clone(&memory);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                own.lock().expect("no panic while locked").connections += 1;
                tokio::spawn(answer(stream, Arc::clone(&own)));
            }
        });
        Self { ip, port, memory, task }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}:{}{path}", self.ip, self.port)
    }

    /// What it answers at a path from now on.
    pub fn serve(&self, path: &str, served: Served) {
        self.memory
            .lock()
            .expect("no panic while locked")
            .answers
            .insert(path.to_owned(), served);
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.memory.lock().expect("no panic while locked").connections
    }

    /// The requests that came, each as it was sent.
    pub fn requests(&self) -> Vec<String> {
        self.memory.lock().expect("no panic while locked").requests.clone()
    }

    /// How often a path was asked for.
    pub fn hits(&self, path: &str) -> usize {
        let begin = format!("GET {path} ");
        self.requests().iter().filter(|request| request.starts_with(&begin)).count()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether a request is there with its body.
fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.map_or(0, |length| length.trim().parse::<usize>().expect("a length"));
    request.len() >= head + 4 + length
}

async fn answer(mut stream: TcpStream, memory: Arc<Mutex<Memory>>) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => request.extend_from_slice(&part[..length]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let served = {
        let mut memory = memory.lock().expect("no panic while locked");
        memory.requests.push(text);
        memory.answers.get(&path).cloned()
    };
    let served = served.unwrap_or_else(|| Served::json(&Value::Null).status(404));
    let mut head = format!("HTTP/1.1 {} Whatever\r\n", served.status);
    for (name, value) in &served.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if !served.is_endless {
        let _ = write!(head, "content-length: {}\r\n", served.body.len());
    }
    head.push_str("connection: close\r\n\r\n");
    tokio::time::sleep(served.delay).await;
    if stream.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    loop {
        tokio::time::sleep(served.delay).await;
        if stream.write_all(&served.body).await.is_err() || !served.is_endless {
            return;
        }
    }
}
