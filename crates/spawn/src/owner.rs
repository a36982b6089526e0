//! The caller's own names as an owner of instances.

use console::Settings;
use fleet::owner::stable_owner;
use fleet::ports::CallerAccount;

/// Returns the owners that the caller is: the setting, if there is one, and the caller's ARN
/// without a generated session name. The first one is written to the tag of a launch.
pub(crate) fn owners(settings: &Settings, caller: &CallerAccount) -> Vec<String> {
    let set = settings.owner.as_ref().map(|owner| owner.value.clone());
    set.into_iter().chain([stable_owner(&caller.arn).to_string()]).collect()
}
