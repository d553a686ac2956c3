//! The code lists behind the tables. A list and its version fix the rows and their order, so a table's domain is the same
//! whatever the records hold: no key is ever read off the data.

use crate::vocabulary::{AgeBand, Country, Form, Vocabulary};
use crate::wire::peer::AxisCode;
use std::sync::LazyLock;

/// What a table is broken down by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Axis {
    /// The one form of exploitation that the registering body holds for the main one.
    PrimaryForm,
    /// Age at registration.
    AgeBand,
    /// The country of recruitment stated first.
    RecruitmentCountry,
    /// The country of exploitation stated first.
    ExploitationCountry,
    /// Whether the issuer's country is among the countries of recruitment.
    RecruitedHere,
    /// Whether the issuer's country is among the countries of exploitation.
    ExploitedHere,
}

/// Rows of the list of primary forms, version 1: number and name of the vocabulary, coarse enough to be comparable.
const FORMS: [(i32, &str); 14] = [
    (10, "SEXUAL_EXPLOITATION"),
    (20, "LABOUR_EXPLOITATION"),
    (21, "DOMESTIC_SERVITUDE"),
    (30, "FORCED_BEGGING"),
    (40, "FORCED_CRIMINALITY"),
    (50, "FORCED_OR_CHILD_MARRIAGE"),
    (60, "ILLEGAL_ADOPTION"),
    (61, "SURROGACY"),
    (70, "ORGAN_REMOVAL"),
    (80, "ARMED_GROUPS"),
    (90, "SERVITUDE_SLAVERY"),
    (97, "OTHER"),
    (98, "UNKNOWN"),
    (99, "NOT_YET_EXPLOITED"),
];
const FORM_NAMES: [&str; 14] = {
    let mut names = [""; 14];
    let mut i = 0;
    while i < 14 {
        names[i] = FORMS[i].1;
        i += 1;
    }
    names
};

/// Rows of the list of age bands, version 1. A child of unknown age is outside every child table.
const AGES: [&str; 6] = ["AGE_0_8", "AGE_9_13", "AGE_14_15", "AGE_16_17", "AGE_CHILD_NFS", "AGE_PRESUMED_CHILD"];

/// Rows of the country list, version 1: the 249 of ISO 3166-1, XK, OTHER, UNKNOWN.
static COUNTRIES: LazyLock<Vec<&'static str>> = LazyLock::new(|| Country::all().map(Country::code).collect());

/// The answer to "in the issuer's own country?", list version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Here {
    /// The issuer's country is among those stated.
    Yes,
    /// Others are stated.
    No,
    /// None is stated.
    Unknown,
}

const HERE: [&str; 3] = ["YES", "NO", "UNKNOWN"];

impl Here {
    /// Its row.
    pub fn row(self) -> usize {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Unknown => 2,
        }
    }
}

impl Axis {
    /// The version of every list of this module; another row is another version, and a family of its own.
    pub const VERSION: u32 = 1;

    /// Its name, as people and scripts see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrimaryForm => "primary-form",
            Self::AgeBand => "age-band",
            Self::RecruitmentCountry => "recruitment-country",
            Self::ExploitationCountry => "exploitation-country",
            Self::RecruitedHere => "recruited-here",
            Self::ExploitedHere => "exploited-here",
        }
    }

    /// The names of its rows, in the order of the list.
    pub fn rows(self) -> &'static [&'static str] {
        match self {
            Self::PrimaryForm => &FORM_NAMES,
            Self::AgeBand => &AGES,
            Self::RecruitmentCountry | Self::ExploitationCountry => &COUNTRIES,
            Self::RecruitedHere | Self::ExploitedHere => &HERE,
        }
    }

    pub(super) fn code(self) -> AxisCode {
        match self {
            Self::PrimaryForm => AxisCode::PrimaryForm,
            Self::AgeBand => AxisCode::AgeBand,
            Self::RecruitmentCountry => AxisCode::RecruitmentCountry,
            Self::ExploitationCountry => AxisCode::ExploitationCountry,
            Self::RecruitedHere => AxisCode::RecruitedHere,
            Self::ExploitedHere => AxisCode::ExploitedHere,
        }
    }
}

