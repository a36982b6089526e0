//! SSM parameters of public images.

use serde_json::{Value, json};

use super::ec2::PUBLIC_IMAGES;
use super::requests::unknown_json_action;
use crate::core::{ApiError, ApiResult, RegionView};
use crate::wire::{JsonMembers, with_token};

impl RegionView<'_> {
    /// Serves GetParameter, GetParameters and GetParametersByPath for the parameters of public
    /// images.
    pub(crate) fn ssm(&mut self, action: &str, input: &JsonMembers<'_>) -> ApiResult<Value> {
        self.allow_any(&format!("ssm:{action}"))?;
        let node = |row: usize| {
            let image = self.public_image(row);
            json!({
                "Name": PUBLIC_IMAGES[row].0, "Type": "String", "Value": image.id, "Version": 1, "DataType": "text",
                "LastModifiedDate": image.created.as_second(),
                "ARN": format!("arn:{}:ssm:{}::parameter{}", self.partition(), self.region, PUBLIC_IMAGES[row].0),
            })
        };
        let row = |name: &str| PUBLIC_IMAGES.iter().position(|(path, ..)| *path == name);
        match action {
            "GetParameter" => {
                let name = input.need("Name")?;
                input.flag("WithDecryption")?;
                let row = row(name).ok_or_else(|| ApiError::new("ParameterNotFound", ""))?;
                Ok(json!({ "Parameter": node(row) }))
            }
            "GetParameters" => {
                let names = input.texts("Names")?;
                input.flag("WithDecryption")?;
                let (found, missing): (Vec<&str>, Vec<&str>) =
                    names.into_iter().partition(|name| row(name).is_some());
                let found: Vec<Value> = found.into_iter().filter_map(row).map(node).collect();
                Ok(json!({ "Parameters": found, "InvalidParameters": missing }))
            }
            "GetParametersByPath" => {
                let path = input.need("Path")?.trim_end_matches('/');
                let deep = input.flag("Recursive")?.unwrap_or(false);
                input.flag("WithDecryption")?;
                let under = |name: &str| {
                    name.strip_prefix(path)
                        .is_some_and(|rest| rest.starts_with('/') && (deep || rest.matches('/').count() == 1))
                };
                let found: Vec<Value> =
                    (0..PUBLIC_IMAGES.len()).filter(|row| under(PUBLIC_IMAGES[*row].0)).map(node).collect();
                let refusals = ("ValidationException", "InvalidNextToken");
                let (found, next) = self.json_page(input, found, "NextToken", 10, refusals)?;
                Ok(with_token(json!({ "Parameters": found }), "NextToken", next))
            }
            _ => Err(unknown_json_action()),
        }
    }
}
