//! The key pair of a launch.

use super::{ProvisionRefusal, ProvisionStep};
use crate::ports::KeyPairView;
use serde::{Deserialize, Serialize};

/// The key pair that a launch asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum KeyRequest {
    /// The key pair with this name, which must exist.
    Named(String),
    /// A key of the user, imported unless the region has it.
    Own(OwnKey),
    /// The user has no key yet. One is made in this file.
    Missing {
        /// The path of the private key.
        path: String,
    },
    /// No key pair.
    Nothing,
}

/// A key of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnKey {
    /// The name under which it is imported: it contains the fingerprint.
    pub name: String,
    /// The base64 SHA-256 of the public key, without padding.
    pub fingerprint: String,
    /// The public key in OpenSSH's format.
    pub public_key: String,
}

/// The way to a key pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum KeyPlan {
    /// The key pair with this name is used.
    Use(String),
    /// The key is imported.
    Import(OwnKey),
    /// A key is made in this file, and imported.
    Make {
        /// The path of the private key.
        path: String,
    },
    /// The instance has no key pair.
    Nothing,
}

impl KeyPlan {
    pub(super) fn is_settled(&self) -> bool {
        matches!(self, KeyPlan::Use(_) | KeyPlan::Nothing)
    }

    pub(super) fn existing(&self) -> Option<String> {
        match self {
            KeyPlan::Use(name) => Some(name.clone()),
            KeyPlan::Import(_) | KeyPlan::Make { .. } | KeyPlan::Nothing => None,
        }
    }

    pub(super) fn step(&self) -> ProvisionStep {
        match self {
            KeyPlan::Use(name) => ProvisionStep::new("key pair", name, "use", None),
            KeyPlan::Import(key) => ProvisionStep::new("key pair", &key.name, "import", None),
            KeyPlan::Make { path } => ProvisionStep::new(
                "key pair",
                path,
                "create",
                Some("made with ssh-keygen, then imported".into()),
            ),
            KeyPlan::Nothing => ProvisionStep::new("key pair", "-", "none", None),
        }
    }
}

/// Whether two public keys in OpenSSH's format are the same, whatever their comments.
pub fn same_material(one: &str, other: &str) -> bool {
    let material = |line: &str| line.split_whitespace().take(2).map(String::from).collect::<Vec<String>>();
    material(one).len() == 2 && material(one) == material(other)
}

/// Whether a key pair has the key. Without its public key, the fingerprint decides.
fn is_key(view: &KeyPairView, key: &OwnKey) -> bool {
    match &view.public_key {
        Some(public) => same_material(public, &key.public_key),
        None => view.fingerprint.trim_end_matches('=') == key.fingerprint,
    }
}

pub(super) fn plan(
    request: &KeyRequest,
    keys: &[KeyPairView],
    region: &str,
) -> Result<KeyPlan, ProvisionRefusal> {
    match request {
        KeyRequest::Nothing => Ok(KeyPlan::Nothing),
        KeyRequest::Missing { path } => Ok(KeyPlan::Make { path: path.clone() }),
        KeyRequest::Named(name) => match keys.iter().any(|view| view.name == *name) {
            true => Ok(KeyPlan::Use(name.clone())),
            false => Err(ProvisionRefusal {
                problem: format!("{region} has no key pair \"{name}\""),
                details: keys.iter().take(10).map(|view| view.name.clone()).collect(),
                hint: "name another one, or leave out --key: your own key is then imported".into(),
            }),
        },
        KeyRequest::Own(key) => match keys.iter().find(|view| view.name == key.name) {
            Some(view) if is_key(view, key) => Ok(KeyPlan::Use(key.name.clone())),
            Some(_) => Err(ProvisionRefusal {
                problem: format!("the key pair {} in {region} is another key than its name says", key.name),
                details: Vec::new(),
                hint: format!("aws ec2 delete-key-pair --region {region} --key-name {}", key.name),
            }),
            None => {
                let mut same: Vec<&KeyPairView> = keys.iter().filter(|view| is_key(view, key)).collect();
                same.sort_by(|a, b| a.name.cmp(&b.name));
                Ok(same
                    .first()
                    .map_or_else(|| KeyPlan::Import(key.clone()), |view| KeyPlan::Use(view.name.clone())))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> OwnKey {
        OwnKey {
            name: "spawn-0123".into(),
            fingerprint: "abc".into(),
            public_key: "ssh-ed25519 AAAAown me@laptop".into(),
        }
    }

    fn pair(name: &str, public: Option<&str>, fingerprint: &str) -> KeyPairView {
        KeyPairView {
            name: name.into(),
            fingerprint: fingerprint.into(),
            kind: "ed25519".into(),
            public_key: public.map(String::from),
            ..KeyPairView::default()
        }
    }

    #[test]
    fn the_users_key_is_found_by_its_material_and_imported_only_if_it_is_missing() {
        let check = |keys: &[KeyPairView], expected: KeyPlan| {
            assert_eq!(plan(&KeyRequest::Own(own()), keys, "eu-west-1"), Ok(expected), "{keys:?}");
        };
        let mine = "ssh-ed25519 AAAAown";
        let other = "ssh-ed25519 AAAAother";
        check(&[], KeyPlan::Import(own()));
        check(&[pair("laptop", Some(other), "abc=")], KeyPlan::Import(own()));
        check(&[pair("laptop", Some(mine), "")], KeyPlan::Use("laptop".into()));
        check(&[pair("z", Some(mine), ""), pair("a", Some(mine), "")], KeyPlan::Use("a".into()));
        check(
            &[pair("a", Some(mine), ""), pair("spawn-0123", Some(mine), "")],
            KeyPlan::Use("spawn-0123".into()),
        );
        check(&[pair("laptop", None, "abc=")], KeyPlan::Use("laptop".into()));
        check(&[pair("laptop", None, "abd=")], KeyPlan::Import(own()));
    }

    #[test]
    fn another_key_under_the_users_name_is_refused() {
        let keys = [pair("spawn-0123", Some("ssh-ed25519 AAAAother"), "abc=")];
        let refusal = plan(&KeyRequest::Own(own()), &keys, "eu-west-1").unwrap_err();
        assert_eq!(refusal.problem, "the key pair spawn-0123 in eu-west-1 is another key than its name says");
    }

    #[test]
    fn a_named_key_pair_must_exist() {
        let keys = [pair("team", None, "")];
        let named = |name: &str| plan(&KeyRequest::Named(name.into()), &keys, "eu-west-1");
        assert_eq!(named("team"), Ok(KeyPlan::Use("team".into())));
        assert_eq!(named("taem").unwrap_err().details, ["team"]);
    }

    #[test]
    fn public_keys_without_material_are_never_the_same() {
        assert!(same_material("ssh-rsa AAAA a", "ssh-rsa  AAAA b"));
        assert!(!same_material("ssh-rsa AAAA", "ssh-ed25519 AAAA"));
        assert!(!same_material("", ""));
        assert!(!same_material("ssh-rsa", "ssh-rsa"));
    }
}
