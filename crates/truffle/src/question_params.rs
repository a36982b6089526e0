//! The parameters of named questions on the command line: `--param region=eu-west-1`.

use catalog::{
    ParamError, ParamKind, Question, QuestionParam, Value, ValueType, bare_tag_key, is_alike_tag_key,
};
use console::{Failure, FailureKind, nearest, suggest_closest};

use crate::CommandPorts;

/// Values that a hint lists; of more it names the command that lists them.
const LISTED_VALUES: usize = 12;

/// Parameters that limit a question to regions.
const REGION_PARAMS: [&str; 3] = ["region", "regions", "home"];

/// A named question with the parameters of the command line.
pub(crate) struct QuestionCall {
    /// The question.
    pub(crate) question: &'static Question,
    /// Names and values, as typed; a region by its code, and a type in lowercase.
    pub(crate) given: Vec<(String, String)>,
    /// Whether the warehouse answers with stand-ins for the names of an account, such as tag keys.
    pub(crate) redacted: bool,
}

impl QuestionCall {
    /// Reads `NAME=VALUE` texts.
    pub(crate) fn read(question: &'static Question, params: &[String]) -> Result<QuestionCall, Failure> {
        let kinds = question.params();
        let pair = |param: &String| {
            let (name, value) = param.split_once('=').ok_or_else(|| {
                Failure::usage(format!("--param \"{param}\" is not of the form NAME=VALUE"))
                    .hint(format!("truffle query {} --param region=eu-west-1", question.name))
            })?;
            let kind = kinds.iter().find(|param| param.name == name).map(|param| &param.kind);
            Ok((name.to_string(), usual_spelling(kind, value)))
        };
        let given = params.iter().map(pair).collect::<Result<_, Failure>>()?;
        Ok(QuestionCall { question, given, redacted: false })
    }

    /// Returns the typed value of a parameter.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.given.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Returns the regions that the answer is limited to, joined by commas, or all.
    pub(crate) fn regions(&self) -> String {
        self.value_or_default(|param| REGION_PARAMS.contains(&param.name.as_str()))
    }

    /// Returns the billing month that the answer is limited to, `latest` or `all`.
    pub(crate) fn month(&self) -> String {
        self.value_or_default(|param| param.kind == ParamKind::Month)
    }

    /// Returns the value of the first such parameter, or `all` without one.
    fn value_or_default(&self, wanted: impl Fn(&QuestionParam) -> bool) -> String {
        let param = self.question.params().into_iter().find(wanted);
        let value = |param: QuestionParam| self.value(&param.name).map(String::from).or(param.default);
        param.and_then(value).unwrap_or("all".into())
    }

    /// Returns the values to bind.
    ///
    /// Errors: a usage failure for an unknown parameter, a missing one, or a value that cannot be
    /// read or that the warehouse does not have, with the nearest valid value.
    pub(crate) fn bind(&self, ports: &CommandPorts<'_>) -> Result<Vec<(String, Value)>, Failure> {
        let params = self.question.params();
        for (name, text) in &self.given {
            let param = params.iter().find(|param| param.name == *name);
            let hidden = |param: &&QuestionParam| self.redacted && param.kind == ParamKind::TagKey;
            if let Some(param) = param.filter(|param| !hidden(param)) {
                check_value(param, text, ports)?;
            }
        }
        self.question.bind(&self.given, ports.as_of).map_err(|error| refuse(&error, &params))
    }
}

/// Returns a region's code for a name such as `Frankfurt`, and a type in lowercase. Any other value
/// is returned as it is.
fn usual_spelling(kind: Option<&ParamKind>, value: &str) -> String {
    let code = |name: &str| match domain::parse_region_name(name) {
        Ok(region) => region.to_string(),
        Err(_) => name.to_string(),
    };
    match kind {
        Some(ParamKind::Region) => {
            value.split(',').map(|name| code(name.trim())).collect::<Vec<_>>().join(",")
        }
        Some(ParamKind::InstanceType) => value.to_lowercase(),
        _ => value.to_string(),
    }
}

fn refuse(error: &ParamError, params: &[QuestionParam]) -> Failure {
    let names = || params.iter().map(|param| param.name.as_str());
    let listed = format!("parameters: {}", names().collect::<Vec<_>>().join(", "));
    match error {
        ParamError::Unlisted { name, text, valid } => {
            let doc = params.iter().find(|param| param.name == *name).map(|param| param.doc.clone());
            unlisted(name, text, valid, &doc.unwrap_or_default())
        }
        ParamError::Unknown { name, .. } => {
            Failure::usage(format!("{error}{}", suggest_closest(name, names()))).hint(listed)
        }
        ParamError::Missing { .. } | ParamError::Unreadable { .. } => {
            Failure::usage(error.to_string()).hint(listed)
        }
    }
}

