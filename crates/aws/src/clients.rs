//! Clients of AWS: connections, retries, timeouts and the server's clock.

#![allow(clippy::disallowed_methods, reason = "the SDK reads certificates and its environment here")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{env, fs};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
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
use aws_types::sdk_config::SharedCredentialsProvider;
use aws_types::service_config::ServiceConfigKey;
use catalog::ports::SourceError;
use domain::Timestamp;
use jiff::SignedDuration;

use crate::public_mirror::PublicMirror;
use crate::values;

/// The largest number of attempts for a call. It is repeated after throttling, a 5xx status or a
/// lost connection. The pauses are jittered and double up to [`LONGEST_PAUSE`]: about two minutes
/// in total.
pub(crate) const ATTEMPTS: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(10);
pub(crate) const ANSWER: Duration = Duration::from_secs(60);

/// Regions whose pages of rows are collected at once: enough to hide the latency, few enough for a
/// small machine.
pub(crate) const REGIONS_AT_ONCE: usize = 8;

/// The region used when none is configured.
const HOME: &str = "us-east-1";

/// The HTTP clients: one for the SDK, one for public files.
pub(crate) struct HttpClients {
    sdk: SharedHttpClient,
    pub(crate) agent: ureq::Agent,
    /// The address of a copy of the public files, used instead of AWS.
    pub(crate) mirror: Option<PublicMirror>,
}

impl HttpClients {
    pub(crate) fn new() -> Result<HttpClients, SourceError> {
        let bundle = match env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
            None => None,
            Some(path) => Some(fs::read(&path).map_err(|e| {
                let path = path.to_string_lossy();
                SourceError::Failed(format!("AWS_CA_BUNDLE names {path}, which cannot be read: {e}"))
            })?),
        };
        let mirror = env::var("MYCELIUM_MIRROR").ok().filter(|address| !address.is_empty());
        let mirror = mirror.as_deref().map(PublicMirror::parse).transpose()?;
        Ok(HttpClients { sdk: sdk(bundle.clone())?, agent: agent(bundle.as_deref())?, mirror })
    }
}

/// The SDK's client. It trusts the certificates of the system and of the bundle, and uses the
/// environment's proxy.
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

/// The client for public files. By default it uses the environment's proxy.
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
            SourceError::Failed(format!("AWS_CA_BUNDLE contains something that is not a certificate: {e}"))
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

/// Retries with this maximum number of attempts.
pub(crate) fn retries(attempts: u32) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(Duration::from_millis(500))
        .with_max_backoff(LONGEST_PAUSE)
}

/// Loads a profile's settings from the usual places.
pub(crate) async fn config(http: &HttpClients, profile: Option<&str>) -> SdkConfig {
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
    let region = config.region().cloned().unwrap_or(Region::from_static(HOME));
    let builder = config.into_builder().region(region.clone());
    match profile {
        None => builder.build(),
        Some(profile) => builder.credentials_provider(of_profile(http, profile, region)).build(),
    }
}

/// The credentials of a profile alone. The default chain would prefer the environment's keys, and
/// so use another account than the one that was named.
fn of_profile(http: &HttpClients, profile: &str, region: Region) -> SharedCredentialsProvider {
    let settings = ProviderConfig::without_region()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_http_client(http.sdk.clone())
        .with_region(Some(region));
    let credentials =
        ProfileFileCredentialsProvider::builder().configure(&settings).profile_name(profile).build();
    SharedCredentialsProvider::new(credentials)
}

/// AWS's clock at the first answer, from its `Date` header, and the time at which the request was
/// signed, by this machine's clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerDate {
    date: Arc<OnceLock<Timestamp>>,
    signed: Arc<OnceLock<Timestamp>>,
}

/// AWS refuses signatures that are off by five minutes. A smaller difference is not the reason of a
/// failure.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(4);

impl ServerDate {
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.date.get().copied()
    }

    /// Returns by how much this machine's clock is wrong, if AWS refuses signatures for that: a
    /// sentence with the size of the error.
    pub(crate) fn clock_error(&self) -> Option<String> {
        let ahead = self.signed.get()?.duration_since(*self.date.get()?);
        (ahead.abs() > CLOCK_TOLERANCE).then(|| {
            let side = if ahead.is_negative() { "behind" } else { "ahead of" };
            let size = domain::format_span(ahead.abs());
            format!(
                "this machine's clock is {size} {side} AWS's, so AWS refuses its signatures; set the clock \
                 (timedatectl set-ntp true)"
            )
        })
    }
}

impl Intercept for ServerDate {
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
            // Only the first answer counts: its rows are not newer than that.
            let _ = self.date.set(date);
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_sdk_ec2::error::BoxError> {
        if let Some(signed) = context.request().headers().get("x-amz-date").and_then(values::signature_date) {
            let _ = self.signed.set(signed);
        }
        Ok(())
    }
}

/// Counts the requests sent. A request may cost money even if its answer is lost.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestCounter(Arc<AtomicU32>);

