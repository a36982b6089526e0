//! Commitments: the best one beside a grid, the losses that their past predicts on generated
//! years, a real bill, and the time of an answer over three months of hourly lines.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{BenchRun, bench_analysis, build, data_file, median, time_command};
use crate::TaskError;

/// Lines of each month.
const LINES: u32 = 100_000;
/// Runs; their median is printed.
const RUNS: usize = 9;
const MONTHS: [(&str, u32); 3] = [("2026-08", 31), ("2026-09", 30), ("2026-10", 31)];
const SIZES: [&str; 6] = ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge"];
const FAMILIES: [&str; 6] = ["m5", "m6i", "m7i", "c5", "c6i", "r6i"];

/// Instance type, operation and price per hour of the usage in the real bill.
const REAL_PRICES: [(&str, &str, f64); 6] = [
    ("c5.large", "RunInstances", 0.085),
    ("m4.xlarge", "RunInstances", 0.2),
    ("m5.large", "RunInstances:0002", 0.188),
    ("t2.large", "RunInstances", 0.0928),
    ("t2.micro", "RunInstances", 0.0116),
    ("t3.micro", "RunInstances:0002", 0.0196),
];
/// Price under the plan of the real bill, as a share of the price on demand.
const REAL_SHARE: f64 = 0.73;

/// Measures with the real bill of a folder of data.
pub(super) fn run(arguments: &[&str], data: &Path) -> Result<(), TaskError> {
    println!("\n## commitments\n");
    bench_analysis("commitment", arguments)?;
    build()?;
    let bench = BenchRun::new()?;
    bench.real_commitment(data)?;
    bench.commitment()
}

impl BenchRun {
    /// Measures `truffle commitment` over three months of the same number of lines.
    fn commitment(&self) -> Result<(), TaskError> {
        let lake = self.home.join("commitment");
        let rates =
            types().map(|(at, name, price)| (name, "RunInstances", price * (0.55 + 0.01 * at as f64)));
        self.import_to(&lake, &["savings-plans"], &self.plan_rates(rates)?)?;
        for (month, days) in MONTHS {
            let kind = ["cur", "--observed-at", "2026-11-04"];
            self.import_to(&lake, &kind, &self.hourly_bill(month, days)?)?;
        }
        let ask = || {
            let mut command = self.truffle(&["commitment", "--window", "31d", "-o", "json", "--lake"]);
            command.arg(&lake);
            command
        };
        // The first answer publishes the warehouse.
        time_command(&mut ask())?;
        let times: Result<Vec<f64>, TaskError> = (0..RUNS).map(|_| time_command(&mut ask())).collect();
        let title = format!("commitment over {} lines", MONTHS.len() as u32 * LINES);
        println!("{title:<34} {:>6.1} ms {:>19}  1000 ms", median(times?), "");
        Ok(())
    }

    fn import_to(&self, lake: &Path, kind: &[&str], file: &Path) -> Result<(), TaskError> {
        let mut command = self.program("mycelium");
        command.args(["collector", "import"]).args(kind).arg(file).arg("--lake").arg(lake);
        time_command(&mut command).map(drop)
    }

