//! From where a request comes.
//!
//! `X-Forwarded-For` is read from its end: a proxy adds the address that it has seen, and whatever stands before that, anybody may
//! have written. So the last address counts that is not a trusted proxy's. Where something else stands, nobody knows who was there:
//! then it is the last proxy that counts. Headers are read as bytes and all together, because whatever cannot be read must not make
//! an earlier line the last one.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The most proxies that a request goes through.
const MOST_PROXIES: usize = 16;

/// The address of the peer or, when that is a trusted proxy, the last address in `X-Forwarded-For` that is not one.
#[must_use]
pub fn of(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    if !is_in(trusted, peer) {
        return Some(peer);
    }
    let values = request.headers().get_all(FORWARDED_FOR);
    let lines: Vec<&[u8]> = values.map(actix_web::http::header::HeaderValue::as_bytes).collect();
    Some(behind(peer, &lines, trusted))
}

/// Whether whoever has connected is a trusted proxy.
#[must_use]
pub fn is_proxy(request: &HttpRequest, trusted: &[IpNet]) -> bool {
    request.peer_addr().is_some_and(|peer| is_in(trusted, peer.ip().to_canonical()))
}

/// Whether an address lies in one of these networks.
#[must_use]
pub fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// Who is behind a trusted proxy.
fn behind(proxy: IpAddr, lines: &[&[u8]], trusted: &[IpNet]) -> IpAddr {
    let mut last = proxy;
    let entries = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
    for entry in entries.take(MOST_PROXIES) {
        let Some(next) = address(entry) else { break };
        last = next;
        if !is_in(trusted, next) {
            break;
        }
    }
    last
}

/// An address as proxies write it: some add the port, brackets or a zone.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip().to_canonical());
    }
    let inside = text.strip_prefix('[').map_or(Some(text), |text| text.strip_suffix(']'))?;
    let without_zone = inside.split_once('%').map_or(inside, |(address, _)| address);
    without_zone
        .parse::<Ipv6Addr>()
        .ok()
        .map(|address| IpAddr::V6(address).to_canonical())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use ipnet::IpNet;

    use super::behind;

    const PROXY: &str = "10.0.0.1";

    /// Who is behind the proxy 10.0.0.1, to which another one of 10.0.0.0/24 or 2001:db8::/64 may have forwarded.
    fn found(lines: &[&[u8]]) -> String {
        let trusted: Vec<IpNet> = ["10.0.0.0/24", "2001:db8::/64"].map(|network| network.parse().unwrap()).into();
        let proxy: IpAddr = PROXY.parse().unwrap();
        behind(proxy, lines, &trusted).to_string()
    }

    #[test]
    fn the_last_address_that_is_no_proxy_of_ours_counts() {
        assert_eq!(found(&[]), PROXY);
        assert_eq!(found(&[b"1.1.1.1"]), "1.1.1.1");
        assert_eq!(found(&[b"9.9.9.9, 1.1.1.1"]), "1.1.1.1");
        assert_eq!(found(&[b"9.9.9.9,1.1.1.1,10.0.0.7, 2001:db8::5"]), "1.1.1.1");
        assert_eq!(found(&[b"10.0.0.7"]), "10.0.0.7", "the first proxy asks for itself");
        // Several lines are one list (RFC 9110 §5.3).
        assert_eq!(found(&[b"9.9.9.9", b"1.1.1.1"]), "1.1.1.1");
        assert_eq!(found(&[b"9.9.9.9, 1.1.1.1", b"10.0.0.7"]), "1.1.1.1");
    }

    #[test]
    fn addresses_are_written_in_many_ways() {
        for (written, meant) in [
            ("1.1.1.1:4711", "1.1.1.1"),
            ("::ffff:1.1.1.1", "1.1.1.1"),
            ("[::ffff:1.1.1.1]:80", "1.1.1.1"),
            ("2001:db8:1::2", "2001:db8:1::2"),
            ("[2001:db8:1::2]", "2001:db8:1::2"),
            ("[2001:db8:1::2]:443", "2001:db8:1::2"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]", "fe80::1"),
            ("\t 1.1.1.1 ", "1.1.1.1"),
        ] {
            assert_eq!(found(&[format!("9.9.9.9, {written}").as_bytes()]), meant);
        }
    }

    /// Whatever a stranger sends stands before what the proxy adds, and nothing that cannot be read moves that away.
    #[test]
    fn what_cannot_be_read_never_makes_an_earlier_address_count() {
        for nonsense in [
            &b""[..],
            b" ",
            b"unknown",
            b"_hidden",
            b"1.1.1",
            b"1.1.1.1.1",
            b"01.1.1.1",
            b"1.1.1.1/8",
            b"1.1.1.1 9.9.9.9",
            b"\xff\xfe",
            b"\xc3\xa9",
            b"[2001:db8::1",
            b"]",
            b"%",
            b"256.1.1.1",
            b"-1",
            b"localhost",
            b"for=1.1.1.1",
        ] {
            assert_eq!(found(&[b"9.9.9.9", nonsense]), PROXY, "{nonsense:?}");
            assert_eq!(found(&[[&b"9.9.9.9, "[..], nonsense].concat().as_slice()]), PROXY, "{nonsense:?}");
            let added = [nonsense, &b", 1.1.1.1"[..]].concat();
            assert_eq!(found(&[added.as_slice()]), "1.1.1.1", "{nonsense:?}");
            assert_eq!(found(&[nonsense, b"1.1.1.1"]), "1.1.1.1", "{nonsense:?}");
            // A proxy that adds to the last line.
            assert_eq!(
                found(&[b"9.9.9.9", &[nonsense, &b", 1.1.1.1"[..]].concat()]),
                "1.1.1.1",
                "{nonsense:?}"
            );
        }
    }

    #[test]
    fn a_list_without_end_is_not_read_to_its_end() {
        let long = format!("9.9.9.9{}", ",10.0.0.7".repeat(100_000)).into_bytes();
        assert_eq!(found(&[long.as_slice()]), "10.0.0.7");
    }
}
