//! One invented case as a line of the `varde` format.

use super::chance::Chance;
use super::countries::{Country, between, language, regions};

/// The columns, in the order of the lines.
pub(super) const HEADER: &str = "agency,reference,child,regime,assertion,source_grade,information_grade,registered_on,\
    status,decided_by,case_status,age,age_band,gender,citizenship,language,primary_form,forms,means,recruitment,relations,\
    situations,sources,indicators,determinants,industries,transport,borders,services,duration,places,stages";

/// Quarters in which cases are registered, by weight: a slow rise, and more in the last.
const QUARTERS: [((u16, u64), u64); 7] = [
    ((2025, 1), 10),
    ((2025, 2), 11),
    ((2025, 3), 12),
    ((2025, 4), 13),
    ((2026, 1), 14),
    ((2026, 2), 16),
    ((2026, 3), 24),
];

/// Main forms of girls and of boys, by weight.
const GIRLS: [(&str, u64); 10] = [
    ("SEX_PROSTITUTION", 24),
    ("SEX_CSAM_PRODUCTION", 8),
    ("SEX_LIVE_ONLINE", 7),
    ("SEXUAL_EXPLOITATION", 14),
    ("FORCED_BEGGING", 12),
    ("CRIM_THEFT", 10),
    ("DOMESTIC_SERVITUDE", 8),
    ("LABOUR_EXPLOITATION", 7),
    ("FORCED_OR_CHILD_MARRIAGE", 7),
    ("NOT_YET_EXPLOITED", 3),
];
const BOYS: [(&str, u64); 9] = [
    ("LABOUR_EXPLOITATION", 22),
    ("FORCED_BEGGING", 18),
    ("CRIM_THEFT", 18),
    ("CRIM_DRUG_DISTRIBUTION", 14),
    ("CRIM_DRUG_CULTIVATION", 6),
    ("SEX_LIVE_ONLINE", 6),
    ("SEXUAL_EXPLOITATION", 5),
    ("STREET_SELLING", 7),
    ("CRIM_VIOLENCE", 4),
];
const SITUATIONS: [&str; 6] = [
    "UNACCOMPANIED",
    "SEPARATED",
    "IN_ALTERNATIVE_CARE",
    "MISSING_FROM_CARE_OR_RECEPTION",
    "STREET_CONNECTED",
    "OUT_OF_SCHOOL",
];
const SOURCES: [(&str, u64); 9] = [
    ("POLICE", 24),
    ("CHILD_PROTECTION", 18),
    ("NGO_OUTREACH", 14),
    ("RECEPTION_CENTRE", 10),
    ("BORDER_GUARD", 8),
    ("HOTLINE_116000", 8),
    ("EDUCATION", 7),
    ("LABOUR_INSPECTORATE", 5),
    ("HEALTH", 6),
];
const INDICATORS: [&str; 10] = ["UC01", "UC04", "UC09", "UC11", "UB01", "UB06", "UB08", "RD02", "RD05", "OL01"];
const DETERMINANTS: [&str; 8] = ["RP03", "RP04", "RP05", "RP06", "RP07", "RP10", "PP01", "PP03"];
const MEANS: [&str; 8] = [
    "DEBT_BONDAGE",
    "FALSE_PROMISES",
    "PHYSICAL_ABUSE",
    "TAKES_EARNINGS",
    "PSYCHOLOGICAL_ABUSE",
    "WITHHOLDS_DOCUMENTS",
    "RESTRICTS_MOVEMENT",
    "THREAT_FAMILY",
];
const RECRUITMENT: [(&str, u64); 7] = [
    ("FAMILY", 22),
    ("FRIENDS_SOCIAL", 20),
    ("ONLINE_SOCIAL", 24),
    ("ONLINE_AD", 10),
    ("CARE_OR_RECEPTION_CENTRE", 9),
    ("STREET_OR_TRANSPORT_HUB", 10),
    ("ONLINE_GAME", 5),
];
const RELATIONS: [(&str, u64); 5] =
    [("FAMILY", 26), ("FRIEND_ACQUAINTANCE", 28), ("INTIMATE_PARTNER", 14), ("OTHER_KNOWN", 14), ("STRANGER", 18)];
const STATUSES: [(&str, u64); 4] =
    [("PRESUMED", 46), ("IDENTIFIED_FORMAL", 34), ("IDENTIFIED_NON_FORMAL", 14), ("AT_RISK", 6)];

/// What is decided first, because the rest hangs on it.
struct Story {
    year: u16,
    quarter: u64,
    from: &'static str,
    to: &'static str,
    girl: bool,
    age: u64,
    form: &'static str,
}

