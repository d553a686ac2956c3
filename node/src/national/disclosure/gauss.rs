//! The discrete Gaussian, drawn exactly (Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy",
//! NeurIPS 2020, algorithms 1 to 3). From entropy to noise there are integers only: no rounding of a float can leak what the
//! proof says is hidden (Mironov 2012).
//!
//! How long a draw takes depends on what is drawn. A release is therefore made in one go and never inside a timed answer.

use rand_core::CryptoRng;

/// The largest variance in 1/1024; with it, no product below exceeds 128 bits.
const LARGEST: u64 = 1 << 32;

/// Draws from the integers with probability proportional to `exp(-x^2 / (2 sigma^2))`, where `sigma^2 = q / 1024`.
/// A `q` of 0 counts as 1 and one above 2^32 as 2^32.
pub(super) fn draw<R: CryptoRng>(q: u64, rng: &mut R) -> i64 {
    let q = q.clamp(1, LARGEST);
    let scale = (q / 1024).isqrt() + 1;
    loop {
        let (magnitude, negative) = laplace(scale, rng);
        let accepted = acceptance(q, scale, magnitude).is_some_and(|gamma| bernoulli_exp(gamma, rng));
        if let (true, Ok(drawn)) = (accepted, i64::try_from(magnitude)) {
            return if negative { -drawn } else { drawn };
        }
    }
}

/// A rational number, not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ratio {
    pub(super) over: u128,
    pub(super) under: u128,
}

/// A draw `y` of the discrete Laplace of scale `t` is kept with probability `exp(-(|y| - sigma^2 / t)^2 / (2 sigma^2))`: this
/// exponent, over a common denominator. `None` where it exceeds 128 bits, beyond 2^40 standard deviations.
pub(super) fn acceptance(q: u64, scale: u64, magnitude: u64) -> Option<Ratio> {
    let (q, scale) = (u128::from(q), u128::from(scale));
    let distance = (1024 * scale).checked_mul(u128::from(magnitude))?.abs_diff(q);
    Some(Ratio { over: distance.checked_mul(distance)?, under: 2 * q * 1024 * scale * scale })
}

/// The discrete Laplace: magnitude and sign with probability proportional to `exp(-|y| / scale)`.
fn laplace<R: CryptoRng>(scale: u64, rng: &mut R) -> (u64, bool) {
    loop {
        let rest = below(u128::from(scale), rng);
        if !bernoulli_exp(Ratio { over: rest, under: u128::from(scale) }, rng) {
            continue;
        }
        let mut whole: u64 = 0;
        while bernoulli_exp(Ratio { over: 1, under: 1 }, rng) {
            whole += 1;
        }
        let magnitude = whole.saturating_mul(scale).saturating_add(rest as u64);
        let negative = below(2, rng) == 1;
        if !(negative && magnitude == 0) {
            return (magnitude, negative);
        }
    }
}

/// True with probability `exp(-gamma)`.
pub(super) fn bernoulli_exp<R: CryptoRng>(gamma: Ratio, rng: &mut R) -> bool {
    for _ in 0..gamma.over / gamma.under {
        if !bernoulli_exp_to_one(Ratio { over: 1, under: 1 }, rng) {
            return false;
        }
    }
    bernoulli_exp_to_one(Ratio { over: gamma.over % gamma.under, under: gamma.under }, rng)
}

/// The same for a `gamma` of at most 1: of coins with chances gamma, gamma/2, gamma/3, ... the first to fail is an odd one.
fn bernoulli_exp_to_one<R: CryptoRng>(gamma: Ratio, rng: &mut R) -> bool {
    let mut coin: u128 = 1;
    while below(gamma.under.saturating_mul(coin), rng) < gamma.over {
        coin += 1;
    }
    coin % 2 == 1
}

/// Uniform among 0 to `bound` - 1, for a bound of at least 1: as many random bits as the bound has, again if they exceed it.
fn below<R: CryptoRng>(bound: u128, rng: &mut R) -> u128 {
    let bits = u128::BITS - bound.saturating_sub(1).leading_zeros();
    let mask = u128::MAX.checked_shr(u128::BITS - bits).unwrap_or(0);
    loop {
        let low = u128::from(rng.next_u64());
        let high = if bits > 64 { u128::from(rng.next_u64()) << 64 } else { 0 };
        let drawn = (high | low) & mask;
        if drawn < bound.max(1) {
            return drawn;
        }
    }
}
