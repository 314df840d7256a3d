//! SIGHUP: a terminal was closed, or somebody wants the server to read again.

use std::net::TcpStream;
use std::process::{Child, Stdio};

use crate::support::process::{BINARY, Sandbox, await_that};

/// A server in a terminal of its own, which `script` (util-linux) makes.
struct InTerminal {
    terminal: Child,
    sandbox: Sandbox,
}

impl InTerminal {
    /// `words` begin the command line.
    fn start(words: &str) -> Self {
        let sandbox = Sandbox::new();
        let command = format!("echo $$ > pid; exec {words} {BINARY} > log");
        let mut script = sandbox.program("script");
        script.args(["--quiet", "--command", &command, "/dev/null"]);
        let terminal = script.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("script is there");
        let started = Self { terminal, sandbox };
        started.await_that("it comes up", |server| server.log().contains("gatehouse is ready"));
        started
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.sandbox.file("log")).unwrap_or_default()
    }

    fn is_up(&self) -> bool {
        TcpStream::connect(self.sandbox.address()).is_ok()
    }

    fn tell(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.sandbox.file("pid")).unwrap();
        let status = self.sandbox.program("kill").args([signal, pid.trim()]).status();
        assert!(status.unwrap().success());
    }

    /// Closes the terminal.
    fn close(&mut self) {
        self.terminal.kill().unwrap();
        self.terminal.wait().unwrap();
    }

    fn await_that(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        await_that(|| format!("{what}: {}", self.log()), || is_so(self));
    }
}

impl Drop for InTerminal {
    fn drop(&mut self) {
        // After the test has stopped it there is nobody to tell.
        let _ = self
            .sandbox
            .program("sh")
            .args(["-c", "kill -KILL $(cat pid) 2>/dev/null"])
            .status();
        let _ = self.terminal.kill();
        let _ = self.terminal.wait();
    }
}

#[test]
fn a_server_goes_with_its_terminal() {
    let mut server = InTerminal::start("");
    server.tell("-HUP");
    server.await_that("told by hand, it reads again", |server| {
        server.log().contains("log_level is as it was")
    });
    assert!(server.is_up());
    server.close();
    server.await_that("it stops", |server| server.log().contains("the server has stopped"));
}

#[test]
fn with_nohup_it_stays() {
    let mut server = InTerminal::start("nohup");
    server.close();
    server.await_that("it reads again and nothing else", |server| {
        server.log().contains("log_level is as it was")
    });
    assert!(server.is_up());
    server.tell("-TERM");
    server.await_that("it stops", |server| server.log().contains("the server has stopped"));
}
