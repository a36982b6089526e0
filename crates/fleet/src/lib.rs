//! Instances seen from outside: launch at most once, find the overdue ones, and the ports to EC2.
//!
//! * [`launch`] is the state machine of one launch: at most one instance, wherever a reply is lost.
//! * [`launch_plan`] plans its request, and [`launch_tags`] checks the tags of its user.
//! * [`power`] plans a stop, a hibernation, a start, a reboot or a termination of one instance.
//! * [`terms_change`] changes the terms of an instance from outside.
//! * [`reap`] plans which instances have outlived their time; it never plans more than it shows.
//! * [`bound`] reads the bound of a life from the tags, and recognizes tags of another instance.
//! * [`cost`] computes the cost of an instance's running time, as far as it is known from outside.
//! * [`owner`] is the name of an owner that stays the same between sessions.
//! * [`refusal`] classifies AWS's error codes, and gives each its hint.
//! * [`remains`] prices the resources that stay after an end.
//! * [`user_data`] joins spawn's part of the user data and the user's own.
//! * [`provision`] plans the key pair, the security group and the role that a launch needs.
//! * [`ports`] holds the ports to AWS, one per noun, each with a memory fake and a failing
//!   decorator.
//! * [`image`] describes images and types as far as a launch depends on them.
//! * [`instance`] describes an instance as those ports report it.
//!
//! The crate is pure: it knows no clock, file, socket, environment or AWS SDK.

pub mod address_range;
pub mod bound;
pub mod cost;
pub mod image;
pub mod instance;
pub mod launch;
pub mod launch_plan;
mod launch_record;
mod launch_request;
pub mod launch_tags;
pub mod owner;
pub mod ports;
pub mod power;
pub mod provision;
pub mod reap;
pub mod refusal;
pub mod remains;
pub mod terms_change;
pub mod user_data;
