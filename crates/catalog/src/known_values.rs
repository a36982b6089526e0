//! Texts of foreign files that are public, because AWS and the FOCUS specification publish them.
//!
//! Any other text of these columns is private: a file can contain anything. A value that is missing
//! here is replaced by a stand-in in a redacted export, and can be added.

/// Replaces the sources that a bundle does not name, such as the name of a file.
pub const UNSTATED_SOURCE: &str = "not stated in the bundle";

/// The sources of public rows: the seed, AWS's lists, and the calls of this program.
pub(crate) const SOURCES: &[&str] = &[
    "AWS Savings Plans list",
    "AWS price list",
    "AWS spot advisor",
    "AWS spot feed",
    "AWS ec2:DescribeAvailabilityZones",
    "AWS ec2:DescribeInstanceTypeOfferings",
    "AWS ec2:DescribeInstanceTypes",
    "AWS ec2:DescribeSpotPriceHistory",
    "apache-libcloud 3.9.1",
    "makers' documents, named per row",
    "sparecores-data 0.1.0",
    "sparecores-data 0.1.0 and apache-libcloud 3.9.1",
    UNSTATED_SOURCE,
];

/// The metrics of benchmarks that are published for EC2 instance types.
pub(crate) const BENCHMARK_METRICS: &[&str] = &[
    "",
    "CoreMark",
    "Geekbench 5 multi-core",
    "Geekbench 5 single-core",
    "Geekbench 6 multi-core",
    "Geekbench 6 single-core",
    "HPL GFLOPS",
    "PassMark CPU Mark",
    "STREAM Triad GB/s",
    "SPECrate2017_fp_base",
    "SPECrate2017_int_base",
    "coremark",
    "stress-ng",
];

/// The configurations of benchmarks that are published.
pub(crate) const BENCHMARK_CONFIGS: &[&str] = &["", "default", "multi-core", "single-core"];

/// The currencies of AWS's bills (ISO 4217).
pub(crate) const CURRENCIES: &[&str] = &[
    "AED", "AUD", "BRL", "CAD", "CHF", "CNY", "COP", "DKK", "EUR", "GBP", "HKD", "IDR", "ILS", "INR", "JPY",
    "KRW", "MXN", "MYR", "NOK", "NZD", "PHP", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "USD", "ZAR",
];

pub(crate) const CHARGE_CATEGORIES: &[&str] = &["Adjustment", "Credit", "Purchase", "Tax", "Usage"];
pub(crate) const CHARGE_CLASSES: &[&str] = &["Correction"];
pub(crate) const CHARGE_FREQUENCIES: &[&str] = &["One-Time", "Recurring", "Usage-Based"];
pub(crate) const PRICING_CATEGORIES: &[&str] = &["Committed", "Dynamic", "Other", "Standard"];
pub(crate) const COMMITMENT_CATEGORIES: &[&str] = &["Spend", "Usage"];
pub(crate) const USED_OR_UNUSED: &[&str] = &["Unused", "Used"];

pub(crate) const COMMITMENT_TYPES: &[&str] = &[
    "Compute Savings Plans",
    "ComputeSavingsPlans",
    "Database Savings Plans",
    "EC2 Instance Savings Plans",
    "EC2InstanceSavingsPlans",
    "Reserved Instance",
    "Reserved Instances",
    "ReservedInstance",
    "SageMakerSavingsPlans",
    "Savings Plan",
    "Savings Plans",
    "SavingsPlan",
    "SavingsPlans",
];

/// The units of CUR and FOCUS.
pub(crate) const UNITS: &[&str] = &[
    "API Calls",
    "Alarms",
    "Count",
    "GB",
    "GB-Hours",
    "GB-Mo",
    "GB-Months",
    "GB-Second",
    "GB-Seconds",
    "GB-hours",
    "Hours",
    "Hrs",
    "IOPS-Mo",
    "IPs",
    "Invocations",
    "Lambda-GB-Second",
    "LCU-Hrs",
    "MBps-Mo",
    "Metrics",
    "None",
    "Quantity",
    "Request",
    "Requests",
    "Secrets",
    "Seconds",
    "Units",
    "hours",
    "vCPU-Hours",
    "vCPU-hours",
];

