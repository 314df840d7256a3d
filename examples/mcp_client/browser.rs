//! The person's browser: it is sent to the issuer, and comes back to a loopback address of ours (RFC 8252 §7.3).

use std::process::{Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::{Host, Url};

/// How long a person may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// What comes back is shown here.
pub struct Browser {
    base: String,
    answers: Mutex<Receiver<Url>>,
    username: Option<String>,
    opens: bool,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Browser {
    /// Listens on a free port of the loopback address, for as long as the value lives.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn listen(username: Option<String>, opens: bool) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let base = format!("http://{address}");
        let (sender, answers) = channel(16);
        let app = Router::new().route("/callback", get(callback)).with_state((base.clone(), sender));
        let (stop, stopped) = oneshot::channel();
        let server = axum::serve(listener, app).with_graceful_shutdown(async move {
            let _ = stopped.await;
        });
        let server = tokio::spawn(async move { server.await });
        Ok(Self {
            base,
            answers: Mutex::new(answers),
            username,
            opens,
            stop,
            server,
        })
    }

    /// Waits so long for somebody who is on their way back, whatever they come back with.
    pub async fn await_anybody(&self, patience: Duration) {
        let _ = tokio::time::timeout(patience, async { self.answers.lock().await.recv().await }).await;
    }

    /// Stops listening, after the pages that were asked for are shown, or after so long.
    pub async fn close(self, patience: Duration) {
        let _ = self.stop.send(());
        let _ = tokio::time::timeout(patience, self.server).await;
    }

    /// Where the issuer sends the browser back to.
    pub fn redirect_uri(&self) -> String {
        format!("{}/callback", self.base)
    }

    /// Has a person open a page of the issuer; the address that they come back with.
    ///
    /// # Errors
    /// When it is no page for a browser, when they do not come back, or with a refusal.
    pub async fn visit(&self, address: &str) -> Result<String, String> {
        let mut url = Url::parse(address).map_err(|error| format!("{address}: {error}"))?;
        if !is_a_page(&url) {
            return Err(format!("the server names {url} as the page to sign in at, which is not opened"));
        }
        if let Some(username) = &self.username {
            name_the_person(&mut url, username);
        }
        println!("\nOpen this page:\n  {url}");
        if self.opens {
            open(&url);
        }
        let state = parameter(&url, "state");
        let mut answers = self.answers.lock().await;
        let answer = tokio::time::timeout(PATIENCE, async {
            loop {
                let answer = answers.recv().await?;
                // Anybody can send the browser here; only the answer to our request counts (RFC 6749 §10.12).
                if state.is_some() && parameter(&answer, "state") == state {
                    return Some(answer);
                }
            }
        });
        let answer = answer.await.ok().flatten().ok_or("nobody came back from that page")?;
        if let Some(error) = parameter(&answer, "error") {
            let description = parameter(&answer, "error_description").unwrap_or_default();
            return Err(format!("the answer is no: {error} ({description})"));
        }
        Ok(answer.into())
    }
}

/// Whether a browser may be sent there. The address comes from a server that nobody knows yet, and what opens pages
/// also opens files and starts programs. Without https it stays on this machine (RFC 8252 §8.3).
fn is_a_page(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) | ("http", Some(Host::Domain("localhost"))) => true,
        ("http", Some(Host::Ipv4(address))) => address.is_loopback(),
        ("http", Some(Host::Ipv6(address))) => address.is_loopback(),
        _ => false,
    }
}

/// Asks for a certain person, at the sign-in page even if somebody is signed in (OpenID Connect Core §3.1.2.1).
fn name_the_person(url: &mut Url, username: &str) {
    let rest: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(name, _)| name != "prompt").collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(rest)
        .append_pair("prompt", "login")
        .append_pair("login_hint", username);
}

async fn callback(State((base, answers)): State<(String, Sender<Url>)>, uri: Uri) -> impl IntoResponse {
    if let Ok(url) = Url::parse(&format!("{base}{uri}")) {
        let _ = answers.try_send(url);
    }
    let headers = [(CONTENT_SECURITY_POLICY, "default-src 'none'"), (REFERRER_POLICY, "no-referrer")];
    (
        headers,
        Html("<!doctype html><title>Done</title><p>Go back to the terminal. You can close this page."),
    )
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Opens a page in the person's browser, if there is one; the address is printed in any case.
fn open(url: &Url) {
    let (program, before): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(program);
    command.args(before).arg(url.as_str());
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}
