//! Commitments: the losses that their past predicts, on generated years, and the time of an answer
//! over three months of hourly lines.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::{BenchRun, bench_analysis, build, median, time_command};
use crate::TaskError;

/// Lines of each month.
const LINES: u32 = 100_000;
/// Runs; their median is printed.
const RUNS: usize = 9;
const MONTHS: [(&str, u32); 3] = [("2026-08", 31), ("2026-09", 30), ("2026-10", 31)];
const SIZES: [&str; 6] = ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge"];
const FAMILIES: [&str; 6] = ["m5", "m6i", "m7i", "c5", "c6i", "r6i"];

pub(super) fn run(arguments: &[&str]) -> Result<(), TaskError> {
    bench_analysis("commitment", arguments)?;
    build()?;
    BenchRun::new()?.commitment()
}

impl BenchRun {
    /// Measures `truffle commitment` over three months of the same number of lines.
    fn commitment(&self) -> Result<(), TaskError> {
        let lake = self.home.join("commitment");
        let import = |kind: &str, file: &PathBuf, time: &str| {
            let mut command = self.program("mycelium");
            command.args(["collector", "import", kind]).arg(file).arg("--lake").arg(&lake);
            if !time.is_empty() {
                command.args(["--observed-at", time]);
            }
            time_command(&mut command)
        };
        import("savings-plans", &self.plan_rates()?, "")?;
        for (month, days) in MONTHS {
            import("cur", &self.hourly_bill(month, days)?, "2026-11-04")?;
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

    fn plan_rates(&self) -> Result<PathBuf, TaskError> {
        let mut text =
            "FormatVersion,v1.0\nDisclaimer,none\nPublication Date,2026-07-01T00:00:00Z\nVersion,1\n\
                        OfferCode,AmazonComputeSavingsPlan\n\
                        SKU,RateCode,Unit,EffectiveDate,DiscountedRate,Currency,DiscountedSKU,\
                        DiscountedServiceCode,DiscountedUsageType,DiscountedOperation,PurchaseOption,\
                        LeaseContractLength,LeaseContractLengthUnit,Product Family,DiscountedRegionCode,\
                        DiscountedInstanceType\n"
                .to_string();
        for (at, name, price) in types() {
            let rate = price * (0.55 + 0.01 * at as f64);
            text += &format!(
                "P,P.{at},Hrs,2026-07-01T00:00:00Z,{rate:.6},USD,S{at},AmazonEC2,BoxUsage:{name},\
                 RunInstances,\
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

/// Number, name and price per hour of the instance types.
fn types() -> impl Iterator<Item = (usize, String, f64)> {
    let names = FAMILIES.iter().flat_map(|family| SIZES.iter().map(move |size| format!("{family}.{size}")));
    names.enumerate().map(|(at, name)| (at, name, 0.085 * f64::from(1_u32 << (at % SIZES.len()))))
}
