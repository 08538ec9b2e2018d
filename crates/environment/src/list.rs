//! Lists: a page of rows and how to get the next.

use serde_json::{Value as Json, json};
use url::form_urlencoded;

use crate::{
    query::{Cursor, Paging},
    refusal::{Refusal, shortened},
};

/// Rows of a page, read in list order, and whether there are more in the direction of the paging.
pub(crate) struct Rows<T> {
    pub(crate) data: Vec<T>,
    pub(crate) has_more: bool,
}

impl<T> Rows<T> {
    /// Cuts a read of one row more than the page holds: the extra row tells whether there are more, whichever way the client
    /// pages.
    pub(crate) fn cut(mut data: Vec<T>, paging: &Paging) -> Self {
        let limit = paging.limit as usize;
        let has_more = data.len() > limit;
        if has_more && paging.is_backward() {
            data.drain(..data.len() - limit);
        }
        data.truncate(limit);
        Self { data, has_more }
    }

    /// The page of a list that is short enough to be held as a whole.
    pub(crate) fn of_all(
        mut data: Vec<T>,
        paging: &Paging,
        noun: &str,
        id: impl Fn(&T) -> String,
    ) -> Result<Self, Refusal> {
        let place = |wanted: &str| {
            data.iter()
                .position(|row| id(row) == wanted)
                .ok_or_else(|| paging.unknown_cursor(format!("{noun} with id '{}' not found", shortened(wanted))))
        };
        match &paging.cursor {
            Cursor::Start => {}
            Cursor::After(wanted) => {
                let place = place(wanted)?;
                data.drain(..=place);
            }
            Cursor::Before(wanted) => {
                let place = place(wanted)?;
                data.truncate(place);
            }
        }
        Ok(Self::cut(data, paging))
    }
}

/// The list object. `url` is relative to the API's base, as in Userflow; `next_page_url` goes on in the direction of the
/// paging, with everything else as it was asked.
pub(crate) fn render(url: &str, query: &str, paging: &Paging, rows: Rows<Json>) -> Json {
    let (cursor, edge) =
        if paging.is_backward() { ("ending_before", rows.data.first()) } else { ("starting_after", rows.data.last()) };
    let edge = edge.and_then(|row| row["id"].as_str());
    let next_page_url = edge.filter(|_| rows.has_more).map(|id| {
        let kept = form_urlencoded::parse(query.as_bytes())
            .filter(|(key, _)| !matches!(key.as_ref(), "starting_after" | "ending_before"));
        let next = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair(cursor, id).finish();
        format!("{url}?{next}")
    });
    json!({
        "object": "list",
        "data": rows.data,
        "has_more": rows.has_more,
        "url": url,
        "next_page_url": next_page_url,
    })
}
