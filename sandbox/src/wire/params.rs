use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::node::{is_xml_char, xml_text};
use crate::core::{ApiError, ApiResult};

/// Maximum number of parameters; no call that is served has more.
const MOST: usize = 20_000;

/// The parameters of a call in a query protocol (`Filter.1.Value.2=x`). It records each parameter
/// that is read, so that a parameter which the call ignores can be refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryParams {
    values: BTreeMap<String, String>,
    read: RefCell<BTreeSet<String>>,
    told: BTreeMap<String, String>,
}

impl QueryParams {
    /// Reads a form. Errors, with AWS's message: a repeated key, an empty key, more than 20,000
    /// parameters, or a character that XML 1.0 cannot carry, because answers repeat parameters.
    pub fn parse(form: &[u8]) -> Result<QueryParams, String> {
        let mut params = QueryParams::default();
        for (key, value) in form_urlencoded::parse(form) {
            if key.is_empty() || params.values.len() >= MOST {
                return Err("The query string is malformed".to_string());
            }
            if let Some(bad) = key.chars().chain(value.chars()).find(|c| !is_xml_char(*c)) {
                let code = u32::from(bad);
                return Err(format!(
                    "The parameter {} contains the character U+{code:04X}, which is not valid in XML 1.0",
                    xml_text(&key)
                ));
            }
            if let Some(key) = params.insert(key.into_owned(), value.into_owned()) {
                return Err(format!("The parameter {key} is given twice"));
            }
        }
        Ok(params)
    }

    /// Returns the form from which [`QueryParams::parse`] reads these parameters.
    pub fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.values).finish()
    }

    /// Adds a parameter. Returns the key if it is there already.
    fn insert(&mut self, key: String, value: String) -> Option<String> {
        if self.values.contains_key(&key) {
            return Some(key);
        }
        self.values.insert(key, value);
        None
    }

    /// Returns a view of all parameters.
    pub(crate) fn whole(&self) -> QueryParamPart<'_> {
        QueryParamPart { params: self, prefix: String::new() }
    }

    /// Sets a parameter; an earlier value is replaced.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.values.insert(key.to_string(), value.to_string());
    }

    /// Returns the parameters under a prefix as a separate call, in which each must be read again.
    /// Here they count as read.
    pub(crate) fn under(&self, prefix: &str) -> QueryParams {
        let begin = format!("{prefix}.");
        let found = self.values.range(begin.clone()..).take_while(|(key, _)| key.starts_with(&begin));
        let mut values = BTreeMap::new();
        for (key, value) in found {
            self.read.borrow_mut().insert(key.clone());
            values.insert(key[begin.len()..].to_string(), value.clone());
        }
        QueryParams { values, ..QueryParams::default() }
    }

    /// Returns these parameters, completed by `others`. A structure is taken as a whole: `others`
    /// adds only names whose first segment is absent here.
    pub(crate) fn over(&self, others: &BTreeMap<String, String>) -> QueryParams {
        let first = |key: &str| key.split('.').next().unwrap_or_default().to_string();
        let own: BTreeSet<String> = self.values.keys().map(|key| first(key)).collect();
        let mut values = self.values.clone();
        values.extend(
            others.iter().filter(|(key, _)| !own.contains(&first(key))).map(|(k, v)| (k.clone(), v.clone())),
        );
        QueryParams { values, read: self.read.clone(), told: self.told.clone() }
    }

    /// Adds AWS's own tags, which no caller can set.
    pub(crate) fn with_aws_tags(mut self, tags: BTreeMap<String, String>) -> QueryParams {
        self.told.extend(tags);
        self
    }

    /// Returns AWS's own tags for the launched resources.
    pub(crate) fn aws_tags(&self) -> &BTreeMap<String, String> {
        &self.told
    }

    /// Adds tags for one kind of resource. They replace equal keys of the call.
    pub(crate) fn with_tags(mut self, kind: &str, tags: &BTreeMap<String, String>) -> QueryParams {
        if tags.is_empty() {
            return self;
        }
        let held =
            |n: u32| self.values.get(&format!("TagSpecification.{n}.ResourceType")).map(String::as_str);
        let known = (1..).take_while(|n| held(*n).is_some()).find(|n| held(*n) == Some(kind));
        let free = (1..).find(|n| held(*n).is_none()).unwrap_or(1);
        let at = format!("TagSpecification.{}", known.unwrap_or(free));
        let mut all = BTreeMap::new();
        for n in 1.. {
            let Some(key) = self.values.remove(&format!("{at}.Tag.{n}.Key")) else { break };
            all.insert(key, self.values.remove(&format!("{at}.Tag.{n}.Value")).unwrap_or_default());
        }
        all.extend(tags.clone());
        self.set(&format!("{at}.ResourceType"), kind);
        for (n, (key, value)) in all.iter().enumerate() {
            self.set(&format!("{at}.Tag.{}.Key", n + 1), key);
            self.set(&format!("{at}.Tag.{}.Value", n + 1), value);
        }
        self
    }

    /// Returns names and values.
    pub(crate) fn into_values(self) -> BTreeMap<String, String> {
        self.values
    }

    fn get(&self, key: &str) -> Option<&str> {
        let (key, value) = self.values.get_key_value(key)?;
        if !self.read.borrow().contains(key) {
            self.read.borrow_mut().insert(key.clone());
        }
        Some(value)
    }

    /// Refuses a call with a parameter that was not read. To be called after the last read and
    /// before the first effect.
    pub(crate) fn check_all_read(&self) -> ApiResult<()> {
        let read = self.read.borrow();
        let unread = self.values.keys().find(|key| !read.contains(*key));
        match unread {
            None => Ok(()),
            Some(key) => {
                Err(ApiError::new("UnknownParameter", format!("The parameter {key} is not recognized")))
            }
        }
    }
}

