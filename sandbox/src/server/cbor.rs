use ciborium::Value as Cbor;
use serde_json::Value;

/// The CBOR tag of an instant (RFC 8949, section 3.4.2).
const INSTANT: u64 = 1;

/// Decodes a CBOR body of Smithy RPC v2 to JSON.
pub(super) fn read(body: &[u8]) -> Option<Value> {
    let value: Cbor = ciborium::from_reader(body).ok()?;
    json(&value)
}

fn json(value: &Cbor) -> Option<Value> {
    Some(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(flag) => Value::Bool(*flag),
        Cbor::Integer(number) => Value::from(i64::try_from(*number).ok()?),
        Cbor::Float(number) => Value::from(*number),
        Cbor::Text(text) => Value::String(text.clone()),
        Cbor::Tag(INSTANT, inner) => json(inner)?,
        Cbor::Array(list) => Value::Array(list.iter().map(json).collect::<Option<_>>()?),
        Cbor::Map(entries) => {
            let entry = |(key, value): &(Cbor, Cbor)| Some((key.as_text()?.to_string(), json(value)?));
            Value::Object(entries.iter().map(entry).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// Encodes an answer as CBOR. Whole numbers under `Timestamps` become instants.
pub(super) fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing into memory does not fail.
    let _ = ciborium::into_writer(&cbor(value, false), &mut out);
    out
}

fn cbor(value: &Value, instants: bool) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(flag) => Cbor::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) if instants => Cbor::Tag(INSTANT, Box::new(Cbor::from(whole))),
            Some(whole) => Cbor::from(whole),
            None => Cbor::from(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Cbor::from(text.as_str()),
        Value::Array(list) => Cbor::Array(list.iter().map(|one| cbor(one, instants)).collect()),
        Value::Object(map) => Cbor::Map(
            map.iter().map(|(key, one)| (Cbor::from(key.as_str()), cbor(one, key == "Timestamps"))).collect(),
        ),
    }
}