/// The service categories of FOCUS 1.2.
pub(crate) const SERVICE_CATEGORIES: &[&str] = &[
    "AI and Machine Learning",
    "Analytics",
    "Business Applications",
    "Compute",
    "Databases",
    "Developer Tools",
    "Identity",
    "Integration",
    "Internet of Things",
    "Management and Governance",
    "Media",
    "Migration",
    "Mobile",
    "Multicloud",
    "Networking",
    "Other",
    "Security",
    "Storage",
    "Web",
];

/// Service subcategories of FOCUS 1.2.
pub(crate) const SERVICE_SUBCATEGORIES: &[&str] = &[
    "Application Networking",
    "Backup Storage",
    "Block Storage",
    "Caching",
    "Containers",
    "Content Delivery",
    "Data Processing",
    "Data Warehouses",
    "File Storage",
    "Network Connectivity",
    "Network Infrastructure",
    "Network Routing",
    "NoSQL Databases",
    "Object Storage",
    "Observability",
    "Relational Databases",
    "Serverless Compute",
    "Storage Platforms",
    "Streaming Analytics",
    "Virtual Machines",
];

/// The names of AWS's services in bills.
pub(crate) const SERVICE_NAMES: &[&str] = &[
    "AWS Backup",
    "AWS CloudTrail",
    "AWS Config",
    "AWS Cost Explorer",
    "AWS Data Transfer",
    "AWS Database Migration Service",
    "AWS Direct Connect",
    "AWS Fargate",
    "AWS Glue",
    "AWS Key Management Service",
    "AWS Lambda",
    "AWS Network Firewall",
    "AWS Premium Support",
    "AWS Secrets Manager",
    "AWS Security Hub",
    "AWS Step Functions",
    "AWS Support (Business)",
    "AWS Support (Developer)",
    "AWS Support (Enterprise)",
    "AWS Systems Manager",
    "AWS Transfer Family",
    "AWS WAF",
    "Amazon API Gateway",
    "Amazon Athena",
    "Amazon Bedrock",
    "Amazon CloudFront",
    "Amazon CloudWatch",
    "Amazon DynamoDB",
    "Amazon EC2 Container Registry (ECR)",
    "Amazon ElastiCache",
    "Amazon Elastic Block Store",
    "Amazon Elastic Compute Cloud",
    "Amazon Elastic Compute Cloud - Compute",
    "Amazon Elastic Container Registry",
    "Amazon Elastic Container Service",
    "Amazon Elastic Container Service for Kubernetes",
    "Amazon Elastic File System",
    "Amazon Elastic Kubernetes Service",
    "Amazon Elastic Load Balancing",
    "Amazon Elastic MapReduce",
    "Amazon FSx",
    "Amazon GuardDuty",
    "Amazon Kinesis",
    "Amazon MQ",
    "Amazon Managed Streaming for Apache Kafka",
    "Amazon OpenSearch Service",
    "Amazon QuickSight",
    "Amazon Redshift",
    "Amazon Relational Database Service",
    "Amazon Route 53",
    "Amazon SageMaker",
    "Amazon Simple Email Service",
    "Amazon Simple Notification Service",
    "Amazon Simple Queue Service",
    "Amazon Simple Storage Service",
    "Amazon Virtual Private Cloud",
    "AmazonCloudWatch",
    "EC2",
    "EC2 - Other",
    "Elastic Load Balancing",
    "S3",
    "Savings Plans for AWS Compute usage",
    "Tax",
];

/// The codes of AWS's services in bills.
pub(crate) const SERVICE_CODES: &[&str] = &[
    "AWSBackup",
    "AWSCloudTrail",
    "AWSConfig",
    "AWSDataTransfer",
    "AWSELB",
    "AWSGlue",
    "AWSLambda",
    "AWSQueueService",
    "AWSSecretsManager",
    "AWSSupportBusiness",
    "AWSSupportEnterprise",
    "AmazonApiGateway",
    "AmazonAthena",
    "AmazonBedrock",
    "AmazonCloudFront",
    "AmazonCloudWatch",
    "AmazonDynamoDB",
    "AmazonEC2",
    "AmazonECR",
    "AmazonECS",
    "AmazonEFS",
    "AmazonEKS",
    "AmazonES",
    "AmazonElastiCache",
    "AmazonFSx",
    "AmazonGuardDuty",
    "AmazonKinesis",
    "AmazonMSK",
    "AmazonRDS",
    "AmazonRedshift",
    "AmazonRoute53",
    "AmazonS3",
    "AmazonSNS",
    "AmazonSageMaker",
    "AmazonVPC",
    "ComputeSavingsPlans",
    "ElasticMapReduce",
    "OCBPremiumSupport",
    "awskms",
];

