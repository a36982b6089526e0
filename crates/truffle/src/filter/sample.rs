//! Sample instance types, as stated by AWS, for the tests of this crate.

use std::sync::LazyLock;

use catalog::{Page, QuestionRow, TypeFacts, Value, ValueType};
use domain::Decimal;

use crate::offer::RegionOffer;

/// A row of `instance/facts` under construction.
#[derive(Clone)]
struct SampleRow(Vec<Value>);

impl SampleRow {
    /// A type with only a name: nullable columns are null, the others zero or empty.
    fn blank(name: &str) -> SampleRow {
        let fields = TypeFacts::fields();
        let mut row = vec![Value::Null; fields.len()];
        while let Err(error) = TypeFacts::read(row.clone()) {
            let at = fields.iter().position(|field| field.name == error.column).unwrap();
            row[at] = match fields[at].ty {
                ValueType::Bool => false.into(),
                ValueType::Int => 0.into(),
                ValueType::List(_) => Value::List(Vec::new()),
                _ => "".into(),
            };
        }
        let parsed = domain::InstanceType::parse(name).unwrap();
        SampleRow(row)
            .with("instance_type", name)
            .with("family", parsed.family())
            .with("size", parsed.size())
            .with("generation", parsed.generation().map(i64::from))
            .with("gpu_memory_mib", 0)
    }

    fn with(mut self, column: &str, value: impl Into<Value>) -> SampleRow {
        let at = TypeFacts::fields().iter().position(|field| field.name == column).unwrap();
        self.0[at] = value.into();
        self
    }

    /// A virtual machine with vCPUs, GiB of memory and the maker of its CPU.
    fn machine(name: &str, vcpus: i64, gib: i64, maker: &str) -> SampleRow {
        let (arch, threads) = match maker {
            "AWS" => ("arm64", 1),
            "Apple" => ("arm64_mac", 1),
            _ => ("x86_64", 2),
        };
        SampleRow::blank(name)
            .with("current_generation", true)
            .with("vcpus", vcpus)
            .with("threads_per_core", threads)
            .with("cores", vcpus / threads)
            .with("memory_mib", gib * 1024)
            .with("arch", arch)
            .with("architectures", vec![arch])
            .with("cpu_maker", maker)
            .with("hypervisor", "nitro")
            .with("usage_classes", vec!["on-demand", "spot"])
            .with("root_devices", vec!["ebs"])
            .with("virtualization", vec!["hvm"])
            .with("boot_modes", vec!["uefi"])
            .with("placement_strategies", vec!["cluster", "spread"])
            .with("ena", "required")
            .with("ebs_optimized", "default")
            .with("ebs_nvme", "required")
            .with("network_performance", "Up to 12.5 Gigabit")
            .with("network_peak_gbps", 12.5)
    }

    fn gpus(self, gpus: i64, model: &str, gib_each: i64) -> SampleRow {
        self.with("gpus", gpus)
            .with("gpu_model", model)
            .with("gpu_maker", "NVIDIA")
            .with("gpu_partition_size", 1.0)
            .with("gpu_memory_per_gpu_mib", gib_each * 1024)
            .with("gpu_memory_mib", gpus * gib_each * 1024)
    }

    fn fabric(self, gbps: f64) -> SampleRow {
        self.with("efa", true).with("network_peak_gbps", gbps)
    }

    fn neuron(self, model: &str, devices: i64, cores: i64) -> SampleRow {
        self.with("neuron_model", model).with("neuron_devices", devices).with("neuron_cores", cores)
    }

    fn metal(self) -> SampleRow {
        self.with("bare_metal", true).with("hypervisor", Value::Null)
    }
}

