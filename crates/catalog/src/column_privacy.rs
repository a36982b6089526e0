//! Whether a column can identify people, machines or accounts.

/// The privacy of a column. Redacted exports, bundles and `collector forget` follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnPrivacy {
    /// Public: AWS's own words, or values that this program checks or computes.
    Public,
    /// Text from a file: public if it is in the list, otherwise private.
    Known(&'static [&'static str]),
    /// Text from a file: public if the whole text matches the regular expression (RE2), otherwise
    /// private.
    Shaped(&'static str),
    /// Private: one text or a list of texts.
    Private,
    /// Private: the number of an account that the row belongs to. Forgetting an account removes its
    /// rows.
    Account,
    /// Private: a JSON object of texts. Its keys are private too.
    Object,
    /// Private: a text that begins with an account and a slash: `account/region`, `account/month`.
    Scope,
}

impl ColumnPrivacy {
    /// Whether every text of the column is private.
    pub fn is_private(self) -> bool {
        !matches!(self, ColumnPrivacy::Public | ColumnPrivacy::Known(_) | ColumnPrivacy::Shaped(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColumnType, DATASETS, dataset};

    #[test]
    fn only_texts_are_private_and_lists_of_values_have_no_repeats() {
        for dataset in DATASETS {
            for column in dataset.redacted_columns() {
                let name = format!("{}.{}", dataset.name, column.name);
                assert!(matches!(column.ty, ColumnType::Text | ColumnType::Texts), "{name}");
                let is_list = column.ty == ColumnType::Texts;
                assert!(!is_list || column.privacy == ColumnPrivacy::Private, "{name} has no stand-ins");
                if let ColumnPrivacy::Known(values) = column.privacy {
                    let again = values.iter().find(|one| values.iter().filter(|two| two == one).count() > 1);
                    assert_eq!(again, None, "{name}");
                }
            }
        }
    }

    #[test]
    fn a_dataset_of_accounts_or_with_zone_names_is_private() {
        let private: Vec<&str> =
            DATASETS.iter().filter(|dataset| dataset.is_private()).map(|dataset| dataset.name).collect();
        for dataset in DATASETS.iter().filter(|dataset| dataset.is_of_accounts()) {
            assert!(private.contains(&dataset.name), "{}", dataset.name);
            assert!(dataset.account_columns().next().is_some(), "{} has no account", dataset.name);
        }
        assert!(private.contains(&"zone") && private.contains(&"collection_run"));
        assert!(!private.contains(&"price") && !private.contains(&"spot_price"));
        let accounts: Vec<&str> = dataset("charge").unwrap().account_columns().collect();
        assert_eq!(accounts, ["sub_account_id", "billing_account_id"]);
    }
}
