use domain::{Decimal, InstanceType, Timestamp};

use crate::param_kind;
use crate::{Field, Page, ParamKind, Value, ValueType};

/// A named question: one file of `queries/`, with its parameters declared in its head.
///
/// The head is the block of comment lines at the top of the file. A line
/// `-- $name TYPE = default  meaning` declares a parameter; the default is optional. The other
/// lines describe the answer. TYPE is one of the words of [`ParamKind`], or the valid values
/// separated by `|`.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// `subject/question`, the file's path without `.sql`.
    pub name: &'static str,
    /// The file's text.
    pub text: &'static str,
}

/// A parameter of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionParam {
    /// The name, without the dollar sign.
    pub name: String,
    /// The type: text, texts, int, float or timestamp.
    pub ty: ValueType,
    /// The values that are valid.
    pub kind: ParamKind,
    /// Whether it is the one instance type that the question is about. Its spelling is checked.
    pub of_type: bool,
    /// The value if none is given. For a timestamp, `now` is the time of the call.
    pub default: Option<String>,
    /// The meaning.
    pub doc: String,
}

/// Reasons why the given parameters were rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// There is no such parameter.
    #[error("{question} has no parameter \"{name}\"")]
    Unknown {
        /// The question's name.
        question: &'static str,
        /// The given name.
        name: String,
    },
    /// The parameter has no default and was not given.
    #[error("{question} needs the parameter {name}")]
    Missing {
        /// The question's name.
        question: &'static str,
        /// The parameter's name.
        name: String,
    },
    /// The text cannot be read as the parameter's type.
    #[error("\"{text}\" is not a value for {name}: expected {expected}")]
    Unreadable {
        /// The parameter's name.
        name: String,
        /// The given text.
        text: String,
        /// The expected form, with an example where one helps.
        expected: &'static str,
    },
    /// The text is not one of the parameter's values.
    #[error("no {name} \"{text}\"")]
    Unlisted {
        /// The parameter's name.
        name: String,
        /// The given text.
        text: String,
        /// The valid values, or examples of their form.
        valid: Vec<String>,
    },
}

impl Question {
    fn head(&self) -> impl Iterator<Item = &'static str> {
        self.text.lines().map_while(|line| line.strip_prefix("--")).map(str::trim)
    }

    /// Returns the description of the answer, on one line.
    pub fn doc(&self) -> String {
        let lines: Vec<&str> = self.head().take_while(|line| !line.starts_with('$')).collect();
        lines.join(" ")
    }

    /// Returns the parameters, in the order of the head.
    pub fn params(&self) -> Vec<QuestionParam> {
        self.head().filter_map(|line| line.strip_prefix('$')).map(read_param).collect()
    }

    /// Returns the name of the parameter of type `type`, if there is one.
    pub fn type_param(&self) -> Option<String> {
        self.params().into_iter().find(|param| param.of_type).map(|param| param.name)
    }

    /// Returns the values to bind, one per parameter in the order of [`Question::params`]: the
    /// given value, or else the default.
    ///
    /// Errors: an unknown parameter, a parameter without value and default, or an unreadable text.
    pub fn bind(
        &self,
        given: &[(String, String)],
        now: Timestamp,
    ) -> Result<Vec<(String, Value)>, ParamError> {
        let params = self.params();
        if let Some((name, _)) = given.iter().find(|(name, _)| params.iter().all(|p| p.name != *name)) {
            return Err(ParamError::Unknown { question: self.name, name: name.clone() });
        }
        params
            .iter()
            .map(|param| {
                let text =
                    given.iter().rev().find(|(name, _)| *name == param.name).map(|(_, text)| text.clone());
                let text = text
                    .or_else(|| param.default.clone())
                    .ok_or_else(|| ParamError::Missing { question: self.name, name: param.name.clone() })?;
                Ok((param.name.clone(), read_value(param, &text, now)?))
            })
            .collect()
    }
}

fn read_param(line: &str) -> QuestionParam {
    let mut words = line.splitn(3, char::is_whitespace);
    let name = words.next().unwrap_or_default().to_string();
    let word = words.next().unwrap_or_default();
    // A test checks that no head declares another type.
    let (ty, kind) = param_kind::read(word).unwrap_or((ValueType::Text, ParamKind::Any));
    let of_type = word == "type";
    let rest = words.next().unwrap_or_default().trim();
    match rest.strip_prefix('=') {
        Some(rest) => {
            let (default, doc) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
            QuestionParam {
                name,
                ty,
                kind,
                of_type,
                default: Some(default.trim_matches('\'').to_string()),
                doc: doc.trim().to_string(),
            }
        }
        None => QuestionParam { name, ty, kind, of_type, default: None, doc: rest.to_string() },
    }
}

