//! How much of what there is a file holds. A CSV says nowhere how long it is, and neither CSV nor JSON says that
//! nothing was picked from it: what cannot be known to be whole must not retire what it does not list.

use std::collections::HashSet;

/// What is known of how much a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// All that its publication says of its regions, as somebody knows who fetched it.
    Yes,
    /// A part of it, as somebody says.
    No,
    /// Nobody says. `sealed`: it was compressed, so that it cannot have lost its end; JSON has an end of its own.
    Unsaid {
        /// Its end is known.
        sealed: bool,
    },
}

/// How much a file tells of its scopes: all of it, or a part and why no more is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    All,
    Part(&'static str),
    /// It tells what was asked for, and nothing is missing from that.
    Asked,
}

/// Instance types that a list of any region of AWS has at least; the smallest ones have some two hundred.
const TYPES: usize = 100;

/// Counts the instance types of a price list.
#[derive(Debug, Default)]
pub(crate) struct Types(HashSet<String>);

impl Types {
    pub(crate) fn see(&mut self, instance_type: &str) {
        if self.0.len() < TYPES && !instance_type.is_empty() && !self.0.contains(instance_type) {
            self.0.insert(instance_type.into());
        }
    }

    /// Whether the list counts as whole.
    pub(crate) fn share(&self, whole: Whole) -> Share {
        match whole {
            Whole::Yes => Share::All,
            Whole::No => Share::Part("it was said to be a part"),
            Whole::Unsaid { sealed: false } => Share::Part(
                "the file does not say where it ends, so more may have been listed; --whole says that it is all",
            ),
            Whole::Unsaid { .. } if self.0.len() < TYPES => Share::Part(
                "too few instance types for the list of a region, so more may have been listed; --whole says that it is all",
            ),
            Whole::Unsaid { .. } => Share::All,
        }
    }
}
