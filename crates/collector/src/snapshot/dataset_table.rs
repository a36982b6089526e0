//! The table of the datasets that a snapshot collects, for the help and the documentation.

use catalog::{CollectionSource, Dataset};

/// A group of datasets in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatasetGroup {
    Public,
    OfAccounts,
    Named,
}

impl DatasetGroup {
    /// Returns the group of a dataset that a snapshot collects.
    pub(crate) fn of(dataset: &Dataset) -> DatasetGroup {
        match dataset.origin.source {
            _ if dataset.is_named_only() => DatasetGroup::Named,
            CollectionSource::PublicFile(_) => DatasetGroup::Public,
            _ => DatasetGroup::OfAccounts,
        }
    }

    /// Returns the name of the group.
    pub(crate) fn label(self) -> &'static str {
        match self {
            DatasetGroup::Public => "public, free, without an account",
            DatasetGroup::OfAccounts => "of an account, free",
            DatasetGroup::Named => "of an account, only when named",
        }
    }
}

/// Joins names as `a`, `a and b`, or `a, b and c`.
pub(crate) fn join_names(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => one.to_string(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use catalog::{DatasetCost, collectable_datasets};

    use super::*;

    /// Returns the table of datasets in Markdown.
    fn markdown_table() -> String {
        let mut text = "| dataset | source | question |\n|---|---|---|\n".to_string();
        for group in [DatasetGroup::Public, DatasetGroup::OfAccounts, DatasetGroup::Named] {
            text += &format!("| **{}** | | |\n", group.label());
            for dataset in collectable_datasets().into_iter().filter(|one| DatasetGroup::of(one) == group) {
                let cost = match dataset.origin.cost {
                    DatasetCost::PerUnit { doc, .. } => format!("; **{doc}**"),
                    DatasetCost::Free if group == DatasetGroup::Named => "; free".to_string(),
                    DatasetCost::Free => String::new(),
                };
                let (source, example) = (dataset.origin.doc, dataset.origin.example);
                text += &format!("| `{}` | {source}{cost} | {example} |\n", dataset.name);
            }
        }
        text
    }

    #[test]
    fn the_documentation_lists_every_dataset() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/collecting.md");
        let page = std::fs::read_to_string(path).unwrap();
        let table = markdown_table();
        assert!(page.contains(&table), "docs/collecting.md needs this table:\n{table}");
    }

    #[test]
    fn joins_names_with_commas_and_and() {
        assert_eq!(join_names(&["a"]), "a");
        assert_eq!(join_names(&["a", "b"]), "a and b");
        assert_eq!(join_names(&["a", "b", "c"]), "a, b and c");
    }
}
