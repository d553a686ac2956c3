//! Which records stand behind a pattern.

use super::{Minimised, TooLittle, method, route};
use crate::national::record::Record;
use std::collections::BTreeSet;
use varde_proto::alert::CountryInRole;
use varde_proto::alert::rules::minimum_cases;
use varde_proto::time::Period;
use varde_proto::vocabulary::{AlertKind, CountryRole, Form, Tlp, VictimStatus};

/// What to look for. Empty sets restrict nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// MODUS_OPERANDI or ROUTE_CORRIDOR.
    pub kind: AlertKind,
    /// Forms of exploitation; a form also finds those that roll up to it.
    pub forms: BTreeSet<Form>,
    /// Quarter of registration.
    pub period: Period,
    /// Countries in their role; all of them must fit.
    pub countries: BTreeSet<CountryInRole>,
}

/// The matching cases of the quarter, and of the one before for the direction of the trend.
pub struct Gathering {
    query: Query,
    cases: Vec<Record>,
    before: Vec<Record>,
}

impl Gathering {
    /// Nothing gathered yet.
    pub fn new(query: Query) -> Result<Self, TooLittle> {
        if !matches!(query.period, Period::Quarter(..)) {
            return Err(TooLittle::NotAQuarter(query.period));
        }
        if ![AlertKind::MODUS_OPERANDI, AlertKind::ROUTE_CORRIDOR].contains(&query.kind) {
            return Err(TooLittle::Kind(query.kind));
        }
        Ok(Self { query, cases: Vec::new(), before: Vec::new() })
    }

    /// Takes the record if it matches.
    pub fn add(&mut self, record: &Record) {
        if !matches(&self.query, record) {
            return;
        }
        if record.registered_in(self.query.period) {
            self.cases.push(record.clone());
        } else if record.registered_in(quarter_before(self.query.period)) {
            self.before.push(record.clone());
        }
    }

    /// What may leave under this colour.
    pub fn minimise(&self, tlp: Tlp) -> Result<Minimised, TooLittle> {
        let found = distinct(&self.cases);
        let wanted = minimum_cases(tlp);
        if found < wanted {
            return Err(TooLittle::Children { found, wanted, tlp });
        }
        match self.query.kind {
            AlertKind::ROUTE_CORRIDOR => route::minimise(&self.cases, self.query.period, tlp),
            _ => method::minimise(&self.cases, distinct(&self.before), &self.query, tlp),
        }
    }
}

/// Distinct children.
pub(super) fn distinct(cases: &[Record]) -> u64 {
    cases.iter().map(Record::child).collect::<BTreeSet<_>>().len() as u64
}

fn matches(query: &Query, record: &Record) -> bool {
    let stated = record.stated();
    let victim = ![VictimStatus::NOT_A_VICTIM, VictimStatus::AT_RISK].contains(&stated.status);
    let form = |form: Form| query.forms.contains(&form) || query.forms.contains(&form.rolls_up_to());
    let forms = query.forms.is_empty() || stated.forms.iter().any(form);
    let place = |wanted: &CountryInRole| in_role(record, wanted.role).contains(&wanted.country);
    victim && record.is_child() && forms && query.countries.iter().all(place)
}

/// The countries of one role; citizenships stand apart from the places of a case.
pub(super) fn in_role(record: &Record, role: CountryRole) -> BTreeSet<varde_proto::vocabulary::Country> {
    let citizenships = record.stated().citizenships.iter().copied().filter(|_| role == CountryRole::CITIZENSHIP);
    record.countries(role).chain(citizenships).collect()
}

fn quarter_before(period: Period) -> Period {
    match period {
        Period::Quarter(year, 1) => Period::Quarter(year.saturating_sub(1), 4),
        Period::Quarter(year, quarter) => Period::Quarter(year, quarter - 1),
        other => other,
    }
}
