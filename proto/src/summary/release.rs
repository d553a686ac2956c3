//! What is published of a cohort: made once, and the same bytes for whoever receives it. Sender and receiver run the same
//! checks, so a node cannot publish what its peers would refuse.

use super::display::Display;
use super::family::{self, Edition, TableName};
use super::rho::{Rho, cost};
use crate::envelope::Rejection;
use crate::id::Digest;
use crate::limits;
use crate::time::{Period, Timestamp};
use crate::wire::peer;
use prost::Message;

/// One table: noise of one variance on every cell of the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    name: TableName,
    sigma2_q10: u64,
    cells: Vec<i64>,
}

impl Table {
    /// Which table of the family.
    pub fn name(&self) -> TableName {
        self.name
    }

    /// Variance of every cell's noise, in 1/1024.
    pub fn sigma2_q10(&self) -> u64 {
        self.sigma2_q10
    }

    /// The noisy counts of the whole domain, row-major. Some are negative.
    pub fn cells(&self) -> &[i64] {
        &self.cells
    }
}

/// How much of what it knows the issuer believes to have registered. Declared by its coordinator, never computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Coverage {
    /// Nobody said.
    #[default]
    NotDeclared,
    /// Under half.
    UnderHalf,
    /// Half to ninety per cent.
    HalfToNinety,
    /// Over ninety per cent.
    OverNinety,
}

impl Coverage {
    const ALL: [(Self, peer::Coverage, &'static str); 4] = [
        (Self::NotDeclared, peer::Coverage::NotDeclared, "not-declared"),
        (Self::UnderHalf, peer::Coverage::UnderHalf, "under-half"),
        (Self::HalfToNinety, peer::Coverage::HalfToNinety, "half-to-ninety"),
        (Self::OverNinety, peer::Coverage::OverNinety, "over-ninety"),
    ];

    /// Its name, as people and scripts write it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(coverage, ..)| *coverage == self).map_or("", |(.., name)| name)
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(.., known)| *known == name).map(|(coverage, ..)| *coverage)
    }

    /// From the wire; `None` for a number that this version does not know.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.iter().find(|(_, wire, _)| *wire as i32 == number).map(|(coverage, ..)| *coverage)
    }

    /// Its number on the wire.
    pub fn number(self) -> i32 {
        Self::ALL.iter().find(|(coverage, ..)| *coverage == self).map_or(0, |(_, wire, _)| *wire as i32)
    }
}

/// What the issuer decides about a release; everything else follows from it.
#[derive(Debug, Clone)]
pub struct ReleaseDraft {
    /// Period of first registration.
    pub cohort: Period,
    /// Which publication of the cohort.
    pub edition: Edition,
    /// When; it is cut to the day.
    pub published: Timestamp,
    /// Declared by the coordinator.
    pub coverage: Coverage,
    /// Declared by the coordinator: not comparable with the cohort before.
    pub break_in_series: bool,
    /// Version of the program.
    pub software: String,
    /// What the cohort has spent, this release included.
    pub spent: Rho,
    /// SHA-256(PAE) of the RESERVE entry that paid.
    pub reserve: Digest,
    /// Noise variance in 1/1024 and noisy cells, for each table of the family in order.
    pub tables: [(u64, Vec<i64>); 4],
}

/// A release whose every number was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    cohort: Period,
    edition: Edition,
    published: Timestamp,
    coverage: Coverage,
    break_in_series: bool,
    rho: Rho,
    spent: Rho,
    software: String,
    tables: Vec<Table>,
    reserve: Digest,
    display: Display,
    wire: peer::Release,
}

impl Release {
    /// Makes a release of family `first`, version 1, or says which rule it would break.
    pub fn new(draft: ReleaseDraft) -> Result<Self, Rejection> {
        let wire = draft_to_wire(draft)?;
        Self::from_wire(wire)
    }

