//! Delivery of one alert: a signed post to a webhook, or a mail over TLS. Each call makes one
//! attempt. No error contains a URL, a user or a password.

mod address;
mod mail;
mod post;

pub use mail::{AlertMail, MailServer, MailTls};
pub use post::AlertPost;
