//! The sampler against the law it must follow, and a release against what it must hide. Every seed is fixed: a test that
//! passes once passes always, and each bound is four or more standard errors wide.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::gauss::{Ratio, acceptance, bernoulli_exp, draw};
use super::*;
use crate::national::aggregate::Tally;
use crate::national::record::sample::{place, record};
use crate::national::record::{Record, Stated, StatedDate};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use varde_proto::id::{Digest, NodeId};
use varde_proto::summary::{Coverage, Release, ReleaseDraft, Rho, State};
use varde_proto::time::{Period, Timestamp};
use varde_proto::vocabulary::{Country, CountryRole, Form, VictimStatus};

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

/// The probability of each value, for values at which it is not negligible: `exp(-x^2 / (2 sigma^2))` over its sum.
fn law(q: u64) -> BTreeMap<i64, f64> {
    let variance = q as f64 / 1024.0;
    let reach = (variance.sqrt() * 12.0) as i64 + 3;
    let weight = |x: i64| (-(x as f64) * (x as f64) / (2.0 * variance)).exp();
    let sum: f64 = (-reach..=reach).map(weight).sum();
    (-reach..=reach).map(|x| (x, weight(x) / sum)).collect()
}

/// Pearson's statistic over values with at least ten expected, the others as one; in standard deviations above its mean.
fn misfit(observed: &BTreeMap<i64, u64>, expected: &BTreeMap<i64, f64>) -> f64 {
    let total: u64 = observed.values().sum();
    let (mut statistic, mut classes) = (0.0, 0.0);
    let (mut rest, mut rest_expected) = (total as f64, total as f64);
    for (value, chance) in expected {
        let wanted = chance * total as f64;
        if wanted >= 10.0 {
            let found = *observed.get(value).unwrap_or(&0) as f64;
            statistic += (found - wanted).powi(2) / wanted;
            classes += 1.0;
            rest -= found;
            rest_expected -= wanted;
        }
    }
    if rest_expected > 1.0 {
        statistic += (rest - rest_expected).powi(2) / rest_expected;
    } else {
        classes -= 1.0;
    }
    (statistic - classes) / f64::sqrt(2.0 * f64::max(classes, 1.0))
}

fn histogram(draws: impl Iterator<Item = i64>) -> BTreeMap<i64, u64> {
    let mut counts = BTreeMap::new();
    draws.for_each(|x| *counts.entry(x).or_insert(0) += 1);
    counts
}

/// Variances from far below one to many thousands, with and without a rational root.
const VARIANCES: [u64; 7] = [64, 512, 1024, 3 * 1024, family::FLASH_SIGMA2_Q10, 41_001, 5_000_000];

#[test]
fn draws_follow_the_discrete_gaussian() {
    for (seed, q) in (1..).zip(VARIANCES) {
        let mut rng = rng(seed);
        let drawn = histogram((0..60_000).map(|_| draw(q, &mut rng)));
        let off = misfit(&drawn, &law(q));
        assert!(off < 4.0, "variance {q}/1024 is off by {off:.1} standard deviations");
        let wrong = misfit(&drawn, &law(q + q / 10));
        assert!(q < 1024 || wrong > 4.0, "a variance of 10 % more than {q}/1024 went unseen");
    }
}

