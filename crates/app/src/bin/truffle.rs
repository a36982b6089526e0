//! `truffle`: questions about EC2, answered without a network.

#![allow(clippy::disallowed_methods, reason = "executables read their arguments")]

use std::ffi::OsString;
use std::process::ExitCode;

use app::completion::{script, truffle_command};
use console::completion;
use truffle::TruffleArgs;

fn main() -> ExitCode {
    if app::ran_isolated_query() {
        return ExitCode::SUCCESS;
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    if completion::is_requested() {
        completion::answer("truffle", truffle_command, &words);
    }
    let args: TruffleArgs = match app::parse_args(&words) {
        Ok(args) => args,
        Err(code) => return code,
    };
    let flags = &args.common.flags;
    let result = app::start(flags).and_then(|(settings, screen)| {
        let ports = truffle::Ports {
            warehouse: &|key| app::open_warehouse_until_exit(&settings, key),
            encode: &warehouse::ColumnarEncoder,
            settings: &settings,
            version: app::VERSION,
            completions: &script,
        };
        truffle::run(&args, &ports, &mut app::printer(&settings, screen), console::now()?)
    });
    app::finish(flags.quiet, result)
}
