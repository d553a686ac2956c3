//! What the invented cases of each country look like: how many, along which corridors, in which regions. The proportions are
//! made up so that reports have something to show; they describe no country.

/// One country's cases.
pub(super) struct Country {
    /// ISO 3166-1 alpha-2.
    pub(super) code: &'static str,
    /// Cases in all.
    pub(super) cases: u64,
    /// Recruited abroad, exploited here: from where, by weight.
    pub(super) inward: &'static [(&'static str, u64)],
    /// Recruited here, exploited abroad and identified after return: where, by weight.
    pub(super) outward: &'static [(&'static str, u64)],
    /// Recruited and exploited here, in 100.
    pub(super) domestic: u64,
    /// Exploited here of those that crossed a border, in 100.
    pub(super) inbound: u64,
}

/// The countries of the three programmes.
pub(super) const COUNTRIES: [Country; 11] = [
    Country {
        code: "BG",
        cases: 300,
        inward: &[("RO", 3), ("UA", 2), ("SY", 1), ("AF", 1)],
        outward: &[("GR", 6), ("DE", 5), ("IT", 3), ("AT", 3), ("NO", 2), ("DK", 2), ("CY", 1)],
        domestic: 30,
        inbound: 10,
    },
    Country {
        code: "CY",
        cases: 120,
        inward: &[("BG", 4), ("RO", 3), ("SY", 4), ("CM", 2), ("NP", 1), ("VN", 1)],
        outward: &[("GR", 1)],
        domestic: 12,
        inbound: 95,
    },
    Country {
        code: "DK",
        cases: 500,
        inward: &[("RO", 8), ("LT", 6), ("BG", 3), ("VN", 2), ("UA", 2), ("EE", 2), ("NG", 1)],
        outward: &[("SE", 3), ("NO", 2), ("DE", 1)],
        domestic: 25,
        inbound: 88,
    },
    Country {
        code: "EE",
        cases: 400,
        inward: &[("UA", 4), ("LT", 2), ("LV", 2), ("MD", 1)],
        outward: &[("FI", 8), ("NO", 4), ("DK", 3), ("SE", 2)],
        domestic: 38,
        inbound: 30,
    },
    Country {
        code: "GR",
        cases: 250,
        inward: &[("BG", 6), ("AL", 5), ("RO", 4), ("SY", 3), ("AF", 3), ("PK", 2), ("MD", 1)],
        outward: &[("DE", 1), ("IT", 1)],
        domestic: 15,
        inbound: 95,
    },
    Country {
        code: "IT",
        cases: 350,
        inward: &[("NG", 7), ("RO", 7), ("AL", 3), ("EG", 3), ("MA", 2), ("BG", 2), ("BD", 2), ("CI", 1)],
        outward: &[("FR", 2), ("DE", 1)],
        domestic: 15,
        inbound: 95,
    },
    Country {
        code: "LT",
        cases: 600,
        inward: &[("UA", 4), ("MD", 2), ("LV", 1)],
        outward: &[("NO", 10), ("DK", 6), ("GB", 6), ("DE", 4), ("SE", 3), ("EE", 2)],
        domestic: 28,
        inbound: 12,
    },
    Country {
        code: "NO",
        cases: 700,
        inward: &[("LT", 12), ("RO", 7), ("BG", 3), ("EE", 3), ("VN", 3), ("AF", 2), ("UA", 2), ("SY", 1)],
        outward: &[("DK", 2), ("SE", 2)],
        domestic: 22,
        inbound: 94,
    },
    Country {
        code: "PT",
        cases: 200,
        inward: &[("BR", 5), ("RO", 4), ("MD", 2), ("NG", 2), ("GW", 2), ("AO", 1)],
        outward: &[("ES", 6), ("FR", 2)],
        domestic: 30,
        inbound: 65,
    },
    Country {
        code: "RO",
        cases: 400,
        inward: &[("MD", 3), ("UA", 2)],
        outward: &[("IT", 7), ("DE", 4), ("ES", 4), ("GB", 3), ("NO", 2), ("DK", 2), ("GR", 2), ("AT", 2)],
        domestic: 42,
        inbound: 6,
    },
    Country {
        code: "SI",
        cases: 120,
        inward: &[("RS", 3), ("BA", 2), ("XK", 2), ("BG", 2), ("RO", 2), ("UA", 1), ("AF", 1)],
        outward: &[("IT", 2), ("AT", 2)],
        domestic: 20,
        inbound: 80,
    },
];

/// NUTS-1 regions, for the countries in which some places are known so exactly.
pub(super) fn regions(country: &str) -> &'static [&'static str] {
    match country {
        "BG" => &["BG3", "BG4"],
        "DK" => &["DK0"],
        "EE" => &["EE0"],
        "GR" => &["EL3", "EL4", "EL5", "EL6"],
        "IT" => &["ITC", "ITF", "ITG", "ITH", "ITI"],
        "LT" => &["LT0"],
        "NO" => &["NO0"],
        "PT" => &["PT1"],
        "RO" => &["RO1", "RO2", "RO3", "RO4"],
        "SI" => &["SI0"],
        _ => &[],
    }
}

/// A first language, ISO 639-2, of a child from there.
pub(super) fn language(country: &str) -> &'static str {
    match country {
        "AF" => "prs",
        "AL" | "XK" => "sqi",
        "BA" => "bos",
        "BG" => "bul",
        "BR" | "PT" | "AO" | "GW" => "por",
        "CY" | "GR" => "ell",
        "DK" => "dan",
        "EE" => "est",
        "EG" | "SY" | "MA" => "ara",
        "IT" => "ita",
        "LT" => "lit",
        "LV" => "lav",
        "NO" => "nor",
        "RO" | "MD" => "ron",
        "RS" => "srp",
        "SI" => "slv",
        "UA" => "ukr",
        "VN" => "vie",
        _ => "und",
    }
}

/// Countries that lie on the way, where the sample knows one.
pub(super) fn between(from: &str, to: &str) -> &'static [&'static str] {
    match (from, to) {
        ("LT" | "EE", "NO") => &["DK", "SE"],
        ("LT" | "EE", "DK") => &["PL", "DE"],
        ("RO" | "BG", "NO" | "DK") => &["HU", "DE"],
        ("RO" | "MD" | "UA", "IT" | "ES" | "PT") => &["HU", "SI"],
        ("BG", "IT") => &["RS", "SI"],
        ("SY" | "AF" | "PK" | "BD", _) => &["TR", "GR"],
        ("NG" | "CI" | "CM" | "EG", "IT") => &["LY"],
        _ => &[],
    }
}
