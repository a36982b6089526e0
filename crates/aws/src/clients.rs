//! Clients of AWS: how they reach it, how long they try, and what its clock said.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{env, fs};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_types::service_config::ServiceConfigKey;
use catalog::ports::SourceError;
use domain::Timestamp;

use crate::values;

/// How often a call is made at most: the first time and again after a throttling, a 5xx or a lost connection, with
/// jittered pauses that double up to [`LONGEST_PAUSE`]. Together some two minutes.
pub(crate) const ATTEMPTS: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(10);
pub(crate) const ANSWER: Duration = Duration::from_secs(60);

/// The region that is asked when nobody names one.
const HOME: &str = "us-east-1";

/// How AWS is reached: by the SDK, and by plain requests for public files.
pub(crate) struct Http {
    sdk: SharedHttpClient,
    pub(crate) agent: ureq::Agent,
    /// Where public files are asked for instead of at AWS.
    pub(crate) mirror: Option<String>,
}

impl Http {
    pub(crate) fn new() -> Result<Http, SourceError> {
        let bundle = match env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
            None => None,
            Some(path) => Some(fs::read(&path).map_err(|e| {
                let path = path.to_string_lossy();
                SourceError::Failed(format!("AWS_CA_BUNDLE names {path}, which cannot be read: {e}"))
            })?),
        };
        let mirror = env::var("MYCELIUM_MIRROR").ok().filter(|address| !address.is_empty());
        Ok(Http { sdk: sdk(bundle.clone())?, agent: agent(bundle.as_deref())?, mirror })
    }
}

/// The SDK's client: the system's certificates and the bundle's, and the proxy of the environment.
fn sdk(bundle: Option<Vec<u8>>) -> Result<SharedHttpClient, SourceError> {
    let mut trusted = TrustStore::empty().with_native_roots(true);
    if let Some(pem) = bundle {
        trusted.add_pem_certificate(pem);
    }
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let context = context.map_err(|e| SourceError::Failed(format!("TLS cannot be set up: {e}")))?;
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(tls::Provider::rustls(CryptoMode::Ring))
            .tls_context(context.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.build()
    }))
}

/// The client for public files. Its proxy is the environment's by default.
fn agent(bundle: Option<&[u8]>) -> Result<ureq::Agent, SourceError> {
    use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
    let mut tls = TlsConfig::builder();
    if let Some(pem) = bundle {
        let read = parse_pem(pem).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        });
        let certificates: Vec<Certificate<'static>> = read.collect::<Result<_, _>>().map_err(|e| {
            SourceError::Failed(format!("AWS_CA_BUNDLE holds something that is no certificate: {e}"))
        })?;
        tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
    }
    let config = ureq::Agent::config_builder()
        .tls_config(tls.build())
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .http_status_as_error(false)
        .user_agent(concat!("mycelium/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(config.into())
}

/// So many attempts at most.
pub(crate) fn retries(attempts: u32) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(Duration::from_millis(500))
        .with_max_backoff(LONGEST_PAUSE)
}

/// A profile's settings, read from the usual places.
pub(crate) async fn config(http: &Http, profile: Option<&str>) -> SdkConfig {
    let retry = retries(ATTEMPTS);
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ANSWER);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.sdk.clone())
        .retry_config(retry)
        .timeout_config(timeouts.build());
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    let config = loader.load().await;
    match config.region() {
        Some(_) => config,
        None => config.into_builder().region(Region::from_static(HOME)).build(),
    }
}

/// What AWS's clock said at the first answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dated(Arc<OnceLock<Timestamp>>);

impl Dated {
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.0.get().copied()
    }
}

impl Intercept for Dated {
    fn name(&self) -> &'static str {
        "Dated"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_sdk_ec2::error::BoxError> {
        if let Some(date) = context.response().headers().get("date").and_then(values::http_date) {
            // A later answer does not make what the first one said newer.
            let _ = self.0.set(date);
        }
        Ok(())
    }
}

/// How often something was sent: what is sent may cost, whether it is answered or not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent(Arc<AtomicU32>);

