//! Gaps: missing data, with the reason.

use std::fmt;

/// A part of the data that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The failed call as IAM names it, such as `ec2:DescribeVolumes`; `None` if no call failed.
    pub action: Option<&'static str>,
    /// AWS's error code, or a word of ours such as `no-answer`; `None` if the sentence says it all.
    pub code: Option<String>,
    /// The reason, a lowercase fragment. It names the action too, because the lake stores only this
    /// text.
    pub why: String,
}

impl Gap {
    /// Returns a gap of a failed call.
    pub fn of_call(action: &'static str, code: &str, why: String) -> Gap {
        Gap { action: Some(action), code: Some(code.into()), why }
    }

    /// Whether a call of this action failed.
    pub fn is_of(&self, action: &str) -> bool {
        self.action == Some(action)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<String> for Gap {
    fn from(why: String) -> Gap {
        Gap { action: None, code: None, why }
    }
}

impl From<&str> for Gap {
    fn from(why: &str) -> Gap {
        why.to_string().into()
    }
}
