//! The state of the sandbox and its rules: resources, ids, planned events, permissions. It knows
//! neither the encodings of calls nor the services that change it.

mod account;
mod authorization;
mod call;
mod error;
mod event_queue;
mod iam_directory;
mod ids;
mod instance;
mod network;
mod policy;
mod region_view;
mod resources;
mod schedule;
mod storage;
mod text_pattern;
mod world;

pub(crate) use account::{AccessKey, HourlyRate, TrailEvent, UsageRecord};
pub(crate) use authorization::request_tags;
pub(crate) use call::{ApiCall, is_read};
pub(crate) use error::{ApiError, ApiResult, ResourceKind};
pub(crate) use event_queue::{EventQueueEntry, SandboxEvent};
pub(crate) use iam_directory::{
    AWS_POLICIES, IamRole, InstanceProfile, ManagedPolicy, Principal, document_of, named_principals,
};
pub(crate) use ids::{derived_fraction, derived_id};
pub(crate) use instance::{
    DiskRequest, MaintenanceEvent, MetadataOptions, PushedKey, ReservationTarget, ResourceTags,
    SandboxInstance, SandboxInstanceState, SpotRequest, StateReason, VolumeAttachment,
};
pub(crate) use network::{RegionNetwork, SecurityGroup, SecurityGroupRule};
pub(crate) use policy::{IamDecision, PolicyContext, decide, policy_fault, statements};
pub(crate) use region_view::RegionView;
pub(crate) use resources::{
    CapacityReservation, ClientTokenUse, ElasticIp, KeyPair, LaunchTemplate, LaunchTemplateVersion,
};
pub(crate) use schedule::{EventSchedule, ScheduleTarget};
pub(crate) use storage::{EbsVolume, MachineImage, VolumeSnapshot};
pub(crate) use text_pattern::matches;
pub(crate) use world::{FIRST_ACCOUNT, SandboxWorld, WorldState, credentials};