    /// Prints the cost in November of the commitment that was the best one in October.
    fn real_commitment(&self, data: &Path) -> Result<(), TaskError> {
        let lake = self.home.join("real-bill");
        for month in ["Oct", "Nov"] {
            let name = format!("cur-2018/{month}2018-WorkshopCUR-00001.snappy.parquet");
            let Some(bill) = data_file(data, "commitments of a real bill", &name) else { return Ok(()) };
            self.import_to(&lake, &["cur", "--observed-at", "2018-12-05"], &bill)?;
        }
        let rates = REAL_PRICES.map(|(name, operation, price)| (name.into(), operation, REAL_SHARE * price));
        self.import_to(&lake, &["savings-plans"], &self.plan_rates(rates.into_iter())?)?;
        let ask = |words: &[&str]| {
            let mut command = self.truffle(&["commitment", "-o", "csv", "-q", "--lake"]);
            let output = command.arg(&lake).args(words).output().map_err(|e| e.to_string())?;
            Ok::<String, TaskError>(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let october = ask(&["--through", "2018-10-31", "--window", "31d"])?;
        let chosen = cell(&october, "best", "commitment_per_hour")?;
        let november = ask(&["--through", "2018-11-30", "--window", "30d", "--amount", chosen])?;
        let amount = |choice: &str, name: &str| -> Result<f64, TaskError> {
            let text = cell(&november, choice, name)?;
            text.parse().map_err(|_| format!("{name} is no number: {text}"))
        };
        let (kept, best) = (amount("amount", "cost")?, amount("best", "cost")?);
        println!(
            "real bill: the best commitment of October in November {kept:.2}, in hindsight {best:.2}, \
             without one {:.2}: {:.4} x hindsight, bar 1.005",
            amount("best", "on_demand_cost")?,
            kept / best
        );
        Ok(())
    }

    /// Writes rates of a Compute plan, each of an instance type and an operation.
    fn plan_rates<'o>(
        &self,
        rates: impl Iterator<Item = (String, &'o str, f64)>,
    ) -> Result<PathBuf, TaskError> {
        let mut text =
            "FormatVersion,v1.0\nDisclaimer,none\nPublication Date,2026-07-01T00:00:00Z\nVersion,1\n\
                        OfferCode,AmazonComputeSavingsPlan\n\
                        SKU,RateCode,Unit,EffectiveDate,DiscountedRate,Currency,DiscountedSKU,\
                        DiscountedServiceCode,DiscountedUsageType,DiscountedOperation,PurchaseOption,\
                        LeaseContractLength,LeaseContractLengthUnit,Product Family,DiscountedRegionCode,\
                        DiscountedInstanceType\n"
                .to_string();
        for (at, (name, operation, rate)) in rates.enumerate() {
            text += &format!(
                "P,P.{at},Hrs,2026-07-01T00:00:00Z,{rate:.6},USD,S{at},AmazonEC2,BoxUsage:{name},\
                 {operation},\
                 No Upfront,1,year,ComputeSavingsPlans,us-east-1,{name}\n"
            );
        }
        let path = self.home.join("plans.csv");
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path)
    }

    /// Writes a report with a line for each instance and hour.
    fn hourly_bill(&self, month: &str, days: u32) -> Result<PathBuf, TaskError> {
        let path = self.home.join(format!("bill-{month}.csv"));
        let failed = |e: std::io::Error| format!("{}: {e}", path.display());
        let mut file = BufWriter::new(File::create(&path).map_err(failed)?);
        let head = "bill/PayerAccountId,bill/BillingPeriodStartDate,lineItem/UsageAccountId,\
                    lineItem/LineItemType,\
                    lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,lineItem/UsageType,\
                    lineItem/Operation,lineItem/CurrencyCode,lineItem/UsageAmount,lineItem/UnblendedCost,\
                    pricing/publicOnDemandCost,pricing/term,pricing/unit,product/region,product/instanceType,\
                    lineItem/ResourceId";
        writeln!(file, "{head}").map_err(failed)?;
        let types: Vec<(usize, String, f64)> = types().collect();
        for at in 0..LINES {
            let hour_of_month = at % (days * 24);
            let (day, hour) = (hour_of_month / 24 + 1, hour_of_month % 24);
            let instance = at / (days * 24);
            let (_, name, price) = &types[(instance as usize * 7 + hour as usize / 8) % types.len()];
            let end = if hour == 23 {
                format!("{month}-{day:02}T23:59:59Z")
            } else {
                format!("{month}-{day:02}T{:02}:00:00Z", hour + 1)
            };
            writeln!(
                file,
                "111122223333,{month}-01T00:00:00Z,111122223333,Usage,\
                 {month}-{day:02}T{hour:02}:00:00Z,{end},\
                 AmazonEC2,BoxUsage:{name},RunInstances,USD,1,{price:.4},{price:.4},OnDemand,Hrs,\
                 us-east-1,{name},\
                 i-{instance:017}"
            )
            .map_err(failed)?;
        }
        file.flush().map_err(failed)?;
        Ok(path)
    }
}

/// Returns a value of a choice from an answer as CSV.
fn cell<'a>(answer: &'a str, choice: &str, name: &str) -> Result<&'a str, TaskError> {
    let mut lines = answer.lines().map(|line| line.split(',').collect::<Vec<&str>>());
    let head = lines.next().unwrap_or_default();
    let place = |name: &str| head.iter().position(|field| *field == name);
    let found = place("commitment_choice").zip(place(name)).and_then(|(choice_at, at)| {
        lines.find(|line| line.get(choice_at) == Some(&choice))?.get(at).copied()
    });
    found.ok_or_else(|| format!("no {name} of {choice} in:\n{answer}"))
}

/// Number, name and price per hour of the instance types.
fn types() -> impl Iterator<Item = (usize, String, f64)> {
    let names = FAMILIES.iter().flat_map(|family| SIZES.iter().map(move |size| format!("{family}.{size}")));
    names.enumerate().map(|(at, name)| (at, name, 0.085 * f64::from(1_u32 << (at % SIZES.len()))))
}
