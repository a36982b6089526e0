//! Images and instance types, as far as a launch depends on them.

/// The architectures that spawn launches, in EC2's spelling, the preferred one first.
pub const ARCHITECTURES: [&str; 2] = ["x86_64", "arm64"];

/// A short name for the newest image of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageAlias {
    /// Amazon Linux 2023.
    AmazonLinux2023,
    /// Ubuntu 24.04 LTS.
    Ubuntu2404,
    /// AWS's image with NVIDIA drivers and CUDA, on Amazon Linux 2023.
    DeepLearning,
}

impl ImageAlias {
    /// Every alias.
    pub const ALL: [ImageAlias; 3] =
        [ImageAlias::AmazonLinux2023, ImageAlias::Ubuntu2404, ImageAlias::DeepLearning];

    /// Returns the spelling of the alias.
    pub fn name(self) -> &'static str {
        ["al2023", "ubuntu-24.04", "deep-learning"][self as usize]
    }

    /// Returns the public SSM parameter with the id of the newest image for an architecture, in
    /// EC2's spelling. The paths are from the documentation of Amazon Linux, Canonical and the AWS
    /// Deep Learning AMIs.
    pub fn parameter(self, architecture: &str) -> String {
        match self {
            ImageAlias::AmazonLinux2023 => {
                format!("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}")
            }
            ImageAlias::Ubuntu2404 => {
                let architecture = if architecture == "x86_64" { "amd64" } else { architecture };
                format!(
                    "/aws/service/canonical/ubuntu/server/24.04/stable/current/{architecture}/hvm/ebs-gp3/ami-id"
                )
            }
            ImageAlias::DeepLearning => format!(
                "/aws/service/deeplearning/ami/{architecture}/base-oss-nvidia-driver-gpu-al2023/latest/ami-id"
            ),
        }
    }
}

/// The image that a launch names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageChoice {
    /// The newest image of a kind.
    Newest(ImageAlias),
    /// The image with this id.
    Id(String),
}

impl ImageChoice {
    /// Reads an alias or an id such as `ami-0123456789abcdef0`; none for any other text.
    pub fn parse(text: &str) -> Option<ImageChoice> {
        if let Some(alias) = ImageAlias::ALL.into_iter().find(|alias| alias.name() == text) {
            return Some(ImageChoice::Newest(alias));
        }
        let digits = text.strip_prefix("ami-")?;
        let is_id = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_id.then(|| ImageChoice::Id(text.to_string()))
    }
}

/// The facts of an instance type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaunchableType {
    /// Its architectures, in EC2's spelling.
    pub architectures: Vec<String>,
    /// Its memory in MiB.
    pub memory_mib: u64,
    /// Whether EC2 can hibernate it.
    pub hibernates: bool,
}

impl LaunchableType {
    /// Returns the architecture that spawn chooses an image for; none for macOS and for 32 bits
    /// alone.
    pub fn architecture(&self) -> Option<&'static str> {
        ARCHITECTURES.into_iter().find(|word| self.architectures.iter().any(|known| known == word))
    }
}

/// The facts of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// Its id.
    pub id: String,
    /// Its name; the owner chooses it.
    pub name: String,
    /// The account that owns it, or the alias of AWS's own accounts, such as `amazon`.
    pub owner: String,
    /// Its architecture, in EC2's spelling.
    pub architecture: String,
    /// Its platform, in EC2's spelling, such as `Linux/UNIX`.
    pub platform: String,
    /// The device name of its root volume, such as `/dev/xvda`.
    pub root_device: String,
    /// The size of its root volume in GiB; 0 without a volume.
    pub root_gib: u32,
}

impl ImageFacts {
    /// Returns why spawn cannot launch this image on an instance of this type, as the end of a
    /// sentence about the image; none if it can.
    pub fn problem(&self, instance_type: &LaunchableType) -> Option<String> {
        if self.platform.to_lowercase().contains("windows") {
            return Some("is a Windows image, and spawn launches Linux alone".to_string());
        }
        if self.architecture.ends_with("_mac") {
            return Some("is a macOS image, and spawn launches Linux alone".to_string());
        }
        if self.root_gib == 0 {
            return Some("has no EBS root volume, which spawn needs to encrypt it".to_string());
        }
        if !instance_type.architectures.contains(&self.architecture) {
            let known = instance_type.architectures.join(" or ");
            return Some(format!("is for {}, and the instance type needs {known}", self.architecture));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_aliases_and_ids() {
        let check = |text: &str, expected: Option<ImageChoice>| {
            assert_eq!(ImageChoice::parse(text), expected, "{text}");
        };
        for alias in ImageAlias::ALL {
            check(alias.name(), Some(ImageChoice::Newest(alias)));
        }
        check("ami-0123456789abcdef0", Some(ImageChoice::Id("ami-0123456789abcdef0".into())));
        check("ami-", None);
        check("ami-1 --key x", None);
        check("ubuntu", None);
        check("resolve:ssm:/x", None);
    }

    #[test]
    fn an_alias_has_a_parameter_for_each_architecture() {
        let check = |alias: ImageAlias, architecture: &str, expected: &str| {
            let found = alias.parameter(architecture);
            assert!(found.starts_with("/aws/service/") && found.contains(expected), "{found}");
        };
        check(ImageAlias::AmazonLinux2023, "arm64", "/al2023-ami-kernel-default-arm64");
        check(ImageAlias::Ubuntu2404, "x86_64", "/24.04/stable/current/amd64/hvm/");
        check(ImageAlias::Ubuntu2404, "arm64", "/24.04/stable/current/arm64/hvm/");
        check(ImageAlias::DeepLearning, "x86_64", "/deeplearning/ami/x86_64/");
    }

    #[test]
    fn images_without_linux_or_with_another_architecture_are_refused() {
        let kind = |words: &[&str]| LaunchableType {
            architectures: words.iter().map(|word| word.to_string()).collect(),
            ..LaunchableType::default()
        };
        let image = ImageFacts {
            architecture: "x86_64".into(),
            platform: "Linux/UNIX".into(),
            root_gib: 8,
            ..ImageFacts::default()
        };
        let check = |image: ImageFacts, words: &[&str], expected: Option<&str>| {
            let found = image.problem(&kind(words));
            assert_eq!(found.is_some(), expected.is_some(), "{found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()));
        };
        check(image.clone(), &["i386", "x86_64"], None);
        check(image.clone(), &["arm64"], Some("is for x86_64, and the instance type needs arm64"));
        check(ImageFacts { platform: "Windows".into(), ..image.clone() }, &["x86_64"], Some("Windows"));
        let mac = ImageFacts { architecture: "arm64_mac".into(), ..image.clone() };
        check(mac, &["arm64_mac"], Some("macOS"));
        check(ImageFacts { root_gib: 0, ..image }, &["x86_64"], Some("no EBS root volume"));
        assert_eq!(kind(&["i386", "x86_64"]).architecture(), Some("x86_64"));
        assert_eq!(kind(&["arm64"]).architecture(), Some("arm64"));
        assert_eq!(kind(&["x86_64_mac"]).architecture(), None);
    }
}
