//! Signature Version 4 as a client makes it, written apart from what verifies it.

use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use time::UtcDateTime;
use url::Url;

/// Somebody with a secret.
#[derive(Clone)]
pub struct Signer {
    pub key: String,
    pub secret: String,
    /// When it signs, in seconds since 1970
    pub at: i64,
    pub region: &'static str,
    pub service: &'static str,
}

/// How a request is wrong.
#[derive(Clone, Default)]
pub struct Bent {
    /// Headers that are sent, after signing, in place of what there was or besides
    pub sent: Vec<(&'static str, String)>,
    /// Headers that are signed and sent
    pub signed: Vec<(&'static str, String)>,
    /// Names that are not signed
    pub unsigned: Vec<&'static str>,
    /// Another body than the one that was signed
    pub body: Option<String>,
    /// Another path or query than the one that was signed
    pub path: Option<String>,
    /// What stands in `Authorization` in place of something else
    pub replaced: Option<(String, String)>,
    /// `Authorization` is left out
    pub is_unsigned: bool,
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

impl Signer {
    pub fn new(key: &str, secret: &str, at: i64) -> Self {
        Self {
            key: key.to_owned(),
            secret: secret.to_owned(),
            at,
            region: "eu-west-1",
            service: "bedrock-agentcore",
        }
    }

    /// `20270115T080000Z`
    pub fn date_time(&self) -> String {
        let time = UtcDateTime::from_unix_timestamp(self.at).unwrap();
        format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            time.year(),
            u8::from(time.month()),
            time.day(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }

    /// `Authorization` over these headers, which are in their order.
    pub fn authorization(&self, method: &str, path: &str, query: &str, headers: &[(String, String)], body: &[u8]) -> String {
        let date_time = self.date_time();
        let day = &date_time[..8];
        let lines = headers.iter().fold(String::new(), |mut lines, (name, value)| {
            writeln!(lines, "{name}:{value}").unwrap();
            lines
        });
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", sha256_hex(body));
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{date_time}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
        let key = [day, self.region, self.service, "aws4_request"]
            .iter()
            .fold(format!("AWS4{}", self.secret).into_bytes(), |key, part| mac(&key, part));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.key,
            hex(&mac(&key, &to_sign))
        )
    }

    /// A signed request, as the SDK for Python makes it.
    pub fn request(&self, http: Client, url: &str, body: &Value, bent: &Bent) -> RequestBuilder {
        let address = Url::parse(url).unwrap();
        let host = match address.port() {
            Some(port) => format!("{}:{port}", address.host_str().unwrap()),
            None => address.host_str().unwrap().to_owned(),
        };
        let text = body.to_string();
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("host".to_owned(), host),
            ("x-amz-date".to_owned(), self.date_time()),
        ];
        for (name, value) in &bent.signed {
            headers.retain(|(known, _)| known != name);
            headers.push(((*name).to_owned(), value.clone()));
        }
        headers.sort();
        let covered: Vec<(String, String)> = headers
            .iter()
            .filter(|(name, _)| !bent.unsigned.contains(&name.as_str()))
            .cloned()
            .collect();
        let query = address.query().unwrap_or_default();
        let mut authorization = self.authorization("POST", address.path(), query, &covered, text.as_bytes());
        if let Some((from, to)) = &bent.replaced {
            assert!(authorization.contains(from.as_str()), "{authorization}");
            authorization = authorization.replace(from.as_str(), to);
        }
        let mut sent = address.clone();
        if let Some(path) = &bent.path {
            let (path, query) = path
                .split_once('?')
                .map_or((path.as_str(), None), |(path, query)| (path, Some(query)));
            sent.set_path(path);
            sent.set_query(query);
        }
        let mut request = http.post(sent).body(bent.body.clone().unwrap_or(text));
        for (name, value) in &headers {
            if name != "host" && !bent.sent.iter().any(|(other, _)| other == name) {
                request = request.header(name, value);
            }
        }
        for (name, value) in bent.sent.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, value);
        }
        if bent.is_unsigned {
            request
        } else {
            request.header("authorization", authorization)
        }
    }
}
