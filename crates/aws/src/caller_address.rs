//! The port `CallerAddress`: AWS's public service that returns a caller's address.

use std::net::IpAddr;
use std::time::Duration;

use fleet::ports::CallerAddress;

use crate::AwsClient;
use crate::clients;

const URL: &str = "https://checkip.amazonaws.com/";
/// The longest wait for the answer.
const LIMIT: Duration = Duration::from_secs(3);
/// More than the longest address.
const LONGEST: u64 = 64;

impl CallerAddress for AwsClient {
    fn public_address(&self) -> Result<IpAddr, String> {
        let address = match (&self.http.mirror, clients::foreign_endpoint(&self.config(None))) {
            (Some(mirror), _) => mirror.address_of(URL),
            // An emulator of AWS answers for this service too, or no service does.
            (None, Some(endpoint)) => {
                format!("{}/{}", endpoint.trim_end_matches('/'), URL.trim_start_matches("https://"))
            }
            (None, None) => URL.to_string(),
        };
        let request = self.http.agent.get(&address).config().timeout_global(Some(LIMIT)).build();
        let failed = |why: &str| format!("checkip.amazonaws.com {why}");
        let mut answer = request.call().map_err(|_| failed("does not answer"))?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(failed(&format!("answers with status {status}")));
        }
        let text = answer.body_mut().with_config().limit(LONGEST).read_to_string();
        let text = text.map_err(|_| failed("answers with more than an address"))?;
        text.trim().parse().map_err(|_| failed("does not answer with an address"))
    }
}
