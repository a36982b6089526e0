//! Filters of costs: `service=Amazon S3`, `tag:Team=core`.

use console::{CostDimensions, Failure};

use crate::cost_dimension::CostDimension;
use crate::leaf_key::LeafKey;

/// The wanted values of some dimensions. A leaf matches if it has one of the values of each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CostFilter {
    terms: Vec<(CostDimension, Vec<Option<String>>)>,
}

impl CostFilter {
    /// Reads `DIMENSION=VALUE` texts. Without a value, the leaves without one match: `tag:Team=`
    /// finds untagged costs.
    ///
    /// Errors: a usage failure for another form, an unknown dimension or a second tag.
    pub(crate) fn read(
        flag: &str,
        texts: &[String],
        defined: &CostDimensions,
    ) -> Result<CostFilter, Failure> {
        let mut filter = CostFilter::default();
        for text in texts {
            let (name, value) = text.split_once('=').ok_or_else(|| {
                Failure::usage(format!("{flag} \"{text}\" is not of the form DIMENSION=VALUE"))
                    .hint(format!("{flag} service=\"Amazon S3\""))
            })?;
            let dimension = CostDimension::read(flag, name, defined)?;
            let value = Some(value.to_string()).filter(|value| !value.is_empty());
            match filter.terms.iter_mut().find(|(known, _)| *known == dimension) {
                Some((_, values)) => values.push(value),
                None => filter.terms.push((dimension, vec![value])),
            }
        }
        let tags = filter.terms.iter().filter(|(one, _)| matches!(one, CostDimension::Tag { .. })).count();
        match tags > 1 {
            true => Err(Failure::usage(format!("{flag} has a second tag")).hint("filter by one tag")),
            false => Ok(filter),
        }
    }

    /// Returns the dimensions, in the order of the texts.
    pub(crate) fn dimensions(&self) -> Vec<CostDimension> {
        self.terms.iter().map(|(dimension, _)| dimension.clone()).collect()
    }

    /// Returns whether the leaf matches.
    pub(crate) fn matches(&self, key: &LeafKey) -> bool {
        let matches = |(dimension, values): &(CostDimension, Vec<Option<String>>)| {
            values.iter().any(|value| value.as_deref() == dimension.value(key))
        };
        self.terms.iter().all(matches)
    }

    /// Returns the value of the only term, if its dimension is this one.
    pub(crate) fn only_value(&self, dimension: &CostDimension) -> Option<&str> {
        match self.terms.as_slice() {
            [(one, values)] if one == dimension && values.len() == 1 => values[0].as_deref(),
            _ => None,
        }
    }

    /// Returns whether all leaves match.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Returns the key of a leaf that matches, for costs that are in no bill yet.
    pub(crate) fn leaf(&self, currency: &str) -> LeafKey {
        let value = |wanted: &dyn Fn(&CostDimension) -> bool| {
            let found = self.terms.iter().find(|(dimension, _)| wanted(dimension));
            found.and_then(|(_, values)| values.first().cloned().flatten())
        };
        let of = |dimension: CostDimension| value(&|one| *one == dimension);
        LeafKey {
            payer: "*".into(),
            currency: currency.into(),
            account: of(CostDimension::Account),
            service: of(CostDimension::Service),
            region: of(CostDimension::Region),
            usage_type: of(CostDimension::UsageType),
            resource: of(CostDimension::Resource),
            tag: value(&|one| matches!(one, CostDimension::Tag { .. })),
            category: of(CostDimension::Category).or(Some("Usage".into())),
            frequency: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<CostFilter, Failure> {
        let texts: Vec<String> = texts.iter().map(|text| text.to_string()).collect();
        CostFilter::read("--filter", &texts, &CostDimensions::default())
    }

    #[test]
    fn a_leaf_matches_one_value_of_each_dimension() {
        let leaf = read(&["service=S3", "tag:Team=a"]).unwrap().leaf("USD");
        let check = |texts: &[&str], expected: bool| {
            assert_eq!(read(texts).unwrap().matches(&leaf), expected, "{texts:?}");
        };
        check(&[], true);
        check(&["service=S3"], true);
        check(&["service=S3", "service=EC2"], true);
        check(&["service=EC2"], false);
        check(&["service=S3", "region=us-east-1"], false);
        check(&["region="], true);
        check(&["service="], false);
        check(&["tag:Team=a"], true);
        check(&["tag:Team=a=b"], false);
        check(&["category=Usage"], true);
    }

    #[test]
    fn refuses_texts_that_are_no_filter() {
        let check = |texts: &[&str], expected: &str| {
            assert_eq!(read(texts).unwrap_err().message, expected);
        };
        check(&["S3"], "--filter \"S3\" is not of the form DIMENSION=VALUE");
        check(&["servce=S3"], "--filter \"servce\" is not a dimension; the closest match is service");
        check(&["tag:a=1", "tag:b=2"], "--filter has a second tag");
    }
}
