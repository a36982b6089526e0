/// The error for a text that is not a memory size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a memory size such as 64GiB, 64gb, 512MiB or 1.5TiB")]
pub struct MemoryError(pub String);

/// Parses a memory size into MiB. A bare number is GiB, as on every EC2 page. `gb`, `g` and `gib`
/// are all GiB (AWS writes "GB" for GiB too), likewise `mb`/`mib`/`m` and `tb`/`tib`/`t`. Letter
/// case does not matter.
pub fn parse_memory_mib(text: &str) -> Result<f64, MemoryError> {
    let lower = text.trim().to_ascii_lowercase();
    let split = lower.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(lower.len());
    let (number, unit) = lower.split_at(split);
    let factor = match unit {
        "" | "g" | "gb" | "gib" => 1024.0,
        "m" | "mb" | "mib" => 1.0,
        "t" | "tb" | "tib" => 1024.0 * 1024.0,
        _ => return Err(MemoryError(text.to_string())),
    };
    let number = number.trim();
    let plain = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    match number.parse::<f64>() {
        Ok(value) if plain && value.is_finite() => Ok(value * factor),
        _ => Err(MemoryError(text.to_string())),
    }
}

/// Converts MiB to GiB.
pub fn mib_to_gib(mib: i64) -> f64 {
    mib as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_memory_sizes() {
        let check = |text: &str, mib: f64| assert_eq!(parse_memory_mib(text), Ok(mib), "{text}");
        check("64", 65536.0);
        check("64GiB", 65536.0);
        check("64 gb", 65536.0);
        check("0.5g", 512.0);
        check("512MiB", 512.0);
        check("1.5TiB", 1.5 * 1048576.0);
        for bad in ["", "GiB", "-4", "4x", "1e3", "4 4", "nan", "inf", "1..2"] {
            assert!(parse_memory_mib(bad).is_err(), "{bad}");
        }
    }
}
