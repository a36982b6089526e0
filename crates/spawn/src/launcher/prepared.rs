//! A launch with the facts of AWS: the request, its price, and everything that it creates.

use console::{Failure, Printer};
use domain::Decimal;
use fleet::image::ImageChoice;
use fleet::launch::LaunchRecord;
use fleet::launch_plan::{LaunchIdentity, LaunchPlan};
use fleet::ports::CallerAccount;
use fleet::refusal::RefusalContext;
use lifecycle::{Terms, dead_man};

use crate::Ports;
use crate::launcher::order::{LaunchOrder, plan_failure};
use crate::launcher::plan_file::LaunchPlanFile;
use crate::owner::owners;
use crate::ports::cloud_failure_in;
use crate::prices::{HourlyPrice, price_of};

/// A launch that can be shown or carried out.
pub(crate) struct PreparedLaunch {
    /// The record; nothing is sent yet.
    pub(crate) record: LaunchRecord,
    /// The terms of the instance's life.
    pub(crate) terms: Terms,
    /// The price per hour, or why there is none.
    pub(crate) price: Result<HourlyPrice, String>,
    /// The choices, with the image's id.
    order: LaunchOrder,
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
        let (facts, image) = ports
            .images
            .find_image(&choices.region, &kind, &image)
            .map_err(|error| cloud_failure_in(error, &context))?;
        let Some(image) = image else {
            return Err(Failure::usage(format!("there is no image {} for {kind}", order.image))
                .hint("add --image ami-…"));
        };
        let id = (ports.new_id)();
        let owner = owners(ports.settings, caller)[0].clone();
        let identity = LaunchIdentity { id: &id, owner: &owner, now: caller.now };
        let plan = choices.plan(&facts, &image, &identity).map_err(|error| plan_failure(&error))?;
        let LaunchPlan { mut request, terms } = plan;
        let text = serde_json::to_string(&terms).expect("terms are plain JSON");
        request.user_data =
            dead_man::user_data(terms.budget + terms.dead_man_slack(), &text, &id).into_bytes();
        request.key = order.key.clone();
        order.image = image.id;
        let price = price_of(&request, ports, caller.now);
        let record = LaunchRecord::new(id, caller.account.clone(), request, caller.now);
        let prepared = PreparedLaunch { record, terms, price, order };
        prepared.check_price()?;
        Ok(prepared)
    }

    /// Refuses a launch whose price is known to be above the highest price.
    fn check_price(&self) -> Result<(), Failure> {
        let Some(highest) = &self.order.max_price else { return Ok(()) };
        let limit: Decimal = highest
            .parse()
            .map_err(|_| Failure::usage(format!("--max-price \"{highest}\" is not a price per hour")))?;
        match &self.price {
            Ok(price) if price.amount > limit => Err(Failure::usage(format!(
                "the price is {} {} per hour, above --max-price {highest}",
                price.amount.normalize(),
                price.currency
            ))
            .hint(format!(
                "truffle show {} --region {} shows the prices",
                self.record.request.instance_type, self.record.request.region
            ))),
            _ => Ok(()),
        }
    }

    /// Returns everything that the launch creates.
    pub(crate) fn resources(&self) -> Vec<String> {
        self.record.request.resources()
    }

    /// Prints everything that the launch creates, and its price.
    pub(crate) fn print_notes(&self, printer: &mut Printer) {
        self.resources().iter().for_each(|resource| printer.note(&format!("creates: {resource}")));
        match &self.price {
            Ok(price) => printer.note(&format!(
                "costs: {}, {} {} in {}, without disks and traffic",
                price.describe(self.record.planned),
                price.over(self.terms.budget),
                price.currency,
                domain::format_span(self.terms.budget)
            )),
            Err(why) => printer.note(&format!("the price is unknown: {why}")),
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