/// The pattern that runs through the sample: in the summer of 2026 more children than before are brought by minibus and
/// ferry from Lithuania over Denmark to Norway, to steal and to beg.
impl Story {
    fn is_pattern(&self) -> bool {
        let route = matches!((self.from, self.to), ("LT", "NO" | "DK"));
        route && (self.year, self.quarter) == (2026, 3) && matches!(self.form, "CRIM_THEFT" | "FORCED_BEGGING")
    }
}

fn story(country: &Country, child: u64, chance: &mut Chance) -> Story {
    let (year, quarter) = chance.weighted(&QUARTERS);
    let (from, to) = if chance.percent(country.domestic) {
        (country.code, country.code)
    } else if chance.percent(country.inbound) {
        (chance.weighted(country.inward), country.code)
    } else {
        (country.code, chance.weighted(country.outward))
    };
    // The same child is the same in both of its cases.
    let mut person = Chance::new(child.wrapping_mul(0x1_0000_01b3) ^ u64::from(country.code.as_bytes()[0]));
    let girl = person.percent(54);
    let age =
        person.weighted(&[(5, 2), (7, 4), (9, 5), (11, 8), (12, 9), (13, 12), (14, 15), (15, 18), (16, 16), (17, 11)]);
    let mut form = chance.weighted(if girl { &GIRLS[..] } else { &BOYS[..] });
    if matches!((from, to), ("LT", "NO" | "DK")) && (year, quarter) == (2026, 3) && chance.percent(60) {
        form = chance.weighted(&[("CRIM_THEFT", 6), ("FORCED_BEGGING", 4)]);
    }
    if age < 10 && form.starts_with("CRIM_") {
        form = "FORCED_BEGGING";
    }
    Story { year, quarter, from, to, girl, age, form }
}

/// The `number`th case of a country.
pub(super) fn line(country: &Country, number: u64, chance: &mut Chance) -> String {
    // A few children come to notice twice, under the same number at the same agency.
    let child = if chance.percent(3) && number > 20 { number - 1 - chance.below(20) } else { number };
    let story = story(country, child, chance);
    let (month, day) = (story.quarter * 3 - 2 + chance.below(3), 1 + chance.below(28));
    let registered = format!("{}-{month:02}-{day:02}", story.year);
    // Every twentieth case is a hotline's, which knows little and keeps no reference.
    if chance.percent(5) {
        return hotline(&story, &registered, chance);
    }
    let agency = ["POL", "CPS", "NGO1", "NGO2"][child as usize % 4];
    let police = agency == "POL";
    let exact = chance.percent(85);
    let status = chance.weighted(&STATUSES);
    let (transport, border) = travel(&story, chance);
    let fields = [
        agency.to_owned(),
        format!("{}-{number:05}", country.code),
        format!("K{child:05}"),
        if police { "LED" } else { "GDPR" }.to_owned(),
        if chance.percent(60) { "FACT" } else { "ASSESSMENT" }.to_owned(),
        chance.weighted(&[("A", 3), ("B", 5), ("C", 1), ("X", 2)]).to_owned(),
        chance
            .weighted(&[("ACCURATE", 2), ("KNOWN_TO_SOURCE", 4), ("CORROBORATED", 4), ("NOT_CORROBORATED", 2)])
            .to_owned(),
        registered.clone(),
        status.to_owned(),
        if police { "POLICE" } else { chance.one(&["CHILD_PROTECTION", "NGO", "NRM_BODY"]) }.to_owned(),
        chance.weighted(&[("ACTIVE", 5), ("FOLLOW_UP", 3), ("CLOSED", 2)]).to_owned(),
        if exact { story.age.to_string() } else { String::new() },
        if exact { "" } else { chance.one(&["AGE_CHILD_NFS", "AGE_PRESUMED_CHILD", "AGE_14_15"]) }.to_owned(),
        if story.girl { "FEMININE" } else { "MASCULINE" }.to_owned(),
        if chance.percent(92) { story.from } else { "" }.to_owned(),
        if chance.percent(70) { language(story.from) } else { "" }.to_owned(),
        story.form.to_owned(),
        forms(&story, chance),
        chance.some(&MEANS, 0, 2).join("|"),
        chance.weighted(&RECRUITMENT).to_owned(),
        chance.weighted(&RELATIONS).to_owned(),
        chance.some(&SITUATIONS, 0, 2).join("|"),
        chance.weighted(&SOURCES).to_owned(),
        if story.is_pattern() { "UB01|UB06".to_owned() } else { chance.some(&INDICATORS, 0, 2).join("|") },
        chance.some(&DETERMINANTS, 0, 1).join("|"),
        industries(&story, chance).to_owned(),
        transport.to_owned(),
        border.to_owned(),
        chance.some(&["EDUCATION", "HEALTH", "LEGAL", "SOCIAL_CARE"], 0, 1).join("|"),
        chance.weighted(&[("UP_TO_12_MONTHS", 6), ("FROM_13_TO_24_MONTHS", 2), ("UNKNOWN", 3)]).to_owned(),
        places(country, &story, chance),
        stages(&story, &registered, status, chance),
    ];
    fields.join(",")
}

