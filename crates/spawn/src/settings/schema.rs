//! The JSON schema of `.spawn.yaml`, for editors.

use serde_json::{Map, Value, json};

use super::keys::{KEYS, LaunchKey, PROFILES, ValueShape};

/// Returns the JSON schema of `.spawn.yaml`, pretty-printed.
pub(crate) fn settings_schema() -> String {
    let settings = section_schema("");
    let mut root = section_schema("");
    let profiles = json!({
        "description": "Named sets of settings; spawn launch --profile NAME chooses one.",
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/settings"},
    });
    root["properties"][PROFILES] = profiles;
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": ".spawn.yaml",
        "description": "Settings of launches by spawn.",
    });
    let members = schema.as_object_mut().expect("an object");
    members.extend(root.as_object().cloned().unwrap_or_default());
    members.insert("$defs".into(), json!({ "settings": settings }));
    serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
}

/// Returns the schema of the whole file's keys (`""`) or of a section.
fn section_schema(section: &str) -> Value {
    let mut properties = Map::new();
    for key in KEYS {
        let Some(name) = key.name.strip_prefix(section) else { continue };
        match name.split_once('.') {
            None => drop(properties.insert(name.into(), key_schema(key))),
            Some((below, _)) if !properties.contains_key(below) => {
                properties.insert(below.into(), section_schema(&format!("{below}.")));
            }
            Some(_) => {}
        }
    }
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn key_schema(key: &LaunchKey) -> Value {
    let mut schema = match key.shape {
        ValueShape::Text => json!({"type": "string", "examples": [key.example]}),
        ValueShape::Number => json!({"type": ["number", "string"], "examples": [key.example]}),
        ValueShape::Switch => json!({"enum": [true, false, "yes", "no"]}),
        ValueShape::Choice(words) => json!({"enum": words}),
        ValueShape::List => {
            json!({"type": "array", "items": {"type": "string"}, "examples": [[key.example]]})
        }
        ValueShape::Pairs => {
            json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}})
        }
    };
    schema["description"] = key.help.into();
    if let Some(default) = key.default {
        schema["default"] = default.into();
    }
    schema
}