#[test]
fn mean_variance_and_tails_are_those_of_the_law() {
    let q = family::FLASH_SIGMA2_Q10;
    let (mut rng, n) = (rng(77), 200_000);
    let draws: Vec<i64> = (0..n).map(|_| draw(q, &mut rng)).collect();
    let n = f64::from(n);
    let mean = draws.iter().sum::<i64>() as f64 / n;
    let variance = draws.iter().map(|x| x * x).sum::<i64>() as f64 / n;
    assert!(mean.abs() < 4.0 * (40.0 / n).sqrt(), "mean {mean}");
    assert!((variance - 40.0).abs() < 4.0 * 40.0 * (2.0 / n).sqrt(), "variance {variance}");
    for reach in [13, 19, 25] {
        let chance: f64 = law(q).iter().filter(|(x, _)| x.abs() >= reach).map(|(_, p)| p).sum();
        let found = draws.iter().filter(|x| x.abs() >= reach).count() as f64 / n;
        assert!((found - chance).abs() < 4.0 * (chance / n).sqrt(), "{found} beyond {reach}, wanted {chance}");
    }
    let neighbours: f64 = draws.windows(2).map(|w| (w[0] * w[1]) as f64).sum::<f64>() / n / 40.0;
    assert!(neighbours.abs() < 4.0 / n.sqrt(), "successive draws correlate by {neighbours}");
    let odd = draws.iter().filter(|x| *x % 2 != 0).count() as f64 / n;
    assert!((odd - 0.5).abs() < 4.0 * 0.5 / n.sqrt(), "a share of {odd} is odd");
}

/// A sampler of the same law that shares no line with ours: it walks the summed probabilities.
fn slow_reference(law: &[(i64, f64)], rng: &mut ChaCha20Rng) -> i64 {
    let mut left = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    for (value, chance) in law {
        left -= chance;
        if left < 0.0 {
            return *value;
        }
    }
    0
}

#[test]
fn draws_cannot_be_told_from_an_independent_slow_reference() {
    for (seed, q) in (20..).zip([512, family::FLASH_SIGMA2_Q10]) {
        let table: Vec<(i64, f64)> = law(q).into_iter().collect();
        let (mut ours, mut theirs, n) = (rng(seed), rng(seed + 100), 60_000);
        let a = histogram((0..n).map(|_| draw(q, &mut ours)));
        let b = histogram((0..n).map(|_| slow_reference(&table, &mut theirs)));
        let (mut statistic, mut classes) = (0.0, 0.0);
        for value in a.keys().chain(b.keys()).collect::<std::collections::BTreeSet<_>>() {
            let (x, y) = (*a.get(value).unwrap_or(&0) as f64, *b.get(value).unwrap_or(&0) as f64);
            if x + y >= 20.0 {
                statistic += (x - y).powi(2) / (x + y);
                classes += 1.0;
            }
        }
        let off = (statistic - classes) / f64::sqrt(2.0 * classes);
        assert!(off.abs() < 4.0, "{off:.1} standard deviations apart at {q}/1024");
    }
}

/// Laplace times acceptance must be the Gaussian up to a constant: the exponents differ by the same amount everywhere.
#[test]
fn what_is_kept_of_the_laplace_is_exactly_the_gaussian() {
    for q in VARIANCES {
        let (scale, variance) = ((q / 1024).isqrt() + 1, q as f64 / 1024.0);
        let constant = |y: u64| {
            let Ratio { over, under } = acceptance(q, scale, y).unwrap();
            let laplace = y as f64 / scale as f64;
            laplace + over as f64 / under as f64 - (y * y) as f64 / (2.0 * variance)
        };
        let reach = 8 * scale;
        assert!((0..=reach).all(|y| (constant(y) - constant(0)).abs() < 1e-9), "at {q}/1024");
    }
    assert_eq!(acceptance(1 << 32, 2049, u64::MAX), None);
}

#[test]
fn a_coin_of_chance_e_to_the_minus_gamma_has_that_chance() {
    let n = 40_000;
    for (seed, (over, under)) in (40..).zip([(0, 1), (1, 7), (1, 1), (5, 2), (7, 1)]) {
        let mut rng = rng(seed);
        let found = (0..n).filter(|_| bernoulli_exp(Ratio { over, under }, &mut rng)).count() as f64 / f64::from(n);
        let wanted = (-(over as f64) / under as f64).exp();
        let error = (wanted * (1.0 - wanted) / f64::from(n)).sqrt();
        assert!((found - wanted).abs() <= 4.0 * error, "{found} for {wanted}");
    }
}

