//! EventBridge Scheduler, as far as a reaper needs it: schedules that start, stop or terminate
//! instances with the permissions of a role.

mod schedule_expression;
mod schedules;
