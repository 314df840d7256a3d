//! nginx and Caddy in front of the real server, with the very files of `deploy/`: only names, ports and the places of files are
//! those of the test.

mod apart;
mod caddy;
mod nginx;

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::cli::person::{PASSWORD, hidden};
use crate::support::certificate::certify;
use crate::support::curl::{curl, printed};
use crate::support::process::{Sandbox, Server, await_that, free_port};

/// Where the browser of these tests comes from. The proxy is at 127.0.0.1.
const BROWSER: &str = "127.0.0.2";
/// What somebody says of where they come from, and is not believed.
const SPOOFED: &str = "203.0.113.9";

/// A server with a proxy in front.
struct Front {
    sandbox: Sandbox,
    /// Its public URL
    base: String,
    /// Where the server, not the proxy, shows what has reached it
    metrics: SocketAddr,
    proxy: Child,
    _server: Server,
}

impl Drop for Front {
    fn drop(&mut self) {
        // Asked, so that it takes its workers with it.
        let _ = Command::new("kill").arg(self.proxy.id().to_string()).status();
        let _ = self.proxy.wait();
    }
}

/// A sandbox whose server is reached at `scheme`://localhost at a port of the proxy's; the port.
fn behind(scheme: &str) -> (Sandbox, u16) {
    let port = free_port();
    let sandbox = Sandbox::new()
        .with("GATEHOUSE_ISSUER", &format!("{scheme}://localhost:{port}"))
        .with("GATEHOUSE_TRUSTED_PROXIES", "127.0.0.1,::1");
    certify(&sandbox, "certificate", 60);
    (sandbox, port)
}

impl Front {
    /// Starts both, and waits until the proxy takes connections.
    fn start(sandbox: Sandbox, scheme: &str, port: u16, mut proxy: Command) -> Self {
        let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let sandbox = sandbox.with("GATEHOUSE_METRICS_LISTEN", &metrics.to_string());
        sandbox
            .run_with_input(&["user", "add", "alice", "--password-stdin"], PASSWORD)
            .done();
        let server = sandbox.serve();
        let log = std::fs::File::create(sandbox.file("proxy.out")).expect("a file");
        let mut proxy = proxy
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("the proxy starts");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let said = || std::fs::read_to_string(sandbox.file("proxy.out")).unwrap_or_default();
        await_that(said, || {
            assert!(proxy.try_wait().expect("a child").is_none(), "the proxy ended: {}", said());
            TcpStream::connect(address).is_ok()
        });
        Self {
            base: format!("{scheme}://localhost:{port}"),
            metrics,
            sandbox,
            proxy,
            _server: server,
        }
    }

    /// curl from the browser's address, which says that it is somebody else's.
    fn curl(&self, arguments: &[&str]) -> Command {
        let mut curl = curl(&self.sandbox);
        curl.args(["--ipv4", "--interface", BROWSER]);
        for name in ["X-Forwarded-For: ", "X-Real-IP: ", "Forwarded: for="] {
            curl.args(["--header", &format!("{name}{SPOOFED}")]);
        }
        curl.args(["--cookie", "jar", "--cookie-jar", "jar", "--max-time", "60"])
            .args(arguments);
        curl
    }

