//! Instances seen from outside: launch at most once, find the overdue ones, and the ports to EC2.
//!
//! * [`launch`] is the state machine of one launch: at most one instance, wherever a reply is lost.
//! * [`power`] plans a stop, a hibernation, a start, a reboot or a termination of one instance.
//! * [`terms_change`] changes the terms of an instance from outside.
//! * [`reap`] plans which instances have outlived their time; it never plans more than it shows.
//! * [`bound`] reads the bound of a life from the tags, and recognizes tags of another instance.
//! * [`owner`] is the name of an owner that stays the same between sessions.
//! * [`remains`] prices the resources that stay after an end.
//! * [`ports`] holds the ports to AWS, one per noun, each with a memory fake and a failing
//!   decorator.
//! * [`instance`] describes an instance as those ports report it.
//!
//! The crate is pure: it knows no clock, file, socket, environment or AWS SDK.

pub mod bound;
pub mod instance;
pub mod launch;
pub mod owner;
pub mod ports;
pub mod power;
pub mod reap;
pub mod remains;
pub mod terms_change;
