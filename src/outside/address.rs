//! Which addresses are on the public internet (RFC 6890 and the IANA special-purpose address registries), and which of the
//! others an operator may name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Networks of IPv4 that are not the public internet: first address, bits, and what they are.
const SPECIAL_V4: [(Ipv4Addr, u32, &str); 17] = [
    (Ipv4Addr::UNSPECIFIED, 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared by a carrier"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "protocol assignments"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "AS112"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "AMT"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved or broadcast"),
];

/// Networks of IPv6 inside [`GLOBAL_V6`] that are not the public internet, or lead back into IPv4.
const SPECIAL_V6: [(Ipv6Addr, u32, &str); 5] = [
    // Teredo, ORCHID, benchmarking and the other protocol assignments.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "protocol assignments"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48, "AS112"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "documentation"),
];

/// The only part of IPv6 that is given out as global unicast (RFC 4291 §2.4, IANA). Outside of it lie loopback, `::`,
/// addresses that hold IPv4 ones (mapped, compatible, NAT64), unique local, link-local, site-local, multicast and
/// discard addresses: none of them has to be named.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What an address is, if it is not one of the public internet.
#[must_use]
pub fn special_use(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => SPECIAL_V4
            .iter()
            .find(|(network, bits, _)| address.to_bits() >> (32 - bits) == network.to_bits() >> (32 - bits))
            .map(|(_, _, name)| *name),
        IpAddr::V6(address) => {
            let is_in = |network: Ipv6Addr, bits: u32| address.to_bits() >> (128 - bits) == network.to_bits() >> (128 - bits);
            if !is_in(GLOBAL_V6.0, GLOBAL_V6.1) {
                return Some("not global unicast");
            }
            SPECIAL_V6
                .iter()
                .find(|(network, bits, _)| is_in(*network, *bits))
                .map(|(_, _, name)| *name)
        }
    }
}

/// Networks that people have of their own (RFC 1918, RFC 6598), of IPv4. Whole parts of these can be named.
const OWN_V4: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
];
/// And of IPv6 (RFC 4193).
const OWN_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7);

/// Inside of these, where clouds tell whoever asks about the machine and its credentials.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Whether these networks, which an operator has named, have an address that is not on the public internet. This machine,
/// link-local addresses and what else is peculiar only if it is named alone.
#[must_use]
pub fn is_named(address: IpAddr, networks: &[IpNet]) -> bool {
    networks.iter().any(|network| {
        let is_alone = network.prefix_len() == network.max_prefix_len();
        network.contains(&address) && if is_alone { can_be_named(address) } else { is_own(address) }
    })
}

/// A network that can be named: a part of those that people have of their own, or a single address.
///
/// # Errors
/// A sentence that says what can be.
pub fn nameable(network: IpNet) -> Result<IpNet, String> {
    let network = network.trunc();
    let is_inside = match network {
        IpNet::V4(network) => OWN_V4.iter().any(|own| own.contains(&network)),
        IpNet::V6(network) => OWN_V6.contains(&network),
    };
    let is_alone = network.prefix_len() == network.max_prefix_len();
    if is_inside || is_alone && can_be_named(network.addr()) {
        return Ok(network);
    }
    Err(format!(
        "{network} must be inside of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 or fc00::/7, or be a single address that is not public"
    ))
}

fn is_own(address: IpAddr) -> bool {
    let is_inside = match address {
        IpAddr::V4(address) => OWN_V4.iter().any(|own| own.contains(&address)),
        IpAddr::V6(address) => OWN_V6.contains(&address),
    };
    is_inside && !METADATA.contains(&address)
}

/// Whether a single address can be named: not what nobody has, what is for many, what is public anyway, and of IPv6 nothing
/// that leads back into IPv4.
fn can_be_named(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => special_use(address).is_some() && (1..224).contains(&v4.octets()[0]),
        IpAddr::V6(v6) => v6.is_loopback() || OWN_V6.contains(&v6),
    }
}
