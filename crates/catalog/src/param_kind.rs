use crate::{DATASETS, ValueType};

/// The values that a parameter of a question accepts.
///
/// The catalog checks fixed lists and forms. The values of a region, an instance type, a metric and
/// a tag key are in the warehouse, so only a program that asks it can check them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamKind {
    /// Any value of the type (`text`, `texts`, `int`, `float` or `timestamp` in the head).
    Any,
    /// One of these (`linux|windows`, or `dataset` for the names of the datasets). Of a list
    /// (`texts:linux|windows`), each item is one of these.
    OneOf(Vec<String>),
    /// A month such as 2026-11, `latest` or `all` (`month`).
    Month,
    /// Region codes (`region` for one, `regions` for several).
    Region,
    /// An instance type (`type`; `optional-type` if the question can also do without one).
    InstanceType,
    /// The name of a metric of the dataset `benchmark` (`metric`).
    Metric,
    /// The key of a tag in the dataset `charge` (`tag`).
    TagKey,
}

/// Reads the word for a parameter's type in the head of a question.
pub(crate) fn read(word: &str) -> Option<(ValueType, ParamKind)> {
    let texts = || ValueType::List(Box::new(ValueType::Text));
    Some(match word {
        "text" => (ValueType::Text, ParamKind::Any),
        "texts" => (texts(), ParamKind::Any),
        "int" => (ValueType::Int, ParamKind::Any),
        "float" => (ValueType::Float, ParamKind::Any),
        "timestamp" => (ValueType::Timestamp, ParamKind::Any),
        "type" | "optional-type" => (ValueType::Text, ParamKind::InstanceType),
        "region" => (ValueType::Text, ParamKind::Region),
        "regions" => (texts(), ParamKind::Region),
        "month" => (ValueType::Text, ParamKind::Month),
        "metric" => (ValueType::Text, ParamKind::Metric),
        "tag" => (ValueType::Text, ParamKind::TagKey),
        "dataset" => {
            let names = DATASETS.iter().map(|dataset| dataset.name.to_string());
            (ValueType::Text, ParamKind::OneOf(names.collect()))
        }
        _ if word.starts_with("texts:") => {
            let valid = word.trim_start_matches("texts:").split('|').map(String::from);
            (texts(), ParamKind::OneOf(valid.collect()))
        }
        _ if word.contains('|') => {
            (ValueType::Text, ParamKind::OneOf(word.split('|').map(String::from).collect()))
        }
        _ => return None,
    })
}

impl ParamKind {
    /// Returns the valid values, or examples of their form, if `text` is certainly not one.
    pub(crate) fn refuse(&self, text: &str, ty: &ValueType) -> Option<Vec<String>> {
        let known = |valid: &[String]| match ty {
            ValueType::List(_) => text.split(',').all(|item| valid.iter().any(|value| value == item.trim())),
            _ => valid.iter().any(|value| value == text),
        };
        match self {
            ParamKind::OneOf(valid) => (!known(valid)).then(|| valid.clone()),
            ParamKind::Month => refuse_month(text),
            ParamKind::Any
            | ParamKind::Region
            | ParamKind::InstanceType
            | ParamKind::Metric
            | ParamKind::TagKey => None,
        }
    }
}

fn refuse_month(text: &str) -> Option<Vec<String>> {
    let months: Option<(u32, u32)> = text
        .split_once(['-', '/', '.'])
        .and_then(|(year, month)| Some((year.parse().ok()?, month.parse().ok()?)))
        .filter(|(year, month)| (1000..=9999).contains(year) && (1..=12).contains(month));
    let spelling = months.map(|(year, month)| format!("{year}-{month:02}"));
    let valid = ["latest", "all"].contains(&text) || spelling.as_deref() == Some(text);
    let example = || vec![spelling.unwrap_or("2026-11".into()), "latest".into(), "all".into()];
    (!valid).then(example)
}
