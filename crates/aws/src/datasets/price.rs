//! The price list API: the prices of one instance type.

use aws_sdk_pricing::types::{Filter, FilterType};
use catalog::ports::Gap;

use crate::clients;
use crate::document::{DocumentDelivery, DocumentError};
use crate::gap::gap;

const ACTION: &str = "pricing:GetProducts";

/// Products in a page, of about 10 KB each.
const PAGE: i32 = 100;

/// Gives each product of the type in the region to the sink, as a JSON object with its terms.
pub(crate) async fn deliver(
    post: &mut DocumentDelivery<'_>,
    partition: &str,
    instance_type: &str,
    region: &str,
) -> Result<(), DocumentError> {
    let home = match partition {
        "aws" => "us-east-1",
        "aws-cn" => "cn-northwest-1",
        other => {
            return Err(DocumentError::Gap(Gap::of_call(
                ACTION,
                "no-endpoint",
                format!("{ACTION}: the price list API is not available in partition {other}"),
            )));
        }
    };
    let client = clients::pricing(post.config, home, &post.dated, &post.sent);
    let filters = [("instanceType", instance_type), ("regionCode", region)].map(|(field, value)| {
        Filter::builder().r#type(FilterType::TermMatch).field(field).value(value).build()
    });
    let filters: Result<Vec<Filter>, _> = filters.into_iter().collect();
    let filters = filters
        .map_err(|e| DocumentError::Gap(Gap::of_call(ACTION, "invalid-request", format!("{ACTION}: {e}"))))?;
    let mut token = None;
    loop {
        let call = client
            .get_products()
            .service_code("AmazonEC2")
            .format_version("aws_v1")
            .max_results(PAGE)
            .set_filters(Some(filters.clone()))
            .set_next_token(token.take());
        let page = post.wait(call.send()).await?.map_err(|error| DocumentError::Gap(gap(ACTION, &error)))?;
        for product in page.price_list() {
            post.hand_over(product.clone())?;
        }
        token = page.next_token().filter(|token| !token.is_empty()).map(String::from);
        if token.is_none() {
            return Ok(());
        }
    }
}
