//! Which collections this run works with: marked in Milvus while the run lives, and looked at again
//! and again.
//!
//! Names of collections are anybody's. So a run remembers the *id* that it created or found, marks
//! that collection with an alias that says who and when ([`crate::operation::mark`]), renews it,
//! and sees it when the name leads to another id.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::task::JoinHandle;

use crate::{
    milvus::{Client, SetupError, methods, proto},
    operation::{
        mark::{self, RunMark},
        setup,
    },
};

/// Time between two renewals; a run that did not renew for [`mark::LIVES_S`] is taken for dead.
const RENEWED_EVERY: Duration = Duration::from_secs(20);

/// A collection that this run created or found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its name in the plan.
    pub name: String,
    /// Milvus' id of it; 0 from milvus-lite, which gives none.
    pub id: i64,
    /// Its description, which names the run that created it: where there are no ids, it is what
    /// tells two collections apart.
    description: String,
    /// The alias by which it is marked; None where Milvus takes no mark, or nothing may be changed.
    alias: Option<String>,
}

/// The collections of one run. Clones share them.
#[derive(Clone, Debug)]
pub struct Claims {
    client: Client,
    database: String,
    run: RunMark,
    held: Arc<Mutex<Vec<Held>>>,
    /// Names of collections that this run created on a server that keeps no descriptions.
    undescribed: Arc<Mutex<Vec<String>>>,
    lost: Arc<Mutex<Option<(String, String)>>>,
}

/// Ends the renewing when it is dropped.
#[derive(Debug)]
pub struct Renewing(JoinHandle<()>);

impl Drop for Renewing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Claims {
    /// Of the run with this name and nonce (16 hex digits), in `database`; None for the default
    /// one.
    #[must_use]
    pub fn new(client: Client, database: Option<&str>, run: &str, nonce: &str) -> Self {
        let run = RunMark {
            nonce: nonce.to_owned(),
            run: run.to_owned(),
            at: 0,
        };
        Self {
            client,
            database: database.unwrap_or_default().to_owned(),
            run,
            held: Arc::default(),
            undescribed: Arc::default(),
            lost: Arc::default(),
        }
    }