/// The names of regions in bills.
pub(crate) const REGION_NAMES: &[&str] = &[
    "AWS GovCloud (US-East)",
    "AWS GovCloud (US-West)",
    "AWS GovCloud (US)",
    "Africa (Cape Town)",
    "Any",
    "Asia Pacific (Hong Kong)",
    "Asia Pacific (Hyderabad)",
    "Asia Pacific (Jakarta)",
    "Asia Pacific (Malaysia)",
    "Asia Pacific (Melbourne)",
    "Asia Pacific (Mumbai)",
    "Asia Pacific (New Zealand)",
    "Asia Pacific (Osaka)",
    "Asia Pacific (Seoul)",
    "Asia Pacific (Singapore)",
    "Asia Pacific (Sydney)",
    "Asia Pacific (Taipei)",
    "Asia Pacific (Thailand)",
    "Asia Pacific (Tokyo)",
    "Canada (Central)",
    "Canada West (Calgary)",
    "China (Beijing)",
    "China (Ningxia)",
    "EU (Frankfurt)",
    "EU (Ireland)",
    "EU (London)",
    "EU (Milan)",
    "EU (Paris)",
    "EU (Stockholm)",
    "Europe (Frankfurt)",
    "Europe (Ireland)",
    "Europe (London)",
    "Europe (Milan)",
    "Europe (Paris)",
    "Europe (Spain)",
    "Europe (Stockholm)",
    "Europe (Zurich)",
    "Global",
    "Israel (Tel Aviv)",
    "Mexico (Central)",
    "Middle East (Bahrain)",
    "Middle East (UAE)",
    "South America (Sao Paulo)",
    "South America (São Paulo)",
    "US East (N. Virginia)",
    "US East (Ohio)",
    "US West (N. California)",
    "US West (Oregon)",
];

pub(crate) const RESOURCE_TYPES: &[&str] = &[
    "Bucket",
    "Dedicated Host",
    "Elastic IP",
    "Function",
    "Instance",
    "Load Balancer",
    "NAT Gateway",
    "Reserved Instance",
    "Savings Plan",
    "Snapshot",
    "Volume",
    "instance",
    "snapshot",
    "volume",
];

pub(crate) const ACCOUNT_TYPES: &[&str] =
    &["AWS Account", "AWS Management Account", "Account", "Billing Account", "Sub Account"];

/// The sellers of AWS's services.
pub(crate) const ISSUERS: &[&str] = &[
    "AWS",
    "AWS EMEA SARL",
    "AWS Inc.",
    "AWS Marketplace",
    "Amazon",
    "Amazon Web Services",
    "Amazon Web Services Australia Pty Ltd",
    "Amazon Web Services Canada, Inc.",
    "Amazon Web Services EMEA SARL",
    "Amazon Web Services India Private Limited",
    "Amazon Web Services Japan G.K.",
    "Amazon Web Services Korea LLC",
    "Amazon Web Services Singapore Private Limited",
    "Amazon Web Services, Inc.",
];

/// The line item types of CUR.
pub(crate) const LINE_ITEM_TYPES: &[&str] = &[
    "BundledDiscount",
    "Credit",
    "Discount",
    "DiscountedUsage",
    "DistributorDiscount",
    "EdpDiscount",
    "Fee",
    "PrivateRateDiscount",
    "RIFee",
    "RIVolumeDiscount",
    "Refund",
    "SavingsPlanCoveredUsage",
    "SavingsPlanNegation",
    "SavingsPlanRecurringFee",
    "SavingsPlanUpfrontFee",
    "SppDiscount",
    "Tax",
    "Usage",
];

