//! The connection pool of one server. A thread of the store drives the connections, and callers
//! block, even inside another async runtime.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_store::{Durability, Error};
use countersign_store_address::{Address, NoResponse, failed, forked};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage};

use crate::connect::{Login, explain};
use crate::sqlstate::{self, Meaning, meaning};
use crate::statement::Param;

pub(crate) struct Server {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
    /// The process that opened the store. A forked child doesn't have the store's thread.
    process: u32,
}

struct Shared {
    address: Address,
    login: Mutex<Login>,
    timeout: Duration,
    permits: Semaphore,
    idle: Mutex<Vec<Client>>,
    promised: Mutex<Durability>,
}

/// Rows, and whether the statement may have been carried out before.
pub(crate) struct Response {
    pub(crate) rows: Vec<Row>,
    pub(crate) resent: bool,
}

/// Why a batch failed.
pub(crate) enum Trouble {
    /// The SQLSTATE and the server's message.
    Sql(String, String),
    Other(Error),
}

impl Server {
    /// Connects once, to check the server.
    pub(crate) fn open(mut address: Address) -> Result<Self, Error> {
        let timeout = address.timeout()?;
        let max: usize = address.read("pool", 4)?;
        let login = Login::read(&mut address, timeout)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("countersign-postgres")
            .enable_all()
            .build()
            .map_err(|error| {
                failed(format!(
                    "cannot start a thread for the store's connections: {error}"
                ))
            })?;
        let server = Self {
            shared: Arc::new(Shared {
                address,
                login: Mutex::new(login),
                timeout,
                permits: Semaphore::new(max.clamp(1, 1000)),
                idle: Mutex::default(),
                promised: Mutex::new(Durability::Ephemeral),
            }),
            runtime: Some(runtime),
            process: std::process::id(),
        };
        let client = server.on_thread(|shared| async move {
            shared.connect(Instant::now() + shared.timeout).await
        })??;
        server.shared.idle().push(client);
        Ok(server)
    }

    pub(crate) fn address(&self) -> &Address {
        &self.shared.address
    }

    /// Returns whether this process is a forked child of the one that opened the store.
    pub(crate) fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    pub(crate) fn user(&self) -> String {
        self.shared.login().user.clone()
    }

    pub(crate) fn durability(&self) -> Durability {
        *self.shared.promised()
    }

    /// Runs a statement that may safely run twice. If its response is lost, it is sent again until
    /// there is one or the time is up.
    pub(crate) fn run(&self, sql: &Arc<str>, params: Vec<Param>) -> Result<Response, NoResponse> {
        let sql = Arc::clone(sql);
        if self.is_forked() {
            return Err(NoResponse::NotDone(forked(self.address())));
        }
        let done = self.on_thread(|shared| async move { shared.run(&sql, &params).await });
        // It was started, and may still be carried out.
        done.map_err(NoResponse::Unknown)?
    }

    /// Runs several statements as one transaction. Returns the first column of the last row.
    pub(crate) fn batch(&self, sql: &str) -> Result<Option<String>, Trouble> {
        let sql = sql.to_owned();
        let done = self.on_thread(|shared| async move { shared.batch(&sql).await });
        done.map_err(Trouble::Other)?
    }

    /// Runs work on the store's thread and waits for it.
    fn on_thread<F, T>(&self, work: impl FnOnce(Arc<Shared>) -> F) -> Result<T, Error>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let at = &self.shared.address;
        let runtime = match &self.runtime {
            Some(runtime) if !self.is_forked() => runtime,
            _ => return Err(forked(at)),
        };
        let (sender, receiver) = mpsc::sync_channel(1);
        let work = work(Arc::clone(&self.shared));
        runtime.spawn(async move {
            // If it is late, the receiver is gone.
            let _ = sender.send(work.await);
        });
        // All work has the timeout, and a second to cancel a statement.
        let longest = self.shared.timeout * 2 + Duration::from_secs(2);
        receiver.recv_timeout(longest).map_err(|error| match error {
            RecvTimeoutError::Disconnected => {
                failed(format!("the thread of the store at {at} has ended"))
            }
            RecvTimeoutError::Timeout => {
                let waited = longest.as_secs();
                failed(format!("{at} did not respond within {waited} s"))
            }
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            match self.process == std::process::id() {
                // Don't wait: this may be a thread of another runtime.
                true => runtime.shutdown_background(),
                // In a forked child, the thread to stop is the parent's.
                false => std::mem::forget(runtime),
            }
        }
    }
}

