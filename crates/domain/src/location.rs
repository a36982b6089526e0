//! The names of regions: those of AWS's price lists and consoles of all years, and those that
//! people write.
//!
//! Sources of the names: `Location` in the EC2 price lists since 2018-05 ("EU (Ireland)" until
//! 2021, "Europe (Ireland)" in later consoles), AWS's `locations.json` for its price pages, the AWS
//! General Reference ("Regional endpoints"), and "AWS Local Zones locations". Two Wavelength zones
//! of 2020 have the code of their group alone.

use crate::names::{NameError, Region};

/// A region, the names that AWS's files and consoles have for it, and other names of the place.
type LocationRow = (&'static str, &'static [&'static str], &'static [&'static str]);

#[rustfmt::skip]
const LOCATIONS: &[LocationRow] = &[
    ("us-east-1", &["US East (N. Virginia)", "US East (Northern Virginia)", "US East (Virginia)"],
        &["N. Virginia", "Northern Virginia", "North Virginia", "Virginia", "US Standard"]),
    ("us-east-2", &["US East (Ohio)"], &["Ohio", "Columbus"]),
    ("us-west-1", &["US West (N. California)", "US West (Northern California)"],
        &["N. California", "Northern California", "North California", "California", "San Francisco"]),
    ("us-west-2", &["US West (Oregon)"], &["Oregon"]),
    ("us-gov-west-1", &["AWS GovCloud (US)", "AWS GovCloud (US-West)", "AWS GovCloud (US-Northwest)"],
        &["GovCloud West", "GovCloud US-West"]),
    ("us-gov-east-1", &["AWS GovCloud (US-East)"], &["GovCloud East", "GovCloud US-East"]),
    ("us-iso-east-1", &["US ISO East"], &[]),
    ("us-iso-west-1", &["US ISO West"], &[]),
    ("us-isob-east-1", &["US ISOB East (Ohio)"], &[]),
    ("ca-central-1", &["Canada (Central)"], &["Montreal", "Canada Montreal"]),
    ("ca-west-1", &["Canada West (Calgary)", "Canada (Calgary)"], &["Calgary"]),
    ("mx-central-1", &["Mexico (Central)"], &["Mexico", "Queretaro"]),
    ("sa-east-1", &["South America (Sao Paulo)"], &["Sao Paulo", "Brazil"]),
    ("eu-central-1", &["EU (Frankfurt)", "EU Central (Frankfurt)"], &["Frankfurt", "Germany"]),
    ("eu-central-2", &["EU (Zurich)"], &["Zurich", "Switzerland"]),
    ("eu-west-1", &["EU (Ireland)", "EU West (Ireland)"], &["Ireland", "Dublin"]),
    ("eu-west-2", &["EU (London)", "EU West (London)"], &["London", "United Kingdom", "England"]),
    ("eu-west-3", &["EU (Paris)", "EU West (Paris)"], &["Paris", "France"]),
    ("eu-north-1", &["EU (Stockholm)", "EU North (Stockholm)"], &["Stockholm", "Sweden"]),
    ("eu-south-1", &["EU (Milan)"], &["Milan", "Milano", "Italy"]),
    ("eu-south-2", &["EU (Spain)"], &["Spain", "Zaragoza", "Aragon"]),
    ("eusc-de-east-1", &["AWS European Sovereign Cloud (Germany)", "EU Sovereign Cloud (Brandenburg)"],
        &["European Sovereign Cloud", "Brandenburg", "eusc"]),
    ("ap-east-1", &["Asia Pacific (Hong Kong)"], &["Hong Kong"]),
    ("ap-east-2", &["Asia Pacific (Taipei)"], &["Taipei", "Taiwan"]),
    ("ap-northeast-1", &["Asia Pacific (Tokyo)"], &["Tokyo"]),
    ("ap-northeast-2", &["Asia Pacific (Seoul)"], &["Seoul", "Korea", "South Korea"]),
    ("ap-northeast-3", &["Asia Pacific (Osaka-Local)", "Asia Pacific (Osaka)"], &["Osaka"]),
    ("ap-south-1", &["Asia Pacific (Mumbai)"], &["Mumbai", "Bombay"]),
    ("ap-south-2", &["Asia Pacific (Hyderabad)"], &["Hyderabad"]),
    ("ap-southeast-1", &["Asia Pacific (Singapore)"], &["Singapore"]),
    ("ap-southeast-2", &["Asia Pacific (Sydney)"], &["Sydney"]),
    ("ap-southeast-3", &["Asia Pacific (Jakarta)"], &["Jakarta", "Indonesia"]),
    ("ap-southeast-4", &["Asia Pacific (Melbourne)"], &["Melbourne"]),
    ("ap-southeast-5", &["Asia Pacific (Malaysia)"], &["Malaysia", "Kuala Lumpur"]),
    ("ap-southeast-6", &["Asia Pacific (New Zealand)"], &["New Zealand", "Auckland"]),
    ("ap-southeast-7", &["Asia Pacific (Thailand)"], &["Thailand", "Bangkok"]),
    ("me-south-1", &["Middle East (Bahrain)"], &["Bahrain"]),
    ("me-central-1", &["Middle East (UAE)"], &["UAE", "Dubai", "United Arab Emirates"]),
    ("il-central-1", &["Israel (Tel Aviv)"], &["Tel Aviv", "Israel"]),
    ("af-south-1", &["Africa (Cape Town)"], &["Cape Town", "South Africa"]),
    ("cn-north-1", &["China (Beijing)"], &["Beijing"]),
    ("cn-northwest-1", &["China (Ningxia)"], &["Ningxia"]),
    // Local zones and Wavelength zones in price lists from before 2021.
    ("us-west-2-lax-1", &["US West (Los Angeles)"], &[]),
    ("us-east-1-bos-1", &["US East (Boston)"], &[]),
    ("us-east-1-iah-1", &["US East (Houston)"], &[]),
    ("us-east-1-mia-1", &["US East (Miami)"], &[]),
    ("us-east-1-wl1", &["US East (Verizon) - Boston"], &[]),
    ("us-east-1-wl1-atl1", &["US East (Verizon) - Atlanta"], &[]),
    ("us-east-1-wl1-dfw1", &["US East (Verizon) - Dallas"], &[]),
    ("us-east-1-wl1-mia1", &["US East (Verizon) - Miami"], &[]),
    ("us-east-1-wl1-nyc1", &["US East (Verizon) - New York"], &[]),
    ("us-east-1-wl1-was1", &["US East (Verizon) - Washington DC"], &[]),
    ("us-west-2-wl1", &["US West (Verizon) - San Francisco Bay Area"], &[]),
    ("us-west-2-wl1-den1", &["US West (Verizon) - Denver"], &[]),
    ("us-west-2-wl1-las1", &["US West (Verizon) - Las Vegas"], &[]),
    ("us-west-2-wl1-sea1", &["US West (Verizon) - Seattle"], &[]),
    ("ap-northeast-1-wl1-nrt1", &["Asia Pacific (KDDI) - Tokyo"], &[]),
    ("ap-northeast-1-wl1-kix1", &["Asia Pacific (KDDI) - Osaka"], &[]),
    ("ap-northeast-2-wl1-cjj1", &["Asia Pacific (SKT) - Daejeon"], &[]),
];

/// Returns the code of a location as a price list spells it: `EU (Ireland)` and `Europe (Ireland)`
/// are `eu-west-1`. `None` for an unknown location.
pub fn region_of_location(name: &str) -> Option<&'static str> {
    let wanted = location_letters(name);
    LOCATIONS
        .iter()
        .find(|(_, names, _)| names.iter().any(|name| is_spelt(name, &wanted)))
        .map(|(code, ..)| *code)
}

/// A text that is not the name of one region. The message is a lowercase fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegionNameError {
    /// Several regions may be meant.
    #[error("\"{name}\" is several regions: {}", regions.join(", "))]
    Several {
        /// The given text.
        name: String,
        /// Codes of the regions.
        regions: Vec<&'static str>,
    },
    /// A zone name, which is another place in each account.
    #[error("\"{name}\" is a zone of {region}: expected a region")]
    Zone {
        /// The given text.
        name: String,
        /// The zone's region.
        region: &'static str,
    },
    /// Neither a code nor a known name.
    #[error(transparent)]
    Unknown(#[from] NameError),
}

/// Reads the name of a region as people, consoles and other tools write it, without regard to case,
/// spaces, hyphens and parentheses: `eu-central-1`, `US_EAST_1`, `useast1`, `use1`, `Frankfurt`,
/// `eu-frankfurt`, `EU (Stockholm)`. Any other text that is spelt like a code is taken as one; the
/// warehouse knows whether AWS has it.
pub fn parse_region_name(text: &str) -> Result<Region, RegionNameError> {
    let code = match find_regions(text).as_slice() {
        [] => {
            let zone = find_regions(text.trim_end_matches(|c: char| c.is_ascii_alphabetic()));
            if let ([region], Err(_)) = (zone.as_slice(), Region::parse(text)) {
                return Err(RegionNameError::Zone { name: text.into(), region });
            }
            text
        }
        [one] => *one,
        several => {
            return Err(RegionNameError::Several { name: text.into(), regions: several.to_vec() });
        }
    };
    Ok(Region::parse(code)?)
}

/// Returns the regions that a text may mean: one for a name, several for a part of the world such
/// as `us east` or `Europe`, and none for any other text.
pub fn find_regions(text: &str) -> Vec<&'static str> {
    let (plain, wanted) = (letters(text), location_letters(text));
    if wanted.is_empty() {
        return Vec::new();
    }
    // Local zones have no names of people, and a part of the world does not mean them.
    let regions = || LOCATIONS.iter().filter(|(_, _, others)| !others.is_empty() || wanted.contains("iso"));
    // Google Cloud's europe-west3 is not eu-west-3, so a code is not compared like a name.
    let is_it = |(code, names, others): &&LocationRow| {
        is_spelt(code, &plain)
            || (plain.len() <= LONGEST_SHORT_CODE && short_code(code) == plain)
            || names.iter().chain(*others).any(|name| is_spelt(name, &wanted))
    };
    if let Some((code, ..)) = regions().find(is_it) {
        return vec![code];
    }
    let part = match wanted.as_str() {
        "asia" | "asiapacific" | "apac" => "ap",
        "usa" | "unitedstates" => "us",
        "govcloud" | "awsgovcloud" => "usgov",
        "china" => "cn",
        other => other,
    };
    // `us`, `us-gov` and `us-gov-west` are parts of the world, and `us-gov-west-1` is a region.
    let is_part = |code: &str| {
        let ends = code.match_indices('-').map(|(at, _)| at);
        ends.into_iter().any(|end| is_spelt(&code[..end], part))
    };
    regions().map(|(code, ..)| *code).filter(|code| is_part(code)).collect()
}

/// Returns the codes of all regions, and the names that people have for their places.
pub fn region_names() -> impl Iterator<Item = &'static str> {
    let regions = LOCATIONS.iter().filter(|(_, _, others)| !others.is_empty());
    regions.flat_map(|(code, _, others)| others.iter().copied().chain([*code]))
}

