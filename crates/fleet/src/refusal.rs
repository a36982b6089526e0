//! The error codes of AWS: their class, and the next command to type.
//!
//! One table classifies every code that launching, powering and ending an instance can meet. The
//! codes and their meaning are from "Error codes for the Amazon EC2 API" and from the API
//! references of IAM, SSM and Service Quotas. A code that is not in the table is a
//! [`RefusalClass::Request`] without a hint.

/// The kind of a refusal, which decides about a repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalClass {
    /// AWS has no such machine or address at the place now.
    Capacity,
    /// A quota of the account is used up.
    Quota,
    /// The highest price is below the spot price.
    Price,
    /// EC2 does not know a new key, group or role yet, or the instance is changing.
    NotYet,
    /// There were too many requests.
    Throttled,
    /// The account or its credentials do not work.
    Account,
    /// A policy does not allow the request.
    Permission,
    /// The request itself is wrong.
    Request,
    /// AWS failed, and the request may have had its effect.
    Lost,
}

/// The facts that a hint names.
#[derive(Debug, Clone, Copy, Default)]
pub struct RefusalContext<'a> {
    /// The region's code; empty if there is none.
    pub region: &'a str,
    /// The instance type; empty if there is none.
    pub instance_type: &'a str,
    /// Whether the request was for a spot instance.
    pub spot: bool,
}

/// A rule of the table.
struct RefusalRule {
    code: &'static str,
    /// A part of AWS's sentence that must occur; empty for any sentence.
    sentence: &'static str,
    class: RefusalClass,
    /// The hint. `{region}`, `{type}` and `{quota}` are replaced.
    hint: &'static str,
}

const fn rule(code: &'static str, class: RefusalClass, hint: &'static str) -> RefusalRule {
    RefusalRule { code, sentence: "", class, hint }
}

const fn rule_with(
    code: &'static str,
    sentence: &'static str,
    class: RefusalClass,
    hint: &'static str,
) -> RefusalRule {
    RefusalRule { code, sentence, class, hint }
}

const OTHER_PLACE: &str =
    "leave out --zone, or choose another place: truffle zones {type} --region {region} lists the zones";
const RAISE_QUOTA: &str = "aws service-quotas request-service-quota-increase --region {region} \
    --service-code ec2 --quota-code {quota} --desired-value VCPUS";
const LOG_IN: &str = "log in again (aws sso login, aws configure), or name a profile with --account";
const POLICY: &str = "spawn policy prints a policy that is enough";
const LIST: &str = "spawn list shows the instances and their states";
const AGAIN: &str = "run the same command again in a minute";
const UNKNOWN_OUTCOME: &str = "spawn list shows whether it had an effect";
const KMS: &str = "aws ec2 get-ebs-default-kms-key-id --region {region} names the key of new disks: enable it, \
    or allow your role to use it";

