//! The counts in `datasets/README.md`, between two markers, so that they always match the files.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};

use crate::listings::PriceCell;
use crate::rule::{PriceBasis, PriceDoubt, PriceVerdict};

const BEGIN: &str = "<!-- counts: written by `cargo xtask seed` -->";
const END: &str = "<!-- end of counts -->";

/// Numbers of cells that the rule does not judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OmittedCells {
    /// Cells of types that no region offers any more.
    pub(crate) retired: usize,
    /// Cells of places that are a region of no partition.
    pub(crate) elsewhere: usize,
}

/// Returns the counts as Markdown.
pub(crate) fn section(
    rows: &[(String, usize)],
    verdicts: &BTreeMap<PriceCell, PriceVerdict>,
    left_out: OmittedCells,
) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "| dataset | rows |\n|---|---:|")?;
    for (dataset, count) in rows {
        writeln!(text, "| `{dataset}` | {count} |")?;
    }
    writeln!(text, "\n| prices published, by basis | all regions | us-east-1 |\n|---|---:|---:|")?;
    for basis in [PriceBasis::Agreed, PriceBasis::Listed, PriceBasis::Proportional] {
        let is = |verdict: &PriceVerdict| matches!(verdict, PriceVerdict::Known(_, found) if *found == basis);
        writeln!(text, "| `{}` | {} |", basis.name(), both(verdicts, is))?;
    }
    writeln!(
        text,
        "| together | {} |",
        both(verdicts, |verdict| matches!(verdict, PriceVerdict::Known(..)))
    )?;
    writeln!(
        text,
        "\n| type and region without price, by reason | all regions | us-east-1 |\n|---|---:|---:|"
    )?;
    for doubt in [
        PriceDoubt::Unlisted,
        PriceDoubt::Zero,
        PriceDoubt::Unconfirmed,
        PriceDoubt::Dearer,
        PriceDoubt::Disputed,
    ] {
        let is = |verdict: &PriceVerdict| *verdict == PriceVerdict::Unknown(doubt);
        writeln!(text, "| {} | {} |", doubt.reason(), both(verdicts, is))?;
    }
    writeln!(
        text,
        "| together | {} |",
        both(verdicts, |verdict| matches!(verdict, PriceVerdict::Unknown(_)))
    )?;
    writeln!(
        text,
        "\nLeft out before the rule is asked: {} cells of types that no region offers any more, and {} cells of \
         places that are no region (local zones).",
        left_out.retired, left_out.elsewhere
    )?;
    Ok(text)
}

fn both(verdicts: &BTreeMap<PriceCell, PriceVerdict>, is: impl Fn(&PriceVerdict) -> bool) -> String {
    let here = verdicts.iter().filter(|(cell, verdict)| cell.0 == "us-east-1" && is(verdict)).count();
    format!("{} | {here}", verdicts.values().filter(|verdict| is(verdict)).count())
}

/// Returns the README with its counts replaced. Errors: a marker is missing.
pub(crate) fn refresh(readme: &str, section: &str) -> Result<String> {
    let (before, rest) = readme.split_once(BEGIN).context("the README has no marker where counts begin")?;
    let (_, after) = rest.split_once(END).context("the README has no marker where counts end")?;
    Ok(format!("{before}{BEGIN}\n\n{section}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refresh_changes_only_the_text_between_the_markers() {
        let readme = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let fresh = refresh(&readme, "new\n").unwrap();
        assert_eq!(fresh, format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n"));
        assert_eq!(refresh(&fresh, "new\n").unwrap(), fresh);
        assert!(refresh("a", "new").is_err());
    }
}
