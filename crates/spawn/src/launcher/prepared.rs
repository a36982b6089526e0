//! A launch with the facts of AWS: the request, its price, and everything that it creates.

use console::{Failure, Printer};
use domain::Decimal;
use fleet::image::ImageChoice;
use fleet::launch::LaunchRecord;
use fleet::launch_plan::{LaunchIdentity, LaunchPlan};
use fleet::ports::CallerAccount;
use fleet::provision::{ProvisionPlan, Provisioned};
use fleet::refusal::RefusalContext;
use lifecycle::Terms;

use crate::Ports;
use crate::delivery::DaemonDelivery;
use crate::launcher::order::{LaunchOrder, plan_failure};
use crate::launcher::plan_file::LaunchPlanFile;
use crate::launcher::user_data::{OwnUserData, compose_user_data};
use crate::owner::owners;
use crate::ports::cloud_failure_in;
use crate::prices::{HourlyPrice, ZonePrice, price_of, zone_prices_of};
use crate::provision::plan_provision;
use crate::ssh::login_user;

/// A launch that can be shown or carried out.
pub(crate) struct PreparedLaunch {
    /// The record; nothing is sent yet.
    pub(crate) record: LaunchRecord,
    /// The terms of the instance's life.
    pub(crate) terms: Terms,
    /// The price per hour, or why there is none.
    pub(crate) price: Result<HourlyPrice, String>,
    /// The spot prices by zone, the lowest first; empty for a launch on demand.
    zone_prices: Vec<ZonePrice>,
    /// The key pair, the security groups and the role.
    pub(crate) provisions: ProvisionPlan,
    /// The choices, with the image's id.
    pub(crate) order: LaunchOrder,
    /// The user's own user data.
    own: Option<OwnUserData>,
    /// How the instance gets spawnd.
    pub(crate) delivery: DaemonDelivery,
}

impl PreparedLaunch {
    /// Reads the facts of AWS and plans the launch. All requests only read.
    ///
    /// # Errors
    /// AWS does not know the type or the image, or the choices do not fit them.
    pub(crate) fn prepare(
        mut order: LaunchOrder,
        caller: &CallerAccount,
        ports: &Ports<'_>,
    ) -> Result<PreparedLaunch, Failure> {
        let choices = &order.choices;
        let kind = choices.instance_type.clone();
        let context =
            RefusalContext { region: &choices.region, instance_type: &kind, spot: choices.spot.is_some() };
        let image = ImageChoice::parse(&order.image).ok_or_else(|| {
            Failure::usage(format!("\"{}\" is not an image id or a short name of an image", order.image))
        })?;
        let found = ports.images.query_image(&choices.region, &kind, &image);
        let provisions = plan_provision(&order.provision_flags(), caller, ports)?;
        let (facts, image) = found().map_err(|error| cloud_failure_in(error, &context))?;
        if facts.architecture().is_none() {
            let words = facts.architectures.join(" and ");
            return Err(Failure::usage(format!("{kind} is {words}, and spawn launches 64-bit Linux alone"))
                .hint("truffle search lists other types"));
        }
        let Some(image) = image else {
            return Err(Failure::usage(format!("there is no image {} for {kind}", order.image))
                .hint("add --image ami-…"));
        };
        let id = (ports.new_id)();
        let owner = owners(ports.settings, caller)[0].clone();
        let identity = LaunchIdentity { id: &id, owner: &owner, now: caller.now };
        let plan = choices.plan(&facts, &image, &identity).map_err(|error| plan_failure(&error))?;
        let LaunchPlan { mut request, terms } = plan;
        let own = order.user_data.as_deref().map(OwnUserData::read).transpose()?;
        let delivery = DaemonDelivery::new(&order.access.deliver, &image.architecture, ports)?;
        request.user_data = compose_user_data(&terms, &id, delivery.source.as_ref(), own.as_ref())?;
        let user = login_user(&image);
        order.image = image.id;
        let price = price_of(&request, &image.platform, ports, caller.now);
        let zone_prices = match &request.spot {
            // Without prices, `price` has the reason.
            Some(_) => zone_prices_of(&request, &image.platform, ports, caller.now).unwrap_or_default(),
            None => Vec::new(),
        };
        let mut record = LaunchRecord::new(id, caller.account.clone(), request, caller.now);
        record.access = order.access.clone();
        record.access.user.get_or_insert_with(|| user.to_string());
        record.fresh = !provisions.is_settled();
        let mut prepared =
            PreparedLaunch { record, terms, price, zone_prices, order, provisions, own, delivery };
        prepared.use_provisions(prepared.provisions.existing());
        prepared.check_price()?;
        Ok(prepared)
    }

