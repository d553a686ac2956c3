//! The columns of the CTDC releases by name. The crosswalks of the vocabulary say which code stands for which column; what
//! they cannot say (a column that is two things, or an industry) stands here.

use varde_proto::vocabulary::{Form, MeansGroup, MeansOfControl, RecruiterRelation};
use varde_proto::wire::operator::Industry;

/// A column that the releases have: its name in lower case, and what it says.
pub(in super::super) type Known = (&'static str, Column);

/// What a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Column {
    Year,
    Gender,
    Age,
    /// 0 at registration, 1 at exploitation, 2 at entry into trafficking.
    Majority(usize),
    Citizenship,
    /// Partly the place of first assistance (the codebook of the releases).
    Exploitation,
    Months,
    Source,
    Means(MeansOfControl),
    /// The 2024 release and later state groups of means only; a group stays a group.
    Group(MeansGroup),
    Forms(&'static [Form], Option<Industry>),
    Relation(RecruiterRelation),
    /// Says nothing that the other columns do not say.
    Unused,
}

/// The column of a name in any case, and its name in lower case.
pub(in super::super) fn column(name: &str) -> Option<Known> {
    let name = name.to_ascii_lowercase();
    // The 2024 release renames the kinds of labour and of sexual exploitation.
    let name = name.strip_prefix("sectorof").map_or(name.clone(), |rest| format!("typeof{rest}"));
    COLUMNS.iter().find(|(known, _)| *known == name).copied()
}

const fn labour(industry: Option<Industry>) -> Column {
    Column::Forms(&[Form::LABOUR_EXPLOITATION], industry)
}

const COLUMNS: &[Known] = &[
    ("yearofregistration", Column::Year),
    ("gender", Column::Gender),
    ("agebroad", Column::Age),
    ("majoritystatus", Column::Majority(0)),
    ("majoritystatusatexploit", Column::Majority(1)),
    ("majorityentry", Column::Majority(2)),
    ("citizenship", Column::Citizenship),
    ("countryofexploitation", Column::Exploitation),
    ("traffickmonths", Column::Months),
    ("datasource", Column::Source),
    ("meansofcontroldebtbondage", Column::Means(MeansOfControl::DEBT_BONDAGE)),
    ("meansofcontroltakesearnings", Column::Means(MeansOfControl::TAKES_EARNINGS)),
    ("meansofcontrolrestrictsfinancialaccess", Column::Means(MeansOfControl::RESTRICTS_FINANCE)),
    // Threats to the victim and to the family are one column; which of the two is not said.
    ("meansofcontrolthreats", Column::Group(MeansGroup::THREATS)),
    ("meansofcontrolpsychologicalabuse", Column::Means(MeansOfControl::PSYCHOLOGICAL_ABUSE)),
    ("meansofcontrolphysicalabuse", Column::Means(MeansOfControl::PHYSICAL_ABUSE)),
    ("meansofcontrolsexualabuse", Column::Means(MeansOfControl::SEXUAL_ABUSE)),
    ("meansofcontrolfalsepromises", Column::Means(MeansOfControl::FALSE_PROMISES)),
    ("meansofcontrolpsychoactivesubstances", Column::Means(MeansOfControl::PSYCHOACTIVE_SUBSTANCE)),
    ("meansofcontrolrestrictsmovement", Column::Means(MeansOfControl::RESTRICTS_MOVEMENT)),
    ("meansofcontrolrestrictsmedicalcare", Column::Means(MeansOfControl::RESTRICTS_MEDICAL)),
    ("meansofcontrolexcessiveworkinghours", Column::Means(MeansOfControl::EXCESSIVE_HOURS)),
    ("meansofcontroluseschildren", Column::Means(MeansOfControl::USES_CHILDREN)),
    ("meansofcontrolthreatoflawenforcement", Column::Means(MeansOfControl::THREAT_LAW_ENFORCEMENT)),
    ("meansofcontrolthreatoflawenforce", Column::Means(MeansOfControl::THREAT_LAW_ENFORCEMENT)),
    ("meansofcontrolwithholdsnecessities", Column::Means(MeansOfControl::WITHHOLDS_NECESSITIES)),
    ("meansofcontrolwithholdsdocuments", Column::Means(MeansOfControl::WITHHOLDS_DOCUMENTS)),
    ("meansofcontrolother", Column::Means(MeansOfControl::OTHER)),
    ("meansofcontrolnotspecified", Column::Unused),
    ("meansofcontrolconcatenated", Column::Unused),
    ("meansdebtbondageearnings", Column::Group(MeansGroup::DEBT_BONDAGE_EARNINGS)),
    ("meansthreats", Column::Group(MeansGroup::THREATS)),
    ("meansabusepsyphysex", Column::Group(MeansGroup::ABUSE)),
    ("meansfalsepromises", Column::Group(MeansGroup::FALSE_PROMISES)),
    ("meansdrugsalcohol", Column::Group(MeansGroup::DRUGS_ALCOHOL)),
    ("meansdenybasicneeds", Column::Group(MeansGroup::DENIES_BASIC_NEEDS)),
    ("meansexcessiveworkhours", Column::Group(MeansGroup::EXCESSIVE_HOURS)),
    ("meanswithholddocs", Column::Group(MeansGroup::WITHHOLDS_DOCUMENTS)),
    ("isforcedlabour", labour(None)),
    ("issexualexploit", Column::Forms(&[Form::SEXUAL_EXPLOITATION], None)),
    ("isotherexploit", Column::Forms(&[Form::OTHER], None)),
    ("issexandlabour", Column::Forms(&[Form::SEXUAL_EXPLOITATION, Form::LABOUR_EXPLOITATION], None)),
    ("isforcedmarriage", Column::Forms(&[Form::FORCED_OR_CHILD_MARRIAGE], None)),
    ("isforcedmilitary", Column::Forms(&[Form::ARMED_GROUPS], None)),
    ("isorganremoval", Column::Forms(&[Form::ORGAN_REMOVAL], None)),
    ("isslaveryandpractices", Column::Forms(&[Form::SERVITUDE_SLAVERY], None)),
    ("isabduction", Column::Unused),
    ("typeofexploitconcatenated", Column::Unused),
    ("typeoflabouragriculture", labour(Some(Industry::A))),
    ("typeoflabouraquafarming", labour(Some(Industry::A))),
    ("typeoflabourbegging", Column::Forms(&[Form::FORCED_BEGGING], None)),
    ("typeoflabourconstruction", labour(Some(Industry::F))),
    ("typeoflabourdomesticwork", Column::Forms(&[Form::DOMESTIC_SERVITUDE], Some(Industry::T))),
    ("typeoflabourhospitality", labour(Some(Industry::I))),
    ("typeoflabourillicitactivities", Column::Forms(&[Form::FORCED_CRIMINALITY], None)),
    ("typeoflabourmanufacturing", labour(Some(Industry::C))),
    ("typeoflabourminingordrilling", labour(Some(Industry::B))),
    ("typeoflabourpeddling", Column::Forms(&[Form::STREET_SELLING], Some(Industry::G))),
    ("typeoflabourtransportation", labour(Some(Industry::H))),
    ("typeoflabourother", labour(Some(Industry::Other))),
    ("typeoflabournotspecified", labour(None)),
    ("typeoflabourconcatenated", Column::Unused),
    ("typeofsexprostitution", Column::Forms(&[Form::SEX_PROSTITUTION], None)),
    ("typeofsexpornography", Column::Forms(&[Form::SEX_CSAM_PRODUCTION], None)),
    ("typeofsexremoteinteractiveservices", Column::Forms(&[Form::SEX_LIVE_ONLINE], None)),
    ("typeofsexprivatesexualservices", Column::Forms(&[Form::SEX_PRIVATE], None)),
    ("typeofsexother", Column::Forms(&[Form::SEXUAL_EXPLOITATION], None)),
    ("typeofsexconcatenated", Column::Unused),
    ("recruiterrelationship", Column::Unused),
    ("recruiterrelationintimatepartner", Column::Relation(RecruiterRelation::INTIMATE_PARTNER)),
    ("recruiterrelationfriend", Column::Relation(RecruiterRelation::FRIEND_ACQUAINTANCE)),
    ("recruiterrelationfamily", Column::Relation(RecruiterRelation::FAMILY)),
    ("recruiterrelationother", Column::Relation(RecruiterRelation::OTHER_KNOWN)),
    ("recruiterrelationunknown", Column::Relation(RecruiterRelation::UNKNOWN)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use varde_proto::vocabulary::Vocabulary;

    /// Columns of which the crosswalk names one code of several that they may mean.
    const COMPOSITE: [&str; 1] = ["meansofcontrolthreats"];

    #[test]
    fn the_columns_agree_with_the_crosswalks_of_the_vocabulary() {
        fn agree<V: Vocabulary>(holds: impl Fn(Column, V) -> bool) {
            for code in V::all() {
                let Some(name) = code.cell("ctdc") else { continue };
                let lower = name.to_ascii_lowercase();
                let found = column(name).map(|(_, column)| column);
                let rolled = lower.ends_with("illicitactivities") || COMPOSITE.contains(&lower.as_str());
                assert!(found.is_some_and(|column| rolled || holds(column, code)), "{name} is not {code}");
            }
        }
        agree::<MeansOfControl>(|column, code| column == Column::Means(code));
        agree::<RecruiterRelation>(|column, code| column == Column::Relation(code));
        agree::<Form>(|column, code| matches!(column, Column::Forms(forms, _) if forms.contains(&code)));
    }

    #[test]
    fn no_column_stands_twice() {
        for (place, (name, _)) in COLUMNS.iter().enumerate() {
            assert!(COLUMNS[..place].iter().all(|(other, _)| other != name), "{name}");
        }
    }
}
