//! The EC2 quotas of running vCPUs.

/// The quotas by the letters of the instance type: on demand, and spot. From "Amazon EC2 service
/// quotas".
const VCPU_QUOTAS: &[(&[&str], &str, &str)] = &[
    (&["a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"], "L-1216C47A", "L-34B43A08"),
    (&["g", "gr", "vt"], "L-DB2E81BA", "L-3819A6DF"),
    (&["p"], "L-417A185B", "L-7212CCBC"),
    (&["inf"], "L-1945791B", "L-B5D1601B"),
    (&["trn"], "L-2C3B7624", "L-6B0D517C"),
    (&["f"], "L-74FC7D96", "L-88CF9481"),
    (&["x"], "L-7295265B", "L-E3A00192"),
    (&["dl"], "L-6E869C2A", "L-85EED4F7"),
];

/// Returns the code of the quota that limits the running vCPUs of an instance type; `None` for a
/// family with a quota of another kind, such as `mac`, `hpc` and `u`.
pub fn vcpu_quota(instance_type: &str, spot: bool) -> Option<&'static str> {
    let end = instance_type.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(instance_type.len());
    let letters = &instance_type[..end];
    let (_, on_demand, for_spot) = VCPU_QUOTAS.iter().find(|(families, ..)| families.contains(&letters))?;
    Some(if spot { for_spot } else { on_demand })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_its_quota() {
        let check = |instance_type: &str, expected: Option<(&str, &str)>| {
            let found = vcpu_quota(instance_type, false).zip(vcpu_quota(instance_type, true));
            assert_eq!(found, expected, "{instance_type}");
        };
        check("t3.micro", Some(("L-1216C47A", "L-34B43A08")));
        check("im4gn.large", Some(("L-1216C47A", "L-34B43A08")));
        check("p5.48xlarge", Some(("L-417A185B", "L-7212CCBC")));
        check("gr6.4xlarge", Some(("L-DB2E81BA", "L-3819A6DF")));
        check("inf2.xlarge", Some(("L-1945791B", "L-B5D1601B")));
        check("hpc7g.16xlarge", None);
        check("u-6tb1.metal", None);
        check("mac2.metal", None);
        check("", None);
    }
}