    /// Checks a release that a peer made.
    pub fn from_wire(wire: peer::Release) -> Result<Self, Rejection> {
        let kept = wire.clone();
        let peer::Release {
            family,
            family_version,
            cohort,
            edition,
            population,
            privacy,
            quality,
            software,
            published_ms,
            tables,
            ledger_entry,
            display_digest,
        } = wire;
        if family != family::NAME || family_version != family::VERSION {
            return Err(Rejection::Content("summary-family"));
        }
        let cohort = super::trend::cohort(&cohort).ok_or(Rejection::Content("summary-cohort"))?;
        let edition = Edition::from_wire(edition).ok_or(Rejection::Content("summary-edition"))?;
        check_population(population)?;
        let tables = check_tables(tables)?;
        let (rho, spent) = check_privacy(privacy, &tables, edition)?;
        let (coverage, break_in_series) = check_quality(quality)?;
        if !is_version(&software) {
            return Err(Rejection::Content("summary-software"));
        }
        let published = check_published(published_ms, cohort)?;
        let reserve = Digest::from_bytes(&ledger_entry).ok_or(Rejection::Content("summary-ledger"))?;
        let display = Display::of(&tables);
        if display_digest.as_ref() != display.digest().0 {
            return Err(Rejection::Content("summary-display"));
        }
        Ok(Self {
            cohort,
            edition,
            published,
            coverage,
            break_in_series,
            rho,
            spent,
            software,
            tables,
            reserve,
            display,
            wire: kept,
        })
    }

    /// Period of first registration.
    pub fn cohort(&self) -> Period {
        self.cohort
    }

    /// Which publication of the cohort.
    pub fn edition(&self) -> Edition {
        self.edition
    }

    /// The day of publication.
    pub fn published(&self) -> Timestamp {
        self.published
    }

    /// As the issuer's coordinator declared it.
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// Whether the issuer declared it not comparable with the cohort before.
    pub fn break_in_series(&self) -> bool {
        self.break_in_series
    }

    /// What it costs each child.
    pub fn rho(&self) -> Rho {
        self.rho
    }

    /// What its cohort had spent with it.
    pub fn spent(&self) -> Rho {
        self.spent
    }

    /// Version of the issuer's program.
    pub fn software(&self) -> &str {
        &self.software
    }

    /// The tables, in the order of the family.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// SHA-256(PAE) of the RESERVE entry that paid for it.
    pub fn reserve(&self) -> Digest {
        self.reserve
    }

    /// What people are shown.
    pub fn display(&self) -> &Display {
        &self.display
    }

    /// What identifies it, whoever it is addressed to: two of them for one issuer, cohort and edition are misconduct.
    pub fn digest(&self) -> Digest {
        let mut bytes = b"varde/release/v1\n".to_vec();
        bytes.extend_from_slice(&self.wire.encode_to_vec());
        Digest::of(&bytes)
    }

    pub(super) fn to_wire(&self) -> peer::Release {
        self.wire.clone()
    }
}

fn draft_to_wire(draft: ReleaseDraft) -> Result<peer::Release, Rejection> {
    let tables: Vec<Table> = TableName::ALL
        .into_iter()
        .zip(draft.tables)
        .map(|(name, (sigma2_q10, cells))| Table { name, sigma2_q10, cells })
        .collect();
    let rho = total(&tables).ok_or(Rejection::Content("summary-variance"))?;
    let display_digest = Display::of(&tables).digest();
    Ok(peer::Release {
        family: family::NAME.to_owned(),
        family_version: family::VERSION,
        cohort: draft.cohort.to_string(),
        edition: draft.edition.to_wire(),
        population: Some(peer::Population {
            definition: family::POPULATION.to_owned(),
            definition_digest: Digest::of(family::POPULATION_TEXT.as_bytes()).0.to_vec().into(),
            deduplication: peer::Deduplication::WithinNode as i32,
        }),
        privacy: Some(peer::Privacy {
            mechanism: family::MECHANISM.to_owned(),
            neighbour: family::NEIGHBOUR.to_owned(),
            max_cohorts_per_child: family::COHORTS_PER_CHILD,
            rho_nano: rho.nano(),
            rho_nano_cohort: draft.spent.nano(),
            rho_nano_cap: family::COHORT_CAP.nano(),
            display: family::DISPLAY.to_owned(),
            fdr_ppm: family::FDR_PPM,
            floor: family::FLOOR,
        }),
        quality: Some(peer::Quality { coverage: draft.coverage.number(), break_in_series: draft.break_in_series }),
        software: draft.software,
        published_ms: draft.published.to_day().ms(),
        tables: tables.iter().map(table_to_wire).collect(),
        ledger_entry: draft.reserve.0.to_vec().into(),
        display_digest: display_digest.0.to_vec().into(),
    })
}

fn table_to_wire(table: &Table) -> peer::Table {
    let axis = |axis: &super::Axis| peer::Axis { code: axis.code() as i32, version: super::Axis::VERSION };
    peer::Table {
        axes: table.name.axes().iter().map(axis).collect(),
        max_contribution: table.name.contribution(),
        sigma2_q10: table.sigma2_q10,
        cells: table.cells.clone(),
    }
}

