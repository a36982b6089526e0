//! The least IAM policy of an instance's role.

/// Returns the least IAM policy, as JSON, with which spawnd works: it may end its own instance and
/// write the tags that the daemon owns. It grants nothing else, and nothing on other instances. The
/// condition key `aws:ARN` for the target of a call is in common use, but AWS does not document it.
pub fn role_policy(partition: &str, account: &str) -> String {
    let text = include_str!("../units/role-policy.json");
    text.replace("PARTITION", partition).replace("ACCOUNT", account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag;

    #[test]
    fn the_policy_names_the_account_and_the_daemons_tags() {
        let text = role_policy("aws-cn", "111122223333");
        assert_eq!(text.matches("\"arn:aws-cn:ec2:*:111122223333:instance/*\"").count(), 2, "{text}");
        for name in [tag::EXPIRY, tag::HEARTBEAT, "spawn:seen"] {
            assert!(text.contains(&format!("\"{name}\"")), "{name}: {text}");
        }
        assert!(text.contains(&format!("\"aws:ResourceTag/{}\": \"{}\"", tag::MANAGED, tag::YES)), "{text}");
        assert!(!text.contains(tag::CAP), "the role cannot move the cap: {text}");
    }
}
