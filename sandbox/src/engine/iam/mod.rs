//! IAM: roles, instance profiles and managed policies.

mod documents;
mod managed_policies;
mod roles;
