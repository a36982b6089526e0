//! The ways in which spawnd gets onto an instance.

use console::{Failure, suggest_closest};

/// A way in which spawnd gets onto an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeliveryMethod {
    /// Through ssh, once the instance runs.
    Push,
    /// The instance gets it from this address, in which `{arch}` stands for `x86_64` or `aarch64`.
    Address(String),
    /// Not at all: only the dead-man bounds the life from inside.
    None,
}

impl DeliveryMethod {
    /// Reads the flag `--deliver` or the setting `deliver`.
    pub(crate) fn parse(text: &str) -> Result<DeliveryMethod, Failure> {
        match text {
            "push" => Ok(DeliveryMethod::Push),
            "none" => Ok(DeliveryMethod::None),
            _ if text.starts_with("https://") => Ok(DeliveryMethod::Address(text.to_string())),
            _ => {
                let near = suggest_closest(text, ["push", "none"]);
                let message = format!("\"{text}\" is not push, none or an https:// address{near}");
                Err(Failure::usage(message).hint("--deliver push sends spawnd through ssh"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_ways() {
        let check = |text: &str, expected: DeliveryMethod| {
            assert_eq!(DeliveryMethod::parse(text), Ok(expected), "{text}");
        };
        check("push", DeliveryMethod::Push);
        check("none", DeliveryMethod::None);
        let address = "https://mirror.example/spawnd-{arch}";
        check(address, DeliveryMethod::Address(address.to_string()));
        for bad in ["", "pull", "http://mirror.example/spawnd", "s3://bucket/prefix"] {
            let failure = DeliveryMethod::parse(bad).expect_err(bad);
            assert!(failure.message.contains("is not push, none or an https:// address"), "{failure}");
        }
    }
}