/// Length of the longest short code, such as `usgw1` and `apne1`, with a digit to spare.
const LONGEST_SHORT_CODE: usize = 6;

/// Returns the beginning of a region's zone ids: `use1` for `us-east-1`.
fn short_code(code: &str) -> String {
    let direction = |word: &str| {
        match word {
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            "gov" => "g",
            other => other.get(..1).unwrap_or_default(),
        }
        .to_string()
    };
    let mut words = code.split('-');
    let continent = words.next().unwrap_or_default();
    words.fold(continent.to_string(), |short, word| short + &direction(word))
}

/// Whether the text has these letters. The names of the table have no accent and spell Europe as
/// EU.
fn is_spelt(text: &str, letters: &str) -> bool {
    let plain = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
    plain.eq(letters.chars())
}

/// Returns the letters of a location, with `Europe` spelt as `EU`, as in earlier years.
fn location_letters(name: &str) -> String {
    let letters = letters(name);
    // Not in the name of the European Sovereign Cloud.
    match letters.strip_prefix("europe").filter(|rest| !rest.starts_with("an")) {
        Some(rest) => format!("eu{rest}"),
        None => letters,
    }
}

/// Returns the letters and digits of a text in lowercase, without accents.
fn letters(text: &str) -> String {
    let plain = |c: char| match c {
        'ã' | 'á' => 'a',
        'é' => 'e',
        'ü' => 'u',
        other => other,
    };
    text.chars().flat_map(char::to_lowercase).map(plain).filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_of_any_year_names_its_region() {
        let check =
            |name: &str, expected: Option<&str>| assert_eq!(region_of_location(name), expected, "{name}");
        check("US East (N. Virginia)", Some("us-east-1"));
        check("EU (Ireland)", Some("eu-west-1"));
        check("Europe (Ireland)", Some("eu-west-1"));
        check("Asia Pacific (Osaka-Local)", Some("ap-northeast-3"));
        check("Asia Pacific (Osaka)", Some("ap-northeast-3"));
        check("South America (Sao Paulo)", Some("sa-east-1"));
        check("South America (São Paulo)", Some("sa-east-1"));
        check("AWS GovCloud (US)", Some("us-gov-west-1"));
        check("AWS GovCloud (US-East)", Some("us-gov-east-1"));
        check("US West (Los Angeles)", Some("us-west-2-lax-1"));
        check("US East (Verizon) - Boston", Some("us-east-1-wl1"));
        check("US East (Boston)", Some("us-east-1-bos-1"));
        check("Canada (Central)", Some("ca-central-1"));
        check("China (Ningxia)", Some("cn-northwest-1"));
        check("Europe (Spain)", Some("eu-south-2"));
        check("Frankfurt", None);
        check("US East", None);
        check("Moon (Tycho)", None);
        check("", None);
    }

    #[test]
    fn names_and_codes_are_unique() {
        let names: Vec<String> = LOCATIONS
            .iter()
            .flat_map(|(code, names, others)| {
                names.iter().chain(*others).map(|name| location_letters(name)).chain([letters(code)])
            })
            .collect();
        let different: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert!(LOCATIONS.iter().all(|(code, ..)| crate::partition_of(code).is_some()));
    }

    #[test]
    fn reads_region_names_as_people_write_them() {
        let check = |text: &str, expected: &str| {
            let read = parse_region_name(text).map(|region| region.to_string());
            assert_eq!(read.unwrap_or_else(|error| error.to_string()), expected, "{text}");
        };
        check("eu-central-1", "eu-central-1");
        check("US-EAST-1", "us-east-1");
        check("us_east_1", "us-east-1");
        check("us-east1", "us-east-1");
        check("use1", "us-east-1");
        check("apse2", "ap-southeast-2");
        check("usgw1", "us-gov-west-1");
        check("Frankfurt", "eu-central-1");
        check("eu-frankfurt", "eu-central-1");
        check("EU (Stockholm)", "eu-north-1");
        check("Europe (Stockholm)", "eu-north-1");
        check("N. Virginia", "us-east-1");
        check("European Sovereign Cloud", "eusc-de-east-1");
        check("AWS European Sovereign Cloud (Germany)", "eusc-de-east-1");
        check("São Paulo", "sa-east-1");
        check("tel-aviv", "il-central-1");
        check("eu-north", "eu-north-1");
        check("us-gov-west", "us-gov-west-1");
        check("us-west-2-lax-1", "us-west-2-lax-1");
        check("eu-west-9", "eu-west-9");
        check("europe-west3", "europe-west3");
        check("us east", "\"us east\" is several regions: us-east-1, us-east-2");
        check("govcloud", "\"govcloud\" is several regions: us-gov-west-1, us-gov-east-1");
        check("China", "\"China\" is several regions: cn-north-1, cn-northwest-1");
        check("us-east-1a", "\"us-east-1a\" is a zone of us-east-1: expected a region");
        check("", "\"\" is not a region code such as eu-central-1");
        check("moon", "\"moon\" is not a region code such as eu-central-1");
        assert_eq!(find_regions("Europe").len(), 8);
        assert_eq!(find_regions("apac").len(), 14);
    }
}
