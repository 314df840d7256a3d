//! Certificates that nobody vouches for, made by openssl.

use super::process::Sandbox;

/// The names of this machine.
pub const THIS_MACHINE: &str = "IP:127.0.0.1,DNS:localhost";

/// Makes a certificate of this machine, `NAME.pem`, and its key, `NAME.key`, good for so many days.
pub fn certify(sandbox: &Sandbox, name: &str, days: u32) {
    make(sandbox, name, THIS_MACHINE, &["-days", &days.to_string()]);
}

/// Makes a certificate of these names, and its key, from the authority that has `AUTHORITY.pem` and `AUTHORITY.key`.
pub fn certify_by(sandbox: &Sandbox, authority: &str, name: &str, names: &str) {
    let (certificate, key) = (format!("{authority}.pem"), format!("{authority}.key"));
    let by = ["-CA", &certificate, "-CAkey", &key, "-addext", "basicConstraints=critical,CA:FALSE"];
    make(sandbox, name, names, &by);
}

fn make(sandbox: &Sandbox, name: &str, names: &str, more: &[&str]) {
    let mut openssl = sandbox.program("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]);
    openssl.args(["-subj", &format!("/CN={name}")]).args(more);
    openssl.args(["-addext", &format!("subjectAltName={names}")]);
    openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
    let made = openssl.output().expect("openssl is needed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
