//! The alerts of `truffle alerts -o ndjson`.

use std::collections::BTreeSet;

use console::{Failure, FailureKind};
use domain::{Timestamp, visible};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The longest line, in bytes.
const LONGEST_LINE: usize = 64 << 10;
/// The longest id, in bytes.
const LONGEST_ID: usize = 200;
/// The longest text, in bytes.
const LONGEST_TEXT: usize = 4096;

/// One alert to deliver.
#[derive(Debug, Clone, PartialEq)]
pub struct OutgoingAlert {
    /// Its id. The same event has the same one at every run.
    pub id: String,
    /// Its text, one line.
    pub text: String,
    /// All of its fields.
    pub fields: Map<String, Value>,
}

impl OutgoingAlert {
    /// Returns 32 hexadecimal digits that are the same for the same id.
    pub fn digest(&self) -> String {
        domain::hex(&Sha256::digest(&self.id)[..16])
    }

    /// Returns the body of a post, a JSON object with the fields of spawnd's posts and the alert.
    pub fn body(&self, sent: Timestamp) -> String {
        json!({
            "version": 1,
            "instance": null,
            "sent": sent.to_string(),
            "urgency": "warning",
            "text": self.text,
            "alert": self.fields,
        })
        .to_string()
    }
}

/// Reads one alert a line. Empty lines are skipped, and of two alerts with one id the first stays.
///
/// # Errors
/// A line is not an object with the texts `alert_id` and `text`. Nothing may be delivered then,
/// because the writer of the lines may have failed in the middle.
pub(crate) fn read_alerts(text: &str) -> Result<Vec<OutgoingAlert>, Failure> {
    let mut seen = BTreeSet::new();
    let mut alerts = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let alert = read_alert(line).map_err(|why| {
            Failure::new(FailureKind::Data, format!("line {} of the alerts {why}", number + 1))
                .hint("truffle alerts -o ndjson | collector notify --to FILE.toml")
        })?;
        if seen.insert(alert.id.clone()) {
            alerts.push(alert);
        }
    }
    Ok(alerts)
}

fn read_alert(line: &str) -> Result<OutgoingAlert, String> {
    if line.len() > LONGEST_LINE {
        return Err(format!("has more than {} KiB", LONGEST_LINE >> 10));
    }
    let Ok(Value::Object(fields)) = serde_json::from_str(line) else {
        return Err("is not a JSON object".to_string());
    };
    let text = |key: &str, longest: usize| match fields.get(key) {
        Some(Value::String(text)) if (1..=longest).contains(&text.len()) => Ok(visible(text).into_owned()),
        Some(Value::String(_)) => Err(format!("has a {key} that is empty or longer than {longest} bytes")),
        _ => Err(format!("has no text {key}")),
    };
    Ok(OutgoingAlert { id: text("alert_id", LONGEST_ID)?, text: text("text", LONGEST_TEXT)?, fields })
}

#[cfg(test)]
mod tests {
    use super::read_alerts;

    #[test]
    fn each_line_is_one_alert_and_an_id_counts_once() {
        let lines = concat!(
            r#"{"alert_id":"a","text":"over","cost":12.5}"#,
            "\n\n",
            r#"{"alert_id":"b","text":"x\ny"}"#,
            "\n",
            r#"{"alert_id":"a","text":"again"}"#,
            "\n",
        );
        let alerts = read_alerts(lines).unwrap();
        let texts: Vec<(&str, &str)> =
            alerts.iter().map(|alert| (alert.id.as_str(), alert.text.as_str())).collect();
        assert_eq!(texts.len(), 2);
        assert_eq!(texts[0], ("a", "over"));
        assert!(!texts[1].1.contains('\n'), "{texts:?}");
        let body = alerts[0].body("2027-01-15T08:00:00Z".parse().unwrap());
        let expected = concat!(
            r#"{"version":1,"instance":null,"sent":"2027-01-15T08:00:00Z","urgency":"warning","#,
            r#""text":"over","alert":{"alert_id":"a","text":"over","cost":12.5}}"#,
        );
        assert_eq!(body, expected);
        assert!(read_alerts("").unwrap().is_empty());
    }

    #[test]
    fn a_line_that_is_no_alert_is_named() {
        let long = format!("{{\"alert_id\":\"{}\",\"text\":\"x\"}}", "i".repeat(201));
        for (line, part) in [
            ("nonsense", "line 2 of the alerts is not a JSON object"),
            ("[1]", "is not a JSON object"),
            ("{\"alert_id\":\"a\"}", "has no text text"),
            ("{\"text\":\"x\"}", "has no text alert_id"),
            ("{\"alert_id\":7,\"text\":\"x\"}", "has no text alert_id"),
            ("{\"alert_id\":\"\",\"text\":\"x\"}", "has a alert_id that is empty"),
            (long.as_str(), "longer than 200 bytes"),
            ("{\"alert_id\":\"a\",\"text\":\"x\"", "is not a JSON object"),
        ] {
            let error = read_alerts(&format!("{{\"alert_id\":\"z\",\"text\":\"x\"}}\n{line}\n")).unwrap_err();
            assert!(error.message.contains(part), "{line}: {}", error.message);
            assert_eq!(error.kind.code(), 4);
        }
    }
}
