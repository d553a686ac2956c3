//! `varde alert draft`

use super::staff::As;
use super::{connect_for, decision, read_code};
use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use std::path::PathBuf;
use varde_proto::draft::act::{Verb, about_draft};
use varde_proto::draft::{self, Fresh};
use varde_proto::json::Problem;
use varde_proto::limits::DRAFT_FILE_BYTES;
use varde_proto::time::{Period, Timestamp};
use varde_proto::vocabulary::*;
use varde_proto::wire::operator::draft_request::From;
use varde_proto::wire::operator::{DraftRequest, PatternQuery, RecordPointer};
use varde_proto::wire::peer::CountryInRole;

/// From a file, from a query over records, or from one record.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    varde alert draft --kind MODUS_OPERANDI --template > mo.json\n  \
    varde alert draft --kind MODUS_OPERANDI --from mo.json\n  \
    varde alert draft --kind ROUTE_CORRIDOR --period 2026-Q3 --form LABOUR_EXPLOITATION --country EXPLOITATION=NO\n  \
    varde alert draft --kind MODUS_OPERANDI --period 2026-Q3 --form FORCED_BEGGING,FORCED_CRIMINALITY\n  \
    varde alert draft --kind MISSING_CHILD_POINTER --record 2026-0412 --missing RUNAWAY --elapsed UNDER_24_HOURS\n\n\
    A template is invented from end to end: edit it before you draft it.\n\n\
    Prints the draft's id and nothing else. Nothing leaves before `varde alert release`.")]
pub(crate) struct Args {
    /// The kind, such as MODUS_OPERANDI: all twelve stand in docs/alerts.md
    #[arg(long, value_parser = read_code::<AlertKind>)]
    kind: AlertKind,
    /// Print a complete example of FILE.json, to be edited, and do nothing else
    #[arg(long, conflicts_with_all = ["from", "period", "record"])]
    template: bool,
    /// Take everything from this file
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["period", "record"])]
    from: Option<PathBuf>,
    /// Draw it from the records of this quarter, for example 2026-Q3
    #[arg(long, value_parser = read_quarter, conflicts_with = "record")]
    period: Option<Period>,
    /// Only records of any of these forms of exploitation, parted by commas: FORCED_BEGGING,FORCED_CRIMINALITY; a group
    /// stands for its forms
    #[arg(long = "form", value_name = "FORM,FORM", value_delimiter = ',', value_parser = read_code::<Form>, requires = "period")]
    forms: Vec<Form>,
    /// Only records with this country in this role, for example EXPLOITATION=NO; given more than once, all of them hold
    #[arg(long = "country", value_name = "ROLE=CC", value_parser = read_country, requires = "period")]
    countries: Vec<(CountryRole, Country)>,
    /// Point to the child of this record: the agency's reference of the case
    #[arg(long, value_name = "REFERENCE", requires_all = ["missing", "elapsed"])]
    record: Option<String>,
    /// Kind of missing child case
    #[arg(long, value_name = "TYPE", value_parser = read_code::<MissingType>, requires = "record")]
    missing: Option<MissingType>,
    /// Time since the child was last seen, as a band
    #[arg(long, value_name = "BAND", value_parser = read_code::<ElapsedBand>, requires = "record")]
    elapsed: Option<ElapsedBand>,
    /// How urgent
    #[arg(long, value_name = "TIER", value_parser = read_code::<RiskTier>, requires = "record")]
    risk: Option<RiskTier>,
    /// Terms for a draft from records: the fields of FILE.json without `content`, such as `tlp` and `decision`
    #[arg(long, value_name = "FILE.json", conflicts_with = "from")]
    terms: Option<PathBuf>,
    #[command(flatten)]
    staff: As,
}

/// Prints a template, or drafts and prints the id.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    if args.template {
        let text = draft::template(args.kind, context.now()?).ok_or_else(|| not_drafted(args.kind))?;
        context.render.text(&text);
        return Ok(Exit::Done);
    }
    let staff = args.staff.open(context)?;
    let mut request = request(&args, context.now()?)?;
    request.act = Some(staff.sign(Verb::Draft, about_draft(&request), context)?);
    let reply = connect_for(context, client::COUNTING).await?.draft(request).await?.into_inner();
    let cautions = reply.state.unwrap_or_default().cautions;
    if context.render.is_json() {
        let warnings = decision::warnings(&cautions);
        context.render.document(&serde_json::json!({ "alert_id": reply.id, "warnings": warnings }))?;
    } else {
        context.render.line(&reply.id);
        context.render.talk(&format!("see what would leave: varde alert preview {}", reply.id));
    }
    decision::warn(&cautions, context);
    Ok(Exit::Done)
}

