use clap::Args;
use console::{Exit, Failure, Printer};
use fleet::provision::ROLE;
use lifecycle::tag;
use serde_json::json;

use crate::delivery::DeliveryMethod;

/// Print the smallest IAM policy with which spawn works.
///
/// The policy allows launches only with metadata service version 2 and spawn's tag. Only instances
/// with that tag can be started, entered or ended, and only the tags of their time can be changed.
/// Only spot requests with that tag can be cancelled. IAM cannot compare owners and deadlines, so
/// spawn itself checks that an instance is the caller's own and overdue. Only security groups and
/// key pairs with the tag can be changed or deleted, and of all roles only spawn-instance can be
/// given to an instance. Without --create-role an administrator creates that role, or launches have
/// none.
#[derive(Debug, Args)]
pub struct SpawnPolicyArgs {
    /// Leave out the permissions for launching, for a reaper
    #[arg(long)]
    pub reap: bool,
    /// Add the permissions to create and delete the role spawn-instance. With them a user can give
    /// that role any permission, and use it on an instance
    #[arg(long, conflicts_with = "reap")]
    pub create_role: bool,
    /// Add the permissions for launches with --deliver s3://bucket/prefix
    #[arg(long, value_name = "S3", conflicts_with = "reap")]
    pub deliver: Option<String>,
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
const PREPARING: [&str; 9] = [
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:GetConsoleOutput",
    "servicequotas:GetServiceQuota",
    "ssm:DescribeInstanceInformation",
    "ssm:GetParameters",
];
/// The other resource types that a launch needs.
const FROM: [&str; 7] = [
    "image",
    "key-pair",
    "network-interface",
    "security-group",
    "spot-instances-request",
    "subnet",
    "volume",
];
/// The calls that create resources with tags.
const TAGGED_CALLS: [&str; 4] =
    ["RunInstances", "ImportKeyPair", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress"];
const ENDING: [&str; 2] = ["ec2:StopInstances", "ec2:TerminateInstances"];
const STARTING: [&str; 2] = ["ec2:RebootInstances", "ec2:StartInstances"];

pub(crate) fn run_policy(args: &SpawnPolicyArgs, printer: &mut Printer) -> Result<Exit, Failure> {
    let mut policy = policy(!args.reap, args.create_role);
    if let Some(text) = &args.deliver {
        let DeliveryMethod::Bucket(place) = DeliveryMethod::parse(text)? else {
            let message = format!("--deliver {text} needs no permission, expected s3://bucket/prefix");
            return Err(Failure::usage(message).hint("spawn policy"));
        };
        policy["Statement"].as_array_mut().expect("a list").push(json!({
            "Sid": "SpawnPutDaemon", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": place.resource(),
        }));
    }
    let text = serde_json::to_string_pretty(&policy).expect("a policy is plain JSON");
    printer.text(&format!("{text}\n"))?;
    Ok(Exit::Done)
}

fn policy(launching: bool, create_role: bool) -> serde_json::Value {
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
                "Resource": FROM.map(of_ec2),
            }),
            json!({
                "Sid": "SpawnTag", "Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "arn:*:ec2:*:*:*/*",
                "Condition": {"StringEquals": {"ec2:CreateAction": TAGGED_CALLS}},
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
        launch.extend(provisioning(create_role));
        launch.extend(connecting());
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

/// Returns the ARNs of EC2's resources of a kind.
fn of_ec2(kind: &str) -> String {
    format!("arn:*:ec2:*:*:{kind}/*")
}

/// Returns the statements for the ways into an instance.
fn connecting() -> [serde_json::Value; 3] {
    let instance = of_ec2("instance");
    let documents = ["AWS-StartInteractiveCommand", "AWS-StartSSHSession"]
        .map(|name| format!("arn:*:ssm:*:*:document/{name}"));
    [
        json!({
            "Sid": "SpawnSendKey", "Effect": "Allow", "Action": "ec2-instance-connect:SendSSHPublicKey",
            "Resource": instance,
            "Condition": {"StringEquals": {(format!("aws:ResourceTag/{}", tag::MANAGED)): tag::YES}},
        }),
        json!({
            "Sid": "SpawnStartSession", "Effect": "Allow", "Action": "ssm:StartSession", "Resource": instance,
            "Condition": {"StringEquals": {(format!("ssm:resourceTag/{}", tag::MANAGED)): tag::YES}},
        }),
        json!({
            "Sid": "SpawnStartSessionAs", "Effect": "Allow", "Action": "ssm:StartSession",
            "Resource": documents,
        }),
    ]
}

/// Returns the statements for the key pair, the security group and the role of a launch.
fn provisioning(create_role: bool) -> Vec<serde_json::Value> {
    let own = ["role", "instance-profile"].map(|kind| format!("arn:*:iam::*:{kind}/{ROLE}"));
    let role = &own[0];
    let managed = format!("aws:ResourceTag/{}", tag::MANAGED);
    let mut statements = vec![
        json!({
            "Sid": "SpawnProvide", "Effect": "Allow", "Action": ["ec2:CreateSecurityGroup", "ec2:ImportKeyPair"],
            "Resource": (["security-group", "vpc", "key-pair"].map(of_ec2)),
        }),
        json!({
            "Sid": "SpawnChangeOwn", "Effect": "Allow",
            "Action": [
                "ec2:AuthorizeSecurityGroupIngress", "ec2:DeleteKeyPair", "ec2:DeleteSecurityGroup",
                "ec2:RevokeSecurityGroupIngress",
            ],
            "Resource": (["security-group", "key-pair"].map(of_ec2)),
            "Condition": {"StringEquals": {(managed): tag::YES}},
        }),
        json!({
            "Sid": "SpawnChangeRules", "Effect": "Allow", "Resource": "arn:*:ec2:*:*:security-group-rule/*",
            "Action": ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"],
        }),
        json!({
            "Sid": "SpawnLookAtRole", "Effect": "Allow", "Resource": own,
            "Action": [
                "iam:GetInstanceProfile", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
            ],
        }),
        json!({
            "Sid": "SpawnPassRole", "Effect": "Allow", "Action": "iam:PassRole", "Resource": role,
            "Condition": {"StringLike": {"iam:PassedToService": "ec2.amazonaws.com*"}},
        }),
    ];
    if create_role {
        statements.push(json!({
            "Sid": "SpawnCreateRole", "Effect": "Allow", "Resource": own,
            "Action": [
                "iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "iam:CreateRole",
                "iam:DeleteInstanceProfile", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy",
                "iam:RemoveRoleFromInstanceProfile",
            ],
        }));
    }
    statements
}
