//! A chromedriver with one Chromium, and how both of them end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::{ParseError, Url};

use crate::support::tools;

/// How many run at once in one process: under `cargo test` all tests share it. Under cargo-nextest
/// each has its own, and `.config/nextest.toml` holds them back.
static PLACES: Semaphore = Semaphore::const_new(2);

/// The browser is told to talk to nobody but this machine, and to be the same everywhere.
const ARGUMENTS: [&str; 18] = [
    "--headless=new",
    // A container has no namespaces to give away, and root may not use them.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-features=Translate,OptimizationHints,MediaRouter",
    "--password-store=basic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--lang=en-GB",
    // Over a pipe, so that Chromium ends with its driver however that ended.
    "--remote-debugging-pipe",
];

/// A running driver; with its browser gone when it is dropped.
pub struct Driver {
    process: Child,
    /// Kept, so that the driver can go on writing.
    _output: BufReader<ChildStdout>,
    port: u16,
    session: Option<String>,
    /// The browser's profile, and whatever else the two of them leave behind.
    folder: TempDir,
    _place: SemaphorePermit<'static>,
}

impl Driver {
    /// Starts a driver with a browser that has never been anywhere.
    pub async fn start() -> (Self, Client) {
        let place = PLACES.acquire().await.expect("the semaphore is never closed");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (process, output, port) = (0..5).find_map(|_| launch(folder.path())).expect("chromedriver starts");
        let mut driver = Self {
            process,
            _output: output,
            port,
            session: None,
            folder,
            _place: place,
        };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(driver.capabilities())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap_or_else(|error| panic!("Chromium does not start: {error}"));
        driver.session = client.session_id().await.expect("a session");
        (driver, client)
    }

    fn capabilities(&self) -> Capabilities {
        let profile = format!("--user-data-dir={}", self.folder.path().join("profile").display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([profile.as_str()]).collect();
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": tools::chromium(), "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
            // A machine that does other things too needs more than the usual half minute for axe-core on a long page.
            "timeouts": { "script": 300_000 },
        });
        serde_json::from_value(wanted).expect("an object")
    }

    /// Closes the browser in an orderly way, so that it writes no more into its folder. This runs
    /// while things are dropped, so it neither awaits nor panics.
    fn quit(&self) -> std::io::Result<()> {
        let Some(session) = &self.session else { return Ok(()) };
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )?;
        stream.read_exact(&mut [0; 12])
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.quit();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a driver; `None` when somebody else took the port that it chose: it looks for one that is free first, and
/// binds it on all kinds of addresses later.
fn launch(folder: &Path) -> Option<(Child, BufReader<ChildStdout>, u16)> {
    let mut process = Command::new(tools::chromedriver())
        .arg("--port=0")
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver starts");
    let mut output = BufReader::new(process.stdout.take().expect("standard output is piped"));
    match announced_port(&mut output) {
        Ok(port) => Some((process, output, port)),
        Err(said) => {
            let _ = process.kill();
            let _ = process.wait();
            assert!(said.contains("port not available"), "chromedriver does not start: {said}");
            None
        }
    }
}

fn announced_port(output: &mut impl BufRead) -> Result<u16, String> {
    let mut said = String::new();
    for line in output.lines().map_while(Result::ok) {
        if let Some((_, port)) = line.rsplit_once("started successfully on port ") {
            return port.trim_end_matches('.').parse().map_err(|_| line);
        }
        said.push_str(&line);
    }
    Err(said)
}

/// A command that `WebDriver` does not know and chromedriver does.
#[derive(Debug)]
pub struct Extension {
    path: &'static str,
    body: Value,
}

impl Extension {
    /// A command of the `DevTools` protocol.
    pub fn devtools(command: &str, parameters: Value) -> Self {
        Self {
            path: "goog/cdp/execute",
            body: json!({ "cmd": command, "params": parameters }),
        }
    }

    /// What the browser's console said since the last time.
    pub fn console() -> Self {
        Self {
            path: "se/log",
            body: json!({ "type": "browser" }),
        }
    }
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
