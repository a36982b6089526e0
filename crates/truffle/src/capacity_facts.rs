//! The facts about the capacity for a type: offers, access, quotas, reservations, scores, blocks.

use std::collections::BTreeSet;

use analysis::{CapacityFacts, PlacementScore, QuotaUse};
use catalog::rows::{
    CapacityBlockRow, FreeReservationRow, QuotaRow, RegionAccessRow, RegionOfferRow, SpotScoreRow,
    VcpuUsageRow,
};
use console::Failure;
use domain::vcpu_quota;

use crate::CommandPorts;
use crate::region_scope::rows;
use crate::type_names::ask_about_type;

/// The facts about all accounts that do not depend on the type.
pub(crate) struct AccountCapacity {
    access: Vec<RegionAccessRow>,
    usage: Vec<VcpuUsageRow>,
    scores: Vec<SpotScoreRow>,
    blocks: Vec<CapacityBlockRow>,
}

impl AccountCapacity {
    /// Loads the facts about all accounts.
    pub(crate) fn load(ports: &CommandPorts<'_>) -> Result<AccountCapacity, Failure> {
        let [access, usage, scores, blocks] = ports.answer_all([
            ("region/access", &[]),
            ("capacity/usage", &[]),
            ("spot/scores", &[]),
            ("capacity/blocks", &[]),
        ]);
        Ok(AccountCapacity {
            access: rows(access?)?,
            usage: rows(usage?)?,
            scores: rows(scores?)?,
            blocks: rows(blocks?)?,
        })
    }
}

/// The facts about one type.
pub(crate) struct TypeCapacity {
    /// Instance type.
    pub(crate) instance_type: String,
    /// Every known region.
    pub(crate) regions: Vec<RegionOfferRow>,
    quotas: Vec<QuotaRow>,
    reservations: Vec<FreeReservationRow>,
}

impl TypeCapacity {
    /// Loads the facts about a type, named in any spelling.
    ///
    /// # Errors
    /// The type is not known, or the warehouse fails.
    pub(crate) fn load(typed: &str, ports: &CommandPorts<'_>) -> Result<TypeCapacity, Failure> {
        let ask = |name: &str| {
            let given = [("type", name)];
            let [regions, quotas, reservations] = ports.answer_all([
                ("offering/regions", &given),
                ("capacity/quotas", &given),
                ("capacity/reservations", &given),
            ]);
            Ok(TypeCapacity {
                instance_type: name.to_string(),
                regions: rows(regions?)?,
                quotas: rows(quotas?)?,
                reservations: rows(reservations?)?,
            })
        };
        let is_known =
            |found: &TypeCapacity| found.regions.iter().any(|region| region.first_observed_at.is_some());
        Ok(ask_about_type(typed, ports, ask, is_known)?.1)
    }
}

/// The request that is judged.
pub(crate) struct JudgedRequest<'a> {
    /// Number of instances.
    pub(crate) count: i64,
    /// Every type of the command line. Together they are one flexible spot request.
    pub(crate) types: &'a BTreeSet<&'a str>,
}

/// The facts about a type in one region for one account, each with the row behind it.
pub(crate) struct RegionCapacity<'a> {
    /// The offer; `None` if nothing is known about the region.
    pub(crate) offer: Option<&'a RegionOfferRow>,
    /// The free instances in reservations.
    pub(crate) reservation: Option<&'a FreeReservationRow>,
    /// The quota of running vCPUs.
    pub(crate) quota: Option<&'a QuotaRow>,
    /// The vCPUs in use of that quota.
    pub(crate) in_use: Option<i64>,
    /// The best score of the same request.
    pub(crate) score: Option<&'a SpotScoreRow>,
    /// The first block with enough instances.
    pub(crate) block: Option<&'a CapacityBlockRow>,
    is_opted_in: Option<bool>,
}

