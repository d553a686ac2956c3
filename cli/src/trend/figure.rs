//! A figure as people and scripts see it: never without its interval, and a hidden one never as 0.

use serde::Serialize;
use varde_proto::summary::{Figure, State};
use varde_proto::wire::operator::TrendFigure;

/// As scripts see it. Whole numbers are what people are shown; `estimate` and `sd` are for further computation: unbiased, so
/// sums of estimates are right where sums of shown numbers are not.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    state: &'static str,
    /// Absent where noise alone could explain the count; then it is consistent with `low` to `high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<u64>,
    low: u64,
    high: u64,
    estimate: f64,
    sd: f64,
}

/// From the node's answer; `None` for a state that this version does not know.
pub(super) fn read(figure: Option<&TrendFigure>) -> Option<Figure> {
    let TrendFigure { state, estimate, sd, low, high } = figure?;
    let states = [State::Reported, State::BelowNoise, State::Remainder, State::Total];
    let state = states.into_iter().find(|known| known.name() == state)?;
    Some(Figure { state, estimate: *estimate, sd: *sd, low: *low, high: *high })
}

/// A count that noise alone could explain: a cell that is not reported, or a sum whose interval holds 0.
fn is_hidden(figure: &Figure) -> bool {
    match figure.state {
        State::BelowNoise => true,
        State::Remainder | State::Total => figure.low <= 0,
        State::Reported => false,
    }
}

/// For a document.
pub(super) fn document(figure: &Figure) -> Document {
    let hidden = is_hidden(figure);
    let (low, high) = if hidden { (0, figure.at_most()) } else { figure.interval() };
    Document {
        state: figure.state.name(),
        value: (!hidden).then(|| figure.whole()),
        low,
        high,
        estimate: figure.estimate as f64 / 1000.0,
        sd: figure.sd as f64 / 1000.0,
    }
}

/// `48`, or that it is below noise.
pub(super) fn value(figure: &Figure) -> String {
    if is_hidden(figure) { "below noise".to_owned() } else { figure.whole().to_string() }
}

/// `35 to 61`, or what a hidden one is consistent with.
pub(super) fn interval(figure: &Figure) -> String {
    if is_hidden(figure) {
        return format!("consistent with 0 to {}", figure.at_most());
    }
    let (low, high) = figure.interval();
    format!("{low} to {high}")
}

/// A difference, which may be negative: `12 fewer (30 fewer to 6 more)`.
pub(super) fn difference(gap: &Figure) -> String {
    let signed = |milli: i64| {
        let whole = (milli.abs() + 500) / 1000;
        match (whole, milli < 0) {
            (0, _) => "0".to_owned(),
            (whole, true) => format!("{whole} fewer"),
            (whole, false) => format!("{whole} more"),
        }
    };
    format!("{} ({} to {})", signed(gap.estimate), signed(gap.low), signed(gap.high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(state: State, estimate: i64) -> Figure {
        Figure { state, estimate, sd: 6_200, low: estimate - 12_152, high: estimate + 12_152 }
    }

    #[test]
    fn a_hidden_figure_is_never_a_number_and_never_a_certain_0() {
        for estimate in [-14_000, 0, 9_000] {
            let hidden = figure(State::BelowNoise, estimate);
            assert_eq!(value(&hidden), "below noise");
            assert!(document(&hidden).value.is_none() && document(&hidden).high >= 13);
        }
        assert_eq!(interval(&figure(State::BelowNoise, -14_000)), "consistent with 0 to 13");
    }

    #[test]
    fn a_figure_comes_with_whole_numbers_rounded_outwards() {
        let shown = figure(State::Reported, 48_400);
        assert_eq!((value(&shown).as_str(), interval(&shown).as_str()), ("48", "36 to 61"));
        assert_eq!(interval(&figure(State::Remainder, 13_000)), "0 to 26");
        assert_eq!(interval(&figure(State::Remainder, -90_000)), "consistent with 0 to 13");
    }

    #[test]
    fn a_difference_says_which_way() {
        assert_eq!(difference(&figure(State::Reported, -3_000)), "3 fewer (15 fewer to 9 more)");
        assert_eq!(difference(&figure(State::Reported, 12_300)), "12 more (0 to 24 more)");
    }
}