/// Refuses a value of a region, type, metric or tag key that the warehouse does not have. If it has
/// no values at all, they were not collected, and the empty answer reports that.
fn check_value(param: &QuestionParam, text: &str, ports: &CommandPorts<'_>) -> Result<(), Failure> {
    if param.default.as_deref() == Some(text) {
        return Ok(());
    }
    let (noun, question, lister) = match param.kind {
        ParamKind::Region => ("region", "region/list", "truffle regions lists the regions"),
        ParamKind::InstanceType => ("type", "instance/facts", "truffle search lists the types"),
        ParamKind::Metric => {
            ("metric", "instance/metrics", "truffle query instance/metrics lists the metrics")
        }
        ParamKind::TagKey => ("tag", "cost/tag-keys", "truffle query cost/tag-keys lists the keys"),
        ParamKind::Any | ParamKind::OneOf(_) | ParamKind::Month => return Ok(()),
    };
    let valid = names(ports, question)?;
    let items: Vec<&str> = match param.ty {
        ValueType::List(_) => text.split(',').map(str::trim).collect(),
        _ => vec![text],
    };
    let lister = match (&param.kind, valid.get(..LISTED_VALUES)) {
        (ParamKind::TagKey, Some(frequent)) => {
            format!("the most frequent are {}; {lister}", frequent.join(", "))
        }
        _ => lister.to_string(),
    };
    let known = |item: &str| valid.iter().any(|name| is_spelling(&param.kind, item, name));
    match items.into_iter().find(|item| !known(item)) {
        Some(item) if !valid.is_empty() => Err(unlisted(noun, item, &valid, &lister)),
        _ => Ok(()),
    }
}

/// Refuses a dimension of costs if no charge has a tag with one of its keys. Bills without any tag
/// say nothing about tags: they may have been collected without them.
pub(crate) fn check_tag_keys(name: &str, keys: &[String], ports: &CommandPorts<'_>) -> Result<(), Failure> {
    let valid = names(ports, "cost/tag-keys")?;
    let known = |key: &String| valid.iter().any(|name| is_spelling(&ParamKind::TagKey, key, name));
    if keys.iter().any(known) {
        return Ok(());
    }
    if valid.is_empty() {
        return Err(Failure::new(FailureKind::Data, "not collected: the bills state no tags").hint(
            "activate cost allocation tags in AWS Billing; days from Cost Explorer state their --by alone",
        ));
    }
    let frequent = valid[..valid.len().min(LISTED_VALUES)].join(", ");
    let closest = keys.first().and_then(|key| nearest(key, valid.iter().map(String::as_str)));
    let closest = closest.map_or(String::new(), |value| format!("the closest key is {value}; "));
    Err(Failure::usage(format!("no charge has a tag for {name} ({})", keys.join(", ")))
        .hint(format!("{closest}the most frequent keys are {frequent}")))
}

/// Whether `text` spells this value. The spellings of a tag key are those of cost/by-tag.
fn is_spelling(kind: &ParamKind, text: &str, value: &str) -> bool {
    text == value || (*kind == ParamKind::TagKey && is_alike_tag_key(bare_tag_key(text), value))
}

/// Returns the first column of a question's answer.
fn names(ports: &CommandPorts<'_>, question: &str) -> Result<Vec<String>, Failure> {
    let rows = ports.answer(question, &[])?.rows;
    let first = |row: Vec<Value>| match row.into_iter().next() {
        Some(Value::Text(name)) => Some(name),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(first).collect())
}

/// Returns the failure for a value that is not valid. `more` is the hint for a long list of values.
fn unlisted(name: &str, text: &str, valid: &[String], more: &str) -> Failure {
    let closest = nearest(text, valid.iter().map(String::as_str));
    let closest = closest.map_or(String::new(), |value| format!("the closest value is {value}; "));
    let listed = match valid.len() {
        0..=LISTED_VALUES => format!("the values are {}", valid.join(", ")),
        _ => more.to_string(),
    };
    Failure::usage(format!("no {name} \"{text}\"")).hint(format!("{closest}{listed}"))
}