/// The parameters under a prefix.
#[derive(Debug, Clone)]
pub(crate) struct QueryParamPart<'a> {
    params: &'a QueryParams,
    prefix: String,
}

impl<'a> QueryParamPart<'a> {
    fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) }
    }

    /// Returns the parameters of the whole call.
    pub(crate) fn params(&self) -> &'a QueryParams {
        self.params
    }

    /// Reads a value; an empty one is the same as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.params.get(&self.key(name)).filter(|value| !value.is_empty())
    }

    /// Reads a value that may be empty, such as a tag's.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.params.get(&self.key(name))
    }

    pub(crate) fn need(&self, name: &str) -> ApiResult<&'a str> {
        self.text(name).ok_or_else(|| missing(&self.key(name)))
    }

    pub(crate) fn flag(&self, name: &str) -> ApiResult<Option<bool>> {
        match self.text(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(self.wrong(name, text)),
        }
    }

    pub(crate) fn number(&self, name: &str) -> ApiResult<Option<i64>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.wrong(name, text))
    }

    pub(crate) fn instant(&self, name: &str) -> ApiResult<Option<domain::Timestamp>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        domain::parse_instant(text).map(Some).ok_or_else(|| self.wrong(name, text))
    }

    /// Reads a value that must be one of `values`.
    pub(crate) fn one_of(&self, name: &str, values: &[&'static str]) -> ApiResult<Option<&'static str>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let found = values.iter().find(|value| **value == text);
        found.map(|value| Some(*value)).ok_or_else(|| self.wrong(name, text))
    }

    fn wrong(&self, name: &str, text: &str) -> ApiError {
        ApiError::new("InvalidParameterValue", format!("Invalid value '{text}' for {}", self.key(name)))
    }

    /// Reads `Name.1`, `Name.2`, … in the order of their numbers.
    pub(crate) fn list(&self, name: &str) -> Vec<&'a str> {
        let base = self.key(name);
        self.numbers(name).iter().filter_map(|n| self.params.get(&format!("{base}.{n}"))).collect()
    }

    /// Returns the structures `Name.1.…`, `Name.2.…`.
    pub(crate) fn parts(&self, name: &str) -> Vec<QueryParamPart<'a>> {
        let base = self.key(name);
        let part = |n| QueryParamPart { params: self.params, prefix: format!("{base}.{n}") };
        self.numbers(name).into_iter().map(part).collect()
    }

    /// Returns the structure `Name.…`; an absent one has no parameters.
    pub(crate) fn part(&self, name: &str) -> QueryParamPart<'a> {
        QueryParamPart { params: self.params, prefix: self.key(name) }
    }

    /// Returns whether any parameter is under this prefix.
    pub(crate) fn is_there(&self) -> bool {
        let begin = format!("{}.", self.prefix);
        self.params.values.range(begin.clone()..).next().is_some_and(|(key, _)| key.starts_with(&begin))
    }

    fn numbers(&self, name: &str) -> Vec<String> {
        let begin = format!("{}.", self.key(name));
        let under = self.params.values.range(begin.clone()..).take_while(|(key, _)| key.starts_with(&begin));
        let mut found: Vec<(u32, String)> = under
            .filter_map(|(key, _)| key[begin.len()..].split('.').next())
            .filter_map(|text| Some((text.parse().ok()?, text.to_string())))
            .collect();
        found.sort();
        found.dedup();
        found.into_iter().map(|(_, text)| text).collect()
    }
}

fn missing(name: &str) -> ApiError {
    ApiError::new("MissingParameter", format!("The request must contain the parameter {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_forms_and_reports_unread_parameters() {
        let params =
            QueryParams::parse(b"Action=X&Filter.2.Value.10=k&Filter.2.Value.2=b%20c&Filter.1.Name=n&E=")
                .unwrap();
        let whole = params.whole();
        let filters = whole.parts("Filter");
        assert_eq!(filters.len(), 2);
        assert_eq!(filters[0].text("Name"), Some("n"));
        assert_eq!(filters[1].list("Value"), ["b c", "k"]);
        assert_eq!((whole.text("E"), whole.raw("E"), whole.text("Nope")), (None, Some(""), None));
        assert!(!whole.part("Placement").is_there() && whole.part("Filter").is_there());
        let unread = params.check_all_read().unwrap_err();
        assert_eq!(
            (unread.code.as_ref(), unread.message.as_str()),
            ("UnknownParameter", "The parameter Action is not recognized")
        );
        whole.text("Action");
        assert_eq!(params.check_all_read(), Ok(()));
    }

    #[test]
    fn rejects_repeated_and_empty_keys() {
        for bad in ["=x", "A=1&A=2", "A=1&%41=2"] {
            assert!(QueryParams::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn refuses_characters_that_xml_cannot_carry() {
        for (bad, code) in [
            ("Tag.1.Value=a%00b", "U+0000"),
            ("Tag.1.Value=%1B%5B2J", "U+001B"),
            ("Name=x%0B", "U+000B"),
            ("Name=%EF%BF%BE", "U+FFFE"),
            ("N%01me=x", "U+0001"),
        ] {
            let why = QueryParams::parse(bad.as_bytes()).expect_err(bad);
            assert!(why.contains(code) && why.chars().all(is_xml_char), "{why}");
        }
        for good in ["A=%09%0A%0D", "A=%C2%85", "A=%E2%80%AE%F0%9F%98%80", "A=%EF%BF%BD"] {
            assert!(QueryParams::parse(good.as_bytes()).is_ok(), "{good}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_survive_a_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(params) = QueryParams::parse(&bytes) {
                prop_assert_eq!(QueryParams::parse(params.encode().as_bytes()), Ok(params));
            }
        }
    }
}
