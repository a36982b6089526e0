use std::fmt;

/// A text that AWS cannot have assigned as a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" is not {expected}")]
pub struct NameError {
    /// The given text.
    pub name: String,
    /// The expected form, with an example.
    pub expected: &'static str,
}

fn plain(text: &str, extra: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || extra.as_bytes().contains(&byte)
        })
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $check:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(String);

        impl $type {
            /// Returns whether a text has the form of such a name.
            pub fn is_valid(text: &str) -> bool {
                let good: fn(&str) -> bool = $check;
                good(text)
            }

            /// Checks the spelling only; the warehouse knows whether AWS has the name.
            pub fn parse(text: &str) -> Result<$type, NameError> {
                if $type::is_valid(text) {
                    Ok($type(text.to_string()))
                } else {
                    Err(NameError { name: text.to_string(), expected: $expected })
                }
            }

            /// The name as AWS spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A region code such as `eu-central-1` or `us-gov-west-1`, or a local zone group such as
    /// `us-west-2-lax-1`.
    Region,
    |text| plain(text, "-") && text.contains('-') && text.ends_with(|c: char| c.is_ascii_digit()),
    "a region code such as eu-central-1"
);

name!(
    /// A zone id such as `use1-az4`: the same place for every account, unlike a zone name.
    AzId,
    |text| plain(text, "-") && text.contains("-az"),
    "a zone id such as use1-az4"
);

name!(
    /// An instance type such as `m7i.xlarge` or `u-3tb1.56xlarge`.
    InstanceType,
    |text| plain(text, "-.") && text.split_once('.').is_some_and(|(f, s)| !f.is_empty() && !s.is_empty() && !s.contains('.')),
    "an instance type such as m7i.xlarge"
);

impl InstanceType {
    /// Returns the part before the dot: `m7i`, `u-3tb1`.
    pub fn family(&self) -> &str {
        self.0.split_once('.').expect("checked by parse").0
    }

    /// Returns the part after the dot: `xlarge`, `metal-24xl`.
    pub fn size(&self) -> &str {
        self.0.split_once('.').expect("checked by parse").1
    }

    /// Returns the generation number in the family's name: 7 for `m7i`, 2 for `mac2-m1ultra`, 1 for
    /// `u-3tb1`, 7 for `u7i-12tb`. `None` if the family has no digit.
    pub fn generation(&self) -> Option<u32> {
        let family = self.family();
        // `u-3tb1`: the first digits give the memory, the last the generation.
        let from = if family.starts_with("u-") { family.rfind("tb").map_or(0, |at| at + 2) } else { 0 };
        let digits: String = family[from..]
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().ok()
    }
}

/// Returns whether a text has the form of a provider's code, such as the region or the instance
/// type of a bill: at most 128 printable ASCII characters.
pub fn is_code(text: &str) -> bool {
    let is_printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    !text.is_empty() && text.len() <= 128 && text.bytes().all(is_printable)
}

/// Returns the operating system of a spot product in the datasets' spelling: `linux`, `rhel`,
/// `suse` or `windows`. Accepts AWS's product descriptions, with or without ` (Amazon VPC)`, and
/// the datasets' spelling. `None` for any other text.
pub fn parse_spot_product(words: &str) -> Option<&'static str> {
    Some(match words.strip_suffix(" (Amazon VPC)").unwrap_or(words) {
        "Linux/UNIX" | "linux" => "linux",
        "Red Hat Enterprise Linux" | "rhel" => "rhel",
        "SUSE Linux" | "suse" => "suse",
        "Windows" | "windows" => "windows",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_instance_types_into_family_size_and_generation() {
        let check = |name: &str, family: &str, size: &str, generation: Option<u32>| {
            let t = InstanceType::parse(name).unwrap();
            assert_eq!((t.family(), t.size(), t.generation()), (family, size, generation), "{name}");
        };
        check("m7i.xlarge", "m7i", "xlarge", Some(7));
        check("m7i-flex.large", "m7i-flex", "large", Some(7));
        check("c8g.metal-48xl", "c8g", "metal-48xl", Some(8));
        check("u-3tb1.56xlarge", "u-3tb1", "56xlarge", Some(1));
        check("u7i-12tb.224xlarge", "u7i-12tb", "224xlarge", Some(7));
        check("mac2-m1ultra.metal", "mac2-m1ultra", "metal", Some(2));
        check("hpc7a.96xlarge", "hpc7a", "96xlarge", Some(7));
        check("is4gen.large", "is4gen", "large", Some(4));
    }

    #[test]
    fn rejects_bad_names() {
        for bad in ["", "m7i", ".large", "m7i.", "M7i.large", "m7i.large.x", "m7i large", "m7i.l'; --"] {
            assert!(InstanceType::parse(bad).is_err(), "{bad}");
        }
        for bad in ["", "us", "us-east", "US-EAST-1", "us east 1"] {
            assert!(Region::parse(bad).is_err(), "{bad}");
        }
        for bad in ["", "us-east-1a", "USE1-AZ1"] {
            assert!(AzId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn accepts_regions_and_zone_ids() {
        for good in ["us-east-1", "us-gov-west-1", "us-west-2-lax-1", "us-east-1-wl1-bna1", "eusc-de-east-1"]
        {
            assert_eq!(Region::parse(good).unwrap().as_str(), good);
        }
        for good in ["use1-az4", "usw2-lax1-az1"] {
            assert_eq!(AzId::parse(good).unwrap().as_str(), good);
        }
    }
}
