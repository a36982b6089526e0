//! The owner of an instance: a name that stays the same from one session to the next.
//!
//! AWS gives each session of a role an ARN with the session's name. A name that a person or a
//! program chose (`role_session_name`, an e-mail address) is an owner. A name that an SDK generated
//! is another one in each session, so there the role is the owner. Tags of earlier versions have
//! the whole ARN and are read the same way.

/// Digits in a row from which on a session name counts as generated: times and run numbers.
const LONG_NUMBER: usize = 9;
/// Hexadecimal digits in a row, hyphens left out: instance ids and UUIDs.
const LONG_HEX: usize = 16;

/// Returns the owner for the ARN of a caller or of a tag: without the session's name if that is
/// generated, else the same text. Other texts than ARNs are owners as they are.
pub fn stable_owner(arn: &str) -> &str {
    match split_session(arn) {
        Some((role, session)) if is_generated(session) => role,
        _ => arn,
    }
}

/// Whether the caller with the owner `own` is the owner in a tag. A tag of an earlier version with
/// a generated session names no person, so it belongs to every session of its role.
pub fn owns(own: &str, tag: &str) -> bool {
    let old = split_session(tag).is_some_and(|(_, session)| is_generated(session));
    stable_owner(own) == stable_owner(tag) || (old && is_same_role(own, tag))
}

/// Whether two different owners are sessions of one role.
pub fn is_same_role(one: &str, other: &str) -> bool {
    let role = |arn: &'_ str| split_session(arn).map_or(arn.to_string(), |(role, _)| role.to_string());
    one.contains(ASSUMED) && role(one) == role(other)
}

const ASSUMED: &str = ":assumed-role/";

/// Splits `arn:aws:sts::111122223333:assumed-role/ROLE/SESSION` before the session.
fn split_session(arn: &str) -> Option<(&str, &str)> {
    let (_, name) = arn.split_once(ASSUMED)?;
    let (_, session) = name.split_once('/')?;
    Some((&arn[..arn.len() - session.len() - 1], session))
}

fn is_generated(session: &str) -> bool {
    let longest = |text: &str, good: fn(&char) -> bool| {
        text.split(|letter: char| !good(&letter)).map(str::len).max().unwrap_or_default()
    };
    let plain = session.replace('-', "");
    let instance = session
        .strip_prefix("i-")
        .is_some_and(|rest| rest.len() >= 8 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    instance
        || longest(session, char::is_ascii_digit) >= LONG_NUMBER
        || longest(&plain, char::is_ascii_hexdigit) >= LONG_HEX
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:sts::111122223333:assumed-role/Builders";

    #[test]
    fn a_generated_session_belongs_to_its_role() {
        for session in [
            "botocore-session-1700000001",
            "aws-sdk-js-1700000000123",
            "aws-go-sdk-1700000000000000000",
            "i-0123456789abcdef0",
            "i-sandbox00000001",
            "8c1fe5a0-19a7-4b21-9f0d-5a4b3c2d1e0f",
            "0123456789abcdef0123456789abcdef",
            "GitHubActions-9876543210",
        ] {
            assert_eq!(stable_owner(&format!("{ROLE}/{session}")), ROLE, "{session}");
        }
    }

    #[test]
    fn a_chosen_session_and_every_other_caller_is_an_owner() {
        for session in [
            "alice",
            "alice@example.com",
            "i-short",
            "i-like-to-run",
            "ci-nightly",
            "team-2026-11-30",
            "deploy-20261130",
        ] {
            let arn = format!("{ROLE}/{session}");
            assert_eq!(stable_owner(&arn), arn);
        }
        for owner in ["arn:aws:iam::111122223333:user/alice-1700000001", "team-a", ROLE, ""] {
            assert_eq!(stable_owner(owner), owner);
        }
    }

    #[test]
    fn an_old_tag_with_a_generated_session_belongs_to_the_role() {
        let session = |name: &str| format!("{ROLE}/{name}");
        let old = session("botocore-session-1700000001");
        for own in [ROLE.to_string(), session("alice"), session("aws-sdk-js-1700000000123")] {
            assert!(owns(&own, &old), "{own}");
        }
        assert!(owns(&session("alice"), &session("alice")));
        assert!(!owns(&session("alice"), &session("bob")));
        assert!(!owns(&session("alice"), ROLE), "launched by a session without a name");
        assert!(!owns("arn:aws:sts::111122223333:assumed-role/Others/alice", &old));
        assert!(!owns("team-a", &old));
    }

    #[test]
    fn sessions_of_one_role_are_recognized() {
        let session = |name: &str| format!("{ROLE}/{name}");
        assert!(is_same_role(&session("alice"), &session("bob")));
        assert!(is_same_role(&session("alice"), ROLE));
        assert!(!is_same_role(&session("alice"), "arn:aws:sts::111122223333:assumed-role/Others/alice"));
        assert!(!is_same_role("team-a", "team-a"));
    }
}