/// The table. The first rule with the code and the part of the sentence applies.
const RULES: &[RefusalRule] = {
    use RefusalClass::*;
    &[
        rule("InsufficientInstanceCapacity", Capacity, OTHER_PLACE),
        rule("InsufficientHostCapacity", Capacity, OTHER_PLACE),
        rule("InsufficientCapacityOnHost", Capacity, OTHER_PLACE),
        rule("InsufficientReservedInstanceCapacity", Capacity, OTHER_PLACE),
        rule("InsufficientCapacity", Capacity, OTHER_PLACE),
        rule("UnfulfillableCapacity", Capacity, OTHER_PLACE),
        rule("SpotInstanceCapacityNotAvailable", Capacity, "leave out --spot, or choose another --zone"),
        rule("ReservationCapacityExceeded", Capacity, OTHER_PLACE),
        rule("InsufficientVolumeCapacity", Capacity, OTHER_PLACE),
        rule(
            "InsufficientFreeAddressesInSubnet",
            Capacity,
            "aws ec2 describe-subnets --region {region} lists the free addresses: choose another --subnet",
        ),
        rule(
            "InsufficientAddressCapacity",
            Capacity,
            "run the same command again later, or in another --region",
        ),
        rule("Unsupported", Capacity, OTHER_PLACE),
        rule("VcpuLimitExceeded", Quota, RAISE_QUOTA),
        rule("InstanceLimitExceeded", Quota, RAISE_QUOTA),
        rule("MaxSpotInstanceCountExceeded", Quota, RAISE_QUOTA),
        rule("SpotInstanceCountLimitExceeded", Quota, RAISE_QUOTA),
        rule(
            "AddressLimitExceeded",
            Quota,
            "aws ec2 describe-addresses --region {region} lists the addresses in use",
        ),
        rule(
            "VolumeLimitExceeded",
            Quota,
            "aws ec2 describe-volumes --region {region} lists the volumes in use",
        ),
        rule(
            "MaxIOPSLimitExceeded",
            Quota,
            "aws ec2 describe-volumes --region {region} lists the volumes in use",
        ),
        rule(
            "NetworkInterfaceLimitExceeded",
            Quota,
            "aws ec2 describe-network-interfaces --region {region} lists those in use",
        ),
        rule(
            "SecurityGroupLimitExceeded",
            Quota,
            "spawn cleanup lists unused groups; --group names an existing one",
        ),
        rule("SecurityGroupsPerInstanceLimitExceeded", Quota, "name fewer groups with --group"),
        rule("RulesPerSecurityGroupLimitExceeded", Quota, "spawn cleanup lists old rules"),
        rule("ResourceLimitExceeded", Quota, "spawn cleanup lists unused resources"),
        rule("TagLimitExceeded", Quota, "an instance has at most 50 tags: use fewer --tag"),
        rule("LimitExceeded", Quota, "spawn cleanup lists unused roles; --role names an existing one"),
        rule(
            "SpotMaxPriceTooLow",
            Price,
            "truffle show {type} --region {region} shows the prices; raise --max-price, or leave it out",
        ),
        rule_with(
            "InvalidParameterValue",
            "Invalid IAM Instance Profile",
            NotYet,
            "run the same command again in a minute, or leave out --role; aws iam list-instance-profiles lists \
             the profiles",
        ),
        rule("InvalidInstanceProfile.NotFound", NotYet, AGAIN),
        rule(
            "InvalidGroup.NotFound",
            NotYet,
            "aws ec2 describe-security-groups --region {region} lists the groups",
        ),
        rule(
            "InvalidSecurityGroupID.NotFound",
            NotYet,
            "aws ec2 describe-security-groups --region {region} lists the groups",
        ),
        rule(
            "InvalidKeyPair.NotFound",
            NotYet,
            "aws ec2 describe-key-pairs --region {region} lists the keys",
        ),
        rule("InvalidInstanceID.NotFound", NotYet, LIST),
        rule("IncorrectInstanceState", NotYet, LIST),
        rule("IncorrectState", NotYet, LIST),
        rule(
            "InvalidAMIID.Unavailable",
            NotYet,
            "wait until the image is available, or choose another --image",
        ),
        rule("IncorrectSpotRequestState", NotYet, AGAIN),
        rule("RequestLimitExceeded", Throttled, AGAIN),
        rule("Throttling", Throttled, AGAIN),
        rule("ThrottlingException", Throttled, AGAIN),
        rule("TooManyRequestsException", Throttled, AGAIN),
        rule("EC2ThrottledException", Throttled, AGAIN),
        rule("RequestThrottled", Throttled, AGAIN),
        rule("SlowDown", Throttled, AGAIN),
        rule(
            "OptInRequired",
            Account,
            "aws account enable-region --region-name {region} enables it in some minutes; an image of the \
             Marketplace needs its subscription; or choose another --region or --image",
        ),
        rule(
            "PendingVerification",
            Account,
            "AWS verifies a new account or region, mostly within 4 hours: run the same command again later",
        ),
        rule(
            "Blocked",
            Account,
            "AWS blocked the account: open a case at https://console.aws.amazon.com/support",
        ),
        rule("AuthFailure.ServiceLinkedRoleCreationNotPermitted", Permission, SPOT_ROLE),
        rule("AuthFailure", Account, LOG_IN),
        rule("InvalidClientTokenId", Account, LOG_IN),
        rule("UnrecognizedClientException", Account, LOG_IN),
        rule("ExpiredToken", Account, LOG_IN),
        rule("ExpiredTokenException", Account, LOG_IN),
        rule("MissingAuthenticationToken", Account, LOG_IN),
        rule("SignatureDoesNotMatch", Account, LOG_IN),
        rule(
            "RequestExpired",
            Account,
            "the clock of this machine differs from AWS's: set it (timedatectl set-ntp true)",
        ),
        rule("VPCIdNotSpecified", Account, SUBNETS),
        rule_with("MissingInput", "default VPC", Account, SUBNETS),
        rule_with("InvalidParameterValue", "default VPC", Account, SUBNETS),
        rule("InvalidKMSKey.InvalidState", Account, KMS),
        rule("InvalidKMSKey.DisabledKey", Account, KMS),
        rule("KMSKeyNotAccessibleFault", Permission, KMS),
        rule("Client.InternalError", Permission, KMS),
        rule("UnauthorizedOperation", Permission, POLICY),
        rule("AccessDenied", Permission, POLICY),
        rule("AccessDeniedException", Permission, POLICY),
        rule(
            "OperationNotPermitted",
            Permission,
            "aws ec2 describe-instance-attribute --region {region} --attribute disableApiTermination \
             --instance-id ID shows the protection",
        ),
        rule("InvalidAMIID.NotFound", Request, IMAGES),
        rule("InvalidAMIID.Malformed", Request, IMAGES),
        rule(
            "InvalidInstanceType",
            Request,
            "truffle search lists the types; truffle show {type} the closest one",
        ),
        rule("InvalidSubnetID.NotFound", Request, SUBNETS),
        rule("InvalidSubnetID.Malformed", Request, SUBNETS),
        rule("InvalidSubnet.Conflict", Request, SUBNETS),
        rule(
            "InvalidGroupId.Malformed",
            Request,
            "aws ec2 describe-security-groups --region {region} lists the groups",
        ),
        rule_with(
            "InvalidParameterValue",
            "availability zone",
            Request,
            "aws ec2 describe-availability-zones --region {region} lists the zones",
        ),
        rule_with(
            "InvalidParameterValue",
            "InstanceType",
            Request,
            "truffle search lists the types; truffle zones {type} shows where one is offered",
        ),
        rule(
            "InvalidBlockDeviceMapping",
            Request,
            "leave out --disk, or make it at least as large as the image's root volume",
        ),
        rule("InvalidUserData.Malformed", Request, "check the file of --user-data"),
        rule(
            "TagPolicyViolation",
            Request,
            "change the named --tag: a policy of the organization limits its values",
        ),
        rule(
            "UnsupportedHibernationConfiguration",
            Request,
            "leave out --hibernation; an instance that was launched without it can only be stopped",
        ),
        rule("UnsupportedOperation", Request, LIST),
        rule("InvalidInstanceID.Malformed", Request, LIST),
        rule("IdempotentParameterMismatch", Request, "spawn launch --resume checks the launch again"),
        rule("InternalError", Lost, UNKNOWN_OUTCOME),
        rule("InternalFailure", Lost, UNKNOWN_OUTCOME),
        rule("Server.InternalError", Lost, UNKNOWN_OUTCOME),
        rule("Unavailable", Lost, UNKNOWN_OUTCOME),
        rule("ServiceUnavailable", Lost, UNKNOWN_OUTCOME),
        rule("RequestTimeout", Lost, UNKNOWN_OUTCOME),
    ]
};

