//! What noise costs, in integers that an auditor recomputes. Rounded up, so that no rounding is ever in our favour.

use std::fmt;

/// Zero-concentrated differential privacy (Bun and Steinke 2016), in 10^-9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rho(u64);

impl Rho {
    /// From 10^-9.
    pub const fn from_nano(nano: u64) -> Self {
        Self(nano)
    }

    /// In 10^-9.
    pub const fn nano(self) -> u64 {
        self.0
    }

    /// The sum; `None` on overflow.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl fmt::Display for Rho {
    /// `0.05`: a decimal fraction without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// The cost of one table: a child changes at most `contribution` cells by one each, so the squared L2 sensitivity is
/// `contribution`; noise of variance `sigma2_q10 / 1024` costs `contribution / (2 sigma^2)` (Canonne, Kamath and Steinke
/// 2020). `None` without noise or on overflow.
pub fn cost(contribution: u32, sigma2_q10: u64) -> Option<Rho> {
    if sigma2_q10 == 0 {
        return None;
    }
    let numerator = u128::from(contribution) * 1_000_000_000 * 512;
    u64::try_from(numerator.div_ceil(u128::from(sigma2_q10))).ok().map(Rho)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_rounded_up_and_never_free() {
        assert_eq!(cost(1, 40_960), Some(Rho(12_500_000)));
        assert_eq!(cost(3, 40_961), Some(Rho(37_499_085)));
        assert_eq!(cost(1, u64::MAX), Some(Rho(1)));
        assert_eq!(cost(1, 0), None);
        assert_eq!(cost(u32::MAX, 1), None);
    }

    #[test]
    fn a_cost_reads_as_a_decimal_fraction() {
        assert_eq!(Rho(50_000_000).to_string(), "0.05");
        assert_eq!(Rho(0).to_string(), "0");
        assert_eq!(Rho(1_000_000_001).to_string(), "1.000000001");
    }
}