impl<'a> RegionCapacity<'a> {
    /// Collects the facts about a region and an account.
    pub(crate) fn of(
        found: &'a TypeCapacity,
        all: &'a AccountCapacity,
        region: &str,
        account: Option<&str>,
        request: &JudgedRequest<'_>,
    ) -> RegionCapacity<'a> {
        let is_here = |of_region: &str, of_account: &str| of_region == region && Some(of_account) == account;
        let code = vcpu_quota(&found.instance_type, false);
        let access = all.access.iter().find(|row| is_here(&row.region, &row.account_id));
        let score = all.scores.iter().filter(|row| {
            let types: BTreeSet<&str> = row.instance_types.iter().map(String::as_str).collect();
            let is_alone = types.len() == 1 && types.contains(found.instance_type.as_str());
            is_here(&row.region, &row.account_id)
                && row.target_capacity == request.count
                && (is_alone || types == *request.types)
        });
        RegionCapacity {
            offer: found.regions.iter().find(|row| row.region == region),
            reservation: found.reservations.iter().find(|row| is_here(&row.region, &row.account_id)),
            quota: found
                .quotas
                .iter()
                .find(|row| is_here(&row.region, &row.account_id) && Some(row.quota_code.as_str()) == code),
            in_use: code.and_then(|code| all.vcpus_in_use(region, account, code)),
            score: score.max_by_key(|row| (row.score, row.answered_at)),
            block: all.blocks.iter().find(|row| {
                is_here(&row.region, &row.account_id)
                    && row.instance_type == found.instance_type
                    && row.instance_count >= request.count
            }),
            is_opted_in: access.and_then(|row| row.opt_in_status.as_deref()).map(|it| it != "not-opted-in"),
        }
    }

    /// Returns the facts without the rows behind them.
    pub(crate) fn facts(&self) -> CapacityFacts {
        let limit = self.quota.and_then(|quota| quota.value);
        CapacityFacts {
            is_offered: self.offer.and_then(|offer| offer.is_offered),
            is_opted_in: self.is_opted_in,
            free_reserved: self.reservation.map(|row| row.free_instances),
            vcpus: self.quota.and_then(|quota| quota.type_vcpus),
            quota: limit.map(|limit| QuotaUse { limit, in_use: self.in_use.map(|vcpus| vcpus as f64) }),
            score: self.score.map(|row| PlacementScore { score: row.score, types: row.instance_types.len() }),
            has_block: self.block.is_some(),
        }
    }
}

impl AccountCapacity {
    /// Returns the on-demand vCPUs that count against a quota; `None` if the instances were not
    /// collected, or if a type that counts is not described.
    fn vcpus_in_use(&self, region: &str, account: Option<&str>, code: &str) -> Option<i64> {
        let here = || {
            self.usage.iter().filter(|row| row.region == region && Some(row.account_id.as_str()) == account)
        };
        here().next()?;
        let counts = |row: &&VcpuUsageRow| {
            row.instance_type.as_deref().is_some_and(|name| vcpu_quota(name, false) == Some(code))
        };
        here().filter(counts).map(|row| row.vcpus).sum()
    }

    /// Returns the accounts with facts about a region.
    pub(crate) fn accounts_of<'a>(&'a self, region: &str, found: &'a TypeCapacity) -> BTreeSet<&'a str> {
        let of = |rows: Vec<(&'a str, &'a str)>| rows.into_iter().filter(|(there, _)| *there == region);
        let pairs = [
            self.access.iter().map(|row| (row.region.as_str(), row.account_id.as_str())).collect(),
            self.usage.iter().map(|row| (row.region.as_str(), row.account_id.as_str())).collect(),
            self.scores.iter().map(|row| (row.region.as_str(), row.account_id.as_str())).collect(),
            self.blocks.iter().map(|row| (row.region.as_str(), row.account_id.as_str())).collect(),
            found.quotas.iter().map(|row| (row.region.as_str(), row.account_id.as_str())).collect(),
            found.reservations.iter().map(|row| (row.region.as_str(), row.account_id.as_str())).collect(),
        ];
        pairs.into_iter().flat_map(of).map(|(_, account)| account).collect()
    }
}