/// Phi, the normal distribution.
fn phi(x: f64) -> f64 {
    0.5 * erfc(-x / std::f64::consts::SQRT_2)
}

/// Abramowitz and Stegun 7.1.26; its error of 1.5e-7 is far below what is tested here.
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let poly =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let tail = poly * (-x * x).exp();
    if x >= 0.0 { tail } else { 2.0 - tail }
}

/// How well an attacker who knows all else tells releases with one child from releases without: the area under the curve of
/// the likelihood ratio, which for this noise is the sum of the child's cells weighted by their precision.
fn membership_auc(sigma2_q10: u64, rounds: usize, seed: u8) -> f64 {
    let mut rng = rng(seed);
    let mut score =
        |present: u32| -> i64 { TableName::ALL.map(|_| noisy(3 + present, sigma2_q10, &mut rng)).iter().sum() };
    let mut scores: Vec<(i64, bool)> = (0..rounds).flat_map(|_| [(score(0), false), (score(1), true)]).collect();
    scores.sort_unstable();
    let (mut below, mut area) = (0.0, 0.0);
    for tied in scores.chunk_by(|a, b| a.0 == b.0) {
        let present = tied.iter().filter(|(_, present)| *present).count() as f64;
        let absent = tied.len() as f64 - present;
        area += present * (below + absent / 2.0);
        below += absent;
    }
    area / (rounds * rounds) as f64
}

/// A6 of docs/disclosure.md in small: the bound holds with our noise, and the same test catches noise that is too thin.
#[test]
fn nobody_learns_more_about_a_child_than_the_budget_says() {
    let rounds = 12_000;
    let bound = phi((family::FLASH_CAP.nano() as f64 / 1e9).sqrt());
    let error = (1.0 / (6.0 * rounds as f64)).sqrt();
    let honest = membership_auc(family::FLASH_SIGMA2_Q10, rounds, 6);
    assert!(honest <= bound + 3.0 * error, "{honest} over {bound}");
    assert!(honest >= bound - 4.0 * error, "{honest}: the attack is weaker than it should be, so it tests nothing");
    let thin = membership_auc(family::FLASH_SIGMA2_Q10 * 100 / 169, rounds, 6);
    assert!(thin > bound + 3.0 * error, "{thin}: a standard deviation divided by 1.3 went unseen");
}

fn case(number: u8, form: Form, from: &str) -> Record {
    let mut stated = Stated::nothing();
    stated.status = VictimStatus::IDENTIFIED_FORMAL;
    stated.age = Some(number % 18);
    stated.primary_form = form;
    stated.registered_on = StatedDate::new(2026, 8, 2);
    stated.places = vec![
        place(CountryRole::RECRUITMENT, from, None).unwrap(),
        place(CountryRole::EXPLOITATION, "NO", None).unwrap(),
    ];
    record(number, stated).unwrap()
}

fn release(records: &[Record], seed: u8) -> Release {
    let cohort = Period::Quarter(2026, 3);
    let mut tally = Tally::new(NodeId::parse("NO").unwrap(), cohort);
    records.iter().for_each(|record| tally.add(record));
    let plan = Plan::of(Edition::Flash);
    Release::new(ReleaseDraft {
        cohort,
        edition: Edition::Flash,
        published: Timestamp::parse("2026-11-21T12:00:00Z").unwrap(),
        coverage: Coverage::NotDeclared,
        break_in_series: false,
        software: "0.1.0".into(),
        spent: Rho::from_nano(50_000_000),
        reserve: Digest::of(b"reserve"),
        tables: disclose(tally.finish(), &plan, &mut rng(seed)),
    })
    .unwrap()
}