fn check_population(population: Option<peer::Population>) -> Result<(), Rejection> {
    let bad = Rejection::Content("summary-population");
    let peer::Population { definition, definition_digest, deduplication } = population.ok_or(bad)?;
    let same_text = definition_digest.as_ref() == Digest::of(family::POPULATION_TEXT.as_bytes()).0;
    let within_node = deduplication == peer::Deduplication::WithinNode as i32;
    if definition == family::POPULATION && same_text && within_node { Ok(()) } else { Err(bad) }
}

fn check_tables(tables: Vec<peer::Table>) -> Result<Vec<Table>, Rejection> {
    if tables.len() != TableName::ALL.len() {
        return Err(Rejection::Content("summary-domain"));
    }
    TableName::ALL.into_iter().zip(tables).map(|(name, table)| check_table(name, table)).collect()
}

fn check_table(name: TableName, table: peer::Table) -> Result<Table, Rejection> {
    let peer::Table { axes, max_contribution, sigma2_q10, cells } = table;
    let same_axis = |(wire, axis): (&peer::Axis, &super::Axis)| {
        let peer::Axis { code, version } = wire;
        *code == axis.code() as i32 && *version == super::Axis::VERSION
    };
    let same_axes = axes.len() == name.axes().len() && axes.iter().zip(name.axes()).all(same_axis);
    if !same_axes || cells.len() != name.cells() {
        return Err(Rejection::Content("summary-domain"));
    }
    if max_contribution != name.contribution() {
        return Err(Rejection::Content("summary-contribution"));
    }
    if !(1..=limits::SUMMARY_SIGMA2_Q10).contains(&sigma2_q10) {
        return Err(Rejection::Content("summary-variance"));
    }
    if cells.iter().any(|cell| cell.unsigned_abs() > limits::SUMMARY_CELL) {
        return Err(Rejection::Content("summary-cell"));
    }
    Ok(Table { name, sigma2_q10, cells })
}

fn total(tables: &[Table]) -> Option<Rho> {
    let mut sum = Rho::default();
    for table in tables {
        sum = sum.plus(cost(table.name.contribution(), table.sigma2_q10)?)?;
    }
    Some(sum)
}

fn check_privacy(privacy: Option<peer::Privacy>, tables: &[Table], edition: Edition) -> Result<(Rho, Rho), Rejection> {
    let bad = Rejection::Content("summary-privacy");
    let peer::Privacy {
        mechanism,
        neighbour,
        max_cohorts_per_child,
        rho_nano,
        rho_nano_cohort,
        rho_nano_cap,
        display,
        fdr_ppm,
        floor,
    } = privacy.ok_or(bad)?;
    let names = mechanism == family::MECHANISM && neighbour == family::NEIGHBOUR && display == family::DISPLAY;
    let shown = fdr_ppm == family::FDR_PPM && floor == family::FLOOR;
    if !names || !shown || max_cohorts_per_child != family::COHORTS_PER_CHILD {
        return Err(bad);
    }
    let rho = total(tables).ok_or(Rejection::Content("summary-variance"))?;
    if rho.nano() != rho_nano || rho_nano_cohort < rho_nano {
        return Err(Rejection::Content("summary-rho"));
    }
    let within_caps = rho <= edition.cap() && rho_nano_cohort <= rho_nano_cap;
    if !within_caps || rho_nano_cap != family::COHORT_CAP.nano() {
        return Err(Rejection::Content("summary-overspent"));
    }
    Ok((rho, Rho::from_nano(rho_nano_cohort)))
}

fn check_quality(quality: Option<peer::Quality>) -> Result<(Coverage, bool), Rejection> {
    let bad = Rejection::Content("summary-quality");
    let peer::Quality { coverage, break_in_series } = quality.ok_or(bad)?;
    Ok((Coverage::from_number(coverage).ok_or(bad)?, break_in_series))
}

/// 1 to 32 bytes of digits, lower-case letters, `.`, `-` and `+`.
fn is_version(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase() || matches!(b, b'.' | b'-' | b'+');
    (1..=limits::SOFTWARE_BYTES).contains(&text.len()) && text.bytes().all(plain)
}

/// A whole day, not before the cohort began.
fn check_published(ms: i64, cohort: Period) -> Result<Timestamp, Rejection> {
    let bad = Rejection::Content("summary-time");
    let time = Timestamp::from_ms(ms).map_err(|_| bad)?;
    if time.to_day() == time && cohort.has_begun(time) { Ok(time) } else { Err(bad) }
}
