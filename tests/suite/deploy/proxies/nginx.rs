//! `deploy/nginx/gatehouse.conf`

use super::{Front, behind};
use crate::deploy::{in_repository, text_of};
use crate::support::process::free_port;
use crate::support::tools;

/// The file with the places of the test; each of what it replaces must be there.
fn replaced(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "there is no {from:?} any more");
        text.replace(from, to)
    })
}

/// nginx in front of a server, and the port at which it takes what is not encrypted.
fn front() -> (Front, u16) {
    let (sandbox, port) = behind("https");
    let plain = free_port();
    let (listen, listen_plain) = (format!("listen 127.0.0.1:{port} "), format!("listen 127.0.0.1:{plain};"));
    let upstream = sandbox.address().to_string();
    let file = |name: &str| sandbox.file(name).display().to_string();
    let (certificate, key) = (file("certificate.pem"), file("certificate.key"));
    let (log, errors) = (file("access.log"), file("error.log"));
    let example = replaced(
        &text_of(&in_repository("deploy/nginx/gatehouse.conf")),
        &[
            ("listen 443 ", &listen),
            ("    listen [::]:443 ssl http2;\n", ""),
            ("listen 80;", &listen_plain),
            ("    listen [::]:80;\n", ""),
            ("127.0.0.1:8000", &upstream),
            ("/etc/ssl/login.example.com.pem", &certificate),
            ("/etc/ssl/login.example.com.key", &key),
            ("/var/log/nginx/gatehouse.log", &log),
            ("/var/log/nginx/gatehouse.error.log", &errors),
            ("server_name login.example.com;", "server_name localhost;"),
        ],
    );
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path {};\n", file(name)));
    assert!(
        example.contains("\n        proxy_connect_timeout 2s;\n"),
        "a machine that is gone costs a minute"
    );
    // Its workers must be able to write into the folder of the test.
    let around = format!(
        "user root root;\ndaemon off;\npid {};\nevents {{}}\nhttp {{\naccess_log {};\n{}{example}}}\n",
        file("pid"),
        file("usual.log"),
        paths.concat()
    );
    sandbox.write("nginx.conf", &around);
    let mut nginx = sandbox.program(&tools::nginx().display().to_string());
    nginx.args(["-e", &errors, "-c", &file("nginx.conf")]);
    (Front::start(sandbox, "https", port, nginx), plain)
}

#[test]
fn the_example_passes_on_what_it_should() {
    let (front, plain) = front();
    front.assert_passes_on();

    let written = [
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_version} %{response_code} %{redirect_url}",
    ];
    let elsewhere = format!("http://localhost:{plain}/account?a=b");
    let answer = front.ask(&[&written[..], &[&elsewhere]].concat());
    assert_eq!(answer, "1.1 308 https://localhost/account?a=b");
    let back = format!("http://localhost:{plain}/callback?code=the-secret-code&state=x");
    assert!(front.ask(&[&written[..], &[&back]].concat()).starts_with("1.1 308 "));
    front.assert_logs_are_clean();
    let answer = front.ask(&[&written[..], &["--http2", &front.at("/healthz")]].concat());
    assert_eq!(answer, "2 200 ", "browsers speak HTTP/2 with it");
}

#[test]
fn what_one_client_sends_is_no_request_of_another() {
    front().0.assert_requests_stay_apart();
}
