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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::Query;

    /// The pages that a client gets which follows `next_page_url` from there to the end.
    fn follow(all: &[String], query: &str) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        let mut query = query.to_owned();
        loop {
            let paging = Paging::take(&mut Query::parse(&query)).unwrap();
            let rows = Rows::of_all(all.to_vec(), &paging, "Row", String::clone).unwrap();
            let data = rows.data.iter().map(|id| json!({ "id": id })).collect();
            let list = render("/rows", &query, &paging, Rows { data, has_more: rows.has_more });
            assert_eq!(list["has_more"].as_bool().unwrap(), list["next_page_url"].is_string());
            pages.push(rows.data);
            match list["next_page_url"].as_str() {
                Some(url) => query = url.strip_prefix("/rows?").unwrap().to_owned(),
                None => return pages,
            }
        }
    }

    proptest! {
        #[test]
        fn pages_make_up_the_list_in_both_directions(
            ids in prop::collection::hash_set("[^\\pC]{1,6}", 0..60),
            limit in 1..100_usize,
        ) {
            let all: Vec<String> = ids.into_iter().collect();
            let forward = follow(&all, &format!("limit={limit}"));
            prop_assert_eq!(forward.concat(), all.clone());
            prop_assert!(forward.iter().rev().skip(1).all(|page| page.len() == limit));
            if let Some((last, before)) = all.split_last() {
                let query = form_urlencoded::Serializer::new(format!("limit={limit}")).append_pair("ending_before", last).finish();
                let backward: Vec<_> = follow(&all, &query).into_iter().rev().collect();
                prop_assert_eq!(backward.concat(), before);
                prop_assert!(backward.iter().skip(1).all(|page| page.len() == limit));
            }
        }

        #[test]
        fn no_query_string_makes_the_parser_panic(query in ".*", tail in "(&(limit|expand|expand\\[\\]|starting_after|order_by)=.*)*") {
            let mut query = Query::parse(&(query + &tail));
            let _ = Paging::take(&mut query);
            let _ = crate::query::take_order(&mut query, &["created_at"]);
            let _ = query.finish();
        }
    }
}
