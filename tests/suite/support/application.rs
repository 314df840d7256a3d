//! An application on this machine that people are sent back to: it shows what it was sent.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running application; gone when it is dropped.
pub struct Application {
    port: u16,
    task: JoinHandle<()>,
}

impl Application {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
        Self { port, task }
    }

    /// Where people come back to.
    pub fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}/callback", self.port)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers one request with a page that shows its method, its path and, of a form, its fields.
async fn answer(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => request.extend_from_slice(&part[..length]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&request).replace('<', "&lt;");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let first_line = head.lines().next().unwrap_or_default();
    let page = format!(
        "<!doctype html><html lang=\"en\"><title>The application</title><link rel=\"icon\" href=\"data:,\">\
         <h1>Back at the application</h1><p>{first_line}</p><p>{body}</p></html>"
    );
    let length = page.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}");
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .to_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}