/// A9: nothing but the noisy cells of the domain depends on what was registered.
#[test]
fn deleting_every_record_of_a_rare_value_changes_no_key_and_no_structure() {
    let common: Vec<Record> = (1..60).map(|n| case(n, Form::SEXUAL_EXPLOITATION, "LT")).collect();
    let with_rare: Vec<Record> =
        common.iter().cloned().chain((60..64).map(|n| case(n, Form::SURROGACY, "VU"))).collect();
    let structure = |release: &Release| {
        let tables = release.tables().iter();
        tables.map(|t| (t.name(), t.sigma2_q10(), t.cells().len())).collect::<Vec<_>>()
    };
    let (without, with) = (release(&common, 9), release(&with_rare, 9));
    assert_eq!(structure(&without), structure(&with));
    let changed = |table: usize| {
        let pairs = without.tables()[table].cells().iter().zip(with.tables()[table].cells());
        pairs.map(|(a, b)| b - a).filter(|change| *change != 0).sum::<i64>()
    };
    assert_eq!([0, 1, 2, 3].map(changed), [4; 4], "with the same noise, the four children and nothing else differ");
    assert_eq!((without.rho(), without.cohort(), without.published()), (with.rho(), with.cohort(), with.published()));
    let empty = release(&[], 10);
    assert_eq!(structure(&empty), structure(&with), "no record at all");
}

/// The releases of 200 children: 80, 40, 40 and 40 by form; 100, 50 and 50 by country of recruitment.
fn many_releases(rounds: u8) -> Vec<Release> {
    let forms = [
        Form::SEXUAL_EXPLOITATION,
        Form::SEXUAL_EXPLOITATION,
        Form::FORCED_BEGGING,
        Form::FORCED_CRIMINALITY,
        Form::LABOUR_EXPLOITATION,
    ];
    let from = ["LT", "LT", "RO", "BG"];
    let records: Vec<Record> =
        (1..=200).map(|n| case(n, forms[usize::from(n % 5)], from[usize::from(n % 4)])).collect();
    (0..rounds).map(|seed| release(&records, seed)).collect()
}

/// A14 in small: intervals hold what they promise, over cells and over the total.
#[test]
fn intervals_cover_what_was_registered() {
    let (mut covered, mut cells, mut totals, rounds) = (0_u32, 0_u32, 0_u32, 60);
    for release in many_releases(rounds) {
        let total = release.display().total;
        totals += u32::from((total.low..=total.high).contains(&200_000));
        for (cell, figure) in release.display().tables[0].figures.iter().enumerate() {
            let truth = match cell {
                0 => 80,
                1 | 3 | 4 => 40,
                _ => 0,
            };
            cells += 1;
            covered += u32::from((figure.low..=figure.high).contains(&(truth * 1000)));
        }
    }
    let share = f64::from(covered) / f64::from(cells);
    assert!((0.93..0.97).contains(&share), "{share} of cells are covered");
    assert!(totals >= 51, "{totals} of {rounds} totals are covered");
}

/// A14 in small: what is there is shown, and of what is shown little is not there, also in a table that is nearly empty.
#[test]
fn little_is_shown_that_is_not_there() {
    let rounds = 120;
    let releases = many_releases(rounds);
    let place = |code: &str| Country::parse(code).unwrap().index() * 3;
    let real = [vec![0, 1, 3, 4], vec![place("LT"), place("RO"), place("BG")]];
    for (table, real) in [0, 2].into_iter().zip(real) {
        let (mut found, mut false_share) = (0, 0.0);
        for release in &releases {
            let figures = release.display().tables[table].figures.iter().enumerate();
            let shown: Vec<usize> = figures.filter(|(_, f)| f.state == State::Reported).map(|(cell, _)| cell).collect();
            let there = shown.iter().filter(|cell| real.contains(cell)).count();
            found += there;
            false_share += (shown.len() - there) as f64 / shown.len() as f64;
        }
        let (wanted, rounds) = (real.len() * usize::from(rounds), f64::from(rounds));
        assert!(found * 100 >= wanted * 98, "{found} of {wanted} are shown");
        // One release's share varies by about 0.1.
        let bound = 0.05 + 3.0 * 0.1 / rounds.sqrt();
        assert!(false_share / rounds < bound, "{} of what is shown is not there", false_share / rounds);
    }
}
