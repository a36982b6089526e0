use super::instance::Tags;
use super::world::Desk;
use super::{ApiError, Done};
use crate::wire::{Given, Part};

/// One filter: any of the values may fit.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

impl Filter {
    /// Reads `Filter.N`; more than 200 values are refused.
    pub(crate) fn read(params: &Part<'_>) -> Done<Vec<Filter>> {
        let mut filters = Vec::new();
        for part in params.parts("Filter") {
            let name = part.need("Name")?.to_string();
            let values: Vec<String> = part.list("Value").into_iter().map(String::from).collect();
            if values.len() > 200 {
                return Err(ApiError::new(
                    "FilterLimitExceeded",
                    "The maximum number of filter values is 200",
                ));
            }
            filters.push(Filter { name, values });
        }
        Ok(filters)
    }

    fn fits(&self, value: &str) -> bool {
        self.values.iter().any(|pattern| matches(pattern, value))
    }

    /// Whether a resource passes: `values` gives what the resource has under a name, `None` for a name
    /// that is no filter of it.
    pub(crate) fn pass<'v>(
        filters: &[Filter],
        tags: &Tags,
        values: impl Fn(&str) -> Option<Vec<std::borrow::Cow<'v, str>>>,
    ) -> Done<bool> {
        for filter in filters {
            let name = filter.name.as_str();
            let fits = if let Some(key) = name.strip_prefix("tag:") {
                tags.get(key).is_some_and(|value| filter.fits(value))
            } else if name == "tag-key" {
                tags.keys().any(|key| filter.fits(key))
            } else {
                let Some(values) = values(name) else {
                    return Err(ApiError::value(format!("The filter '{name}' is invalid")));
                };
                values.iter().any(|value| filter.fits(value))
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// `*` is any run of letters, `?` one letter, and a backslash takes the meaning from what follows.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
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

impl Desk<'_> {
    /// A page: what comes after the token, and the token of what comes then. `bounds` are the least and the
    /// most that may be asked for.
    pub(crate) fn page<T>(
        &self,
        params: &Part<'_>,
        all: Vec<T>,
        bounds: (i64, i64),
    ) -> Done<(Vec<T>, Option<String>)> {
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
        let from = params.text("NextToken").map(|token| place(token).ok_or_else(|| invalid(token)));
        Ok(self.cut(all, from.transpose()?.unwrap_or(0), most.unwrap_or(bounds.1)))
    }

    /// A page of a JSON service: `token` is the name of its member, `most` what a page holds when nothing
    /// is said, and at most; `refusals` the codes of a size and of a token that cannot be.
    pub(crate) fn json_page<T>(
        &self,
        input: &Given<'_>,
        all: Vec<T>,
        token: &str,
        most: i64,
        refusals: (&'static str, &'static str),
    ) -> Done<(Vec<T>, Option<String>)> {
        let size = input.number("MaxResults")?.unwrap_or(most);
        if !(1..=most).contains(&size) {
            return Err(ApiError::new(refusals.0, format!("MaxResults must be between 1 and {most}")));
        }
        let from = input.text(token)?.map(|text| {
            place(text).ok_or_else(|| ApiError::new(refusals.1, format!("The token {text} is not valid")))
        });
        Ok(self.cut(all, from.transpose()?.unwrap_or(0), size))
    }

    fn cut<T>(&self, all: Vec<T>, from: usize, size: i64) -> (Vec<T>, Option<String>) {
        let size = self.rules.page.map_or(size, |most| size.min(i64::from(most.max(1))));
        let total = all.len();
        let rows: Vec<T> = all.into_iter().skip(from).take(size as usize).collect();
        let next = from + rows.len();
        // Letters and digits alone: Service Quotas takes nothing else.
        (rows, (next < total).then(|| format!("sandbox{next}")))
    }
}

fn place(token: &str) -> Option<usize> {
    token.strip_prefix("sandbox").and_then(|number| number.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
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