    /// Renews the marks from now on, within the present runtime.
    #[must_use]
    pub fn renew(&self) -> Renewing {
        let claims = self.clone();
        Renewing(tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEWED_EVERY).await;
                claims.renew_once().await;
            }
        }))
    }

    /// What this run holds.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        lock(&self.held).clone()
    }

    /// The id that this run created or found under `name`.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<i64> {
        lock(&self.held)
            .iter()
            .find(|held| held.name == name)
            .map(|held| held.id)
    }

    /// The first collection that was found to be another one, and what was found, in words.
    #[must_use]
    pub fn lost(&self) -> Option<(String, String)> {
        lock(&self.lost).clone()
    }

    /// This run at this moment, by Milvus' clock where it tells it: clocks of two clients may
    /// differ.
    pub async fn now(&self) -> RunMark {
        RunMark {
            at: now(&self.client).await,
            ..self.run.clone()
        }
    }

    /// Remembers that `name` is the collection that was `found`, and marks it if `marked`. An error
    /// says why Milvus takes no mark; the id is remembered all the same.
    ///
    /// # Errors
    /// Milvus refuses the alias.
    pub async fn hold(
        &self,
        name: &str,
        found: &proto::DescribeCollectionResponse,
        marked: bool,
    ) -> Result<(), SetupError> {
        let id = found.collection_id;
        let alias = if marked {
            Some(self.put(name, id).await)
        } else {
            None
        };
        let (alias, refused) = match alias {
            Some(Ok(alias)) => (Some(alias), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let mut held = lock(&self.held);
        held.retain(|held| held.name != name);
        held.push(Held {
            name: name.to_owned(),
            id,
            description: description(found).to_owned(),
            alias,
        });
        refused.map_or(Ok(()), Err)
    }

    /// Takes the mark off, and forgets the collection.
    pub async fn release(&self, name: &str) {
        let held = {
            let mut all = lock(&self.held);
            all.iter()
                .position(|held| held.name == name)
                .map(|at| all.remove(at))
        };
        if let Some(alias) = held.and_then(|held| held.alias) {
            // One that stays is of a dead run in a minute.
            let _ = self.remove(&alias).await;
        }
    }

    /// Takes every mark off.
    pub async fn release_all(&self) {
        for held in self.held() {
            self.release(&held.name).await;
        }
    }

    /// Other runs that live and have marked the collection that was `found`.
    pub async fn others(&self, found: &proto::DescribeCollectionResponse) -> Vec<RunMark> {
        let mut marks: Vec<RunMark> = marks(found)
            .map(|(_, mark)| mark)
            .filter(|mark| mark.nonce != self.run.nonce)
            .collect();
        if !marks.is_empty() {
            let now = now(&self.client).await;
            marks.retain(|mark| mark.lives(now));
        }
        marks
    }

    /// Takes marks of dead runs and of this one off the collection that was `found`: newer versions
    /// drop no collection that has aliases.
    ///
    /// # Errors
    /// Milvus refuses.
    pub async fn clear(&self, found: &proto::DescribeCollectionResponse) -> Result<(), SetupError> {
        for (alias, _) in marks(found) {
            self.remove(alias).await?;
        }
        Ok(())
    }

    /// Takes marks of dead runs off the collection that was `found`.
    pub async fn tidy(&self, found: &proto::DescribeCollectionResponse) {
        let living = self.others(found).await;
        for (alias, _) in
            marks(found).filter(|(_, mark)| mark.nonce != self.run.nonce && !living.contains(mark))
        {
            // One that stays does no harm.
            let _ = self.remove(alias).await;
        }
    }

    /// Whether the collection that was `found` under `name` is one that this run created. Where the
    /// server keeps no descriptions, that it was created under this name is all that is known.
    #[must_use]
    pub fn created(&self, name: &str, found: &proto::DescribeCollectionResponse) -> bool {
        match creator(found) {
            Some(creator) => creator.nonce == self.run.nonce,
            None => {
                description(found).is_empty()
                    && lock(&self.undescribed).iter().any(|known| known == name)
            }
        }
    }

    /// Notes that this run created `name` and that the server, asked for it, gave no description
    /// back, as milvus-lite 3.2.2 does. True if that is what was `found`.
    #[must_use]
    pub fn note_undescribed(&self, name: &str, found: &proto::DescribeCollectionResponse) -> bool {
        let is_undescribed = description(found).is_empty();
        if is_undescribed {
            lock(&self.undescribed).push(name.to_owned());
        }
        is_undescribed
    }

    /// Looks whether `name` still leads to the collection that this run holds: None if so, else
    /// what was found, in words. Where Milvus does not answer, nothing is known, and nothing is
    /// said.
    pub async fn changed(&self, name: &str) -> Option<String> {
        let held = self.held().into_iter().find(|held| held.name == name)?;
        let found = self.client.describe_collection(name).await.ok()?;
        let words = match found {
            Some(found)
                if found.collection_id == held.id && description(&found) == held.description =>
            {
                return None;
            }
            Some(found) => describe_other(&found),
            None => "it no longer exists".to_owned(),
        };
        lock(&self.lost).get_or_insert((name.to_owned(), words.clone()));
        Some(words)
    }

    async fn put(&self, name: &str, id: i64) -> Result<String, SetupError> {
        let alias = self.now().await.alias(id);
        let _: proto::Status = self
            .client
            .call(
                &methods::CREATE_ALIAS,
                &setup::create_alias(&self.database, name, &alias),
                b"",
            )
            .await?;
        Ok(alias)
    }

    async fn remove(&self, alias: &str) -> Result<(), SetupError> {
        let _: proto::Status = self
            .client
            .call(
                &methods::DROP_ALIAS,
                &setup::drop_alias(&self.database, alias),
                b"",
            )
            .await?;
        Ok(())
    }

    /// A new alias before the old one goes, so that there is one at every moment. One that fails is
    /// tried again at the next turn.
    async fn renew_once(&self) {
        for held in self.held() {
            if self.changed(&held.name).await.is_some() {
                continue;
            }
            let Some(old) = &held.alias else { continue };
            let Ok(new) = self.put(&held.name, held.id).await else {
                continue;
            };
            if new != *old {
                let _ = self.remove(old).await;
            }
            let kept = lock(&self.held)
                .iter_mut()
                .find(|other| other.name == held.name)
                .map(|held| held.alias = Some(new.clone()));
            if kept.is_none() {
                // It was released meanwhile.
                let _ = self.remove(&new).await;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since 1970.
async fn now(client: &Client) -> u64 {
    let reply: Result<proto::AllocTimestampResponse, _> = client
        .call(
            &methods::ALLOC_TIMESTAMP,
            &proto::AllocTimestampRequest::default(),
            b"",
        )
        .await;
    match reply {
        // A hybrid timestamp: milliseconds above 18 logical bits.
        Ok(reply) if reply.timestamp >> 18 > 0 => (reply.timestamp >> 18) / 1000,
        _ => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs(),
    }
}

/// Aliases of a collection that are marks of runs.
fn marks(found: &proto::DescribeCollectionResponse) -> impl Iterator<Item = (&str, RunMark)> {
    found
        .aliases
        .iter()
        .filter_map(|alias| Some((alias.as_str(), RunMark::of_alias(alias)?)))
}

fn description(found: &proto::DescribeCollectionResponse) -> &str {
    found
        .schema
        .as_ref()
        .map_or("", |schema| schema.description.as_str())
}

/// The run that created a collection, where its description says so.
pub(super) fn creator(found: &proto::DescribeCollectionResponse) -> Option<RunMark> {
    mark::of_description(description(found)).and_then(|mark| mark.creator)
}

/// Whose a collection is that took the place of another one.
pub(super) fn describe_other(found: &proto::DescribeCollectionResponse) -> String {
    match creator(found) {
        Some(creator) => format!(
            "run {} of milvus-bench created another one of its name",
            creator.run
        ),
        None => "another one has its name".to_owned(),
    }
}
