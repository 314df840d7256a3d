//! The programs that tests need besides our own: where `tests/run` says they are, or where
//! `tests/tools` puts them.

use std::path::{Path, PathBuf};

/// The browser.
pub fn chromium() -> PathBuf {
    tool("TEST_CHROMIUM", "/usr/bin/chromium")
}

/// The browser's driver.
pub fn chromedriver() -> PathBuf {
    tool("TEST_CHROMEDRIVER", "/usr/bin/chromedriver")
}

/// The script of axe-core, which finds what is not accessible.
pub fn axe() -> PathBuf {
    tool("TEST_AXE", "target/tools/axe.min.js")
}

/// The fuzzer of HTTP interfaces.
pub fn schemathesis() -> PathBuf {
    tool("TEST_SCHEMATHESIS", "target/tools/bin/schemathesis")
}

/// A program that holds deployment files against schemas which it carries.
pub fn validator(name: &str) -> PathBuf {
    present(tool("TEST_VALIDATORS", "target/tools/bin").join(name))
}

/// A Python that has Helm's library.
pub fn helm() -> PathBuf {
    tool("TEST_HELM", "target/tools/helm/bin/python")
}

/// The web server nginx.
pub fn nginx() -> PathBuf {
    tool("TEST_NGINX", "target/tools/proxies/usr/sbin/nginx")
}

/// The web server Caddy.
pub fn caddy() -> PathBuf {
    tool("TEST_CADDY", "target/tools/proxies/usr/bin/caddy")
}

/// The library that tells a program another time than it is.
pub fn faketime() -> PathBuf {
    tool("TEST_FAKETIME", "target/tools/faketime/libfaketimeMT.so.1")
}

/// The program that reads units, where systemd is installed.
pub fn systemd_analyze() -> Option<PathBuf> {
    Some(PathBuf::from("/usr/bin/systemd-analyze")).filter(|path| path.exists())
}

/// The folder with the libraries of other people's programs, for Node and for Python.
pub fn clients() -> PathBuf {
    tool("TEST_CLIENTS", "target/tools/clients")
}

/// The program that checks rules and metrics of Prometheus, where it could be had.
pub fn promtool() -> Option<PathBuf> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/promtool");
    let path = variable("TEST_PROMTOOL").map_or_else(usual, PathBuf::from);
    path.exists().then_some(path)
}

/// An environment variable that is for the tests and not for the program.
#[allow(clippy::disallowed_methods, reason = "the program's settings are not read here")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn tool(name: &str, usual: &str) -> PathBuf {
    present(variable(name).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(usual), PathBuf::from))
}

fn present(path: PathBuf) -> PathBuf {
    assert!(
        path.exists(),
        "{} is missing: run tests/run once, it installs what the tests need (or tests/tools, which does only that)",
        path.display()
    );
    path
}
