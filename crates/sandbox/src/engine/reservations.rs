use super::filter::Filter;
use super::world::Desk;
use super::{ApiError, Done, Kind};
use crate::wire::{Fields, Node, Part};

impl Desk<'_> {
    /// DescribeCapacityReservations: none can be made here, so there are none.
    pub(crate) fn describe_reservations(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeCapacityReservations")?;
        if let Some(id) = params.list("CapacityReservationId").first() {
            return Err(ApiError::no_such(Kind::Reservation, id));
        }
        let filters = Filter::read(params)?;
        const KNOWN: [&str; 8] = [
            "instance-type",
            "owner-id",
            "state",
            "availability-zone",
            "tenancy",
            "start-date",
            "end-date",
            "end-date-type",
        ];
        if let Some(filter) = filters.iter().find(|filter| !KNOWN.contains(&filter.name.as_str())) {
            return Err(ApiError::value(format!("The filter '{}' is invalid", filter.name)));
        }
        self.page(params, Vec::<Node>::new(), (1, 1000))?;
        self.ready(params)?;
        Ok(Fields::new().put("capacityReservationSet", Vec::new()).into())
    }
}
