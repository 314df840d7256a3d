//! Certificates that nobody vouches for, made by openssl.

use super::process::Sandbox;

/// Makes a certificate of this machine, `NAME.pem`, and its key, `NAME.key`, good for so many days.
pub fn certify(sandbox: &Sandbox, name: &str, days: u32) {
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
    openssl.args(["-days", &days.to_string(), "-subj", &format!("/CN={name}")]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]);
    openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
    let made = openssl.output().expect("openssl is needed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
