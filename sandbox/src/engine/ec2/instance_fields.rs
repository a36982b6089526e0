//! Values of instances that several answers show.

use domain::Timestamp;

use crate::core::{ReservationTarget, SandboxInstance, SandboxInstanceState};
use crate::wire::{XmlContent, XmlFields, XmlValue};

impl SandboxInstanceState {
    pub(crate) fn write(self, fields: XmlFields) -> XmlFields {
        fields.put("code", self.code()).put("name", self.name())
    }

    pub(crate) fn node(self) -> XmlContent {
        self.write(XmlFields::new()).into()
    }
}

impl SandboxInstance {
    /// Returns the id of its network interface's attachment.
    pub(crate) fn attachment(&self) -> impl XmlValue + use<'_> {
        ("eni-attach-", self.interface.trim_start_matches("eni-"))
    }
}

impl ReservationTarget {
    /// Writes the content of `capacityReservationSpecification`.
    pub(crate) fn write(&self, fields: XmlFields) -> XmlFields {
        match self {
            ReservationTarget::Named(id) => {
                fields.within("capacityReservationTarget", |fields| fields.put("capacityReservationId", id))
            }
            preferred => fields.opt("capacityReservationPreference", preferred.preference()),
        }
    }
}

/// The suffixes of DNS names in a region.
pub(crate) struct DnsSuffixes {
    private: String,
    public: String,
}

impl DnsSuffixes {
    pub(crate) fn of(region: &str) -> DnsSuffixes {
        match region {
            "us-east-1" => {
                DnsSuffixes { private: ".ec2.internal".into(), public: ".compute-1.amazonaws.com".into() }
            }
            region => DnsSuffixes {
                private: format!(".{region}.compute.internal"),
                public: format!(".{region}.compute.amazonaws.com"),
            },
        }
    }

    /// Returns the private name, such as `ip-172-31-0-1.ec2.internal`.
    pub(crate) fn private<'a>(&'a self, i: &'a SandboxInstance) -> impl XmlValue + use<'a> {
        ("ip-", DashedAddress(&i.private_ip), &self.private)
    }

    /// Returns the public name, such as `ec2-198-18-0-1.compute-1.amazonaws.com`; empty without a
    /// public address.
    pub(crate) fn public<'a>(&'a self, i: &'a SandboxInstance) -> impl XmlValue + use<'a> {
        i.public_ip.as_ref().map(|ip| ("ec2-", DashedAddress(ip), &self.public))
    }
}

/// An address with dashes, as in DNS names.
struct DashedAddress<'a>(&'a str);

impl XmlValue for DashedAddress<'_> {
    fn write_xml(&self, out: &mut String) {
        for (number, part) in self.0.split('.').enumerate() {
            if number > 0 {
                out.push('-');
            }
            out.push_str(part);
        }
    }
}

/// A locally administered MAC address, derived from the interface's id.
pub(crate) struct MacAddress<'a>(pub(crate) &'a str);

impl XmlValue for MacAddress<'_> {
    fn write_xml(&self, out: &mut String) {
        out.push_str("0e");
        for (at, digit) in self.0[self.0.len().saturating_sub(10)..].chars().enumerate() {
            if at % 2 == 0 {
                out.push(':');
            }
            out.push(digit);
        }
    }
}

/// Writes the options of the metadata service.
pub(crate) fn metadata_fields(fields: XmlFields, i: &SandboxInstance) -> XmlFields {
    fields
        .put("state", "applied")
        .put("httpTokens", &i.metadata.tokens)
        .put("httpPutResponseHopLimit", i.metadata.hops)
        .put("httpEndpoint", &i.metadata.endpoint)
        .put("httpProtocolIpv6", &i.metadata.ipv6)
        .put("instanceMetadataTags", &i.metadata.tags)
}

pub(crate) fn root_device(i: &SandboxInstance) -> &str {
    i.volumes.first().map_or("/dev/xvda", |mapping| &mapping.device)
}

/// The description of every maintenance event.
pub(crate) const MAINTENANCE: &str = "The instance is scheduled for maintenance";

/// Returns the status of an instance's checks, and of reachability alone. A new instance's checks
/// take two minutes.
pub(crate) fn status_checks(i: &SandboxInstance, now: Timestamp) -> (&'static str, Option<&'static str>) {
    let fresh = now.duration_since(i.launched) < jiff::SignedDuration::from_mins(2);
    match (i.state == SandboxInstanceState::Running, fresh) {
        (false, _) => ("not-applicable", None),
        (true, true) => ("initializing", Some("initializing")),
        (true, false) => ("ok", Some("passed")),
    }
}
