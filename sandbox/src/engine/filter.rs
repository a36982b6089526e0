use std::borrow::Cow;

use super::instance::ResourceTags;
use super::world::RegionView;
use super::{ApiError, ApiResult};
use crate::wire::{JsonMembers, QueryParamPart};

/// A function that returns a resource's values for one filter.
pub(crate) type FilterValues<R> = for<'a, 'd> fn(&'a RegionView<'d>, &'a R) -> Vec<Cow<'a, str>>;

/// The filters of an action: all that the EC2 API Reference lists, except those in
/// `tests/filters.py`.
pub(crate) struct FilterTable<R: 'static> {
    /// Returns the tags, for `tag:<key>` and `tag-key`.
    pub(crate) tags: Option<fn(&R) -> &ResourceTags>,
    pub(crate) named: &'static [(&'static str, FilterValues<R>)],
    /// Filters for which no resource here has a value.
    pub(crate) bare: &'static [&'static str],
}

/// The values that a filter compares.
enum FilterSubject<R> {
    Tag(fn(&R) -> &ResourceTags, String),
    TagKey(fn(&R) -> &ResourceTags),
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

/// Returns whether a text matches a pattern. `*` is any run of characters, `?` is any one, and a
/// backslash makes the next one literal.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?', '\\']) {
        return pattern == text;
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let literal = pattern.get(p) == Some(&'\\') && p + 1 < pattern.len();
        let wanted = if literal { pattern.get(p + 1) } else { pattern.get(p) };
        if !literal && wanted == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if wanted.is_some_and(|c| *c == text[t] || (!literal && *c == '?')) {
            p += if literal { 2 } else { 1 };
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

impl RegionView<'_> {
    /// Returns a page of rows, and the token of the next page. `bounds` are the least and the
    /// greatest `MaxResults`. Only one row beyond the page is computed.
    pub(crate) fn page<T>(
        &self,
        params: &QueryParamPart<'_>,
        all: impl IntoIterator<Item = T>,
        bounds: (i64, i64),
    ) -> ApiResult<(Vec<T>, Option<String>)> {
        let most = params.number("MaxResults")?;
        if let Some(most) = most
            && (most < bounds.0 || most > bounds.1)
        {
            return Err(ApiError::value(format!(
                "Value ( {most} ) for parameter maxResults is invalid. Expecting a value between {} and {}.",
                bounds.0, bounds.1
            )));
        }
        let invalid =
            |token: &str| ApiError::new("InvalidNextToken", format!("The token '{token}' is invalid"));
        let from = params.text("NextToken").map(|token| token_offset(token).ok_or_else(|| invalid(token)));
        Ok(self.cut_page(all, from.transpose()?.unwrap_or(0), most.unwrap_or(bounds.1)))
    }

    /// Returns a page of a JSON service, and the token of the next page. `token` is the name of the
    /// token's member, and `most` is the default and greatest page size. `refusals` are the error
    /// codes for a bad size and for a bad token.
    pub(crate) fn json_page<T>(
        &self,
        input: &JsonMembers<'_>,
        all: Vec<T>,
        token: &str,
        most: i64,
        refusals: (&'static str, &'static str),
    ) -> ApiResult<(Vec<T>, Option<String>)> {
        let size = input.number("MaxResults")?.unwrap_or(most);
        if !(1..=most).contains(&size) {
            return Err(ApiError::new(refusals.0, format!("MaxResults must be between 1 and {most}")));
        }
        let from = input.text(token)?.map(|text| {
            token_offset(text)
                .ok_or_else(|| ApiError::new(refusals.1, format!("The token {text} is not valid")))
        });
        Ok(self.cut_page(all, from.transpose()?.unwrap_or(0), size))
    }

    fn cut_page<T>(
        &self,
        all: impl IntoIterator<Item = T>,
        from: usize,
        size: i64,
    ) -> (Vec<T>, Option<String>) {
        let size = self.rules.page.map_or(size, |most| size.min(i64::from(most.max(1)))) as usize;
        let mut rest = all.into_iter().skip(from);
        let rows: Vec<T> = rest.by_ref().take(size).collect();
        // Letters and digits only: Service Quotas accepts nothing else.
        let next = rest.next().map(|_| format!("sandbox{}", from + size));
        (rows, next)
    }
}

fn token_offset(token: &str) -> Option<usize> {
    token.strip_prefix("sandbox").and_then(|number| number.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_wildcards_and_escapes() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        };
        check("m5.*", "m5.large", true);
        check("m5.*", "m5d.large", false);
        check("*large*", "m5.xlarge", true);
        check("m?.large", "m5.large", true);
        check("a\\*b", "a*b", true);
        check("a\\*b", "axb", false);
        check("", "", true);
        check("*", "", true);
        check("a*b*c", "aXbYbZc", true);
        check("a*b*c", "aXbYbZ", false);
    }
}
