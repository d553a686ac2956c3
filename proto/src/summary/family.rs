//! Family `first`, version 1: four tables, one contribution of a child to each, and what an edition may cost.
//!
//! The two corridor stars replace the 63,504 cells of country by country: each node can say how many children recruited in
//! X were exploited here, and how many exploited in Y were recruited here; two nodes together see a corridor from both ends.

use super::axis::Axis;
use super::rho::Rho;
use crate::wire::peer;

/// Its name on the wire.
pub const NAME: &str = "first";
/// Every family that this version knows.
pub const FAMILIES: &[&str] = &[NAME];
/// Its version.
pub const VERSION: u32 = 1;
/// What a child may cost in all editions of its cohort together.
pub const COHORT_CAP: Rho = Rho::from_nano(500_000_000);
/// What a FLASH edition may cost.
pub const FLASH_CAP: Rho = Rho::from_nano(50_000_000);
/// Variance of a FLASH edition's noise in 1/1024, the same for each table: four times 1 / (2 * 40) is 0.05.
pub const FLASH_SIGMA2_Q10: u64 = 40 * 1024;
/// The mechanism: exact discrete Gaussian noise of Canonne, Kamath and Steinke 2020, independent for every cell.
pub const MECHANISM: &str = "dgauss-cks20/1";
/// Neighbouring data differ by everything about one child.
pub const NEIGHBOUR: &str = "child";
/// Cohorts a child enters at one node: that of its first registration.
pub const COHORTS_PER_CHILD: u32 = 1;
/// How cells become figures (`display`).
pub const DISPLAY: &str = "first/1";
/// False discovery rate among shown cells, in 10^-6.
pub const FDR_PPM: u32 = 50_000;
/// No cell is shown whose estimate is below this.
pub const FLOOR: u32 = 5;
/// The name of the population's definition.
pub const POPULATION: &str = "children-registered/1";
/// The text behind [`POPULATION`]. It never changes; another text is another name.
pub const POPULATION_TEXT: &str = "Children under 18 whom this node has registered as victims of trafficking: formally \
     identified, identified otherwise, presumed, or of a status that was not stated. Children registered as only at risk, those \
     found not to be victims, and those of unknown age are not counted. Each child is counted once, in the period of its first \
     registration entered at this node. Figures are registrations at one node; the same child may also be registered at another.";

/// The tables, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    /// By primary form.
    Form,
    /// By age band.
    Age,
    /// By country of recruitment, and whether exploited here.
    RecruitedIn,
    /// By country of exploitation, and whether recruited here.
    ExploitedIn,
}

impl TableName {
    /// All of the family.
    pub const ALL: [Self; 4] = [Self::Form, Self::Age, Self::RecruitedIn, Self::ExploitedIn];

    /// Its name, as people and scripts see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Age => "age",
            Self::RecruitedIn => "recruited-in",
            Self::ExploitedIn => "exploited-in",
        }
    }

    /// What it is broken down by.
    pub fn axes(self) -> &'static [Axis] {
        match self {
            Self::Form => &[Axis::PrimaryForm],
            Self::Age => &[Axis::AgeBand],
            Self::RecruitedIn => &[Axis::RecruitmentCountry, Axis::ExploitedHere],
            Self::ExploitedIn => &[Axis::ExploitationCountry, Axis::RecruitedHere],
        }
    }

    /// Cells a child may change, by one each.
    pub fn contribution(self) -> u32 {
        1
    }

    /// Cells of the whole domain.
    pub fn cells(self) -> usize {
        self.axes().iter().map(|axis| axis.rows().len()).product()
    }

    /// The place of a cell, row-major: the last axis runs fastest. Rows are places in [`Axis::rows`].
    pub fn cell(self, rows: &[usize]) -> Option<usize> {
        let axes = self.axes();
        let fits = rows.len() == axes.len() && rows.iter().zip(axes).all(|(row, axis)| *row < axis.rows().len());
        fits.then(|| rows.iter().zip(axes).fold(0, |cell, (row, axis)| cell * axis.rows().len() + row))
    }

    /// The rows of a cell; the inverse of [`Self::cell`].
    pub fn rows(self, mut cell: usize) -> Vec<&'static str> {
        let mut rows = Vec::new();
        for axis in self.axes().iter().rev() {
            let names = axis.rows();
            rows.push(names.get(cell % names.len()).copied().unwrap_or_default());
            cell /= names.len();
        }
        rows.reverse();
        rows
    }
}

/// Which publication of a cohort. Family `first` v1 has the FLASH edition alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edition {
    /// The first and quickest.
    Flash,
}

impl Edition {
    /// From the wire; editions that this version does not know are refused.
    pub fn from_wire(number: i32) -> Option<Self> {
        (number == peer::Edition::Flash as i32).then_some(Self::Flash)
    }

    pub(super) fn to_wire(self) -> i32 {
        match self {
            Self::Flash => peer::Edition::Flash as i32,
        }
    }

    /// `FLASH`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flash => "FLASH",
        }
    }

    /// What it may cost.
    pub fn cap(self) -> Rho {
        match self {
            Self::Flash => FLASH_CAP,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::rho::cost;
    use super::*;

    #[test]
    fn a_flash_edition_costs_exactly_its_cap() {
        let each = TableName::ALL.map(|t| cost(t.contribution(), FLASH_SIGMA2_Q10).unwrap().nano());
        assert_eq!(each.iter().sum::<u64>(), FLASH_CAP.nano());
    }

    #[test]
    fn every_cell_has_one_place() {
        for table in TableName::ALL {
            for cell in 0..table.cells() {
                let names = table.rows(cell);
                let rows: Vec<usize> = names
                    .iter()
                    .zip(table.axes())
                    .map(|(name, axis)| axis.rows().iter().position(|row| row == name).unwrap())
                    .collect();
                assert_eq!(table.cell(&rows), Some(cell));
            }
        }
        assert_eq!(TableName::ALL.map(TableName::cells), [14, 6, 756, 756]);
        assert_eq!(TableName::Age.cell(&[6]), None);
        assert_eq!(TableName::RecruitedIn.cell(&[0]), None);
    }
}
