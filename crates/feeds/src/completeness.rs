//! How complete a file is. A CSV does not state its length, and neither CSV nor JSON states that it
//! is no excerpt. A file retires rows that it does not list only if it is known to be complete.

use std::collections::HashSet;

/// Knowledge about the completeness of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// Its publisher's complete list for its regions, as the program that fetched it knows.
    Yes,
    /// A part of the list, as the user states.
    No,
    /// Not known.
    Unsaid {
        /// Whether its end is recognisable: compressed files and JSON have an end of their own.
        sealed: bool,
    },
}

/// The share of a scope that a file contains: all of it, or a part with the reason for the doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScopeShare {
    All,
    Part(&'static str),
    /// Rows that answer a request, without a gap. It retires nothing.
    Asked,
}

/// Instance types that AWS's list of a region has at least. The smallest lists have some two
/// hundred.
const TYPES: usize = 100;

/// Counts the instance types of a price list, up to `TYPES`.
#[derive(Debug, Default)]
pub(crate) struct InstanceTypeCounter(HashSet<String>);

impl InstanceTypeCounter {
    pub(crate) fn count(&mut self, instance_type: &str) {
        if self.0.len() < TYPES && !instance_type.is_empty() && !self.0.contains(instance_type) {
            self.0.insert(instance_type.into());
        }
    }

    /// Returns whether the list counts as complete.
    pub(crate) fn share(&self, whole: Completeness) -> ScopeShare {
        match whole {
            Completeness::Yes => ScopeShare::All,
            Completeness::No => ScopeShare::Part("it was imported with --partial"),
            Completeness::Unsaid { sealed: false } => ScopeShare::Part(
                "the file has no recognisable end, so it may be incomplete; if it is complete, import it with --whole",
            ),
            Completeness::Unsaid { .. } if self.0.len() < TYPES => ScopeShare::Part(
                "too few instance types for the list of a region, so it may be incomplete; if it is complete, import it with --whole",
            ),
            Completeness::Unsaid { .. } => ScopeShare::All,
        }
    }
}
