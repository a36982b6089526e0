//! The measured values of instance types in one metric.

use std::collections::BTreeMap;

use catalog::rows::TypeBenchmarkRow;
use console::{Failure, FailureKind};

use crate::CommandPorts;
use crate::question_params::QuestionCall;
use crate::region_scope::{rows, uncollected};

/// The best measured value of each instance type in a metric.
#[derive(Debug, Clone, Default)]
pub(crate) struct TypeMetric {
    /// The metric, as the source spells it.
    pub(crate) name: String,
    values: BTreeMap<String, f64>,
}

impl TypeMetric {
    /// Reads the values of the metric that a flag names.
    ///
    /// # Errors
    /// There is no such metric, no benchmark was imported, or the warehouse fails.
    pub(crate) fn load(flag: &str, name: &str, ports: &CommandPorts<'_>) -> Result<TypeMetric, Failure> {
        let question = catalog::question("instance/benchmarks").expect("the question is in the catalog");
        let in_flag =
            |failure: Failure| Failure { message: format!("{flag}: {}", failure.message), ..failure };
        let call = QuestionCall::read(question, &[format!("metric={name}")]).map_err(in_flag)?;
        let values = call.bind(ports).map_err(in_flag)?;
        let measured: Vec<TypeBenchmarkRow> = rows(ports.ask(question, &values)?)?;
        if measured.is_empty() {
            return Err(match uncollected("benchmark", "all", ports)? {
                Some(failure) if failure.message.starts_with("not collected") => {
                    failure.hint("collector import benchmark FILE.csv")
                }
                Some(failure) => failure,
                None => Failure::new(FailureKind::NoMatch, format!("{flag}: no value of \"{name}\""))
                    .hint("truffle query instance/metrics lists the metrics"),
            });
        }
        let values = measured.into_iter().map(|row| (row.instance_type, row.best)).collect();
        Ok(TypeMetric { name: name.to_string(), values })
    }

    /// Returns the value of a type; `None` if it was not measured.
    pub(crate) fn of(&self, instance_type: &str) -> Option<f64> {
        self.values.get(instance_type).copied()
    }
}
