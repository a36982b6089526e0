use std::borrow::Cow;

use crate::core::{ApiError, ApiResult, RegionView, ResourceTags, matches};
use crate::wire::QueryParamPart;

/// A function that returns a resource's values for one filter.
pub(crate) type FilterValues<R> = for<'a, 'd> fn(&'a RegionView<'d>, &'a R) -> Vec<Cow<'a, str>>;

/// Returns key and value of a row.
type TagOfRow<R> = fn(&R) -> (&str, &str);

/// The filters of an action: all that the EC2 API Reference lists, except those in
/// `tests/filters.py`.
pub(crate) struct FilterTable<R: 'static> {
    /// Returns the tags, for `tag:<key>` and `tag-key`.
    pub(crate) tags: Option<fn(&R) -> &ResourceTags>,
    /// Returns key and value of a row that is itself a tag, for `tag:<key>`.
    pub(crate) tag: Option<TagOfRow<R>>,
    pub(crate) named: &'static [(&'static str, FilterValues<R>)],
    /// Filters for which no resource here has a value.
    pub(crate) bare: &'static [&'static str],
}

/// The values that a filter compares.
enum FilterSubject<R> {
    Tag(fn(&R) -> &ResourceTags, String),
    TagKey(fn(&R) -> &ResourceTags),
    OneTag(fn(&R) -> (&str, &str), String),
    Named(FilterValues<R>),
    Nothing,
}

/// The filters of a request. A resource must match every filter, with any one of the filter's
/// values.
pub(crate) struct RequestFilters<R> {
    all: Vec<(FilterSubject<R>, Vec<String>)>,
}

impl<R> RequestFilters<R> {
    /// Reads `Filter.N`. Fails on a name that is not in the table, and on more than 200 values.
    pub(crate) fn read(params: &QueryParamPart<'_>, table: &FilterTable<R>) -> ApiResult<RequestFilters<R>> {
        let mut all = Vec::new();
        for part in params.parts("Filter") {
            let name = part.need("Name")?;
            let look = table
                .find_subject(name)
                .ok_or_else(|| ApiError::value(format!("The filter '{name}' is invalid")))?;
            let values: Vec<String> = part.list("Value").into_iter().map(String::from).collect();
            if values.len() > 200 {
                return Err(ApiError::new(
                    "FilterLimitExceeded",
                    "The maximum number of filter values is 200",
                ));
            }
            all.push((look, values));
        }
        Ok(RequestFilters { all })
    }

    /// Returns whether a resource matches all filters.
    pub(crate) fn matches_row(&self, desk: &RegionView<'_>, row: &R) -> bool {
        self.all.iter().all(|(look, values)| {
            let fits = |text: &str| values.iter().any(|pattern| matches(pattern, text));
            match look {
                FilterSubject::Tag(tags, key) => tags(row).get(key).is_some_and(|value| fits(value)),
                FilterSubject::OneTag(tag, key) => {
                    let (own, value) = tag(row);
                    own == key && fits(value)
                }
                FilterSubject::TagKey(tags) => tags(row).keys().any(|key| fits(key)),
                FilterSubject::Named(has) => has(desk, row).iter().any(|value| fits(value)),
                FilterSubject::Nothing => false,
            }
        })
    }
}

impl<R> FilterTable<R> {
    fn find_subject(&self, name: &str) -> Option<FilterSubject<R>> {
        if let Some(tags) = self.tags {
            if let Some(key) = name.strip_prefix("tag:") {
                return Some(FilterSubject::Tag(tags, key.to_string()));
            }
            if name == "tag-key" {
                return Some(FilterSubject::TagKey(tags));
            }
        }
        if let (Some(tag), Some(key)) = (self.tag, name.strip_prefix("tag:")) {
            return Some(FilterSubject::OneTag(tag, key.to_string()));
        }
        let named =
            self.named.iter().find(|(known, _)| *known == name).map(|(_, has)| FilterSubject::Named(*has));
        named.or_else(|| self.bare.contains(&name).then_some(FilterSubject::Nothing))
    }
}

/// One borrowed value.
pub(crate) fn one(text: &str) -> Vec<Cow<'_, str>> {
    vec![Cow::Borrowed(text)]
}

/// One computed value.
pub(crate) fn own<'a>(text: impl ToString) -> Vec<Cow<'a, str>> {
    vec![Cow::Owned(text.to_string())]
}

/// Any number of borrowed values.
pub(crate) fn many<'a, T: AsRef<str> + ?Sized + 'a>(
    texts: impl IntoIterator<Item = &'a T>,
) -> Vec<Cow<'a, str>> {
    texts.into_iter().map(|text| Cow::Borrowed(text.as_ref())).collect()
}

/// Any number of computed values.
pub(crate) fn owned<'a, T: ToString>(texts: impl IntoIterator<Item = T>) -> Vec<Cow<'a, str>> {
    texts.into_iter().map(|text| Cow::Owned(text.to_string())).collect()
}

/// `true` or `false`.
pub(crate) fn flag<'a>(flag: bool) -> Vec<Cow<'a, str>> {
    one(if flag { "true" } else { "false" })
}

/// A time, formatted as in answers.
pub(crate) fn at<'a>(instant: domain::Timestamp) -> Vec<Cow<'a, str>> {
    own(crate::wire::iso(instant))
}
