//! The application: a notebook, in which users read and write their own notes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode};
use ntlm::UserName;
use ntlm::server::Identity;

use crate::accounts::AccountId;
use crate::same_site::is_from_another_site;

/// The routes of the notebook, without a login.
pub fn router() -> Router {
    Router::new()
        .route("/", get(greet))
        .route("/notes", get(read_notes).post(write_note))
        .with_state(Arc::default())
        .layer(DefaultBodyLimit::max(MAX_NOTE_LEN))
        .layer(map_response(forbid_storing))
}

/// Forbids caching: otherwise a cache could send the page of one user to another.
async fn forbid_storing(mut response: Response) -> Response {
    let value = HeaderValue::from_static("private, no-store");
    response.headers_mut().insert(CACHE_CONTROL, value);
    response
}

/// The notes of each account. The key is not the user's name, because one account can have several.
#[derive(Debug, Default)]
struct Notebook {
    notes: HashMap<AccountId, Vec<String>>,
}

impl Notebook {
    fn read(&self, account: &AccountId) -> String {
        self.notes.get(account).map(|notes| notes.concat()).unwrap_or_default()
    }

    /// Adds a note and returns the number of notes of the account; `None` if the limit is reached.
    fn write(&mut self, account: AccountId, note: String) -> Option<usize> {
        let notes = self.notes.entry(account).or_default();
        if notes.len() >= MOST_NOTES {
            return None;
        }
        notes.push(note + "\n");
        Some(notes.len())
    }
}

async fn greet(Extension(identity): Extension<Identity>) -> String {
    format!("Hello, {}.\n", name(&identity))
}

async fn read_notes(
    State(notebook): State<Arc<Mutex<Notebook>>>,
    Extension(account): Extension<AccountId>,
) -> String {
    notebook.lock().unwrap_or_else(PoisonError::into_inner).read(&account)
}

async fn write_note(
    State(notebook): State<Arc<Mutex<Notebook>>>,
    Extension(identity): Extension<Identity>,
    Extension(account): Extension<AccountId>,
    headers: HeaderMap,
    note: String,
) -> (StatusCode, String) {
    if is_from_another_site(&headers) {
        return (StatusCode::FORBIDDEN, "Another site must not write notes.\n".into());
    }
    match notebook.lock().unwrap_or_else(PoisonError::into_inner).write(account, note) {
        Some(count) => (StatusCode::OK, format!("{} has {count} notes.\n", name(&identity))),
        None => (StatusCode::INSUFFICIENT_STORAGE, "The notebook is full.\n".into()),
    }
}

/// The policy accepts neither guests nor anonymous clients.
fn name(identity: &Identity) -> UserName {
    identity.user().cloned().unwrap_or_default()
}

const MAX_NOTE_LEN: usize = 4096;
/// The most notes of one account.
const MOST_NOTES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_has_its_own_notes_up_to_a_limit() {
        let mut notebook = Notebook::default();
        let [alice, bob] = ["S-1-5-21-1", "S-1-5-21-2"].map(|sid| AccountId::Sid(sid.into()));
        for count in 1..=MOST_NOTES {
            assert_eq!(notebook.write(alice.clone(), "milk".into()), Some(count));
        }
        assert_eq!(notebook.write(alice.clone(), "eggs".into()), None);
        assert_eq!(notebook.write(bob.clone(), "eggs".into()), Some(1));
        assert_eq!(notebook.read(&bob), "eggs\n");
        assert_eq!(notebook.read(&alice), "milk\n".repeat(MOST_NOTES));
    }
}
