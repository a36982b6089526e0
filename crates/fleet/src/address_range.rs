//! A range of IP addresses in a security group's rule.

use core::net::IpAddr;
use std::fmt;

/// A range of IPv4 or IPv6 addresses, such as `203.0.113.7/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressRange {
    address: IpAddr,
    prefix: u8,
}

/// A text that is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not an address range: {problem}")]
pub struct AddressRangeError {
    text: String,
    problem: String,
}

impl AddressRange {
    /// The range with every IPv4 address, and the one with every IPv6 address.
    pub const EVERYTHING: [AddressRange; 2] = [
        AddressRange { address: IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), prefix: 0 },
        AddressRange { address: IpAddr::V6(core::net::Ipv6Addr::UNSPECIFIED), prefix: 0 },
    ];

    /// Returns the range with one address. An IPv4 address in IPv6 notation becomes one of IPv4.
    pub fn of(address: IpAddr) -> AddressRange {
        let address = address.to_canonical();
        AddressRange { address, prefix: longest_prefix(address) }
    }

    /// Parses a range. An address alone is a range of one.
    ///
    /// # Errors
    /// The text is no address, the prefix is too long, or bits beyond the prefix are set.
    pub fn parse(text: &str) -> Result<AddressRange, AddressRangeError> {
        let error = |problem: &str| AddressRangeError { text: text.into(), problem: problem.into() };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| error("write 203.0.113.7/32 or 2001:db8::1/128"))?;
        let longest = longest_prefix(address);
        let prefix = match prefix {
            None => longest,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                let prefix: Option<u8> = digits.parse().ok();
                let prefix = prefix.filter(|prefix| *prefix <= longest);
                prefix.ok_or_else(|| error(&format!("a prefix has 0 to {longest} bits")))?
            }
            Some(_) => return Err(error("the prefix is not a number")),
        };
        let rest = u32::from(longest - prefix);
        let ends = match address {
            IpAddr::V4(address) => u32::from(address).trailing_zeros() >= rest,
            IpAddr::V6(address) => u128::from(address).trailing_zeros() >= rest,
        };
        if !ends {
            return Err(error("bits beyond the prefix are set"));
        }
        Ok(AddressRange { address, prefix })
    }

    /// Whether it has one address only.
    pub fn is_single(&self) -> bool {
        self.prefix == longest_prefix(self.address)
    }

    /// Whether it has every address of its family.
    pub fn is_everything(&self) -> bool {
        self.prefix == 0
    }

    /// Whether it contains an address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let longest = longest_prefix(self.address);
        let rest = u32::from(longest - self.prefix);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u32::from(own) ^ u32::from(other)).checked_shr(rest).unwrap_or_default() == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (u128::from(own) ^ u128::from(other)).checked_shr(rest).unwrap_or_default() == 0
            }
            _ => false,
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix)
    }
}

fn longest_prefix(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_in_its_canonical_form() {
        let check = |text: &str, expected: Result<&str, &str>| match (AddressRange::parse(text), expected) {
            (Ok(range), Ok(expected)) => assert_eq!(range.to_string(), expected, "{text}"),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{text}: {error}"),
            (found, expected) => panic!("{text}: {found:?}, expected {expected:?}"),
        };
        check("203.0.113.7", Ok("203.0.113.7/32"));
        check("203.0.113.0/24", Ok("203.0.113.0/24"));
        check("0.0.0.0/0", Ok("0.0.0.0/0"));
        check("2001:DB8:0:0::1", Ok("2001:db8::1/128"));
        check("::/0", Ok("::/0"));
        check("203.0.113.7/24", Err("bits beyond the prefix are set"));
        check("203.0.113.0/33", Err("a prefix has 0 to 32 bits"));
        check("203.0.113.0/+8", Err("the prefix is not a number"));
        check("203.0.113.0/", Err("a prefix has 0 to 32 bits"));
        check("2001:db8::/129", Err("a prefix has 0 to 128 bits"));
        check("sg-0123", Err("write 203.0.113.7/32"));
        check("", Err("write 203.0.113.7/32"));
        check("-oProxyCommand=x", Err("write 203.0.113.7/32"));
    }

    #[test]
    fn a_range_contains_the_addresses_of_its_prefix() {
        let check = |range: &str, address: &str, expected: bool| {
            let found = AddressRange::parse(range).unwrap().contains(address.parse().unwrap());
            assert_eq!(found, expected, "{range} {address}");
        };
        check("203.0.113.0/24", "203.0.113.255", true);
        check("203.0.113.0/24", "203.0.114.0", false);
        check("203.0.113.7/32", "203.0.113.7", true);
        check("203.0.113.7/32", "203.0.113.6", false);
        check("0.0.0.0/0", "255.255.255.255", true);
        check("0.0.0.0/0", "::1", false);
        check("0.0.0.0/0", "::ffff:203.0.113.7", true);
        check("::/0", "2001:db8::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_notation_is_one_of_ipv4() {
        let range = AddressRange::of("::ffff:203.0.113.7".parse().unwrap());
        assert_eq!(range.to_string(), "203.0.113.7/32");
        assert!(range.is_single() && !range.is_everything());
        assert!(AddressRange::EVERYTHING.iter().all(AddressRange::is_everything));
    }
}
