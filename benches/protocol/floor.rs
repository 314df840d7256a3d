//! The least that HTTP costs: a process of its own with the library of the server, and nothing behind it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};

use crate::support::asking::{Asking, Request};
use crate::support::measure::{self, Row, round};
use crate::support::{Outcome, environment, say};

/// The variable that makes a process of this program such a server: its address.
const ROLE: &str = "BENCH_FLOOR_SERVER";
/// How many are at it.
const AT_ONCE: usize = 16;
/// Bytes of the JSON.
const JSON: usize = 600;

/// Processor time of an answer, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    /// To a GET, with five bytes
    pub handler: f64,
    /// To a form that is read, with JSON
    pub form: f64,
}

/// Serves, if this process was started to do so.
pub fn serve_if_asked() -> Outcome<bool> {
    let Some(address) = environment(ROLE) else {
        return Ok(false);
    };
    let json: &'static str = format!("{{\"access_token\":\"{}\",\"token_type\":\"Bearer\"}}", "a".repeat(JSON - 43)).leak();
    let server = HttpServer::new(move || {
        App::new()
            .route(
                "/",
                web::get().to(|| async { HttpResponse::Ok().content_type("text/plain").body("hello") }),
            )
            .route(
                "/form",
                web::post().to(move |form: web::Form<Vec<(String, String)>>| async move {
                    if form.iter().any(|(name, _)| name == "grant_type") {
                        HttpResponse::Ok().content_type("application/json").body(json)
                    } else {
                        HttpResponse::BadRequest().finish()
                    }
                }),
            )
    });
    let server = server.bind(address)?.run();
    actix_web::rt::System::new().block_on(server)?;
    Ok(true)
}

impl Floor {
    pub async fn measure(time: Duration) -> Outcome<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(std::env::current_exe()?);
        let server = Server(command.env(ROLE, address.to_string()).stdin(Stdio::null()).spawn()?);
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline {
                return Err("the server that does nothing does not start".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let form = "grant_type=client_credentials&scope=api";
        let post = format!(
            "POST /form HTTP/1.1\r\nHost: gatehouse\r\nAuthorization: Basic bWFjaGluZTpzZWNyZXQ=\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        Ok(Self {
            handler: server
                .cost(address, "GET / HTTP/1.1\r\nHost: gatehouse\r\n\r\n", "hello", time)
                .await?,
            form: server.cost(address, &post, "access_token", time).await?,
        })
    }
}

impl Floor {
    pub fn say(self) {
        say(&format!(
            "        actix-web alone: {:.1} µs for a GET, {:.1} µs for a form and JSON (processor time, {AT_ONCE} at once)",
            self.handler, self.form
        ));
    }
}

/// Ends with the benchmark.
struct Server(Child);

impl Server {
    async fn cost(&self, address: SocketAddr, text: &str, holds: &str, time: Duration) -> Outcome<f64> {
        let request = Request {
            text: text.to_owned(),
            holds: holds.to_owned(),
        };
        let requests: Arc<[Request]> = Arc::new([request]);
        let mut row = Row::new("the least of HTTP", AT_ONCE);
        for _ in 0..3 {
            row.rounds
                .push(round(Asking::many(AT_ONCE, address, &requests), time, &[self.0.id()]).await?);
        }
        measure::must_be_right(std::slice::from_ref(&row))?;
        Ok(row.median(|round| round.servers))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
