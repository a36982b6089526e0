//! The key of a leaf: a smallest part of the bills.

/// The parts of bills that are forecast on their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeafKey {
    /// The account of the bill, or `*` if it is not known.
    pub(crate) payer: String,
    /// ISO 4217 currency code.
    pub(crate) currency: String,
    /// Account that used the service.
    pub(crate) account: Option<String>,
    /// Service name.
    pub(crate) service: Option<String>,
    /// Region code.
    pub(crate) region: Option<String>,
    /// AWS usage type.
    pub(crate) usage_type: Option<String>,
    /// Resource id; `None` also if it was not asked for.
    pub(crate) resource: Option<String>,
    /// Value of the tag; `None` also if none was asked for.
    pub(crate) tag: Option<String>,
    /// Usage, Purchase, Tax, Credit or Adjustment.
    pub(crate) category: Option<String>,
    /// One-Time, Recurring or Usage-Based.
    pub(crate) frequency: Option<String>,
}
