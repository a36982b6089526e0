//! Flags that commands about costs share.

use clap::Args;

use crate::daily_costs::CostMetric;

/// The sum of charges, and the number of rows.
#[derive(Debug, Clone, Copy, Args)]
pub struct CostRowsFlags {
    /// Rows of each currency, the largest amounts first; the rest is added up in one more row; 0
    /// shows all
    #[arg(long, value_name = "ROWS", default_value_t = 20)]
    pub top: usize,
    /// Cost to add up
    #[arg(long, value_name = "COST", value_enum, default_value_t)]
    pub metric: CostMetric,
}