impl RequestCounter {
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for RequestCounter {
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
pub(crate) fn ec2(config: &SdkConfig, region: Option<&str>, dated: &ServerDate) -> aws_sdk_ec2::Client {
    let mut builder = aws_sdk_ec2::config::Builder::from(config).interceptor(dated.clone());
    if let Some(region) = region {
        builder = builder.region(Region::new(region.to_string()));
    }
    aws_sdk_ec2::Client::from_conf(builder.build())
}

/// EC2 in a region, with one attempt for each call: the caller decides about a retry.
pub(crate) fn ec2_once(config: &SdkConfig, region: &str, dated: &ServerDate) -> aws_sdk_ec2::Client {
    let builder = aws_sdk_ec2::config::Builder::from(config)
        .interceptor(dated.clone())
        .region(Region::new(region.to_string()))
        .retry_config(RetryConfig::disabled());
    aws_sdk_ec2::Client::from_conf(builder.build())
}

/// Systems Manager in a region.
pub(crate) fn ssm(config: &SdkConfig, region: &str, dated: &ServerDate) -> aws_sdk_ssm::Client {
    let builder = aws_sdk_ssm::config::Builder::from(config)
        .interceptor(dated.clone())
        .region(Region::new(region.to_string()));
    aws_sdk_ssm::Client::from_conf(builder.build())
}

/// Service Quotas in a region.
pub(crate) fn quotas(config: &SdkConfig, region: &str, dated: &ServerDate) -> aws_sdk_servicequotas::Client {
    let builder = aws_sdk_servicequotas::config::Builder::from(config)
        .interceptor(dated.clone())
        .region(Region::new(region.to_string()));
    aws_sdk_servicequotas::Client::from_conf(builder.build())
}

/// CloudWatch in a region.
pub(crate) fn cloudwatch(config: &SdkConfig, region: &str, dated: &ServerDate) -> aws_sdk_cloudwatch::Client {
    let builder = aws_sdk_cloudwatch::config::Builder::from(config)
        .interceptor(dated.clone())
        .region(Region::new(region.to_string()));
    aws_sdk_cloudwatch::Client::from_conf(builder.build())
}

/// Cost Explorer, which has one region in each partition.
pub(crate) fn cost_explorer(
    config: &SdkConfig,
    region: &'static str,
    dated: &ServerDate,
    sent: &RequestCounter,
) -> aws_sdk_costexplorer::Client {
    let builder = aws_sdk_costexplorer::config::Builder::from(config)
        .interceptor(dated.clone())
        .interceptor(sent.clone())
        .region(Region::from_static(region));
    aws_sdk_costexplorer::Client::from_conf(builder.build())
}

/// The price list API. It runs in a few regions and covers all of them.
pub(crate) fn pricing(
    config: &SdkConfig,
    region: &'static str,
    dated: &ServerDate,
    sent: &RequestCounter,
) -> aws_sdk_pricing::Client {
    let builder = aws_sdk_pricing::config::Builder::from(config)
        .interceptor(dated.clone())
        .interceptor(sent.clone())
        .region(Region::from_static(region));
    aws_sdk_pricing::Client::from_conf(builder.build())
}

/// EC2 Instance Connect in a region.
pub(crate) fn instance_connect(
    config: &SdkConfig,
    region: &str,
    dated: &ServerDate,
) -> aws_sdk_ec2instanceconnect::Client {
    let builder = aws_sdk_ec2instanceconnect::config::Builder::from(config)
        .interceptor(dated.clone())
        .region(Region::new(region.to_string()));
    aws_sdk_ec2instanceconnect::Client::from_conf(builder.build())
}

/// IAM, which has one endpoint in each partition.
pub(crate) fn iam(config: &SdkConfig, dated: &ServerDate) -> aws_sdk_iam::Client {
    let builder = aws_sdk_iam::config::Builder::from(config).interceptor(dated.clone());
    aws_sdk_iam::Client::from_conf(builder.build())
}

/// STS in the profile's own region.
pub(crate) fn sts(config: &SdkConfig, dated: &ServerDate) -> aws_sdk_sts::Client {
    let builder = aws_sdk_sts::config::Builder::from(config).interceptor(dated.clone());
    aws_sdk_sts::Client::from_conf(builder.build())
}

/// S3 in a region, or in the profile's own one. The bucket goes into the path for endpoints other
/// than AWS, because only AWS has a host name for each bucket.
pub(crate) fn s3(config: &SdkConfig, region: Option<&str>) -> aws_sdk_s3::Client {
    let foreign = s3_endpoint(config).is_some_and(|address| !is_of_aws(&address));
    let mut builder = aws_sdk_s3::config::Builder::from(config).force_path_style(foreign);
    if let Some(region) = region {
        builder = builder.region(Region::new(region.to_string()));
    }
    aws_sdk_s3::Client::from_conf(builder.build())
}

/// The configured S3 endpoint, if any: `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, or a setting of
/// the profile.
fn s3_endpoint(config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let own = config.service_config().zip(key.build().ok()).and_then(|(found, key)| found.load_config(key));
    own.or_else(|| config.endpoint_url().map(String::from))
}

/// Returns the configured endpoint of all services, unless it is AWS's.
pub(crate) fn foreign_endpoint(config: &SdkConfig) -> Option<String> {
    config.endpoint_url().filter(|address| !is_of_aws(address)).map(String::from)
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
    fn a_wrong_clock_is_named_with_its_size() {
        let check = |date: &str, signed: Option<&str>, expected: Option<&str>| {
            let dated = ServerDate::default();
            dated.date.set(date.parse().expect("an instant")).expect("the first answer");
            if let Some(signed) = signed.and_then(values::signature_date) {
                dated.signed.set(signed).expect("the first request");
            }
            let found = dated.clock_error();
            assert_eq!(found.is_some(), expected.is_some(), "{found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{expected:?}");
        };
        let date = "2026-11-30T12:00:00Z";
        check(date, Some("20261130T120930Z"), Some("clock is 9m30s ahead of AWS's"));
        check(date, Some("20261130T090000Z"), Some("clock is 3h behind AWS's"));
        check(date, Some("20261202T120000Z"), Some("clock is 2d ahead of AWS's"));
        check(date, Some("20261130T120400Z"), None);
        check(date, Some("20261130T115600Z"), None);
        check(date, None, None);
        assert_eq!(values::signature_date("yesterday"), None);
    }

    #[test]
    fn recognises_endpoints_of_aws() {
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