fn read_value(param: &QuestionParam, text: &str, now: Timestamp) -> Result<Value, ParamError> {
    if let Some(valid) = param.kind.refuse(text, &param.ty).filter(|_| param.default.as_deref() != Some(text))
    {
        return Err(ParamError::Unlisted { name: param.name.clone(), text: text.to_string(), valid });
    }
    let unreadable =
        |expected| ParamError::Unreadable { name: param.name.clone(), text: text.to_string(), expected };
    match &param.ty {
        ValueType::Int => text.parse().map(Value::Int).map_err(|_| unreadable("a whole number")),
        ValueType::Float => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => Err(unreadable("a number")),
        },
        ValueType::Timestamp if text == "now" => Ok(Value::Timestamp(now)),
        ValueType::Timestamp => domain::parse_until(text)
            .map(Value::Timestamp)
            .ok_or_else(|| unreadable("a day such as 2025-03-02 or an instant such as 2025-03-02T12:00:00Z")),
        ValueType::List(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(items.collect::<Vec<_>>().into())
        }
        _ if param.of_type && InstanceType::parse(text).is_err() => {
            Err(unreadable("an instance type such as m7i.large"))
        }
        _ => Ok(Value::Text(text.to_string())),
    }
}

/// A row that does not have the expected columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column} holds {found}, which is not a {expected}")]
pub struct RowError {
    /// The column.
    pub column: &'static str,
    /// The value that was found.
    pub found: String,
    /// The expected type, in SQL spelling.
    pub expected: String,
}

/// A typed row of a question. The fields of the struct are the columns of the SQL file, in order.
pub trait QuestionRow: Sized {
    /// Returns the columns.
    fn fields() -> Vec<Field>;
    /// Reads one row. Errors: a value of another type than its column.
    fn read(row: Vec<Value>) -> Result<Self, RowError>;

    /// Reads all rows of a page. It consumes the page, so that no text is copied.
    fn read_all(page: Page) -> Result<Vec<Self>, RowError> {
        page.rows.into_iter().map(Self::read).collect()
    }
}

/// A Rust type that can be read from one column.
pub trait TypedCell: Sized {
    /// Returns the column's type.
    fn ty() -> ValueType;
    /// Reads a value. The error is the value itself, if it has another type.
    fn read(value: Value) -> Result<Self, Value>;
}

macro_rules! cell {
    ($rust:ty, $ty:expr, $pattern:pat => $value:expr) => {
        impl TypedCell for $rust {
            fn ty() -> ValueType {
                $ty
            }
            fn read(value: Value) -> Result<Self, Value> {
                match value {
                    $pattern => Ok($value),
                    other => Err(other),
                }
            }
        }
    };
}

cell!(bool, ValueType::Bool, Value::Bool(v) => v);
cell!(i64, ValueType::Int, Value::Int(v) => v);
cell!(f64, ValueType::Float, Value::Float(v) => v);
cell!(String, ValueType::Text, Value::Text(v) => v);
cell!(Decimal, ValueType::Decimal(18, 10), Value::Decimal(v) => v);
cell!(Timestamp, ValueType::Timestamp, Value::Timestamp(v) => v);

/// An amount of a bill, exact to 18 decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargeAmount(pub Decimal);

cell!(ChargeAmount, ValueType::Decimal(38, 18), Value::Decimal(v) => ChargeAmount(v));

/// A quantity of a bill, to 9 decimals: a sum of requests or bytes needs the digits before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargeQuantity(pub Decimal);

cell!(ChargeQuantity, ValueType::Decimal(38, 9), Value::Decimal(v) => ChargeQuantity(v));

/// A day, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalendarDate(pub i32);

cell!(CalendarDate, ValueType::Date, Value::Date(v) => CalendarDate(v));

impl<T: TypedCell> TypedCell for Option<T> {
    fn ty() -> ValueType {
        T::ty()
    }
    fn read(value: Value) -> Result<Self, Value> {
        match value {
            Value::Null => Ok(None),
            other => T::read(other).map(Some),
        }
    }
}

impl<T: TypedCell> TypedCell for Vec<T> {
    fn ty() -> ValueType {
        ValueType::List(Box::new(T::ty()))
    }
    fn read(value: Value) -> Result<Self, Value> {
        match value {
            Value::List(items) => items.into_iter().map(T::read).collect(),
            other => Err(other),
        }
    }
}

/// Reads one column of a row. For the structs that `row!` declares.
pub fn column<T: TypedCell>(value: Option<Value>, column: &'static str) -> Result<T, RowError> {
    T::read(value.unwrap_or_default()).map_err(|found| RowError {
        column,
        found: format!("{found:?}"),
        expected: T::ty().sql(),
    })
}

