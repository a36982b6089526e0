use domain::{Decimal, Timestamp};

/// The type of a column, shared by crates that have no library in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueType {
    /// True or false.
    Bool,
    /// A 64-bit signed integer.
    Int,
    /// A double.
    Float,
    /// An exact number: `Decimal(precision, scale)`.
    Decimal(u8, u8),
    /// UTF-8 text.
    Text,
    /// A UTC instant, to the microsecond.
    Timestamp,
    /// A calendar day.
    Date,
    /// A list of one type.
    List(Box<ValueType>),
    /// A deeper nested type (struct, map, union), or a type without a counterpart here; shown as
    /// JSON.
    Json,
}

impl ValueType {
    /// Returns the type in the SQL spelling that DuckDB, Spark and Trino share.
    pub fn sql(&self) -> String {
        match self {
            ValueType::Bool => "BOOLEAN".into(),
            ValueType::Int => "BIGINT".into(),
            ValueType::Float => "DOUBLE".into(),
            ValueType::Decimal(precision, scale) => format!("DECIMAL({precision},{scale})"),
            ValueType::Text => "VARCHAR".into(),
            ValueType::Timestamp => "TIMESTAMP".into(),
            ValueType::Date => "DATE".into(),
            ValueType::List(of) => format!("{}[]", of.sql()),
            ValueType::Json => "JSON".into(),
        }
    }
}

/// The name, type and meaning of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name, in snake_case.
    pub name: String,
    /// The type.
    pub ty: ValueType,
    /// The meaning, with its unit; may be empty in results of user SQL.
    pub doc: String,
}

impl Field {
    /// Returns a column without a description.
    pub fn new(name: impl Into<String>, ty: ValueType) -> Field {
        Field { name: name.into(), ty, doc: String::new() }
    }
}

/// One value. `Null` stands for a value that is unknown or does not exist.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A double.
    Float(f64),
    /// An exact number of at most 28 digits.
    Decimal(Decimal),
    /// Text.
    Text(String),
    /// A UTC instant.
    Timestamp(Timestamp),
    /// Days since 1970-01-01.
    Date(i32),
    /// A list.
    List(Vec<Value>),
    /// Named values in order (a SQL struct or map).
    Struct(Vec<(String, Value)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_string())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Float(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Bool(flag)
    }
}

impl From<Decimal> for Value {
    fn from(number: Decimal) -> Value {
        Value::Decimal(number)
    }
}

impl From<Timestamp> for Value {
    fn from(instant: Timestamp) -> Value {
        Value::Timestamp(instant)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Value {
        Value::List(values.into_iter().map(Into::into).collect())
    }
}

/// Rows and their columns. Every row has one value per field.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// The columns.
    pub fields: Vec<Field>,
    /// The rows, each as long as `fields`.
    pub rows: Vec<Vec<Value>>,
}

impl Page {
    /// Returns the index of the column of that name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }
}