fn request(args: &Args, now: Timestamp) -> Result<DraftRequest, Failure> {
    let read = |path: &PathBuf| files::read_text(path, DRAFT_FILE_BYTES);
    let (file, from) = match (&args.from, args.period, &args.record) {
        (Some(path), ..) => {
            let text = read(path)?;
            check(path, draft::read(&text, Some(args.kind), rehearsal(now)).map(drop))?;
            (text, None)
        }
        (None, Some(period), _) => (terms(args, read)?, Some(From::Query(query(args, period)))),
        (None, None, Some(record)) => (terms(args, read)?, Some(From::Record(pointer(args, record)?))),
        (None, None, None) => {
            return Err(Failure::usage("what is to be drafted? neither --from nor --period nor --record was given")
                .next(format!("`varde alert draft --kind {} --template > FILE.json` is a start", args.kind))
                .reason("nothing-to-draft"));
        }
    };
    Ok(DraftRequest { file: file.into_bytes().into(), from, act: None, kind: args.kind.number() })
}

/// Time and chance for reading a file before the node does; what they make is thrown away.
fn rehearsal(now: Timestamp) -> Fresh {
    Fresh::draw(now, |bytes| bytes.fill(0xf0))
}

fn terms(args: &Args, read: impl Fn(&PathBuf) -> Result<String, Failure>) -> Result<String, Failure> {
    let Some(path) = &args.terms else { return Ok(String::new()) };
    let text = read(path)?;
    check(path, draft::read_terms(&text, args.kind).map(drop))?;
    Ok(text)
}

fn query(args: &Args, period: Period) -> PatternQuery {
    let country =
        |(role, country): &(CountryRole, Country)| CountryInRole { role: role.number(), country: country.to_string() };
    PatternQuery {
        kind: args.kind.number(),
        forms: args.forms.iter().map(|form| form.number()).collect(),
        period: period.to_string(),
        countries: args.countries.iter().map(country).collect(),
    }
}

fn pointer(args: &Args, record: &str) -> Result<RecordPointer, Failure> {
    if args.kind != AlertKind::MISSING_CHILD_POINTER {
        return Err(Failure::usage(format!("{} is not about one record", args.kind))
            .next("ask for MISSING_CHILD_POINTER, or give a quarter with --period")
            .reason("not-a-pointer"));
    }
    Ok(RecordPointer {
        record: record.to_owned(),
        missing_type: args.missing.unwrap_or(MissingType::UNKNOWN).number(),
        elapsed: args.elapsed.unwrap_or(ElapsedBand::UNKNOWN).number(),
        risk_tier: args.risk.unwrap_or(RiskTier::UNKNOWN).number(),
    })
}

fn check(path: &std::path::Path, outcome: Result<(), Vec<Problem>>) -> Result<(), Failure> {
    let problems = match outcome {
        Ok(()) => return Ok(()),
        Err(problems) => problems,
    };
    let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    let count = if problems.len() == 1 { "a problem".to_owned() } else { format!("{} problems", problems.len()) };
    Err(Failure::usage(format!("{} has {count}:{}", path.display(), lines.concat()))
        .means("nothing was drafted")
        .next("correct the file; `varde alert draft --kind KIND --template` prints a valid one")
        .reason("draft-file"))
}

/// The same of a whole file whose kind the node knows.
pub(super) fn check_file(path: &std::path::Path, text: &str, now: Timestamp) -> Result<(), Failure> {
    check(path, draft::read(text, None, rehearsal(now)).map(drop))
}

fn not_drafted(kind: AlertKind) -> Failure {
    Failure::usage(format!("{kind} cannot be drafted"))
        .next("only MODUS_OPERANDI, ROUTE_CORRIDOR and MISSING_CHILD_POINTER are drawn from records; for another use --template and --from")
        .reason("kind")
}

fn read_quarter(text: &str) -> Result<Period, String> {
    match Period::parse(text) {
        Ok(period @ Period::Quarter(..)) => Ok(period),
        Ok(_) | Err(_) => Err(format!("a quarter is written like 2026-Q3, not {text:?}")),
    }
}

fn read_country(text: &str) -> Result<(CountryRole, Country), String> {
    let (role, country) = text.split_once('=').ok_or("write it like EXPLOITATION=NO")?;
    let country = Country::parse(country)
        .map_err(|_| format!("a country is written in two capital letters, like NO, not {country:?}"))?;
    Ok((read_code(role)?, country))
}
