//! Headers of table columns, derived from the names that JSON and CSV use.

/// Headers that do not follow from the words of the name.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("on_demand_price", "On-demand price (/h)"),
    ("home_price", "Home price (/h)"),
    ("best_price", "Best price (/h)"),
    ("feed_price", "Feed price (/h)"),
    ("median_price", "Median price (/h)"),
    ("price_per_hour", "Price (/h)"),
    ("price_per_gpu_gib", "Price per GiB of GPU memory"),
    ("gpu_memory_bandwidth_gbps", "GPU memory bandwidth (GB/s)"),
    ("az_id", "Zone"),
    ("priced_types", "Types with a price"),
    ("unsaid", "Uncategorized"),
];

/// Words that are a unit unless they begin the name or follow `per`, and the unit's spelling.
const UNITS: &[(&str, &str)] = &[
    ("mib", "MiB"),
    ("gib", "GiB"),
    ("gb", "GB"),
    ("mbytes", "MB/s"),
    ("bytes", "bytes"),
    ("ghz", "GHz"),
    ("gbps", "Gbit/s"),
    ("mbps", "Mbit/s"),
    ("tflops", "TFLOPS"),
    ("percent", "%"),
    ("hours", "h"),
    ("seconds", "s"),
];

/// Words with a spelling of their own.
const SPELLINGS: &[(&str, &str)] = &[
    ("api", "API"),
    ("cpu", "CPU"),
    ("cuda", "CUDA"),
    ("ebs", "EBS"),
    ("efa", "EFA"),
    ("ena", "ENA"),
    ("fp16", "FP16"),
    ("fpgas", "FPGAs"),
    ("gib", "GiB"),
    ("gpu", "GPU"),
    ("gpus", "GPUs"),
    ("id", "ID"),
    ("iops", "IOPS"),
    ("os", "OS"),
    ("p95", "p95"),
    ("vcpu", "vCPU"),
    ("vcpus", "vCPUs"),
];

/// Returns the header of the column with this name: `Memory (MiB)` for `memory_mib`.
pub fn column_header(name: &str) -> String {
    if let Some((_, header)) = EXCEPTIONS.iter().find(|(exception, _)| *exception == name) {
        return header.to_string();
    }
    let mut words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    let unit_of = |word: &str| UNITS.iter().find(|(unit, _)| *unit == word).map(|(_, unit)| *unit);
    let unit = (1..words.len())
        .rev()
        .find_map(|at| Some((at, unit_of(words[at]).filter(|_| words[at - 1] != "per")?)));
    if let Some((at, _)) = unit {
        words.remove(at);
    }
    let words: Vec<String> = words.iter().enumerate().map(|(at, word)| spell(word, at == 0)).collect();
    let header = words.join(" ");
    match unit {
        Some((_, unit)) => format!("{header} ({unit})"),
        None => header,
    }
}

fn spell(word: &str, first: bool) -> String {
    if let Some((_, spelling)) = SPELLINGS.iter().find(|(plain, _)| *plain == word) {
        return spelling.to_string();
    }
    let mut letters = word.chars();
    match letters.next() {
        Some(letter) if first => letter.to_uppercase().chain(letters).collect(),
        _ => word.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_words_with_units() {
        let check = |name: &str, expected: &str| assert_eq!(column_header(name), expected, "{name}");
        check("region", "Region");
        check("instance_type", "Instance type");
        check("vcpus", "vCPUs");
        check("memory_mib", "Memory (MiB)");
        check("gpu_memory_per_gpu_mib", "GPU memory per GPU (MiB)");
        check("price_per_gib", "Price per GiB");
        check("price_per_vcpu", "Price per vCPU");
        check("price_per_hour", "Price (/h)");
        check("on_demand_price", "On-demand price (/h)");
        check("ebs_baseline_iops", "EBS baseline IOPS");
        check("network_peak_gbps", "Network peak (Gbit/s)");
        check("cpu_percent_max", "CPU max (%)");
        check("bytes", "Bytes");
        check("seconds", "Seconds");
        check("duration_hours", "Duration (h)");
        check("instance_id", "Instance ID");
        check("", "");
    }
}
