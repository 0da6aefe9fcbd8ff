//! Runs the steps of a scenario, and returns their results in the README's words.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use countersign_core::{Client, Error, Revocation, Secret, Token};
use serde_json::{Value, json};

use crate::client::Maker;
use crate::run::{Seen, Stop};
use crate::scenario::{Action, Facts, Step};
use crate::stage::Stage;

/// A scenario's client, and the tokens that have a name.
pub(crate) struct Steps<'a> {
    stage: &'a Stage,
    maker: &'a Maker<'a>,
    client: Client,
    tokens: Vec<(String, Token)>,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(stage: &'a Stage, maker: &'a Maker<'a>, client: Client) -> Self {
        Self {
            stage,
            maker,
            client,
            tokens: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self, step: &Step) -> Result<Seen, Stop> {
        let client = &self.client;
        match &step.action {
            Action::Token { min_valid_s: None } => self.token(step, client.token()),
            Action::Token {
                min_valid_s: Some(min_valid_s),
            } => self.token(
                step,
                client.token_valid_for(Duration::from_secs(*min_valid_s)),
            ),
            Action::Refresh {} => self.token(step, client.refresh_now()),
            Action::Login { decision } => {
                let result = self.login(decision)?;
                self.token(step, result)
            }
            Action::Threads { count } => self.threads(step, *count),
            Action::Invalidate { token } => {
                let named = self.tokens.iter().rev().find(|(name, _)| name == token);
                let (_, token) = named.ok_or_else(|| format!("no token has the name {token}"))?;
                client.invalidate(token);
                done()
            }
            Action::Identity {} => match client.identity() {
                Ok(extra) => facts(json!({ "extra": extra })),
                Err(error) => Ok(Seen::Failed(error_facts(&error))),
            },
            Action::Forget { force } => self.forget(*force),
            Action::Drain {} => {
                let drained = client.drain(Duration::from_secs(10));
                drained.map_err(|error| format!("not drained: {error}"))?;
                done()
            }
            Action::Counts {} => self.counts(),
            Action::Advance { s } => {
                let ahead = self.maker.clock.advance(*s);
                self.stage
                    .post("/_sandbox/clock", &json!({ "offset_s": ahead }))?;
                done()
            }
            Action::Sandbox { post, body } => {
                self.stage.post(post, body)?;
                done()
            }
            Action::Reopen {} => match self.maker.client() {
                Ok(client) => {
                    self.client = client;
                    done()
                }
                Err(error) => Ok(Seen::Failed(error_facts(&error))),
            },
            Action::Cancel {} => self.cancel(),
            Action::Api { path } => self.api(path),
            Action::Events {} => {
                let heard = &self.maker.heard;
                let read = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::SeqCst);
                facts(json!({
                    "obtained": read(&heard.obtained),
                    "rotated": read(&heard.rotated),
                    "forgotten": read(&heard.forgotten),
                }))
            }
            Action::CloseInUse { .. } => Err(Stop::NotApplicable(
                "a client is dropped with its last handle, and each thread has its own: nothing closes it while in use"
                    .into(),
            )),
            Action::Collect { rounds } => self.collect(*rounds),
        }
    }

    fn forget(&self, force: bool) -> Result<Seen, Stop> {
        let result = match force {
            true => self.client.force_forget(),
            false => self.client.forget(),
        };
        match result {
            Ok(revocation) => facts(json!({ "revocation": word(&revocation)? })),
            Err(error) => Ok(Seen::Failed(error_facts(&error))),
        }
    }

    /// Describes a token or an error. Keeps the token if the step names it.
    fn token(&mut self, step: &Step, result: Result<Token, Error>) -> Result<Seen, Stop> {
        let token = match result {
            Ok(token) => token,
            Err(error) => return Ok(Seen::Failed(error_facts(&error))),
        };
        let seen = self.described(&token);
        if let Some(name) = &step.name {
            self.tokens.push((name.clone(), token));
        }
        Ok(seen)
    }

    fn described(&self, token: &Token) -> Seen {
        use countersign_core::Clock as _;
        let now = self.maker.clock.now().unix_s();
        let headers = token.headers().map(|headers| {
            let pair = |(name, value): (&str, Secret)| (name.to_owned(), value.expose().to_owned());
            headers.into_iter().map(pair).collect::<BTreeMap<_, _>>()
        });
        let described = json!({
            "source": token.source().as_str(),
            "token_type": token.token_type(),
            "scope": token.scope(),
            "expires_in_about_s": token.expires_at().map(|at| at - now),
            "extra": token.extra(),
            "headers": headers.as_ref().ok(),
            "headers_error": headers.as_ref().err().map(error_facts),
        });
        Seen::Token {
            facts: members(described),
            access: token.expose().to_owned(),
        }
    }

    fn login(&self, decision: &str) -> Result<Result<Token, Error>, Stop> {
        let login = match self.client.start_login(None) {
            Ok(login) => login,
            Err(error) => return Ok(Err(error)),
        };
        let page = format!("{}&_sandbox={decision}", login.url());
        let response = self.stage.get(&page, None)?;
        let back = response
            .location
            .ok_or_else(|| format!("response {} without a redirect", response.status))?;
        if !back.contains(login.state()) {
            return Err(format!("the login's state is not in {back}").into());
        }
        Ok(self.client.complete_login(&login, &back))
    }

    fn threads(&mut self, step: &Step, count: usize) -> Result<Seen, Stop> {
        let start = Barrier::new(count);
        let results: Vec<_> = std::thread::scope(|scope| {
            let ask = || {
                start.wait();
                self.client.token()
            };
            let threads: Vec<_> = (0..count).map(|_| scope.spawn(ask)).collect();
            let results = threads.into_iter().map(|thread| thread.join());
            results
                .map(|result| result.map_err(|_| "a thread panicked".to_owned()))
                .collect()
        });
        let mut all = Vec::new();
        for result in results {
            all.push(self.token(step, result?)?);
        }
        Ok(Seen::Each(all))
    }

    fn counts(&self) -> Result<Seen, Stop> {
        let counts = self.client.counts();
        facts(json!({
            "hits": counts.hits,
            "adopted": counts.adopted,
            "minted": counts.minted,
            "refreshed": counts.refreshed,
            "waits": counts.waits,
            "failures": counts.failures,
        }))
    }

    fn cancel(&self) -> Result<Seen, Stop> {
        let before = self.stage.requests()?.len();
        let mut call = Box::pin(self.client.token_async());
        let mut context = Context::from_waker(Waker::noop());
        let mut ended = || call.as_mut().poll(&mut context).is_ready();
        let started = Instant::now();
        // The first poll starts the call.
        while !ended() && self.stage.requests()?.len() == before {
            if started.elapsed() > Duration::from_secs(60) {
                return Err(Stop::Failed("no request was made within 60 s".into()));
            }
        }
        if ended() {
            let why = "the call ended before its caller gave up";
            return Err(Stop::Failed(why.into()));
        }
        let gave_up = Instant::now();
        drop(call);
        match gave_up.elapsed() < Duration::from_secs(3) {
            true => done(),
            false => Err(Stop::Failed("giving up took longer than 3 s".into())),
        }
    }

    /// Makes an API call as documented: after a 401, it is repeated once with another token.
    fn api(&self, path: &str) -> Result<Seen, Stop> {
        let before = self.stage.requests()?.len();
        let url = format!("{}{path}", self.stage.url());
        let call = |token: &Token| self.stage.get(&url, Some(token.authorization().expose()));
        let token = self.client.token().map_err(|e| e.to_string())?;
        let mut response = call(&token)?;
        if response.status == 401 {
            self.client.invalidate(&token);
            let token = self.client.token().map_err(|e| e.to_string())?;
            response = call(&token)?;
        }
        let requests = self.stage.requests()?.len() - before;
        facts(json!({ "status": response.status, "token_requests": requests }))
    }

    fn collect(&self, rounds: usize) -> Result<Seen, Stop> {
        for round in 0..rounds {
            let own = self.client.token().map_err(|e| e.to_string())?;
            let other = self.maker.client().and_then(|other| other.token());
            let other = other.map_err(|e| e.to_string())?;
            if own.expose() != other.expose() {
                return Err(Stop::Failed(format!("round {round}: another token")));
            }
        }
        done()
    }
}

/// Returns an error in the README's words. What is absent is null.
pub(crate) fn error_facts(error: &Error) -> Facts {
    members(json!(error))
}

fn word(revocation: &Revocation) -> Result<&'static str, Stop> {
    match revocation {
        Revocation::Revoked => Ok("revoked"),
        Revocation::NotOffered => Ok("not_offered"),
        Revocation::NothingHeld => Ok("nothing_held"),
        Revocation::Failed(_) => Ok("failed"),
        other => Err(Stop::Failed(format!(
            "the README has no word for {other:?}"
        ))),
    }
}

fn done() -> Result<Seen, Stop> {
    Ok(Seen::Facts(Facts::new()))
}

fn facts(value: Value) -> Result<Seen, Stop> {
    Ok(Seen::Facts(members(value)))
}

fn members(value: Value) -> Facts {
    match value {
        Value::Object(members) => members,
        other => unreachable!("{other} is an object"),
    }
}
