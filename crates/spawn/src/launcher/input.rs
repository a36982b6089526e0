//! `spawn launch -`: the row of a truffle answer on standard input.

use console::{Failure, FailureKind, Printer};
use serde_json::{Map, Value};

use crate::Ports;
use crate::launcher::args::LaunchArgs;

/// Limit of the input, in MiB.
const LARGEST_INPUT: usize = 16;

/// Takes the instance type, the region and the zone from the first row of the input. A flag has
/// precedence over the row.
///
/// # Errors
/// The input has no JSON row with an instance type.
pub(crate) fn read_row(
    args: &mut LaunchArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let bad = |why: &str| {
        Failure::new(FailureKind::Data, format!("standard input is not a row of truffle: {why}"))
            .hint("truffle search t3.micro -o json | spawn launch - --ttl 8h")
    };
    let text = (ports.input)(LARGEST_INPUT).map_err(|error| bad(&error.to_string()))?;
    let (row, count) = first_row(&text).map_err(|why| bad(&why))?;
    let word = |name: &str| row.get(name).and_then(Value::as_str).map(String::from);
    let instance_type = word("instance_type").ok_or_else(|| bad("it has no instance_type"))?;
    args.region = args.region.take().or_else(|| word("region"));
    args.zone = args.zone.take().or_else(|| word("availability_zone")).or_else(|| word("az_id"));
    if count > 1 {
        let region = args.region.as_deref().map_or(String::new(), |region| format!(" in {region}"));
        printer.note(&format!("the first of {count} rows is used: {instance_type}{region}"));
    }
    args.instance_type = Some(instance_type);
    Ok(())
}

/// Returns the first row of a JSON array, of one object, or of lines with one object each, and the
/// number of rows.
fn first_row(text: &str) -> Result<(Map<String, Value>, usize), String> {
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    let mut rows = values.map_err(|error| error.to_string())?;
    if let [Value::Array(_)] = rows.as_slice()
        && let Some(Value::Array(inner)) = rows.pop()
    {
        rows = inner;
    }
    let count = rows.len();
    match rows.into_iter().next() {
        None => Err("it has no row".to_string()),
        Some(Value::Object(row)) => Ok((row, count)),
        Some(_) => Err("its first row is not an object".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_of_every_json_form_is_read() {
        let check = |text: &str, expected: Result<(&str, usize), &str>| {
            let found = first_row(text);
            let found = found.as_ref().map(|(row, count)| (row["instance_type"].as_str().unwrap(), *count));
            match (found, expected) {
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, expected) => assert_eq!(found.ok(), expected.ok(), "{text}"),
            }
        };
        check(r#"[{"instance_type": "t3.micro"}, {"instance_type": "m7i.large"}]"#, Ok(("t3.micro", 2)));
        check(r#"{"instance_type": "t3.micro"}"#, Ok(("t3.micro", 1)));
        check("{\"instance_type\": \"a\"}\n{\"instance_type\": \"b\"}\n", Ok(("a", 2)));
        check("[]", Err("no row"));
        check("", Err("no row"));
        check("[1]", Err("not an object"));
        check("instance_type,region\n", Err("expected value"));
    }
}