    /// Refuses an on-demand launch with a price that is unknown or above the highest price. EC2
    /// itself compares the price of a spot instance.
    fn check_price(&self) -> Result<(), Failure> {
        let request = &self.record.request;
        let Some(highest) = self.order.max_price.as_ref().filter(|_| request.spot.is_none()) else {
            return Ok(());
        };
        let invalid = |_| Failure::usage(format!("--max-price \"{highest}\" is not a price per hour"));
        let limit: Decimal = highest.parse().map_err(invalid)?;
        let (kind, region) = (&request.instance_type, &request.region);
        match &self.price {
            Ok(price) if price.amount <= limit => Ok(()),
            Ok(price) => {
                let amount = price.amount.normalize();
                let message =
                    format!("the price is {amount} {} per hour, above --max-price {highest}", price.currency);
                Err(Failure::usage(message)
                    .hint(format!("truffle show {kind} --region {region} shows the prices")))
            }
            Err(why) => Err(Failure::usage(format!("--max-price {highest} cannot be checked: {why}"))
                .hint(format!("collector snapshot price --region {region}, or leave it out"))),
        }
    }

    /// Sets the existing key pair, security groups and role.
    pub(crate) fn use_provisions(&mut self, found: Provisioned) {
        let request = &mut self.record.request;
        (request.key, request.groups, request.profile) = (found.key, found.groups, found.profile);
    }

    /// Returns everything that the launch creates or uses.
    pub(crate) fn resources(&self) -> Vec<String> {
        let created =
            self.record.request.resources().into_iter().map(|resource| format!("create {resource}"));
        let steps = self.provisions.steps().into_iter().filter(|step| step.action != "none");
        let shared = steps.map(|step| {
            let note = step.note.map_or(String::new(), |note| format!(" ({note})"));
            format!("{} {} {}{note}", step.action, step.resource, step.name)
        });
        let own = self.own.iter().map(|own| format!("use {}", own.describe()));
        created.chain(shared).chain(own).chain(self.delivery.resource()).collect()
    }

    /// Prints everything that the launch creates, and its price.
    pub(crate) fn print_notes(&self, printer: &mut Printer) {
        self.resources().iter().for_each(|resource| printer.note(&format!("plan: {resource}")));
        self.provisions.notes().iter().for_each(|note| printer.note(note));
        self.delivery.note().iter().for_each(|note| printer.note(note));
        match &self.price {
            Ok(price) => printer.note(&format!(
                "price: {}, {} {} in {}, without disks and traffic",
                price.describe(self.record.planned),
                price.over(self.terms.budget),
                price.currency,
                domain::format_span(self.terms.budget)
            )),
            Err(why) => printer.note(&format!("the price is unknown: {why}")),
        }
        if self.zone_prices.len() > 1 {
            let one = |zone: &ZonePrice| format!("{} {}", zone.az_id, zone.price.amount.normalize());
            let zones: Vec<String> = self.zone_prices.iter().map(one).collect();
            printer.note(&format!("price by zone, which --zone chooses: {}", zones.join(", ")));
        }
    }

    /// Returns the plan for a file.
    pub(crate) fn plan_file(&self) -> LaunchPlanFile {
        let price = self.price.as_ref().ok();
        LaunchPlanFile::new(
            self.record.planned,
            self.record.account.clone(),
            self.order.clone(),
            self.resources(),
            price.map(|price| format!("{} {}", price.amount.normalize(), price.currency)),
        )
    }

    /// Returns the facts for hints about refusals.
    pub(crate) fn context(&self) -> RefusalContext<'_> {
        context_of(&self.record)
    }
}

/// Returns the facts of a launch for hints about refusals.
pub(crate) fn context_of(record: &LaunchRecord) -> RefusalContext<'_> {
    RefusalContext {
        region: &record.request.region,
        instance_type: &record.request.instance_type,
        spot: record.request.spot.is_some(),
    }
}