const SPOT_ROLE: &str = "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com creates spot's \
    role, once for each account";
const SUBNETS: &str = "aws ec2 describe-subnets --region {region} lists the subnets: name one with --subnet; aws ec2 \
     create-default-vpc --region {region} makes a default VPC";
const IMAGES: &str = "leave out --image for the newest Amazon Linux 2023, or name one of {region}";

/// The quota of the families that share one: on demand, and spot.
const STANDARD_QUOTAS: (&str, &str) = ("L-1216C47A", "L-34B43A08");

/// Returns the code of the quota that limits the running vCPUs of an instance type. For a family
/// with a quota of another kind, it is that of most families.
pub fn vcpu_quota(instance_type: &str, spot: bool) -> &'static str {
    let standard = if spot { STANDARD_QUOTAS.1 } else { STANDARD_QUOTAS.0 };
    domain::vcpu_quota(instance_type, spot).unwrap_or(standard)
}

fn find_rule(code: &str, sentence: &str) -> Option<&'static RefusalRule> {
    let sentence = sentence.to_lowercase();
    RULES.iter().find(|rule| rule.code == code && sentence.contains(&rule.sentence.to_lowercase()))
}

/// Returns the class of an error code. `sentence` is AWS's sentence: some codes have several
/// meanings.
pub fn classify(code: &str, sentence: &str) -> RefusalClass {
    find_rule(code, sentence).map_or(RefusalClass::Request, |rule| rule.class)
}

