//! The addresses that an alert may be sent to. A name is resolved once, all of its addresses are
//! judged, and only judged addresses are connected to, so that a name cannot lead elsewhere later.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// Resolves a host.
///
/// # Errors
/// The host has no address, or one of its addresses is private although `allow_private` is false.
pub(crate) fn resolve(host: &str, port: u16, allow_private: bool) -> Result<Vec<SocketAddr>, String> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = (host, port).to_socket_addrs().map_err(|_| "host not found".to_string())?;
    let found: Vec<SocketAddr> = found.collect();
    if found.is_empty() {
        return Err("host not found".to_string());
    }
    match allow_private || !found.iter().any(|address| is_private(address.ip())) {
        true => Ok(found),
        false => Err("the host has a private address, which needs allow_private = true".to_string()),
    }
}

/// Returns whether an address is not one of the public internet: this machine, a private or shared
/// network, a link, a test network, or a group. Such a block of IPv4 is private inside IPv6 too.
///
/// Blocks: IANA's special-purpose address registries for IPv4 and IPv6 (RFC 6890).
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => {
            let [a, b, .., y, z] = address.segments();
            let inner = Ipv4Addr::from((u32::from(y) << 16) | u32::from(z));
            let is_translated = a == 0x64 && b == 0xff9b;
            match address.to_ipv4_mapped() {
                Some(mapped) => is_private_v4(mapped),
                None if is_translated => is_private_v4(inner),
                None => is_private_v6(address),
            }
        }
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || (a == 192 && b == 0 && c == 0)
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    // Only 2000::/3 is public, without Teredo, benchmarking and ORCHID (2001::/23), documentation
    // and 6to4, which contains an IPv4 address.
    let [a, b, ..] = address.segments();
    a & 0xe000 != 0x2000 || (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || a == 0x2002 || a == 0x3fff
}

#[cfg(test)]
mod tests {
    use super::{is_private, resolve};

    #[test]
    fn addresses_outside_the_public_internet_are_private() {
        let private = "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.16.0.1 172.31.255.255 \
            192.0.0.8 192.0.2.1 192.168.1.1 198.18.0.1 198.19.255.1 203.0.113.9 224.0.0.1 255.255.255.255 \
            :: ::1 ::ffff:10.0.0.1 64:ff9b::a9fe:a9fe fc00::1 fd12::1 fe80::1 ff02::1 2001:db8::1 \
            2001::1 2002:7f00:1::";
        for address in private.split_whitespace() {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        let public = "1.1.1.1 8.8.8.8 100.63.0.1 100.128.0.1 172.15.0.1 172.32.0.1 198.17.0.1 198.20.0.1 \
            223.255.255.1 2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::808:808";
        for address in public.split_whitespace() {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_private_address_needs_permission() {
        let refused = resolve("127.0.0.1", 443, false).unwrap_err();
        assert_eq!(refused, "the host has a private address, which needs allow_private = true");
        assert_eq!(resolve("127.0.0.1", 443, true).unwrap().len(), 1);
        assert!(resolve("[::1]", 443, true).unwrap()[0].is_ipv6());
        assert!(resolve("[::1]", 443, false).is_err());
    }
}
