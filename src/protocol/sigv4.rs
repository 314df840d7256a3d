//! AWS Signature Version 4 in the `Authorization` header: what is signed is put together again, and compared.
//!
//! ```text
//! request ── read ──▶ who says to have signed it, when, and which headers ── is_by ──▶ with this secret or not
//! ```
//!
//! Only what is signed is ever read of a request that is signed. Not taken: presigned URLs, session tokens, bodies that are
//! signed in pieces or not at all, and the asymmetric variant.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use time::{Date, Month, Time, UtcDateTime};

use crate::base::clock::{Seconds, Timestamp};
use crate::base::digest::{equal, hmac_sha256, sha256};
use crate::base::redacted::redacted;

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The end of every credential scope.
const TERMINATOR: &str = "aws4_request";
/// How far the clock of whoever signs may be from ours.
const TOLERANCE: Seconds = 300;
/// The longest header that is looked at, in bytes.
const MAX_AUTHORIZATION: usize = 4096;
/// The most headers that are signed.
const MAX_HEADERS: usize = 50;
/// Everything but the unreserved characters of RFC 3986 §2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// As [`ENCODED`], for paths.
const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');
/// Parameters that belong to a signature in the URL.
const PRESIGNED: [&str; 4] = ["x-amz-algorithm", "x-amz-credential", "x-amz-signature", "x-amz-security-token"];
/// Headers that mean something to us: unsigned, somebody on the way could have set them.
const MEANINGFUL: [&str; 3] = ["content-type", "x-amz-content-sha256", "x-amz-date"];

/// A request as it arrived.
#[derive(Clone, Copy)]
pub struct Received<'a> {
    /// `POST`
    pub method: &'a str,
    /// The path, percent-encoded as it was sent
    pub path: &'a str,
    /// The query without `?`, as it was sent; empty when there is none
    pub query: &'a str,
    /// Name, in lower case, and value of each header
    pub headers: &'a [(&'a str, &'a str)],
    /// The body
    pub body: &'a [u8],
}

redacted!(Received<'_>);

/// Why a request counts as not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is no signature
    Missing,
    /// There is none that can be read, and why
    Incomplete(&'static str),
    /// It was made with temporary credentials
    SessionToken,
    /// It is not for this, not of now, or not of this body; why
    Mismatch(&'static str),
}

/// Who says to have signed a request, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The id of the access key
    pub access_key: String,
    /// `20270115T080000Z`
    date_time: String,
    region: String,
    service: String,
    /// In their order
    signed_headers: Vec<String>,
    digest: [u8; 32],
}

impl Signature {
    /// Reads the signature of a request for `service`, at this time. It is not verified by that.
    ///
    /// # Errors
    /// See [`Problem`].
    pub fn read(request: &Received<'_>, service: &str, now: Timestamp) -> Result<Self, Problem> {
        if query_pairs(request.query).any(|(name, _)| PRESIGNED.contains(&name.to_ascii_lowercase().as_str())) {
            return Err(Problem::Incomplete(
                "presigned URLs are not taken: sign in the Authorization header",
            ));
        }
        let Some(authorization) = one(request, "authorization")? else {
            return Err(Problem::Missing);
        };
        if one(request, "x-amz-security-token")?.is_some() {
            return Err(Problem::SessionToken);
        }
        let signature = Self::of_header(request, authorization, service)?;
        let signed_at = instant(&signature.date_time).ok_or(Problem::Incomplete("X-Amz-Date is no time such as 20270115T080000Z"))?;
        if signed_at < now - TOLERANCE {
            return Err(Problem::Mismatch("the signature has expired: is the clock right?"));
        }
        if signed_at > now + TOLERANCE {
            return Err(Problem::Mismatch("the signature is not yet current: is the clock right?"));
        }
        let declared = one(request, "x-amz-content-sha256")?;
        if declared.is_some_and(|declared| !equal(declared.as_bytes(), hex(&sha256(request.body)).as_bytes())) {
            return Err(Problem::Mismatch("X-Amz-Content-Sha256 is not the digest of the body"));
        }
        Ok(signature)
    }

    /// Reads what stands in the header, and checks that it covers what it must.
    fn of_header(request: &Received<'_>, authorization: &str, service: &str) -> Result<Self, Problem> {
        let wrong = Problem::Incomplete("Authorization is not AWS4-HMAC-SHA256 with Credential, SignedHeaders and Signature, each once");
        let rest = authorization
            .strip_prefix(ALGORITHM)
            .filter(|rest| rest.starts_with(' ') && authorization.len() <= MAX_AUTHORIZATION)
            .ok_or(wrong)?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let (name, value) = part.trim_matches(' ').split_once('=').ok_or(wrong)?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(wrong),
            };
            if place.replace(value).is_some() {
                return Err(wrong);
            }
        }
        let signature = signature.and_then(digest_of).ok_or(wrong)?;
        let signed_headers: Vec<String> = signed_headers.ok_or(wrong)?.split(';').map(str::to_owned).collect();
        check_headers(request, &signed_headers)?;
        let date_time = one(request, "x-amz-date")?.ok_or(Problem::Incomplete("X-Amz-Date is missing"))?;
        let parts: Vec<&str> = credential.ok_or(wrong)?.split('/').collect();
        let [access_key, date, region, said_service, terminator] = parts.as_slice() else {
            return Err(wrong);
        };
        let is_plain =
            |text: &str| (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_plain(access_key) || !is_plain(region) {
            return Err(wrong);
        }
        if *said_service != service || *terminator != TERMINATOR {
            return Err(Problem::Mismatch(
                "the credential scope is for another service, or does not end with aws4_request",
            ));
        }
        if date_time.split_once('T').is_none_or(|(day, _)| day != *date) {
            return Err(Problem::Mismatch("the credential scope and X-Amz-Date are of different days"));
        }
        Ok(Self {
            access_key: (*access_key).to_owned(),
            date_time: date_time.to_owned(),
            region: (*region).to_owned(),
            service: service.to_owned(),
            signed_headers,
            digest: signature,
        })
    }

    /// Whether the request that this was read of was signed with this secret, as one for `host`.
    #[must_use]
    pub fn is_by(&self, request: &Received<'_>, host: &str, secret: &str) -> bool {
        let canonical = self.canonical_request(request, host);
        let (day, _) = self.date_time.split_once('T').unwrap_or_default();
        let scope = format!("{day}/{}/{}/{TERMINATOR}", self.region, self.service);
        let to_sign = format!("{ALGORITHM}\n{}\n{scope}\n{}", self.date_time, hex(&sha256(canonical.as_bytes())));
        let mut key = hmac_sha256(format!("AWS4{secret}").as_bytes(), day.as_bytes());
        for part in [&self.region, &self.service, TERMINATOR] {
            key = hmac_sha256(&key, part.as_bytes());
        }
        equal(&hmac_sha256(&key, to_sign.as_bytes()), &self.digest)
    }

    fn canonical_request(&self, request: &Received<'_>, host: &str) -> String {
        let mut text = format!(
            "{}\n{}\n{}\n",
            request.method,
            utf8_percent_encode(request.path, ENCODED_IN_PATH),
            canonical_query(request.query)
        );
        for name in &self.signed_headers {
            let value = if name == "host" { Some(host) } else { value(request, name) };
            let words: Vec<&str> = value.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).collect();
            let _ = writeln!(text, "{name}:{}", words.join(" "));
        }
        let _ = write!(text, "\n{}\n{}", self.signed_headers.join(";"), hex(&sha256(request.body)));
        text
    }
}