fn hotline(story: &Story, registered: &str, chance: &mut Chance) -> String {
    let aged = if chance.percent(60) { "AGE_CHILD_NFS" } else { "" };
    let gender = if story.girl { "FEMININE" } else { "MASCULINE" };
    let month = &registered[..7];
    format!(
        "H116000,,,GDPR,ASSESSMENT,X,NOT_CORROBORATED,{month},PRESUMED,,,,{aged},{gender},,,,,,,,,HOTLINE_116000,,,,,,,,,"
    )
}

fn forms(story: &Story, chance: &mut Chance) -> String {
    let second = match story.form {
        "FORCED_BEGGING" if chance.percent(35) => "|CRIM_THEFT",
        "CRIM_THEFT" if chance.percent(35) => "|FORCED_BEGGING",
        "SEX_PROSTITUTION" if chance.percent(15) => "|SEX_CSAM_PRODUCTION",
        "LABOUR_EXPLOITATION" if chance.percent(8) => "|SEXUAL_EXPLOITATION",
        _ => "",
    };
    format!("{}{second}", story.form)
}

fn industries(story: &Story, chance: &mut Chance) -> &'static str {
    match story.form {
        "LABOUR_EXPLOITATION" => chance.one(&["A", "F", "I", "C"]),
        "DOMESTIC_SERVITUDE" => "T",
        "STREET_SELLING" => "G",
        _ => "",
    }
}

/// The means of transport, and the border that it crosses.
fn travel(story: &Story, chance: &mut Chance) -> (&'static str, &'static str) {
    const WAYS: [((&str, &str), u64); 6] = [
        (("MINIBUS", "LAND_ROAD"), 4),
        (("COACH", "LAND_ROAD"), 3),
        (("PRIVATE_CAR", "LAND_ROAD"), 4),
        (("LOW_COST_AIR", "AIR"), 3),
        (("TRAIN", "RAIL"), 1),
        (("", ""), 3),
    ];
    match story {
        _ if story.from == story.to => ("", ""),
        _ if story.is_pattern() => chance.one(&[("MINIBUS", "LAND_ROAD"), ("MINIBUS|FERRY", "SEA_FERRY")]),
        _ => chance.weighted(&WAYS),
    }
}

fn places(country: &Country, story: &Story, chance: &mut Chance) -> String {
    let mut place = |role: &str, code: &'static str, known: u64| {
        let all = regions(code);
        if !all.is_empty() && chance.percent(known) {
            format!("{role}:{code}:{}", chance.one(all))
        } else {
            format!("{role}:{code}")
        }
    };
    let mut way = vec![place("RECRUITMENT", story.from, 40)];
    if story.from != story.to {
        let stops = between(story.from, story.to);
        let stops = if story.is_pattern() { &stops[..1] } else { stops };
        way.extend(stops.iter().map(|stop| place("TRANSIT", stop, 0)));
    }
    if story.form != "NOT_YET_EXPLOITED" {
        way.push(place("EXPLOITATION", story.to, 50));
    }
    way.push(place("IDENTIFICATION", country.code, 0));
    way.join("|")
}

fn stages(story: &Story, registered: &str, status: &str, chance: &mut Chance) -> String {
    let mut stages = vec![format!("DETECTED:{registered}")];
    if chance.percent(60) {
        stages.push(format!("GUARDIAN_APPOINTED:{}", &registered[..7]));
    }
    match status {
        "IDENTIFIED_FORMAL" => stages.push(format!("FORMALLY_IDENTIFIED:{}", story.year)),
        "PRESUMED" => stages.push(format!("PRESUMED_REFERRED:{}", &registered[..7])),
        _ => {}
    }
    if chance.percent(8) {
        stages.push("CLOSED_MISSING".to_owned());
    }
    stages.join("|")
}
