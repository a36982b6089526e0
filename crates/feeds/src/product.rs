//! Translates AWS's names of operating systems, software and terms into those of the datasets.

use domain::Timestamp;

/// Returns the operating system as `price.os` spells it; `None` for an unknown one.
pub(crate) fn os(words: &str) -> Option<&'static str> {
    Some(match words {
        "Linux" => "linux",
        "RHEL" | "Red Hat Enterprise Linux" => "rhel",
        "Red Hat Enterprise Linux with HA" => "rhel-ha",
        "SUSE" | "SUSE Linux" => "suse",
        "Ubuntu Pro" => "ubuntu-pro",
        "Windows" => "windows",
        _ => return None,
    })
}

/// Returns the preinstalled software; `None` for an unknown one.
pub(crate) fn software(words: &str) -> Option<&'static str> {
    Some(match words {
        "" | "NA" => "none",
        "SQL Std" => "sql-std",
        "SQL Web" => "sql-web",
        "SQL Ent" => "sql-ent",
        _ => return None,
    })
}

/// Returns the source of the licence. Windows without a licence of your own includes one.
pub(crate) fn licence(words: &str, os: &str) -> &'static str {
    match (words, os) {
        ("Bring your own license", _) => "byol",
        (_, "linux") => "none",
        _ => "included",
    }
}

/// Returns the (os, software, licence) of an EC2 operation. Savings Plans have no other key to
/// them.
pub(crate) fn operation(code: &str) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match code.strip_prefix("RunInstances")? {
        "" => ("linux", "none", "none"),
        ":0010" => ("rhel", "none", "included"),
        ":1010" => ("rhel-ha", "none", "included"),
        ":000g" => ("suse", "none", "included"),
        ":0g00" => ("ubuntu-pro", "none", "included"),
        ":0002" => ("windows", "none", "included"),
        ":0800" => ("windows", "none", "byol"),
        ":0006" => ("windows", "sql-std", "included"),
        ":0102" => ("windows", "sql-ent", "included"),
        ":0202" => ("windows", "sql-web", "included"),
        ":0210" => ("rhel", "sql-web", "included"),
        ":1014" => ("rhel-ha", "sql-std", "included"),
        ":0004" => ("linux", "sql-std", "included"),
        _ => return None,
    })
}

/// The reason to leave out a row of a region that no partition is known to have.
pub(crate) const NO_PARTITION: &str = "a region of no known partition";

/// The reason to leave out a price that does not state its currency, of a region whose partition
/// has no known one.
pub(crate) const NO_CURRENCY: &str = "a region whose currency is not known";

/// Returns the payment option of a lease.
pub(crate) fn payment(words: &str) -> Option<&'static str> {
    Some(match words {
        "No Upfront" => "no-upfront",
        "Partial Upfront" => "partial-upfront",
        "All Upfront" => "all-upfront",
        _ => return None,
    })
}

/// Parses an instant of a price list. A day stands for its first moment.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    domain::parse_instant(text)
}