/// Returns the hint for an error code; none for an unknown one.
pub fn hint(code: &str, sentence: &str, context: &RefusalContext<'_>) -> Option<String> {
    let or =
        |text: &str, stand_in: &str| if text.is_empty() { stand_in.to_string() } else { text.to_string() };
    let rule = find_rule(code, sentence)?;
    let quota = match context.instance_type {
        "" => "CODE",
        instance_type => vcpu_quota(instance_type, context.spot),
    };
    Some(
        rule.hint
            .replace("{region}", &or(context.region, "REGION"))
            .replace("{type}", &or(context.instance_type, "TYPE"))
            .replace("{quota}", quota),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const EVERY_CLASS: [RefusalClass; 9] = [
        RefusalClass::Capacity,
        RefusalClass::Quota,
        RefusalClass::Price,
        RefusalClass::NotYet,
        RefusalClass::Throttled,
        RefusalClass::Account,
        RefusalClass::Permission,
        RefusalClass::Request,
        RefusalClass::Lost,
    ];

    #[test]
    fn the_table_has_every_class_and_no_rule_that_an_earlier_one_hides() {
        let codes: BTreeSet<&str> = RULES.iter().map(|rule| rule.code).collect();
        assert!(codes.len() >= 35, "{} codes", codes.len());
        for class in EVERY_CLASS {
            assert!(RULES.iter().any(|rule| rule.class == class), "{class:?}");
        }
        for rule in RULES {
            let found = find_rule(rule.code, rule.sentence).map(|found| found.sentence);
            assert_eq!(found, Some(rule.sentence), "{} is hidden by an earlier rule", rule.code);
            assert!(!rule.hint.is_empty() && !rule.hint.ends_with('.'), "{}", rule.code);
        }
    }

    #[test]
    fn a_sentence_decides_between_the_meanings_of_a_code() {
        let check = |sentence: &str, expected: RefusalClass| {
            assert_eq!(classify("InvalidParameterValue", sentence), expected, "{sentence}");
        };
        check(
            "Value (spawn) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
            RefusalClass::NotYet,
        );
        check("No default VPC for this user", RefusalClass::Account);
        check("Invalid value 't3.x' for InstanceType.", RefusalClass::Request);
        assert_eq!(classify("SomethingNew", ""), RefusalClass::Request);
        assert_eq!(hint("SomethingNew", "", &RefusalContext::default()), None);
    }

    #[test]
    fn a_hint_names_the_region_the_type_and_the_quota() {
        let context = RefusalContext { region: "eu-west-1", instance_type: "g5.xlarge", spot: false };
        let check = |code: &str, context: &RefusalContext<'_>, expected: &str| {
            let found = hint(code, "", context).unwrap();
            assert!(found.contains(expected), "{code}: {found}");
            assert!(!found.contains('{'), "{code}: {found}");
        };
        check("VcpuLimitExceeded", &context, "--region eu-west-1 --service-code ec2 --quota-code L-DB2E81BA");
        let spot = RefusalContext { spot: true, ..context };
        check("MaxSpotInstanceCountExceeded", &spot, "L-3819A6DF");
        check("VPCIdNotSpecified", &context, "aws ec2 describe-subnets --region eu-west-1");
        check("VcpuLimitExceeded", &RefusalContext::default(), "--region REGION");
        for rule in RULES {
            let found = hint(rule.code, rule.sentence, &context).expect("each rule has a hint");
            assert!(!found.contains('{'), "{}: {found}", rule.code);
        }
    }

    #[test]
    fn each_family_has_its_vcpu_quota() {
        let check = |instance_type: &str, expected: [&str; 2]| {
            let found = [false, true].map(|spot| vcpu_quota(instance_type, spot));
            assert_eq!(found, expected, "{instance_type}");
        };
        check("t3.micro", ["L-1216C47A", "L-34B43A08"]);
        check("p5.48xlarge", ["L-417A185B", "L-7212CCBC"]);
        check("gr6.4xlarge", ["L-DB2E81BA", "L-3819A6DF"]);
        check("trn1.2xlarge", ["L-2C3B7624", "L-6B0D517C"]);
        check("inf2.xlarge", ["L-1945791B", "L-B5D1601B"]);
    }
}
