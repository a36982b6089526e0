use std::fmt;

use rust_decimal::Decimal;

/// An ISO 4217 currency code, three upper-case letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// United States dollar, the currency of every price outside China.
    pub const USD: Currency = Currency(*b"USD");

    /// Reads a code such as `USD`; `None` when it is not three ASCII letters.
    pub fn parse(text: &str) -> Option<Currency> {
        let bytes: [u8; 3] = text.as_bytes().try_into().ok()?;
        let upper = bytes.map(|b| b.to_ascii_uppercase());
        upper.iter().all(u8::is_ascii_uppercase).then_some(Currency(upper))
    }

    /// The code itself.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only ASCII letters are stored")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An exact amount beside its currency. Two currencies are never added or compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// The amount, exact.
    pub amount: Decimal,
    /// Its currency.
    pub currency: Currency,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_three_letters() {
        assert_eq!(Currency::parse("cny").map(|c| c.to_string()), Some("CNY".into()));
        assert_eq!(Currency::parse("USD"), Some(Currency::USD));
        for bad in ["", "US", "USDX", "U$D", "12A"] {
            assert_eq!(Currency::parse(bad), None, "{bad}");
        }
    }
}
