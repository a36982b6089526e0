use clap::Args;
use console::{Exit, Failure, Printer};
use lifecycle::tag;
use serde_json::json;

/// Print the smallest IAM policy with which spawn works.
///
/// The policy allows launches only with metadata service version 2 and spawn's tag. Only instances
/// with that tag can be started, rebooted or ended, and only the tags of their time can be changed.
/// Only spot requests with that tag can be cancelled. IAM
/// cannot compare owners and deadlines, so spawn itself checks that an instance is the caller's own
/// and overdue.
#[derive(Debug, Args)]
pub struct SpawnPolicyArgs {
    /// Leave out the permissions for launching, for a reaper
    #[arg(long)]
    pub reap: bool,
}

const LOOKING: [&str; 8] = [
    "ec2:DescribeAddresses",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceAttribute",
    "ec2:DescribeInstances",
    "ec2:DescribeRegions",
    "ec2:DescribeSpotInstanceRequests",
    "ec2:DescribeVolumes",
    "sts:GetCallerIdentity",
];
const PREPARING: [&str; 2] = ["ec2:DescribeInstanceTypes", "ssm:GetParameters"];
/// The other resource types that a launch needs.
const FROM: [&str; 6] = ["image", "key-pair", "network-interface", "security-group", "subnet", "volume"];
const ENDING: [&str; 2] = ["ec2:StopInstances", "ec2:TerminateInstances"];
const STARTING: [&str; 2] = ["ec2:RebootInstances", "ec2:StartInstances"];

pub(crate) fn run_policy(args: &SpawnPolicyArgs, printer: &mut Printer) -> Result<Exit, Failure> {
    let text = serde_json::to_string_pretty(&policy(!args.reap)).expect("a policy is plain JSON");
    printer.text(&format!("{text}\n"))?;
    Ok(Exit::Done)
}

fn policy(launching: bool) -> serde_json::Value {
    let instance = "arn:*:ec2:*:*:instance/*";
    let mut looking = LOOKING.to_vec();
    let of_request = format!("aws:RequestTag/{}", tag::MANAGED);
    let managed = format!("aws:ResourceTag/{}", tag::MANAGED);
    let mut launch = Vec::new();
    if launching {
        looking.extend(PREPARING);
        launch = vec![
            json!({
                "Sid": "SpawnLaunch", "Effect": "Allow", "Action": "ec2:RunInstances", "Resource": instance,
                "Condition": {"StringEquals": {(of_request): tag::YES, "ec2:MetadataHttpTokens": "required"}},
            }),
            json!({
                "Sid": "SpawnLaunchFrom", "Effect": "Allow", "Action": "ec2:RunInstances",
                "Resource": FROM.map(|kind| format!("arn:*:ec2:*:*:{kind}/*")),
            }),
            json!({
                "Sid": "SpawnTag", "Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "arn:*:ec2:*:*:*/*",
                "Condition": {"StringEquals": {"ec2:CreateAction": "RunInstances"}},
            }),
            json!({
                "Sid": "SpawnStart", "Effect": "Allow", "Action": STARTING, "Resource": instance,
                "Condition": {"StringEquals": {(&managed): tag::YES}},
            }),
            json!({
                "Sid": "SpawnTerms", "Effect": "Allow", "Action": "ec2:CreateTags", "Resource": instance,
                "Condition": {
                    "StringEquals": {(&managed): tag::YES},
                    "ForAllValues:StringEquals": {"aws:TagKeys": [tag::EXPIRY, tag::START]},
                    "Null": {"aws:TagKeys": "false"},
                },
            }),
        ];
    }
    looking.sort_unstable();
    let mut statements = vec![
        json!({"Sid": "SpawnLook", "Effect": "Allow", "Action": looking, "Resource": "*"}),
        json!({
            "Sid": "SpawnEnd", "Effect": "Allow", "Action": ENDING, "Resource": instance,
            "Condition": {"StringEquals": {(&managed): tag::YES}},
        }),
        json!({
            "Sid": "SpawnCancel", "Effect": "Allow", "Action": "ec2:CancelSpotInstanceRequests",
            "Resource": "arn:*:ec2:*:*:spot-instances-request/*",
            "Condition": {"StringEquals": {(&managed): tag::YES}},
        }),
    ];
    statements.extend(launch);
    json!({"Version": "2012-10-17", "Statement": statements})
}