/// Returns the sample as a page of the warehouse.
pub(crate) fn page() -> Page {
    let machine = SampleRow::machine;
    let made = [
        machine("c7g.metal", 64, 128, "AWS").metal(),
        machine("c7g.xlarge", 4, 8, "AWS"),
        machine("c8g.2xlarge", 8, 16, "AWS"),
        machine("g5g.xlarge", 4, 8, "AWS").gpus(1, "T4g", 16).fabric(10.0),
        machine("g6.12xlarge", 48, 192, "AMD").gpus(4, "L4", 24),
        machine("g7.2xlarge", 8, 64, "Intel").gpus(1, "RTX PRO 4500", 32),
        machine("inf2.xlarge", 4, 16, "AMD")
            .neuron("Inferentia2", 1, 2)
            .with("inference_accelerators", 1)
            .with("inference_model", "Inferentia2")
            .with("inference_maker", "AWS"),
        machine("mac2.metal", 8, 16, "Apple").metal(),
        machine("m5.xlarge", 4, 16, "Intel").with("clock_ghz", 3.1),
        machine("m7a.xlarge", 4, 16, "AMD").with("clock_ghz", 3.7),
        machine("m7g.4xlarge", 16, 64, "AWS"),
        machine("m7i.xlarge", 4, 16, "Intel")
            .with("clock_ghz", 3.2)
            .with("processor_features", vec!["nested-virtualization"]),
        machine("m7i-flex.large", 2, 8, "Intel"),
        machine("m8i.8xlarge", 32, 128, "Intel"),
        machine("p4d.24xlarge", 96, 1152, "Intel").gpus(8, "A100", 40).fabric(400.0),
        machine("p5.4xlarge", 16, 256, "AMD").gpus(1, "H100", 80).with("compute_capability", 9.0),
        machine("p5.48xlarge", 192, 2048, "AMD").gpus(8, "H100", 80).fabric(3200.0),
        machine("p5en.48xlarge", 192, 2048, "Intel").gpus(8, "H200", 141).fabric(3200.0),
        machine("r7i.2xlarge", 8, 64, "Intel"),
        machine("t3.micro", 2, 1, "Intel").with("burstable", true),
        machine("t4g.small", 2, 2, "AWS").with("burstable", true).with("network_peak_gbps", Value::Null),
        machine("trn2.48xlarge", 192, 2048, "Intel").neuron("Trainium2", 16, 128).fabric(3200.0),
    ];
    Page { fields: TypeFacts::fields(), rows: made.into_iter().map(|made| made.0).collect() }
}

/// Returns the sample.
pub(crate) fn facts() -> Vec<TypeFacts> {
    // Built once: property tests request it thousands of times.
    static FACTS: LazyLock<Vec<TypeFacts>> = LazyLock::new(|| TypeFacts::read_all(page()).unwrap());
    FACTS.clone()
}

/// Returns the offers of the sample in us-east-1, and of its AMD types in eu-central-1. Types of
/// generation 7 cost 0.01 USD per vCPU and hour; the others have no known price. Types with EFA are
/// in one zone, the others in two.
pub(crate) fn all_offers() -> Vec<RegionOffer> {
    let offer = |t: &TypeFacts, region: &str, zones: &[&str]| {
        let price = (t.generation == Some(7)).then(|| Decimal::new(t.vcpus, 2));
        let told = |text: &str| price.map(|_| text.to_string());
        RegionOffer {
            instance_type: t.instance_type.clone(),
            region: region.into(),
            az_ids: zones[..if t.efa { 1 } else { 2 }].iter().map(|zone| zone.to_string()).collect(),
            price_per_hour: price,
            currency: told("USD"),
            price_observed_at: price.map(|_| "2025-03-02T00:00:00Z".parse().unwrap()),
            price_source: told("test"),
            price_basis: told("agreed"),
        }
    };
    let facts = facts();
    let american = facts.iter().map(|t| offer(t, "us-east-1", &["use1-az4", "use1-az6"]));
    let european = facts.iter().filter(|t| t.cpu_maker == "AMD");
    american.chain(european.map(|t| offer(t, "eu-central-1", &["euc1-az1", "euc1-az2"]))).collect()
}

/// Returns the offers of the sample in us-east-1.
pub(crate) fn offers() -> Vec<RegionOffer> {
    all_offers().into_iter().filter(|offer| offer.region == "us-east-1").collect()
}