/// The row of a form of exploitation: finer forms roll up, a form that this version of the list does not name is OTHER, and
/// one that was not collected or is withheld is UNKNOWN.
pub fn form_row(form: Form) -> usize {
    let rolled = match form.number() {
        10..=15 => 10,
        20 | 22 => 20,
        40..=46 => 40,
        100 | 101 => 98,
        other => other,
    };
    let row = |wanted| FORMS.iter().position(|(number, _)| *number == wanted);
    row(rolled).or_else(|| row(97)).unwrap_or(0)
}

/// The row of an age band; `None` for an age that puts a record outside every child table.
pub fn age_row(band: AgeBand) -> Option<usize> {
    let row = usize::try_from(band.number()).ok()?.checked_sub(1)?;
    (row < AGES.len()).then_some(row)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::id::Digest;

    fn form(number: i32) -> &'static str {
        Axis::PrimaryForm.rows()[form_row(Form::from_number(number).unwrap())]
    }

    #[test]
    fn finer_forms_roll_up_and_unlisted_ones_are_other() {
        assert_eq!(form(13), "SEXUAL_EXPLOITATION");
        assert_eq!(form(22), "LABOUR_EXPLOITATION");
        assert_eq!(form(21), "DOMESTIC_SERVITUDE");
        assert_eq!(form(45), "FORCED_CRIMINALITY");
        assert_eq!(form(61), "SURROGACY");
        assert_eq!(form(345), "OTHER");
        assert_eq!(form(101), "UNKNOWN");
    }

    #[test]
    fn rows_are_codes_of_the_vocabulary() {
        for (number, name) in FORMS {
            assert_eq!(Form::parse(name).map(|form| form.number()), Ok(number));
        }
        for form in Form::all() {
            let name = FORM_NAMES[form_row(form)];
            let rolled = form.rolls_up_to().name();
            assert!(name == "UNKNOWN" || Some(name) == rolled || name == "DOMESTIC_SERVITUDE", "{form} is in {name}");
        }
        for (row, name) in AGES.into_iter().enumerate() {
            assert_eq!(AgeBand::parse(name).map(age_row), Ok(Some(row)));
        }
    }

    #[test]
    fn an_unknown_age_is_outside_the_tables() {
        for outside in [7, 98, 100, 999] {
            assert_eq!(AgeBand::from_number(outside).and_then(age_row), None);
        }
    }

    #[test]
    fn a_country_has_the_row_of_its_place_in_the_list() {
        let rows = Axis::RecruitmentCountry.rows();
        assert_eq!(rows.len(), Country::COUNT);
        assert!(Country::all().all(|country| rows[country.index()] == country.code()));
    }

    /// What is signed names only list and version: a list that changed under its version would change what was published.
    #[test]
    fn the_rows_of_version_1_never_change() {
        let digest = |axis: Axis| Digest::of(axis.rows().join("\n").as_bytes()).to_string();
        let frozen = [
            (Axis::PrimaryForm, "73296fba0aa0a072c29bf2fbbe0125f42c8fa05be8980b9471459b93f44d0c2a"),
            (Axis::AgeBand, "1302d2b5176d21072fee75f56b606cfd7d19618b108e0d180c4b9c34ae9e244a"),
            (Axis::RecruitmentCountry, "617cf237f8cdb6e113eb37ac1c5cf2d8c9c1b17dd71ef195a35b948c8f3fe83d"),
            (Axis::ExploitationCountry, "617cf237f8cdb6e113eb37ac1c5cf2d8c9c1b17dd71ef195a35b948c8f3fe83d"),
            (Axis::RecruitedHere, "249881f3f096af87c1b63b27f073b0cf0203b13e64d9ff7005d7d7137a0fb092"),
        ];
        for (axis, wanted) in frozen {
            assert_eq!(digest(axis), wanted, "{}", axis.name());
        }
    }
}
