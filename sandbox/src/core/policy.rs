//! IAM's evaluation of policy documents: an explicit deny wins, then an allow, else nothing is
//! allowed.

use std::collections::BTreeMap;

use domain::Timestamp;
use serde_json::Value;

use super::text_pattern::matches;

/// The condition keys of a call, in lowercase, with their values.
pub(crate) type PolicyContext = BTreeMap<String, Vec<String>>;

/// The decision of a set of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IamDecision {
    Allow,
    Deny,
    Silent,
}

/// Returns the decision of all documents together for an action on a resource.
pub(crate) fn decide(
    documents: &[Value],
    action: &str,
    resource: &str,
    context: &PolicyContext,
) -> IamDecision {
    let mut allowed = false;
    for statement in documents.iter().flat_map(statements) {
        if !applies(statement, action, resource, context) {
            continue;
        }
        match statement["Effect"].as_str() {
            Some("Deny") => return IamDecision::Deny,
            Some("Allow") => allowed = true,
            _ => {}
        }
    }
    if allowed { IamDecision::Allow } else { IamDecision::Silent }
}

/// Returns why a document is not a valid policy; none if it is one.
pub(crate) fn policy_fault(document: &Value) -> Option<&'static str> {
    let all = statements(document);
    if all.is_empty() {
        return Some("The policy has no statement");
    }
    let bad = |statement: &&&Value| !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny"));
    all.iter().find(bad).map(|_| "Syntax errors in policy: Effect must be Allow or Deny")
}

/// Returns the statements of a policy document.
pub(crate) fn statements(document: &Value) -> Vec<&Value> {
    match &document["Statement"] {
        Value::Array(list) => list.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        Value::Null => Vec::new(),
        one => vec![text(one)],
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

fn applies(statement: &Value, action: &str, resource: &str, context: &PolicyContext) -> bool {
    let action = action.to_ascii_lowercase();
    let acts =
        |value: &Value| list(value).iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action));
    let on = |value: &Value| {
        list(value).iter().any(|pattern| resource == "*" || matches(&fill(pattern, context), resource))
    };
    let actions = if statement["NotAction"].is_null() {
        acts(&statement["Action"])
    } else {
        !acts(&statement["NotAction"])
    };
    let resources = match (&statement["Resource"], &statement["NotResource"]) {
        // A trust policy has no resource.
        (Value::Null, Value::Null) => true,
        (Value::Null, not) => !on(not),
        (these, _) => on(these),
    };
    actions && resources && conditions(&statement["Condition"], context)
}

/// Replaces variables such as `${aws:username}` by their values. With an unknown variable the
/// pattern matches nothing.
fn fill(pattern: &str, context: &PolicyContext) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, end)) = after.split_once('}') else { break };
        out.push_str(before);
        let (name, default) = match name.split_once(',') {
            Some((name, default)) => (name, Some(default.trim().trim_matches('\''))),
            None => (name, None),
        };
        match context
            .get(&name.trim().to_ascii_lowercase())
            .and_then(|values| values.first())
            .map(String::as_str)
            .or(default)
        {
            Some(value) => out.push_str(value),
            None => out.push('\u{0}'),
        }
        rest = end;
    }
    out.push_str(rest);
    out
}

fn conditions(block: &Value, context: &PolicyContext) -> bool {
    let Some(block) = block.as_object() else { return true };
    block.iter().all(|(operator, keys)| {
        keys.as_object().is_some_and(|keys| {
            keys.iter().all(|(key, wanted)| condition(operator, key, &list(wanted), context))
        })
    })
}

fn condition(operator: &str, key: &str, wanted: &[String], context: &PolicyContext) -> bool {
    let (set, operator) = match operator.split_once(':') {
        Some((set, operator)) => (Some(set), operator),
        None => (None, operator),
    };
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let found = context.get(&key.to_ascii_lowercase()).filter(|values| !values.is_empty());
    if operator == "Null" {
        let absent = found.is_none();
        return wanted.iter().any(|wanted| wanted == if absent { "true" } else { "false" });
    }
    let negative = operator.contains("Not");
    let Some(values) = found else {
        return if_exists || set == Some("ForAllValues") || (negative && set.is_none());
    };
    let wanted: Vec<String> = wanted.iter().map(|wanted| fill(wanted, context)).collect();
    let one = |value: &String| {
        if negative {
            let positive = operator.replacen("Not", "", 1);
            !wanted.iter().any(|wanted| compare(&positive, value, wanted))
        } else {
            wanted.iter().any(|wanted| compare(operator, value, wanted))
        }
    };
    match set {
        Some("ForAllValues") => values.iter().all(one),
        Some(_) => values.iter().any(one),
        None if negative => values.iter().all(one),
        None => values.iter().any(one),
    }
}

