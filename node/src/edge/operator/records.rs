//! `varde.operator.v1.Records`: records in, by batches; how many are held. What a row says is read in [`convert`]; what
//! becomes of it is decided in [`crate::flow::intake`].

mod convert;

use super::stories::no_room;
use crate::edge::status::{Class, Trouble};
use crate::flow::intake::{self, Taken};
use crate::flow::ledger::{CommitError, Ledger};
use crate::flow::records;
use crate::flow::room::Room;
use crate::national::record::Refusal;
use crate::port::StoreError;
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use varde_proto::limits;
use varde_proto::wire::operator::records_server::{Records, RecordsServer};
use varde_proto::wire::operator::{CountReply, CountRequest, ImportAnswer, ImportBatch, RowRefusal};

/// Answers that may wait for a reader; with the batch in work, all that an import holds in memory.
const WAITING: usize = 2;

/// The service over a ledger.
pub fn records_service(ledger: Ledger) -> RecordsServer<Service> {
    RecordsServer::new(Service { ledger }).max_decoding_message_size(limits::IMPORT_BATCH_BYTES + 4096)
}

/// The service; see [`records_service`].
pub struct Service {
    ledger: Ledger,
}

#[tonic::async_trait]
impl Records for Service {
    type ImportStream = ReceiverStream<Result<ImportAnswer, Status>>;

    async fn import(&self, request: Request<Streaming<ImportBatch>>) -> Result<Response<Self::ImportStream>, Status> {
        let (answers, reader) = mpsc::channel(WAITING);
        let (ledger, mut batches) = (self.ledger.clone(), request.into_inner());
        tokio::spawn(async move {
            loop {
                let answer = match batches.message().await {
                    Ok(Some(batch)) => take(&ledger, batch).await.map_err(Trouble::for_staff),
                    Ok(None) => return,
                    Err(status) => Err(status),
                };
                let last = answer.is_err();
                if answers.send(answer).await.is_err() || last {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(reader)))
    }

    async fn count(&self, _request: Request<CountRequest>) -> Result<Response<CountReply>, Status> {
        let held = records::held(&self.ledger).map_err(|e| Trouble::incident(&e).for_staff())?;
        Ok(Response::new(CountReply { records: held.records, children: held.children }))
    }
}

async fn take(ledger: &Ledger, batch: ImportBatch) -> Result<ImportAnswer, Trouble> {
    if ledger.space().room() == Room::None {
        return Err(no_room());
    }
    check_size(&batch)?;
    let ImportBatch { dry_run, rows } = batch;
    let mut batch = Vec::with_capacity(rows.len());
    let mut refused = Vec::new();
    for row in rows {
        let line = row.line;
        match convert::row(row) {
            Ok(row) => batch.push(row),
            Err(refusal) => refused.push((line, refusal)),
        }
    }
    let taken = if dry_run { intake::rehearse(ledger, batch).await } else { intake::take(ledger, batch).await };
    let Taken { added, known, refused: also } = taken.map_err(failed)?;
    refused.extend(also);
    refused.sort_by_key(|(line, _)| *line);
    Ok(ImportAnswer { added, known, refused: refused.into_iter().map(refusal).collect() })
}

fn check_size(batch: &ImportBatch) -> Result<(), Trouble> {
    let (rows, bytes) = (batch.rows.len(), batch.encoded_len());
    if rows <= limits::IMPORT_BATCH_ROWS && bytes <= limits::IMPORT_BATCH_BYTES {
        return Ok(());
    }
    let what = format!(
        "a batch of {rows} rows and {bytes} bytes is over the bound of {} rows and {} bytes",
        limits::IMPORT_BATCH_ROWS,
        limits::IMPORT_BATCH_BYTES
    );
    Err(Trouble::new(Class::Change, "batch-too-large", what).means("nothing of this batch was stored"))
}

fn failed(error: CommitError<StoreError>) -> Trouble {
    Trouble::incident(&error)
        .means("what was counted before is stored; of this batch nothing was confirmed")
        .next("start the node again, then import the same file: rows that are held already are not taken twice")
}

fn refusal((line, Refusal { field, reason }): (u64, Refusal)) -> RowRefusal {
    RowRefusal { line, column: field.to_owned(), reason: reason.code().to_owned() }
}