/// An AWS product number.
pub(crate) const SKU: &str = "[A-Z0-9]{14,18}";

/// An AWS price number: the product, the offer term, and the rate.
pub(crate) const SKU_PRICE: &str = r"[A-Z0-9]{14,18}(\.[A-Z0-9]{10}){1,2}";

/// A region code, or `global`: a regular expression for the whole text.
pub const REGION: &str = "global|(af|ap|ca|cn|eu|eu-isoe|eusc-de|il|me|mx|sa|us|us-gov|us-iso|\
    us-isob|us-isof)-(north|south|east|west|central|northeast|northwest|southeast|southwest)-[0-9]{1,2}";

/// An instance type, also of a database, a cache or a notebook.
macro_rules! instance_type {
    () => {
        concat!(
            r"((db|cache|ml|search|kafka)\.)?(u-[0-9]+tb[0-9]|u7[a-z]{0,4}-[0-9]+tb|mac-m[0-9][a-z]{0,5}",
            r"|mac[0-9](-m[0-9][a-z]{0,5})?|[a-z]{1,4}[0-9]{1,2}[a-z]{0,5}(-flex|-b[0-9]{3}|-gb[0-9]{3})?)",
            r"\.(nano|micro|small|medium|large|[0-9]{0,3}xlarge|metal(-[0-9]{1,2}xl)?)"
        )
    };
}

pub(crate) const INSTANCE_TYPE: &str = instance_type!();

/// The locations, the usage and often an instance type.
pub(crate) const USAGE_TYPE: &str = concat!(
    "((AFS|AP[NSE]|CAN|CAW|CPT|CN[NW]|EU[NSCW]?|ILC|ME[SC]|MXC|SAE|UG[WE]|US[EW])[0-9]?-){0,2}",
    "(((Box|Spot|Dedicated|Host|HostBox|ReservedHost|Heavy|Instance|Multi-AZ|Node)Usage",
    "|UnusedBox|UnusedDed|EBSOptimized|CPUCredits)(:",
    instance_type!(),
    "|:[a-z0-9]{2,4})?",
    r"|EBS:(VolumeUsage|VolumeIOUsage|SnapshotUsage|VolumeP-IOPS|VolumeP-Throughput)(\.[a-z0-9]{3,6})?",
    "|((AWS-)?(In|Out)|DataTransfer-(In|Out|Regional|xAZ-In|xAZ-Out))-Bytes",
    "|NatGateway-(Hours|Bytes)|LoadBalancerUsage|LCUUsage|DataProcessing-Bytes",
    "|(ElasticIP|PublicIPv4):(IdleAddress|InUseAddress|AdditionalAddress|Remap)",
    "|TimedStorage(-SIA|-ZIA|-GlacierByteHrs|-GIR|-GDA|-INT-FA|-INT-IA)?-?(ByteHrs)?|Requests-Tier[0-9]{1,2}",
    "|Lambda-GB-Second(-ARM)?|Requests?(-ARM)?|Fargate-(ARM-)?(vCPU-Hours:perCPU|GB-Hours)",
    r"|(ComputeSP|EC2SP):([a-z0-9-]{2,8}\.)?[13]yr(No|Partial|All)Upfront|AmazonEKS-Hours:perCluster",
    "|CW:(Requests|AlarmMonitorUsage|MetricMonitorUsage|GMD-Metrics)|VpcEndpoint-(Hours|Bytes))",
);

/// The operation of a line.
pub(crate) const OPERATION: &str = "RunInstances(:[0-9A-Za-z]{1,5})?(:SV[0-9]{3})?\
    |CreateVolume(-(Gp2|Gp3|Io1|Io2|St1|Sc1|Standard))?|CreateSnapshot|CreateDBInstance(:[0-9]{4})?\
    |NatGateway|LoadBalancing(:(Application|Network|Gateway))?|(InterZone|PublicIP|IntraVPC)-(In|Out)\
    |(Get|Put|Head|Copy|List|Delete)(Object|Bucket|AllMyBuckets)|StandardStorage|StandardIAStorage\
    |Invoke|Request|AssociateAddressVPC|AllocateAddressVPC|CreateCacheCluster(:[0-9]{4})?|None|Unknown|Hourly";