/// Declares the typed row of a question: a struct with one field per column, in column order.
macro_rules! row {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl $crate::QuestionRow for $name {
            fn fields() -> Vec<$crate::Field> {
                vec![$($crate::Field::new(stringify!($field), <$ty as $crate::question::TypedCell>::ty()),)*]
            }

            fn read(row: Vec<$crate::Value>) -> Result<Self, $crate::RowError> {
                let mut row = row.into_iter();
                Ok($name {
                    $($field: $crate::column(row.next(), stringify!($field))?,)*
                })
            }
        }
    };
}
pub(crate) use row;

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: Question = Question {
        name: "test/one",
        text: "-- Describes one thing\n-- over two lines.\n-- $region text = us-east-1  the region\n-- $limit int  maximum\n-- $of type = m7i.large  instance type\n-- $as_of timestamp = now  instant\nSELECT 1 -- $not a parameter\n",
    };

    #[test]
    fn reads_the_head_of_a_question() {
        assert_eq!(QUESTION.doc(), "Describes one thing over two lines.");
        let params = QUESTION.params();
        assert_eq!(params.len(), 4);
        assert_eq!(QUESTION.type_param().as_deref(), Some("of"));
        assert_eq!((params[0].name.as_str(), params[0].default.as_deref()), ("region", Some("us-east-1")));
        assert_eq!(
            (params[1].ty.clone(), params[1].default.clone(), params[1].doc.as_str()),
            (ValueType::Int, None, "maximum")
        );
    }

    #[test]
    fn binds_given_parameters_and_rejects_wrong_ones() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let check = |given: &[(&str, &str)], expected: Result<Vec<Value>, &str>| {
            let given: Vec<_> = given.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
            let bound = QUESTION.bind(&given, now).map(|v| v.into_iter().map(|(_, v)| v).collect());
            assert_eq!(bound.map_err(|e| e.to_string()), expected.map_err(str::to_string));
        };
        let bound = vec!["us-east-1".into(), Value::Int(3), "m7i.large".into(), Value::Timestamp(now)];
        check(&[("limit", "3")], Ok(bound));
        let wrong = "\"m7i\" is not a value for of: expected an instance type such as m7i.large";
        check(&[("limit", "3"), ("of", "m7i")], Err(wrong));
        check(&[], Err("test/one needs the parameter limit"));
        check(&[("limit", "x")], Err("\"x\" is not a value for limit: expected a whole number"));
        check(&[("limits", "3")], Err("test/one has no parameter \"limits\""));
    }

    #[test]
    fn refuses_values_that_a_kind_does_not_have() {
        let check = |line: &str, text: &str, valid: Option<&str>| {
            let param = read_param(line);
            let expected = valid.map(|valid| ParamError::Unlisted {
                name: param.name.clone(),
                text: text.into(),
                valid: valid.split(' ').map(String::from).collect(),
            });
            assert_eq!(read_value(&param, text, Timestamp::default()).err(), expected, "{line}: {text}");
        };
        let os = "os linux|rhel-ha|windows = linux  operating system";
        check(os, "rhel-ha", None);
        check(os, "Linux", Some("linux rhel-ha windows"));
        check(os, "", Some("linux rhel-ha windows"));
        let month = "month month = latest  billing month";
        check(month, "2026-09", None);
        check(month, "latest", None);
        check(month, "all", None);
        check(month, "2026-9", Some("2026-09 latest all"));
        check(month, "2026/09", Some("2026-09 latest all"));
        check(month, "2026-13", Some("2026-11 latest all"));
        check(month, "september", Some("2026-11 latest all"));
        check(month, "", Some("2026-11 latest all"));
        check("regions regions = all  region codes", "all", None);
        let by = "by texts:service|region = service  dimensions";
        check(by, "service, region", None);
        check(by, "service,account", Some("service region"));
    }

    #[test]
    fn reads_comma_separated_lists() {
        let param = read_param("regions texts = all  the regions");
        let check = |text: &str, expected: &[&str]| {
            let now = Timestamp::default();
            assert_eq!(read_value(&param, text, now), Ok(expected.to_vec().into()), "{text}");
        };
        check("us-east-1,us-west-2", &["us-east-1", "us-west-2"]);
        check(" us-east-1, us-west-2 , ", &["us-east-1", "us-west-2"]);
        check("", &[]);
    }

    #[test]
    fn every_parameter_of_every_question_has_a_type() {
        for question in crate::QUESTIONS {
            for line in question.head().filter(|line| line.starts_with('$')) {
                let word = line.split_whitespace().nth(1).unwrap_or_default();
                assert!(param_kind::read(word).is_some(), "{}: \"{word}\" in \"{line}\"", question.name);
            }
        }
    }
}
