//! Checks and pages that the calls of several services have in common.

use crate::core::{ApiError, ApiResult, RegionView};
use crate::wire::{JsonMembers, QueryParamPart};

impl RegionView<'_> {
    /// Returns a page of rows, and the token of the next page. `bounds` are the least and the
    /// greatest `MaxResults`. Only one row beyond the page is computed.
    pub(crate) fn page<T>(
        &self,
        params: &QueryParamPart<'_>,
        all: impl IntoIterator<Item = T>,
        bounds: (i64, i64),
    ) -> ApiResult<(Vec<T>, Option<String>)> {
        let most = params.number("MaxResults")?;
        if let Some(most) = most
            && (most < bounds.0 || most > bounds.1)
        {
            return Err(ApiError::value(format!(
                "Value ( {most} ) for parameter maxResults is invalid. Expecting a value between {} and {}.",
                bounds.0, bounds.1
            )));
        }
        let invalid =
            |token: &str| ApiError::new("InvalidNextToken", format!("The token '{token}' is invalid"));
        let from = params.text("NextToken").map(|token| token_offset(token).ok_or_else(|| invalid(token)));
        Ok(self.cut_page(all, from.transpose()?.unwrap_or(0), most.unwrap_or(bounds.1)))
    }

    /// Returns a page of a JSON service, and the token of the next page. `token` is the name of the
    /// token's member, and `most` is the default and greatest page size. `refusals` are the error
    /// codes for a bad size and for a bad token.
    pub(crate) fn json_page<T>(
        &self,
        input: &JsonMembers<'_>,
        all: Vec<T>,
        token: &str,
        most: i64,
        refusals: (&'static str, &'static str),
    ) -> ApiResult<(Vec<T>, Option<String>)> {
        let size = input.number("MaxResults")?.unwrap_or(most);
        if !(1..=most).contains(&size) {
            return Err(ApiError::new(refusals.0, format!("MaxResults must be between 1 and {most}")));
        }
        let from = input.text(token)?.map(|text| {
            token_offset(text)
                .ok_or_else(|| ApiError::new(refusals.1, format!("The token {text} is not valid")))
        });
        Ok(self.cut_page(all, from.transpose()?.unwrap_or(0), size))
    }

    fn cut_page<T>(
        &self,
        all: impl IntoIterator<Item = T>,
        from: usize,
        size: i64,
    ) -> (Vec<T>, Option<String>) {
        let size = self.rules.page.map_or(size, |most| size.min(i64::from(most.max(1)))) as usize;
        let mut rest = all.into_iter().skip(from);
        let rows: Vec<T> = rest.by_ref().take(size).collect();
        // Letters and digits only: Service Quotas accepts nothing else.
        let next = rest.next().map(|_| format!("sandbox{}", from + size));
        (rows, next)
    }

    /// Fails on parameters that were not read, and with `DryRunOperation` on a dry run. Calls
    /// change state only after this check.
    pub(crate) fn finish_checks(&self, params: &QueryParamPart<'_>) -> ApiResult<()> {
        let rehearsal = params.flag("DryRun")?.unwrap_or(false);
        params.params().check_all_read()?;
        if rehearsal {
            return Err(ApiError::new(
                "DryRunOperation",
                "Request would have succeeded, but DryRun flag is set.",
            ));
        }
        Ok(())
    }
}

fn token_offset(token: &str) -> Option<usize> {
    token.strip_prefix("sandbox").and_then(|number| number.parse().ok())
}

pub(crate) fn missing_parameter(name: &str) -> ApiError {
    ApiError::new("MissingParameter", format!("The request must contain the parameter {name}"))
}

/// The error for an unknown action.
pub(crate) fn unknown_action(action: &str) -> ApiError {
    ApiError::new("InvalidAction", format!("The action {action} is not valid for this web service."))
}

/// The error for an unknown action of a JSON service.
pub(crate) fn unknown_json_action() -> ApiError {
    ApiError::new("UnknownOperationException", "")
}

/// The error for an idempotency token that was used with other parameters.
pub(crate) fn token_mismatch() -> ApiError {
    ApiError::new(
        "IdempotentParameterMismatch",
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
    )
}
