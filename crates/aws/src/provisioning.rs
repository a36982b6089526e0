//! The port `Provisioning`: reads several kinds of resources at once.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use fleet::ports::{
    FleetError, GroupSelector, GroupView, ProvisionQuery, ProvisionReadings, Provisioning, RegionGroups,
    RegionProvisions,
};
use tokio::task::JoinSet;

use crate::AwsClient;
use crate::clients::{self, ServerDate};
use crate::groups::{find_groups, list_rule_ages, list_subnets};
use crate::keys::list_keys;
use crate::roles::read_role;

impl Provisioning for AwsClient {
    fn read_provisions(&self, query: ProvisionQuery<'_>) -> ProvisionReadings {
        let client = self.ec2(query.region);
        let iam = clients::iam(&self.config(None), &ServerDate::default());
        let role = async {
            match query.role {
                Some(role) => Some(read_role(&iam, role).await),
                None => None,
            }
        };
        let groups = named_or_identified(&client, query.group_names, query.group_ids);
        self.runtime.block_on(async {
            let (keys, subnets, groups, role) =
                tokio::join!(list_keys(&client), list_subnets(&client), groups, role);
            ProvisionReadings { keys, subnets, groups, role }
        })
    }

    fn survey_regions(
        &self,
        regions: &[String],
        names: &[String],
    ) -> Vec<Result<RegionProvisions, FleetError>> {
        let survey_one = |client: Client, region: String| {
            let names = names.to_vec();
            async move { survey(&client, region, &names).await }
        };
        self.in_regions(regions.iter().cloned(), survey_one)
    }

    fn find_groups_of_regions(&self, wanted: &[RegionGroups]) -> Vec<Result<Vec<GroupView>, FleetError>> {
        let ids: BTreeMap<String, Vec<String>> =
            wanted.iter().map(|one| (one.region.clone(), one.ids.clone())).collect();
        let find = |client: Client, region: String| {
            let ids = ids.get(&region).cloned().unwrap_or_default();
            async move { find_groups(&client, GroupSelector::Ids(&ids)).await }
        };
        self.in_regions(wanted.iter().map(|one| one.region.clone()), find)
    }
}

impl AwsClient {
    /// Reads something in several regions at once. Returns one result for each region, in their
    /// order.
    fn in_regions<T: Send + 'static, F>(
        &self,
        regions: impl ExactSizeIterator<Item = String>,
        read: impl Fn(Client, String) -> F,
    ) -> Vec<Result<T, FleetError>>
    where
        F: Future<Output = Result<T, FleetError>> + Send + 'static,
    {
        let config = self.config(None);
        let count = regions.len();
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for (number, region) in regions.enumerate() {
                let client = clients::ec2(&config, Some(&region), &ServerDate::default());
                let reading = read(client, region);
                tasks.spawn(async move { (number, reading.await) });
            }
            let mut found = BTreeMap::new();
            while let Some(ended) = tasks.join_next().await {
                found.extend(ended);
            }
            let broken = || Err(FleetError::Failed("the request was interrupted".to_string()));
            (0..count).map(|number| found.remove(&number).unwrap_or_else(broken)).collect()
        })
    }
}

async fn named_or_identified(
    client: &Client,
    names: &[String],
    ids: &[String],
) -> Result<Vec<GroupView>, FleetError> {
    let some = |which| async move {
        match which {
            GroupSelector::Names([]) | GroupSelector::Ids([]) => Ok(Vec::new()),
            which => find_groups(client, which).await,
        }
    };
    let (named, identified) =
        tokio::try_join!(some(GroupSelector::Names(names)), some(GroupSelector::Ids(ids)))?;
    Ok(named.into_iter().chain(identified).collect())
}

async fn survey(client: &Client, region: String, names: &[String]) -> Result<RegionProvisions, FleetError> {
    let (keys, groups) =
        tokio::try_join!(list_keys(client), find_groups(client, GroupSelector::Names(names)))?;
    let ids: Vec<String> = groups.iter().map(|group| group.id.clone()).collect();
    let rules = if ids.is_empty() { Vec::new() } else { list_rule_ages(client, &ids).await? };
    Ok(RegionProvisions { region, keys, groups, rules })
}
