//! Delivery of alerts: a webhook over HTTPS and mail over SMTP with TLS.
