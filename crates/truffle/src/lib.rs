//! Answers questions about EC2 without a network: search, compare, show, query, export.
//!
//! This crate contains the commands. Each turns its arguments into a question to the warehouse and
//! the answer into a report. The crate never depends on the SQL engine, a file format or a socket.

mod accelerator_names;
mod account_coverage;
mod alternatives_report;
mod anomaly_marks;
mod anomaly_search;
mod answer_columns;
mod args;
mod bill_histories;
mod budget_check;
mod budget_entry;
mod calendar_svg;
mod capacity_facts;
mod charge_parts;
mod collect_command;
mod columns;
pub mod commands;
mod cost_days;
mod cost_dimension;
mod cost_filter;
mod cost_flags;
mod cost_footer;
#[cfg(test)]
mod cost_sample;
mod cost_text;
mod daily_costs;
mod discount_book;
mod empty_answer;
pub mod filter;
mod footer;
mod forecast_svg;
mod html_page;
mod instance_names;
mod leaf_forecast;
mod leaf_key;
mod market_places;
mod missing_prices;
mod offer;
mod output_file;
mod partitions;
mod plan_costs;
mod plan_demand;
mod plan_file;
mod ports;
mod processors;
mod purchase_options;
mod question_columns;
mod question_params;
pub mod range;
pub mod recommend;
mod region_scope;
mod repl;
mod run;
mod savings_plan;
mod spot_alternatives;
mod spot_market;
mod statement;
mod statement_tables;
mod svg_drawing;
#[cfg(test)]
mod test_run;
mod type_names;
mod usage;
mod user_files;
pub mod words;

pub use args::{Command, CommonArgs, TruffleArgs};
pub use cost_dimension::dimension_names;
pub use ports::{CommandPorts, CompletionShell, OpenWarehouse, Ports};
pub use run::{budget_names, column_names, plan_names, region_names, run, saved_names, type_names};