impl Sent {
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for Sent {
    fn name(&self) -> &'static str {
        "Sent"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_sdk_ec2::error::BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// EC2 in a region.
pub(crate) fn ec2(config: &SdkConfig, region: Option<&str>, dated: &Dated) -> aws_sdk_ec2::Client {
    let mut builder = aws_sdk_ec2::config::Builder::from(config).interceptor(dated.clone());
    if let Some(region) = region {
        builder = builder.region(Region::new(region.to_string()));
    }
    aws_sdk_ec2::Client::from_conf(builder.build())
}

/// EC2 in a region, with one attempt for a call: whoever asks decides whether it is made again.
pub(crate) fn ec2_once(config: &SdkConfig, region: &str, dated: &Dated) -> aws_sdk_ec2::Client {
    let builder = aws_sdk_ec2::config::Builder::from(config)
        .interceptor(dated.clone())
        .region(Region::new(region.to_string()))
        .retry_config(RetryConfig::disabled());
    aws_sdk_ec2::Client::from_conf(builder.build())
}

/// Service Quotas in a region.
pub(crate) fn quotas(config: &SdkConfig, region: &str, dated: &Dated) -> aws_sdk_servicequotas::Client {
    let builder = aws_sdk_servicequotas::config::Builder::from(config)
        .interceptor(dated.clone())
        .region(Region::new(region.to_string()));
    aws_sdk_servicequotas::Client::from_conf(builder.build())
}

/// CloudWatch in a region.
pub(crate) fn cloudwatch(config: &SdkConfig, region: &str, dated: &Dated) -> aws_sdk_cloudwatch::Client {
    let builder = aws_sdk_cloudwatch::config::Builder::from(config)
        .interceptor(dated.clone())
        .region(Region::new(region.to_string()));
    aws_sdk_cloudwatch::Client::from_conf(builder.build())
}

/// Cost Explorer, which is in one region of a partition.
pub(crate) fn cost_explorer(
    config: &SdkConfig,
    region: &'static str,
    dated: &Dated,
    sent: &Sent,
) -> aws_sdk_costexplorer::Client {
    let builder = aws_sdk_costexplorer::config::Builder::from(config)
        .interceptor(dated.clone())
        .interceptor(sent.clone())
        .region(Region::from_static(region));
    aws_sdk_costexplorer::Client::from_conf(builder.build())
}

/// The price list's API, which is in some regions and tells of all.
pub(crate) fn pricing(
    config: &SdkConfig,
    region: &'static str,
    dated: &Dated,
    sent: &Sent,
) -> aws_sdk_pricing::Client {
    let builder = aws_sdk_pricing::config::Builder::from(config)
        .interceptor(dated.clone())
        .interceptor(sent.clone())
        .region(Region::from_static(region));
    aws_sdk_pricing::Client::from_conf(builder.build())
}

/// STS where the profile is at home.
pub(crate) fn sts(config: &SdkConfig, dated: &Dated) -> aws_sdk_sts::Client {
    let builder = aws_sdk_sts::config::Builder::from(config).interceptor(dated.clone());
    aws_sdk_sts::Client::from_conf(builder.build())
}

/// S3 in a region, or in the profile's own. A bucket stands in the path where somebody else than AWS answers: only AWS
/// has a host's name for each bucket.
pub(crate) fn s3(config: &SdkConfig, region: Option<&str>) -> aws_sdk_s3::Client {
    let foreign = s3_endpoint(config).is_some_and(|address| !is_of_aws(&address));
    let mut builder = aws_sdk_s3::config::Builder::from(config).force_path_style(foreign);
    if let Some(region) = region {
        builder = builder.region(Region::new(region.to_string()));
    }
    aws_sdk_s3::Client::from_conf(builder.build())
}

/// Where S3 is asked for instead of at AWS: `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, or a profile's settings.
fn s3_endpoint(config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let own = config.service_config().zip(key.build().ok()).and_then(|(found, key)| found.load_config(key));
    own.or_else(|| config.endpoint_url().map(String::from))
}

fn is_of_aws(address: &str) -> bool {
    let host = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    [".amazonaws.com", ".amazonaws.com.cn"].iter().any(|domain| host.ends_with(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_address_it_is() {
        for address in
            ["https://s3.eu-west-1.amazonaws.com", "https://b.vpce-1.s3.us-east-1.vpce.amazonaws.com:443/"]
        {
            assert!(is_of_aws(address), "{address}");
        }
        for address in
            ["http://127.0.0.1:5000", "http://minio:9000/", "https://amazonaws.com.example/x.amazonaws.com"]
        {
            assert!(!is_of_aws(address), "{address}");
        }
    }
}
