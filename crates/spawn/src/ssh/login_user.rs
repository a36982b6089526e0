//! The user for logins: the one that was chosen, else the one in the record of the launch, else the
//! one that the image creates.

use fleet::image::ImageFacts;
use fleet::instance::InstanceView;

use crate::Ports;
use crate::journal::find_record;

/// The user where the image's is unknown: that of Amazon Linux, and of most images in AWS.
const DEFAULT_USER: &str = "ec2-user";

/// One line of the table: an owner (empty for any), a part of the image's name in lower case, and
/// the user. The first line that fits counts.
const USERS: [(&str, &str, &str); 20] = [
    // Accounts of the publishers.
    ("099720109477", "", "ubuntu"),
    ("136693071363", "", "admin"),
    ("125523088429", "", "fedora"),
    ("792107900819", "", "rocky"),
    ("764336703387", "", "ec2-user"),
    ("309956199498", "", "ec2-user"),
    ("013907871322", "", "ec2-user"),
    ("647457786197", "", "arch"),
    ("427812963091", "", "root"),
    // Names, which Amazon's images and copies in other accounts keep.
    ("", "amazon linux", "ec2-user"),
    ("", "al2023-ami", "ec2-user"),
    ("", "amzn2-ami", "ec2-user"),
    ("", "ubuntu", "ubuntu"),
    ("", "debian", "admin"),
    ("", "fedora", "fedora"),
    ("", "rocky", "rocky"),
    ("", "centos stream 8", "centos"),
    ("", "centos-7", "centos"),
    ("", "bitnami", "bitnami"),
    ("", "arch-linux", "arch"),
];

/// Returns the login user of an image, by its owner and its name.
pub(crate) fn login_user(image: &ImageFacts) -> &'static str {
    let name = image.name.to_lowercase();
    let fits = |(owner, part, _): &&(&str, &str, &str)| {
        (owner.is_empty() || *owner == image.owner) && name.contains(part)
    };
    USERS.iter().find(fits).map_or(DEFAULT_USER, |(.., user)| user)
}

/// Returns the login user of an instance: the chosen one, else that of its launch, else that of its
/// image.
pub(crate) fn user_of(instance: &InstanceView, chosen: Option<&str>, ports: &Ports<'_>) -> String {
    let recorded = || recorded_user(instance, ports).unwrap_or_else(|| user_of_image(instance, ports));
    chosen.map_or_else(recorded, String::from)
}

/// Returns the login user in the record of the launch, if this machine launched the instance.
pub(crate) fn recorded_user(instance: &InstanceView, ports: &Ports<'_>) -> Option<String> {
    find_record(instance, &ports.journal_folder())?.access.user
}

/// Returns the login user that an instance's image creates; the most frequent one if the image
/// cannot be read.
pub(crate) fn user_of_image(instance: &InstanceView, ports: &Ports<'_>) -> String {
    let image = instance.details.image.as_deref();
    let image = image.and_then(|image| ports.images.describe_image(&instance.region, image).ok());
    image.map_or(DEFAULT_USER, |image| login_user(&image)).to_string()
}

/// Whether a text can be a user of Linux: it is never an option or another word of a command.
pub(crate) fn is_user(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    text.len() <= 32
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_')
        && text.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_depends_on_owner_and_name() {
        let check = |owner: &str, name: &str, expected: &str| {
            let image = ImageFacts { owner: owner.into(), name: name.into(), ..ImageFacts::default() };
            assert_eq!(login_user(&image), expected, "{owner} {name}");
        };
        check("amazon", "al2023-ami-2023.9.20251110.1-kernel-6.12-x86_64", "ec2-user");
        check("099720109477", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20251022", "ubuntu");
        check("amazon", "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04) 20251101", "ubuntu");
        check("amazon", "Deep Learning Base AMI with Single CUDA (Amazon Linux 2023)", "ec2-user");
        check("136693071363", "debian-13-amd64-20251117-2299", "admin");
        check("111122223333", "our-copy-of-debian-12", "admin");
        check("111122223333", "our own image", "ec2-user");
        check("", "", "ec2-user");
    }

    #[test]
    fn only_plain_names_are_users() {
        for name in ["ec2-user", "ubuntu", "_svc", "a.b", "0day"] {
            assert!(is_user(name), "{name}");
        }
        for name in ["", "-oProxyCommand=x", "a b", "a@b", "a;b", "a\n", "ä", "$USER", &"a".repeat(33)] {
            assert!(!is_user(name), "{name}");
        }
    }
}