    /// What it prints.
    fn ask(&self, arguments: &[&str]) -> String {
        printed(self.curl(arguments))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The address that the newest event of a kind has.
    fn address_of(&self, kind: &str) -> String {
        let events = self.sandbox.run(&["audit", "list", "--kind", kind, "--json"]).done();
        let event: Value = serde_json::from_str(events.lines().next().expect("an event")).expect("JSON");
        event["address"].as_str().expect("an address").to_owned()
    }

    /// Everything that a proxy has to do well.
    fn assert_passes_on(&self) {
        let metadata: Value = serde_json::from_str(&self.ask(&[&self.at("/.well-known/openid-configuration")])).expect("JSON");
        assert_eq!(metadata["issuer"], self.base);
        self.assert_long_requests_pass();
        self.assert_people_sign_in();
        self.assert_programs_wait();
        self.assert_events_come_at_once();
    }

    fn assert_people_sign_in(&self) {
        let page = self.ask(&[&self.at("/login")]);
        let csrf = format!("csrf={}", hidden(&page, "csrf"));
        let (user, right, wrong) = ("username=alice", format!("password={PASSWORD}"), "password=a wrong one");
        let sign_in = |password: &str| {
            let fields = ["--data-urlencode", &csrf, "--data-urlencode", user, "--data-urlencode", password];
            let written = ["--output", "/dev/null", "--write-out", "%{response_code}"];
            self.ask(&[&fields[..], &written, &[&self.at("/login")]].concat())
        };
        assert_eq!(sign_in(wrong), "401");
        assert_eq!(
            self.address_of("session.refused"),
            BROWSER,
            "guesses are counted for whoever makes them"
        );
        assert_eq!(sign_in(&right), "303");
        assert_eq!(self.address_of("session.started"), BROWSER);
        assert!(self.ask(&[&self.at("/account")]).contains("alice"));
    }

    /// A client of the relay, as curl takes it.
    fn program(&self) -> [String; 2] {
        let name = format!("program{}", free_port());
        let secret = self.sandbox.service_client(&name, "relay", &[]);
        ["--user".to_owned(), format!("{name}:{secret}")]
    }

    fn announce(&self, program: &[String; 2]) -> String {
        let [flag, credentials] = program;
        let json = ["--header", "Content-Type: application/json", "--data", "{}"];
        let made = self.ask(&[&[flag.as_str(), credentials][..], &json, &[&self.at("/api/callbacks")]].concat());
        let made: Value = serde_json::from_str(&made).expect("JSON");
        made["state"].as_str().unwrap_or_else(|| panic!("no state: {made}")).to_owned()
    }

    fn come_back(&self, state: &str) {
        let url = self.at(&format!("/callback?state={state}&code=the-secret-code"));
        self.ask(&["--output", "/dev/null", "--fail", &url]);
    }

    fn assert_programs_wait(&self) {
        let program = self.program();
        let state = self.announce(&program);
        let url = self.at(&format!("/api/callback/{state}?wait=60"));
        let waiting = self
            .curl(&[&program[0], &program[1], &url])
            .stdout(Stdio::piped())
            .spawn()
            .expect("curl");
        // Whether it waits already does not matter: the answer is the same.
        self.come_back(&state);
        let output = waiting.wait_with_output().expect("curl ends");
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(answer.contains("the-secret-code"), "{answer}");
    }

    /// Each event is read before the next one is brought about.
    fn assert_events_come_at_once(&self) {
        let program = self.program();
        let state = self.announce(&program);
        let url = self.at(&format!("/api/callback/{state}/events"));
        let mut curl = self.curl(&["--no-buffer", &program[0], &program[1], &url]);
        let mut curl = curl.stdout(Stdio::piped()).spawn().expect("curl");
        let mut lines = BufReader::new(curl.stdout.take().expect("standard output is piped")).lines();
        let mut next = || lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("data: "));
        assert!(next().expect("held back until the end").contains("pending"));
        self.come_back(&state);
        let last = next().expect("a second event");
        assert!(!last.contains("pending"), "{last}");
        assert!(curl.wait().expect("curl ends").success());
    }

    /// Authorization requests are as long as applications make them.
    fn assert_long_requests_pass(&self) {
        let url = self.at(&format!("/authorize?client_id=unknown&state={}", "x".repeat(8000)));
        let written = ["--output", "/dev/null", "--write-out", "%{response_code}", "--dump-header", "head"];
        assert_eq!(self.ask(&[&written[..], &[&url]].concat()), "400", "the server itself refuses it");
        let head = std::fs::read_to_string(self.sandbox.file("head")).expect("the head of the answer");
        assert!(head.to_ascii_lowercase().contains("x-request-id: "), "{head}");
        // The way to the sign-in is as long again, in the head of the answer.
        let client = ["client", "add", "Long", "--id", "long", "--kind", "spa", "--json"];
        let uri = ["--redirect-uri", "https://app.example/cb"];
        self.sandbox.run(&[&client[..], &uri].concat()).json();
        let url = self.at(&format!(
            "/authorize?client_id=long&response_type=code&scope=openid&redirect_uri=https%3A%2F%2Fapp.example%2Fcb\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&state={}",
            "x".repeat(8000)
        ));
        assert_eq!(self.ask(&[&written[..], &[&url]].concat()), "303");
        let head = std::fs::read_to_string(self.sandbox.file("head")).expect("the head of the answer");
        assert!(head.len() > 8000, "{head}");
    }

    /// No log of the proxy's has what must not be there.
    fn assert_logs_are_clean(&self) {
        for entry in std::fs::read_dir(self.sandbox.folder()).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.extension().is_some_and(|ending| ending == "log") || name == "proxy.out" {
                let text = std::fs::read_to_string(&path).expect("text");
                assert!(!text.contains("the-secret-code"), "{name}: {text}");
            }
        }
    }
}