impl Shared {
    async fn run(&self, sql: &str, params: &[Param]) -> Result<Response, NoResponse> {
        let deadline = Instant::now() + self.timeout;
        let busy = || {
            let message = format!("all connections to {} are busy", self.address);
            failed(message).with_hint("raise the option pool in `store`")
        };
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        let _permit = permit.map_err(|_| NoResponse::NotDone(busy()))?;
        let mut lost: Option<Error> = None;
        let mut pause = Duration::from_millis(2);
        loop {
            let failure = match self.take(deadline).await {
                Err(error) => Failure::Rejected(error),
                Ok(client) => match self.ask(&client, sql, params, deadline).await {
                    Ok(rows) => {
                        self.idle().push(client);
                        let resent = lost.is_some();
                        return Ok(Response { rows, resent });
                    }
                    Err(failure) => {
                        if matches!(failure, Failure::Rejected(_) | Failure::Conflict(_)) {
                            self.idle().push(client);
                        }
                        failure
                    }
                },
            };
            let over = Instant::now() + pause >= deadline;
            match (failure, lost.take()) {
                (Failure::Lost(error), _) if over => return Err(NoResponse::Unknown(error)),
                (Failure::Lost(error), _) => lost = Some(error),
                (Failure::Rejected(error), None) => return Err(NoResponse::NotDone(error)),
                (Failure::Conflict(error) | Failure::ReadOnly(error), None) if over => {
                    return Err(NoResponse::NotDone(error));
                }
                (_, None) => {}
                (_, Some(first)) if over => return Err(NoResponse::Unknown(first)),
                // The lost statement may have been carried out, whatever failed now: try again.
                (_, first) => lost = first,
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    async fn ask(
        &self,
        client: &Client,
        sql: &str,
        params: &[Param],
        deadline: Instant,
    ) -> Result<Vec<Row>, Failure> {
        let typed: Vec<_> = params.iter().map(Param::typed).collect();
        let typed: Vec<(&(dyn ToSql + Sync), Type)> = typed
            .iter()
            .map(|(value, kind)| (value.as_ref() as &(dyn ToSql + Sync), kind.clone()))
            .collect();
        let mut query = std::pin::pin!(client.query_typed(sql, &typed));
        let response = match timeout_at(deadline, query.as_mut()).await {
            Ok(response) => response,
            Err(_) => {
                // A cancelled statement has a known outcome.
                let grace = Duration::from_millis(500);
                let _ = timeout(grace, self.cancel(client)).await;
                match timeout(grace, query.as_mut()).await {
                    Ok(response) => response,
                    Err(_) => {
                        let (at, waited) = (&self.address, self.timeout.as_millis());
                        let message =
                            format!("{at} did not respond within {waited} ms (timeout_ms)");
                        return Err(Failure::Lost(failed(message)));
                    }
                }
            }
        };
        response.map_err(|error| {
            let text = explain(&self.address, &error);
            match error.code().map(|code| meaning(code.code())) {
                Some(Meaning::RolledBack) => Failure::Rejected(text),
                Some(Meaning::Conflict) => Failure::Conflict(text),
                Some(Meaning::ReadOnly) => Failure::ReadOnly(text),
                Some(Meaning::Lost) | None => Failure::Lost(text),
            }
        })
    }

    async fn batch(&self, sql: &str) -> Result<Option<String>, Trouble> {
        let deadline = Instant::now() + self.timeout;
        let client = self.take(deadline).await.map_err(Trouble::Other)?;
        let late = || {
            failed(format!(
                "{} did not respond in time (timeout_ms)",
                self.address
            ))
        };
        let response = timeout_at(deadline, client.simple_query(sql)).await;
        let response = response.map_err(|_| Trouble::Other(late()))?;
        match response {
            Ok(messages) => {
                self.idle().push(client);
                let first = |message: &SimpleQueryMessage| match message {
                    SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                    _ => None,
                };
                Ok(messages.iter().filter_map(first).next_back())
            }
            Err(error) => Err(match error.as_db_error() {
                Some(error) => {
                    let (code, message) = (error.code().code(), error.message());
                    Trouble::Sql(code.to_owned(), message.to_owned())
                }
                None => Trouble::Other(explain(&self.address, &error)),
            }),
        }
    }

    async fn cancel(&self, client: &Client) {
        let token = client.cancel_token();
        let tls = self.login().tls.clone();
        // The statement itself reports the result.
        let _ = match tls {
            Some(tls) => token.cancel_query(tls).await,
            None => token.cancel_query(NoTls).await,
        };
    }

    async fn take(&self, deadline: Instant) -> Result<Client, Error> {
        loop {
            let Some(client) = self.idle().pop() else {
                return self.connect(deadline).await;
            };
            // Its task notices a closed connection even while it is idle.
            if !client.is_closed() {
                return Ok(client);
            }
        }
    }

    /// Opens a connection, and checks that the server is still as durable as before.
    async fn connect(&self, deadline: Instant) -> Result<Client, Error> {
        let at = &self.address;
        let mut login = self.login().clone();
        login.reread(at);
        let connected = timeout_at(deadline, login.connect(at)).await;
        let late = |_| failed(format!("cannot connect to {at} in time (timeout_ms)"));
        let (client, facts) = connected.map_err(late)??;
        *self.login() = login;
        let mut promised = self.promised();
        if facts.durability < *promised {
            return Err(failed(format!(
                "{at} is less durable than when this program started: {:?}, was {promised:?}",
                facts.durability
            ))
            .with_hint("check the server's fsync and full_page_writes, or restart this program"));
        }
        *promised = facts.durability;
        Ok(client)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn login(&self) -> MutexGuard<'_, Login> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn promised(&self) -> MutexGuard<'_, Durability> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a statement failed.
enum Failure {
    /// It was rolled back.
    Rejected(Error),
    /// It was rolled back, and may succeed if it is sent again.
    Conflict(Error),
    /// It was rolled back, and the server accepts no writes.
    ReadOnly(Error),
    /// Its outcome is unknown.
    Lost(Error),
}

impl Trouble {
    pub(crate) fn into_error(self, at: &Address) -> Error {
        match self {
            Self::Sql(code, message) => sqlstate::explain(at, &code, &message),
            Self::Other(error) => error,
        }
    }
}

#[cfg(test)]
impl Server {
    /// Makes the store look as if another process had opened it.
    pub(crate) fn pretend_to_be_of(&mut self, process: u32) {
        self.process = process;
    }
}