/// Compares a value with a pattern by a positive operator. An unknown operator never matches.
fn compare(operator: &str, value: &str, wanted: &str) -> bool {
    let number = |order: fn(&f64, &f64) -> bool| match (value.parse(), wanted.parse()) {
        (Ok(value), Ok(wanted)) => order(&value, &wanted),
        _ => false,
    };
    let instant = |order: fn(&Timestamp, &Timestamp) -> bool| match (value.parse(), wanted.parse()) {
        (Ok(value), Ok(wanted)) => order(&value, &wanted),
        _ => false,
    };
    match operator {
        "StringEquals" => value == wanted,
        "StringEqualsIgnoreCase" => value.eq_ignore_ascii_case(wanted),
        "StringLike" | "ArnLike" | "ArnEquals" => matches(wanted, value),
        "Bool" => value.eq_ignore_ascii_case(wanted),
        "NumericEquals" => number(|a, b| a == b),
        "NumericLessThan" => number(|a, b| a < b),
        "NumericLessThanEquals" => number(|a, b| a <= b),
        "NumericGreaterThan" => number(|a, b| a > b),
        "NumericGreaterThanEquals" => number(|a, b| a >= b),
        "DateEquals" => instant(|a, b| a == b),
        "DateLessThan" => instant(|a, b| a < b),
        "DateLessThanEquals" => instant(|a, b| a <= b),
        "DateGreaterThan" => instant(|a, b| a > b),
        "DateGreaterThanEquals" => instant(|a, b| a >= b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn context(pairs: &[(&str, &str)]) -> PolicyContext {
        let mut context = PolicyContext::new();
        for (key, value) in pairs {
            context.entry(key.to_ascii_lowercase()).or_default().push(value.to_string());
        }
        context
    }

    #[test]
    fn evaluates_policy_statements() {
        let check = |statement: Value,
                     action: &str,
                     resource: &str,
                     pairs: &[(&str, &str)],
                     expected: IamDecision| {
            let document = json!({ "Statement": statement.clone() });
            assert_eq!(
                decide(&[document], action, resource, &context(pairs)),
                expected,
                "{statement} {action} {resource} {pairs:?}"
            );
        };
        let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        check(all.clone(), "ec2:StopInstances", "arn:x", &[], IamDecision::Allow);
        check(
            json!([all, {"Effect": "Deny", "Action": "ec2:Stop*", "Resource": "*"}]),
            "ec2:StopInstances",
            "arn:x",
            &[],
            IamDecision::Deny,
        );
        check(
            json!({"Effect": "Allow", "Action": "EC2:describe*", "Resource": "*"}),
            "ec2:DescribeTags",
            "*",
            &[],
            IamDecision::Allow,
        );
        check(
            json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
            "iam:PassRole",
            "r",
            &[],
            IamDecision::Silent,
        );
        check(
            json!({"Effect": "Allow", "Action": "*", "NotResource": "arn:a*"}),
            "x:y",
            "arn:b",
            &[],
            IamDecision::Allow,
        );
        let tag = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/spawn:managed": "true"}}});
        check(
            tag.clone(),
            "ec2:StopInstances",
            "i",
            &[("aws:ResourceTag/spawn:managed", "true")],
            IamDecision::Allow,
        );
        check(
            tag.clone(),
            "ec2:StopInstances",
            "i",
            &[("aws:ResourceTag/spawn:managed", "false")],
            IamDecision::Silent,
        );
        check(tag, "ec2:StopInstances", "i", &[], IamDecision::Silent);
        let itself = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:ARN": "${ec2:SourceInstanceARN}"}}});
        check(
            itself.clone(),
            "ec2:StopInstances",
            "i",
            &[("aws:arn", "i1"), ("ec2:SourceInstanceARN", "i1")],
            IamDecision::Allow,
        );
        check(
            itself.clone(),
            "ec2:StopInstances",
            "i",
            &[("aws:arn", "i2"), ("ec2:SourceInstanceARN", "i1")],
            IamDecision::Silent,
        );
        check(itself, "ec2:StopInstances", "i", &[("aws:arn", "i2")], IamDecision::Silent);
        let keys = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}, "Null": {"aws:TagKeys": "false"}}});
        check(
            keys.clone(),
            "ec2:CreateTags",
            "i",
            &[("aws:TagKeys", "a"), ("aws:TagKeys", "b")],
            IamDecision::Allow,
        );
        check(
            keys.clone(),
            "ec2:CreateTags",
            "i",
            &[("aws:TagKeys", "a"), ("aws:TagKeys", "c")],
            IamDecision::Silent,
        );
        check(keys, "ec2:CreateTags", "i", &[], IamDecision::Silent);
        let other = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a", "b"]}}});
        for (keys, expected) in [
            (&["a", "c"][..], IamDecision::Allow),
            (&["c"], IamDecision::Allow),
            (&["a", "b"], IamDecision::Silent),
            (&[], IamDecision::Silent),
        ] {
            let keys: Vec<(&str, &str)> = keys.iter().map(|key| ("aws:TagKeys", *key)).collect();
            check(other.clone(), "ec2:CreateTags", "i", &keys, expected);
        }
        let off = json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Null": {"ec2:SourceInstanceARN": "true"}}}]);
        check(off.clone(), "ec2:StopInstances", "i", &[], IamDecision::Deny);
        check(off, "ec2:StopInstances", "i", &[("ec2:SourceInstanceARN", "i1")], IamDecision::Allow);
        let not = json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringNotEquals": {"ec2:MetadataHttpTokens": "required"}}});
        check(
            not.clone(),
            "ec2:RunInstances",
            "i",
            &[("ec2:MetadataHttpTokens", "optional")],
            IamDecision::Deny,
        );
        check(not, "ec2:RunInstances", "i", &[("ec2:MetadataHttpTokens", "required")], IamDecision::Silent);
    }
}
