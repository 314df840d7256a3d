//! HTTP as it goes over TLS, by OpenSSL.

use std::io::{BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::process::Sandbox;
use super::wire::{Answer, answer};

/// A connection that stays.
pub struct TlsWire {
    openssl: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl TlsWire {
    /// Connects to the server of a sandbox, to speak this protocol.
    pub fn to(sandbox: &Sandbox, protocol: &str) -> Self {
        Self::at(sandbox, &sandbox.address().to_string(), protocol)
    }

    /// Connects to somewhere else, such as `localhost:8000`.
    pub fn at(sandbox: &Sandbox, address: &str, protocol: &str) -> Self {
        let mut openssl = sandbox.program("openssl");
        openssl.args(["s_client", "-quiet", "-alpn", protocol, "-connect", address]);
        let mut openssl = openssl
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is needed");
        Self {
            stdin: openssl.stdin.take().expect("standard input is piped"),
            stdout: BufReader::new(openssl.stdout.take().expect("standard output is piped")),
            openssl,
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.try_to_send(bytes).expect("the connection is open");
    }

    /// The same; an error when the connection ends before.
    pub fn try_to_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stdin.write_all(bytes)?;
        self.stdin.flush()
    }

    /// So many bytes; an error when the connection ends before.
    pub fn receive(&mut self, length: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stdout.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        self.answer()
    }

    /// The next answer.
    pub fn answer(&mut self) -> Answer {
        answer(&mut self.stdout).expect("an answer")
    }
}

impl Drop for TlsWire {
    fn drop(&mut self) {
        let _ = self.openssl.kill();
        let _ = self.openssl.wait();
    }
}
