//! Signature Version 4, by the examples that AWS publishes, and with every part of a request changed.

use gatehouse::protocol::sigv4::{Problem, Received, Signature};

use super::signer::{Signer, sha256_hex};

/// 2015-08-30T12:36:00Z
const THEN: i64 = 1_440_938_160;
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const HOST: &str = "example.amazonaws.com";

fn received<'a>(method: &'a str, target: &'a str, headers: &'a [(&'a str, &'a str)], body: &'a str) -> Received<'a> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Received {
        method,
        path,
        query,
        headers,
        body: body.as_bytes(),
    }
}

/// Method, target, further headers, body and signature.
type Example<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);

#[test]
fn the_published_examples_are_verified() {
    let unreserved = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let trimmed = [("my-header1", " value1"), ("my-header2", "\"a   b   c\"")];
    #[rustfmt::skip]
    let examples: [Example<'_>; 8] = [
        ("GET", "/", &[], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", &[], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("GET", "/?Param2=value2&Param1=value1", &[], "", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        ("GET", "/?%E1%88%B4=bar", &[], "", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        ("GET", unreserved, &[], "", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
        ("POST", "/", &form, "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
        ("GET", "/", &trimmed, "", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
        // By the SDK for Python: paths are encoded once more.
        ("GET", "/%E1%88%B4", &[], "", "697b34846207a3f72246f99d74ae1ee4fe54f44bb06730c58a0d339eb079596d"),
    ];
    for (method, target, more, body, signature) in examples {
        let mut headers = vec![("host", HOST), ("x-amz-date", "20150830T123600Z")];
        headers.extend(more);
        let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={}, Signature={signature}",
            names.join(";")
        );
        headers.push(("authorization", &authorization));
        let request = received(method, target, &headers, body);
        let read = Signature::read(&request, "service", THEN).expect(target);
        assert_eq!(read.access_key, "AKIDEXAMPLE");
        assert!(read.is_by(&request, HOST, SECRET), "{method} {target}");
        assert!(!read.is_by(&request, HOST, &SECRET.replace('w', "W")), "another secret");
        assert!(!read.is_by(&request, "example.com", SECRET), "another host");
    }
}

fn signer() -> Signer {
    Signer {
        region: "us-east-1",
        service: "service",
        ..Signer::new("AKIDEXAMPLE", SECRET, THEN)
    }
}

const USUAL: [(&str, &str); 3] = [
    ("content-type", "application/json"),
    ("host", HOST),
    ("x-amz-date", "20150830T123600Z"),
];

fn signed_by(signer: &Signer, headers: &[(&str, &str)], body: &str) -> String {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    signer.authorization("POST", "/a", "", &headers, body.as_bytes())
}

/// What is read of a request with this header, and whether it is by the secret.
fn outcome(authorization: &str, headers: &[(&str, &str)], body: &str, now: i64) -> Result<bool, Problem> {
    let mut headers = headers.to_vec();
    headers.push(("authorization", authorization));
    let request = received("POST", "/a", &headers, body);
    Signature::read(&request, "service", now).map(|read| read.is_by(&request, HOST, SECRET))
}

#[test]
fn whatever_is_changed_does_not_count() {
    let good = signed_by(&signer(), &USUAL, "{}");
    assert_eq!(outcome(&good, &USUAL, "{}", THEN), Ok(true));
    // Method, path, query, body, and each header.
    let mut headers = USUAL.to_vec();
    headers.push(("authorization", good.as_str()));
    for (method, target, body) in [
        ("PUT", "/a", "{}"),
        ("POST", "/b", "{}"),
        ("POST", "/a/", "{}"),
        ("POST", "/%61", "{}"),
        ("POST", "/a?b", "{}"),
        ("POST", "/a?b=c", "{}"),
        ("POST", "/a", "{ }"),
        ("POST", "/a", ""),
    ] {
        let request = received(method, target, &headers, body);
        let read = Signature::read(&request, "service", THEN).unwrap();
        assert!(!read.is_by(&request, HOST, SECRET), "{method} {target} {body}");
    }
    let mut other = USUAL;
    other[0] = ("content-type", "application/json; charset=utf-8");
    assert_eq!(outcome(&good, &other, "{}", THEN), Ok(false));
    other = USUAL;
    other[2] = ("x-amz-date", "20150830T123601Z");
    assert_eq!(outcome(&good, &other, "{}", THEN), Ok(false));
    // Parts of the header.
    for (from, to) in [
        ("us-east-1", "us-east-2"),
        ("Credential=AKIDEXAMPLE/20150830", "Credential=AKIDEXAMPLE/20150831"),
        ("/service/", "/other/"),
        ("aws4_request", "aws5_request"),
    ] {
        let bent = good.replace(from, to);
        assert!(!matches!(outcome(&bent, &USUAL, "{}", THEN), Ok(true)), "{bent}");
    }
    let (before, signature) = good.split_once("Signature=").unwrap();
    for at in 0..signature.len() {
        let mut bytes = signature.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        let bent = format!("{before}Signature={}", String::from_utf8(bytes).unwrap());
        assert_eq!(outcome(&bent, &USUAL, "{}", THEN), Ok(false), "digit {at}");
    }
    // A key that is made for another day, region or service signs nothing else.
    for other in [
        Signer {
            at: THEN - 86_400,
            ..signer()
        },
        Signer {
            region: "eu-west-1",
            ..signer()
        },
        Signer {
            service: "other",
            ..signer()
        },
        Signer {
            secret: String::new(),
            ..signer()
        },
    ] {
        let (_, foreign) = signed_by(&other, &USUAL, "{}")
            .split_once("Signature=")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        assert_eq!(outcome(&format!("{before}Signature={foreign}"), &USUAL, "{}", THEN), Ok(false));
    }
}

#[test]
fn a_signature_is_good_for_five_minutes() {
    let good = signed_by(&signer(), &USUAL, "{}");
    for now in [THEN - 300, THEN, THEN + 300] {
        assert_eq!(outcome(&good, &USUAL, "{}", now), Ok(true));
    }
    for now in [THEN - 301, THEN + 301, 0, i64::from(u32::MAX)] {
        assert!(matches!(outcome(&good, &USUAL, "{}", now), Err(Problem::Mismatch(_))), "{now}");
    }
    for wrong in [
        "20150830T123600",
        "20150830T1236000Z",
        "20150830 123600Z",
        "20150830T123660Z",
        "20151330T123600Z",
        "2015083\u{661}T123600Z",
        "",
    ] {
        let mut headers = USUAL;
        headers[2] = ("x-amz-date", wrong);
        let authorization = signed_by(&signer(), &headers, "{}");
        assert!(outcome(&authorization, &headers, "{}", THEN).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_not_signed_rightly_is_not_read() {
    let good = signed_by(&signer(), &USUAL, "{}");
    assert_eq!(
        Signature::read(&received("POST", "/a", &USUAL, "{}"), "service", THEN),
        Err(Problem::Missing)
    );
    for wrong in [
        String::new(),
        "Bearer x".to_owned(),
        "AWS4-HMAC-SHA256".to_owned(),
        "AWS4-HMAC-SHA256 ".to_owned(),
        good.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        good.replace("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256"),
        format!("{good}, Signature={}", "0".repeat(64)),
        format!("{good}, Credential=A/20150830/us-east-1/service/aws4_request"),
        format!("{good}, SignedHeaders=host;x-amz-date"),
        format!("{good}, Other=1"),
        good.replace("AKIDEXAMPLE", ""),
        good.replace("AKIDEXAMPLE", "A/B"),
        good.replace("AKIDEXAMPLE", "A'--"),
        good.replace("us-east-1", "us_east_1"),
        good.replace("/aws4_request", ""),
        good.replace("content-type;host;x-amz-date", ""),
        good.replace("content-type;host;x-amz-date", "host;content-type;x-amz-date"),
        good.replace("content-type;host;x-amz-date", "content-type;host;host;x-amz-date"),
        good.replace("content-type;host;x-amz-date", "Content-Type;Host;X-Amz-Date"),
        good.replace("content-type;host;x-amz-date", "content-type;host;other;x-amz-date"),
        good.replace("content-type;host;x-amz-date", "content-type;x-amz-date"),
        good.replace("content-type;host;x-amz-date", "host;x-amz-date"),
        good.replace("content-type;host;x-amz-date", "content-type;host"),
        good[..good.len() - 1].to_owned(),
        good.split_once("Signature=")
            .map(|(before, after)| format!("{before}Signature={}", after.to_uppercase()))
            .unwrap(),
        format!("{good}{}", " ".repeat(5000)),
    ] {
        let outcome = outcome(&wrong, &USUAL, "{}", THEN);
        assert!(matches!(outcome, Err(Problem::Incomplete(_))), "{wrong}: {outcome:?}");
    }
    // Two of a header, of those that are signed and of those that say who signs.
    for twice in ["content-type", "x-amz-date", "authorization", "host"] {
        let mut headers = USUAL.to_vec();
        headers.push(("authorization", good.as_str()));
        let again = headers.iter().find(|(name, _)| *name == twice).copied().unwrap();
        headers.push(again);
        let request = received("POST", "/a", &headers, "{}");
        assert!(
            matches!(Signature::read(&request, "service", THEN), Err(Problem::Incomplete(_))),
            "{twice}"
        );
    }
    // In the URL, and with temporary credentials.
    for query in [
        "X-Amz-Signature=1",
        "x-amz-algorithm=AWS4-HMAC-SHA256",
        "a=b&X-Amz-Credential=x",
        "X%2dAmz-Signature=1",
        "X-Amz-Security-Token=t",
    ] {
        let target = format!("/a?{query}");
        let mut headers = USUAL.to_vec();
        headers.push(("authorization", good.as_str()));
        let request = received("POST", &target, &headers, "{}");
        assert!(
            matches!(Signature::read(&request, "service", THEN), Err(Problem::Incomplete(_))),
            "{query}"
        );
    }
    let temporary = [&USUAL[..], &[("x-amz-security-token", "t")]].concat();
    assert_eq!(
        outcome(&signed_by(&signer(), &temporary, "{}"), &temporary, "{}", THEN),
        Err(Problem::SessionToken)
    );
    assert_eq!(outcome(&good, &temporary, "{}", THEN), Err(Problem::SessionToken));
}

#[test]
fn a_digest_of_the_body_must_be_that_of_the_body() {
    let digest = sha256_hex(b"{}");
    let with = |value: &str, is_covered: bool| {
        let headers = [USUAL[0], USUAL[1], ("x-amz-content-sha256", value), USUAL[2]];
        let covered: &[(&str, &str)] = if is_covered { &headers } else { &USUAL };
        outcome(&signed_by(&signer(), covered, "{}"), &headers, "{}", THEN)
    };
    assert_eq!(with(&digest, true), Ok(true));
    assert!(matches!(with(&digest, false), Err(Problem::Incomplete(_))));
    for wrong in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        &sha256_hex(b""),
        &digest.to_uppercase(),
        "",
    ] {
        assert!(matches!(with(wrong, true), Err(Problem::Mismatch(_))), "{wrong}");
    }
}

#[test]
fn other_headers_may_come_along() {
    let good = signed_by(&signer(), &USUAL, "{}");
    let more = [
        &USUAL[..],
        &[("user-agent", "x"), ("x-amz-cf-id", "y"), ("x-forwarded-for", "192.0.2.1")],
    ]
    .concat();
    assert_eq!(outcome(&good, &more, "{}", THEN), Ok(true));
}