/// Whether the headers that are signed are those that must be: in order, each there once, among them the host and every
/// header that is read.
fn check_headers(request: &Received<'_>, signed: &[String]) -> Result<(), Problem> {
    let is_name = |name: &String| {
        let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        !name.is_empty() && name.bytes().all(is_known)
    };
    let is_in_order = signed.is_sorted_by(|one, next| one < next);
    if signed.len() > MAX_HEADERS || !signed.iter().all(is_name) || !is_in_order {
        return Err(Problem::Incomplete(
            "SignedHeaders are names in lower case, each once and in their order",
        ));
    }
    let is_signed = |name: &str| signed.iter().any(|signed| signed == name);
    if !is_signed("host") {
        return Err(Problem::Incomplete("the header Host is not signed"));
    }
    if MEANINGFUL.iter().any(|name| value(request, name).is_some() && !is_signed(name)) {
        return Err(Problem::Incomplete(
            "Content-Type, X-Amz-Date and X-Amz-Content-Sha256 must be signed where they are sent",
        ));
    }
    for name in signed.iter().filter(|name| *name != "host") {
        if one(request, name)?.is_none() {
            return Err(Problem::Incomplete("a header that is signed is missing"));
        }
    }
    // It is judged by what the caller takes for the host; two would be two opinions.
    one(request, "host").map(drop)
}

/// The value of a header that may be there once.
fn one<'a>(request: &Received<'a>, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = request.headers.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value);
    let first = values.next();
    if values.next().is_some() {
        return Err(Problem::Incomplete("a header is there twice"));
    }
    Ok(first)
}

fn value<'a>(request: &Received<'a>, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn query_pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(move |part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decoded(name), decoded(value))
    })
}

fn canonical_query(query: &str) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let mut pairs: Vec<(String, String)> = query_pairs(query).map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Reads `20270115T080000Z`.
fn instant(text: &str) -> Option<Timestamp> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
    let (day, time) = text.split_once('T')?;
    if digits.len() != 14 || text.len() != 16 || day.len() != 8 || !time.ends_with('Z') {
        return None;
    }
    let number = |from: usize, to: usize| std::str::from_utf8(&digits[from..to]).ok()?.parse::<u16>().ok();
    let small = |from: usize| number(from, from + 2).and_then(|number| u8::try_from(number).ok());
    let month = Month::try_from(small(4)?).ok()?;
    let date = Date::from_calendar_date(i32::from(number(0, 4)?), month, small(6)?).ok()?;
    let time = Time::from_hms(small(8)?, small(10)?, small(12)?).ok()?;
    Some(UtcDateTime::new(date, time).unix_timestamp())
}

/// Bytes in hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads a digest in hexadecimal digits, in lower case.
fn digest_of(text: &str) -> Option<[u8; 32]> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 64 || !text.bytes().all(is_digit) {
        return None;
    }
    let mut digest = [0; 32];
    for (place, at) in digest.iter_mut().zip((0..64).step_by(2)) {
        *place = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(digest)
}
