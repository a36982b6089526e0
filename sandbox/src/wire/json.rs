use std::cell::RefCell;
use std::collections::BTreeSet;

use domain::Timestamp;
use serde_json::Value;

use crate::core::{ApiError, ApiResult};

/// The members of a call in a JSON protocol. It records each member that is read, so that a member
/// which the call ignores can be refused.
#[derive(Debug)]
pub(crate) struct JsonInput {
    value: Value,
    read: RefCell<BTreeSet<String>>,
}

impl JsonInput {
    pub(crate) fn parse(body: &str) -> ApiResult<JsonInput> {
        match serde_json::from_str(body) {
            Ok(value @ Value::Object(_)) => Ok(JsonInput { value, read: RefCell::default() }),
            Ok(_) => Err(serialization("Start of structure or map expected")),
            Err(error) => Err(serialization(&error.to_string())),
        }
    }

    pub(crate) fn whole(&self) -> JsonMembers<'_> {
        JsonMembers { input: self, value: &self.value, path: String::new() }
    }
}

/// The members of one structure.
#[derive(Debug, Clone)]
pub(crate) struct JsonMembers<'a> {
    input: &'a JsonInput,
    value: &'a Value,
    path: String,
}

impl<'a> JsonMembers<'a> {
    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) }
    }

    /// Null is the same as absent.
    fn get(&self, name: &str) -> Option<&'a Value> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        self.input.read.borrow_mut().insert(self.path_of(name));
        Some(value)
    }

    fn typed<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> ApiResult<Option<T>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let wrong = || serialization(&format!("{} is not {expected}", self.path_of(name)));
        read(value).map(Some).ok_or_else(wrong)
    }

    pub(crate) fn text(&self, name: &str) -> ApiResult<Option<&'a str>> {
        self.typed(name, "a string", Value::as_str)
    }

    pub(crate) fn need(&self, name: &str) -> ApiResult<&'a str> {
        self.text(name)?.ok_or_else(|| missing(&self.path_of(name)))
    }

    pub(crate) fn number(&self, name: &str) -> ApiResult<Option<i64>> {
        self.typed(name, "a whole number", Value::as_i64)
    }

    pub(crate) fn flag(&self, name: &str) -> ApiResult<Option<bool>> {
        self.typed(name, "a boolean", Value::as_bool)
    }

    /// Reads seconds since 1970, or RFC 3339.
    pub(crate) fn instant(&self, name: &str) -> ApiResult<Option<Timestamp>> {
        self.typed(name, "an instant", |value| match value {
            Value::String(text) => domain::parse_instant(text),
            number => Timestamp::from_second(number.as_f64()? as i64).ok(),
        })
    }

    /// Reads a list of strings; an absent list is empty.
    pub(crate) fn texts(&self, name: &str) -> ApiResult<Vec<&'a str>> {
        let read = |value: &'a Value| value.as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
        Ok(self.typed(name, "a list of strings", read)?.unwrap_or_default())
    }

    /// Reads a list of structures; an absent list is empty.
    pub(crate) fn list(&self, name: &str) -> ApiResult<Vec<JsonMembers<'a>>> {
        let path = self.path_of(name);
        let one = |(at, value): (usize, &'a Value)| {
            value.is_object().then(|| JsonMembers { input: self.input, value, path: format!("{path}[{at}]") })
        };
        let read =
            |value: &'a Value| value.as_array()?.iter().enumerate().map(one).collect::<Option<Vec<_>>>();
        Ok(self.typed(name, "a list of structures", read)?.unwrap_or_default())
    }

    /// Reads a structure.
    pub(crate) fn part(&self, name: &str) -> ApiResult<Option<JsonMembers<'a>>> {
        let part = |value: &'a Value| {
            value.is_object().then(|| JsonMembers { input: self.input, value, path: self.path_of(name) })
        };
        self.typed(name, "a structure", part)
    }

    /// Reads a structure that the call requires.
    pub(crate) fn need_part(&self, name: &str) -> ApiResult<JsonMembers<'a>> {
        self.part(name)?.ok_or_else(|| missing(&self.path_of(name)))
    }

    /// Refuses a call with a member that was not read. To be called after the last read and before
    /// the first effect.
    pub(crate) fn check_all_read(&self) -> ApiResult<()> {
        match first_unread(&self.input.value, "", &self.input.read.borrow()) {
            None => Ok(()),
            Some(path) => {
                Err(ApiError::new("ValidationException", format!("The member {path} is not recognized")))
            }
        }
    }
}

/// Adds the token of the next page to an answer, if there is one.
pub(crate) fn with_token(mut answer: Value, name: &str, next: Option<String>) -> Value {
    if let Some(token) = next {
        answer[name] = Value::String(token);
    }
    answer
}

/// Returns the path of the first member that was not read.
fn first_unread(value: &Value, path: &str, read: &BTreeSet<String>) -> Option<String> {
    match value {
        Value::Object(members) => {
            members.iter().filter(|(_, value)| !value.is_null()).find_map(|(name, value)| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if read.contains(&path) { first_unread(value, &path, read) } else { Some(path) }
            })
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, value)| first_unread(value, &format!("{path}[{at}]"), read)),
        _ => None,
    }
}

fn serialization(why: &str) -> ApiError {
    ApiError::new("SerializationException", why)
}

fn missing(path: &str) -> ApiError {
    ApiError::new(
        "ValidationException",
        format!(
            "1 validation error detected: Value null at '{path}' failed to satisfy constraint: Member must not be null"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_members_and_refuses_unread_ones() {
        let body = r#"{"A": "x", "N": 3, "T": 1767225600, "L": [{"K": "1"}, {"K": "2", "More": null}], "P": {"F": true, "Q": 1}, "Z": null}"#;
        let input = JsonInput::parse(body).unwrap();
        let whole = input.whole();
        assert_eq!((whole.need("A"), whole.number("N")), (Ok("x"), Ok(Some(3))));
        assert_eq!(whole.instant("T").unwrap().unwrap().to_string(), "2026-01-01T00:00:00Z");
        let keys: Vec<&str> = whole.list("L").unwrap().iter().map(|one| one.need("K").unwrap()).collect();
        assert_eq!(keys, ["1", "2"]);
        let part = whole.need_part("P").unwrap();
        assert_eq!((part.flag("F"), whole.text("Z")), (Ok(Some(true)), Ok(None)));
        let code = |error: ApiError| (error.code.into_owned(), error.message);
        let (kind, message) = code(whole.check_all_read().unwrap_err());
        assert_eq!(
            (kind.as_str(), message.as_str()),
            ("ValidationException", "The member P.Q is not recognized")
        );
        part.number("Q").unwrap();
        assert_eq!(whole.check_all_read(), Ok(()));
        assert_eq!(code(whole.text("N").unwrap_err()).0, "SerializationException");
        assert_eq!(code(whole.need("Z").unwrap_err()).0, "ValidationException");
        for bad in ["", "[]", "{", "7"] {
            assert_eq!(code(JsonInput::parse(bad).unwrap_err()).0, "SerializationException", "{bad}");
        }
    }
}
