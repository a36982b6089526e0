use std::borrow::Cow;

/// The result of a call or of a step of one.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// An error response: AWS's code and message, and the HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct ApiError {
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    pub(crate) status: u16,
}

impl ApiError {
    /// Builds an error; the HTTP status follows from the code.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> ApiError {
        let status = match code {
            "DryRunOperation" => 412,
            "AuthFailure"
            | "InvalidClientTokenId"
            | "MissingAuthenticationToken"
            | "UnauthorizedOperation" => 403,
            "AccessDenied" | "SignatureDoesNotMatch" | "RequestExpired" | "ExpiredToken" => 403,
            "InsufficientInstanceCapacity" | "InternalError" | "InsufficientCapacityOnHost" => 500,
            "RequestLimitExceeded" | "Unavailable" => 503,
            "NoSuchEntity" | "ResourceNotFoundException" => 404,
            "AccessDeniedException" => 403,
            "ConflictException" => 409,
            "EntityAlreadyExists" | "DeleteConflict" | "LimitExceeded" => 409,
            _ => 400,
        };
        let status = if code == "AuthFailure" { 401 } else { status };
        ApiError { code: Cow::Borrowed(code), message: message.into(), status }
    }

    /// Builds an `InvalidParameterValue` error.
    pub(crate) fn value(message: impl Into<String>) -> ApiError {
        ApiError::new("InvalidParameterValue", message)
    }

    /// Builds an `InvalidParameterCombination` error.
    pub(crate) fn combination(message: impl Into<String>) -> ApiError {
        ApiError::new("InvalidParameterCombination", message)
    }

    /// Builds the error for an unknown id: `X.NotFound` if the id is well formed, else
    /// `X.Malformed`.
    pub(crate) fn unknown_id(kind: ResourceKind, id: &str) -> ApiError {
        let (not_found, malformed, sentence) = kind.words();
        let good = id
            .strip_prefix(kind.prefix())
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if good {
            ApiError::new(not_found, sentence.replace("{}", id))
        } else {
            ApiError::new(malformed, format!("Invalid id: \"{id}\" (expecting \"{}...\")", kind.prefix()))
        }
    }
}

/// A kind of resource that has ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceKind {
    Instance,
    Volume,
    Snapshot,
    Image,
    Group,
    GroupRule,
    Subnet,
    Vpc,
    SpotRequest,
    Address,
    Reservation,
    Template,
    KeyPair,
    Interface,
}

impl ResourceKind {
    /// Returns the prefix of the kind's ids.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            ResourceKind::Instance => "i-",
            ResourceKind::Volume => "vol-",
            ResourceKind::Snapshot => "snap-",
            ResourceKind::Image => "ami-",
            ResourceKind::Group => "sg-",
            ResourceKind::GroupRule => "sgr-",
            ResourceKind::Subnet => "subnet-",
            ResourceKind::Vpc => "vpc-",
            ResourceKind::SpotRequest => "sir-",
            ResourceKind::Address => "eipalloc-",
            ResourceKind::Reservation => "cr-",
            ResourceKind::Template => "lt-",
            ResourceKind::KeyPair => "key-",
            ResourceKind::Interface => "eni-",
        }
    }

    /// Returns the code for an unknown id, the code for a malformed id, and AWS's message.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            ResourceKind::Instance => (
                "InvalidInstanceID.NotFound",
                "InvalidInstanceID.Malformed",
                "The instance ID '{}' does not exist",
            ),
            ResourceKind::Volume => {
                ("InvalidVolume.NotFound", "InvalidParameterValue", "The volume '{}' does not exist.")
            }
            ResourceKind::Snapshot => {
                ("InvalidSnapshot.NotFound", "InvalidParameterValue", "The snapshot '{}' does not exist.")
            }
            ResourceKind::Image => {
                ("InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "The image id '[{}]' does not exist")
            }
            ResourceKind::Group => (
                "InvalidGroup.NotFound",
                "InvalidGroupId.Malformed",
                "The security group '{}' does not exist",
            ),
            ResourceKind::GroupRule => (
                "InvalidSecurityGroupRuleId.NotFound",
                "InvalidSecurityGroupRuleId.Malformed",
                "The security group rule ID '{}' does not exist",
            ),
            ResourceKind::Subnet => {
                ("InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed", "The subnet ID '{}' does not exist")
            }
            ResourceKind::Vpc => {
                ("InvalidVpcID.NotFound", "InvalidVpcID.Malformed", "The vpc ID '{}' does not exist")
            }
            ResourceKind::SpotRequest => (
                "InvalidSpotInstanceRequestID.NotFound",
                "InvalidSpotInstanceRequestID.Malformed",
                "The spot instance request ID '{}' does not exist",
            ),
            ResourceKind::Address => (
                "InvalidAllocationID.NotFound",
                "InvalidAllocationID.NotFound",
                "The allocation ID '{}' does not exist",
            ),
            ResourceKind::Template => (
                "InvalidLaunchTemplateId.NotFound",
                "InvalidLaunchTemplateId.Malformed",
                "The specified launch template, with template ID {}, does not exist.",
            ),
            ResourceKind::KeyPair => {
                ("InvalidKeyPair.NotFound", "InvalidKeyPair.NotFound", "The key pair '{}' does not exist")
            }
            ResourceKind::Interface => (
                "InvalidNetworkInterfaceID.NotFound",
                "InvalidNetworkInterfaceId.Malformed",
                "The network interface '{}' does not exist",
            ),
            ResourceKind::Reservation => (
                "InvalidCapacityReservationId.NotFound",
                "InvalidCapacityReservationId.Malformed",
                "The capacity reservation '{}' does not exist",
            ),
        }
    }
}
