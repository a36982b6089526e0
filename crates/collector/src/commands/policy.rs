use catalog::ports::{GET_OBJECT, LIST_BUCKET};
use clap::Args;
use console::{Exit, Failure, Printer};
use domain::Region;
use serde_json::{Value, json};

use crate::Ports;
use crate::import::S3Address;
use crate::snapshot::plan::parse_datasets;

/// Print the least-privilege IAM policy for snapshots, or for bill imports from S3.
///
/// For datasets, the policy allows the calls of collector snapshot. All of them are read-only, and
/// none can be restricted to a resource. price needs permissions for --type only: its lists are
/// public, as are interruption, savings_plan and spot_feed.
///
/// For s3://BUCKET/PREFIX, the policy allows the calls of collector import, restricted to that
/// prefix. Objects that are encrypted with your own key also need kms:Decrypt for that key.
#[derive(Debug, Args)]
pub struct CollectorPolicyArgs {
    /// Datasets or S3 addresses [default: all datasets]
    #[arg(value_name = "DATASET|s3://BUCKET/PREFIX")]
    pub datasets: Vec<String>,
}

pub(crate) fn run_policy(
    args: &CollectorPolicyArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let mut addresses = Vec::new();
    let mut words = Vec::new();
    for word in &args.datasets {
        match S3Address::of(word) {
            Some(address) => addresses.push(address?),
            None => words.push(word.clone()),
        }
    }
    let mut statements = Vec::new();
    if addresses.is_empty() || !words.is_empty() {
        statements.extend(snapshot_statement(&words)?);
    }
    for (at, address) in addresses.iter().enumerate() {
        statements.extend(bucket_statements(at + 1, address, &ports.settings.region.value)?);
    }
    if statements.is_empty() {
        printer.note("these datasets are public and need no permission");
        return Ok(Exit::Done);
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    let text = serde_json::to_string_pretty(&policy).expect("a policy is plain JSON");
    printer.text(&format!("{text}\n"))?;
    Ok(Exit::Done)
}

/// Returns the statement that snapshots of datasets need; `None` if they are public.
fn snapshot_statement(words: &[String]) -> Result<Option<Value>, Failure> {
    let named = parse_datasets(words)?;
    let datasets = if named.is_empty() { catalog::collectable_datasets() } else { named };
    let mut actions: Vec<&str> =
        datasets.iter().flat_map(|dataset| dataset.origin.actions).copied().collect();
    if actions.is_empty() {
        return Ok(None);
    }
    // Every snapshot identifies the account and lists its regions. The first call needs no
    // permission.
    actions.extend(["sts:GetCallerIdentity", "ec2:DescribeRegions"]);
    actions.sort_unstable();
    actions.dedup();
    Ok(Some(json!({"Sid": "MyceliumCollector", "Effect": "Allow", "Action": actions, "Resource": "*"})))
}

/// Returns the statements for one S3 address: list its bucket and read its objects.
fn bucket_statements(number: usize, address: &S3Address, region: &Region) -> Result<[Value; 2], Failure> {
    let partition = domain::partition_of(region.as_str()).ok_or_else(|| {
        Failure::usage(format!("region \"{region}\" is in no known AWS partition"))
            .hint("choose the bucket's region with --region")
    })?;
    let bucket = format!("arn:{partition}:s3:::{}", address.bucket);
    let keys = format!("{}*", escaped(&address.key_prefix()));
    let objects = format!("{bucket}/{keys}");
    let mut list = json!({"Sid": format!("MyceliumList{number}"), "Effect": "Allow", "Action": LIST_BUCKET, "Resource": bucket});
    if !address.prefix.is_empty() {
        // HeadBucket has no prefix and is refused, but a refusal states the bucket's region too.
        list["Condition"] = json!({"StringLike": {"s3:prefix": keys}});
    }
    let read = json!({"Sid": format!("MyceliumRead{number}"), "Effect": "Allow", "Action": GET_OBJECT, "Resource": objects});
    Ok([list, read])
}

/// Returns a key as IAM matches it literally: `*`, `?` and `$` as policy variables.
fn escaped(key: &str) -> String {
    key.chars().fold(String::new(), |key, c| match c {
        '*' | '?' | '$' => format!("{key}${{{c}}}"),
        c => key + &c.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_s3_policy_covers_one_prefix_literally() {
        let check = |address: &str, prefix: Option<&str>, objects: &str| {
            let address = S3Address::of(address).unwrap().unwrap();
            let [list, read] = bucket_statements(1, &address, &Region::parse("eu-west-1").unwrap()).unwrap();
            assert_eq!(list["Condition"]["StringLike"]["s3:prefix"].as_str(), prefix);
            assert_eq!(list["Condition"].is_null(), prefix.is_none());
            assert_eq!(
                (read["Resource"].as_str(), list["Resource"].as_str()),
                (Some(objects), Some("arn:aws:s3:::bills"))
            );
        };
        check("s3://bills", None, "arn:aws:s3:::bills/*");
        check("s3://bills/daily/", Some("daily/*"), "arn:aws:s3:::bills/daily/*");
        check("s3://bills/a*b/?c", Some("a${*}b/${?}c/*"), "arn:aws:s3:::bills/a${*}b/${?}c/*");
        check(
            "s3://bills/${aws:username}",
            Some("${$}{aws:username}/*"),
            "arn:aws:s3:::bills/${$}{aws:username}/*",
        );
    }
}
