//! The frame of the org's pages: escaping, the common head, the look.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// Text made safe for HTML and XML, between tags and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// A whole page. `body` is HTML already; `title` is text.
pub(crate) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    );
    let mut response = (status, Html(html)).into_response();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The cloud that stands for the org.
pub(crate) const CLOUD: &str = "<svg class=\"cloud\" viewBox=\"0 0 64 48\" aria-hidden=\"true\"><path fill=\"currentColor\" \
    d=\"M26 8a13 13 0 0 1 22 3 12 12 0 0 1 3 23.6 9.5 9.5 0 0 1-12 4 10.5 10.5 0 0 1-19 .5A11 11 0 0 1 5 31a9.5 9.5 0 0 1 2-15A12 12 0 0 1 26 8z\"/></svg>";

const STYLE: &str = "\
:root{--ink:#1b2733;--muted:#5c6b7a;--line:#dde3ea;--back:#f3f5f8;--blue:#0b5cab;--sky:#0d9dda;--red:#b3261e;--card:#fff}\
*{box-sizing:border-box}body{margin:0;font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:var(--ink);background:var(--back)}\
a{color:var(--blue);text-decoration:none}a:hover{text-decoration:underline}\
.cloud{width:2rem;height:1.4rem;color:var(--sky);vertical-align:middle}\
.bar{background:var(--card);border-bottom:3px solid var(--sky);padding:.6rem 1.5rem;display:flex;align-items:center;gap:1rem;flex-wrap:wrap}\
.bar .org{font-weight:650;color:var(--ink);font-size:1.05rem}.bar nav{display:flex;gap:.25rem;flex-wrap:wrap;flex:1}\
.bar nav a{padding:.35rem .75rem;border-radius:.4rem;color:var(--ink)}.bar nav a.on{background:#e4f1fb;color:var(--blue);font-weight:600}\
.bar nav a:hover{background:#eef3f8;text-decoration:none}.bar form{margin:0}.who{color:var(--muted);font-size:.9rem}\
main{max-width:72rem;margin:1.5rem auto;padding:0 1.5rem}\
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;box-shadow:0 1px 2px rgba(20,40,60,.05);margin-bottom:1.25rem;overflow:hidden}\
.card>header{display:flex;align-items:center;gap:1rem;padding:1rem 1.25rem;border-bottom:1px solid var(--line);flex-wrap:wrap}\
.card>header h1,.card>header h2{margin:0;font-size:1.25rem;flex:1}.kind{display:block;font-size:.8rem;color:var(--muted);font-weight:500}\
.pad{padding:1rem 1.25rem}.muted{color:var(--muted)}\
table{width:100%;border-collapse:collapse}th,td{text-align:left;padding:.55rem 1.25rem;border-bottom:1px solid var(--line);vertical-align:top}\
th{font-size:.8rem;color:var(--muted);font-weight:600;background:#fafbfc;white-space:nowrap}tr:last-child td{border-bottom:0}tbody tr:hover{background:#f7fafd}\
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));gap:1rem}\
.tile{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1.1rem 1.25rem;color:var(--ink);display:block}\
.tile:hover{border-color:var(--sky);text-decoration:none}.tile b{display:block;font-size:1.05rem}.tile span{color:var(--muted)}\
.fields{display:grid;grid-template-columns:repeat(auto-fill,minmax(22rem,1fr));gap:0 2rem;padding:.5rem 1.25rem 1rem;margin:0}\
.fields>div{border-bottom:1px solid var(--line);padding:.5rem 0;min-width:0}.fields dt,label{font-size:.8rem;color:var(--muted)}\
.fields dd{margin:0;min-height:1.5em;overflow-wrap:anywhere;white-space:pre-wrap}\
input,select,textarea{font:inherit;color:inherit;width:100%;padding:.45rem .6rem;border:1px solid #b9c4cf;border-radius:.35rem;background:#fff}\
input[type=checkbox]{width:auto}input:focus,select:focus,textarea:focus,button:focus-visible,a:focus-visible{outline:2px solid var(--sky);outline-offset:1px}\
button,.button{font:inherit;font-weight:600;padding:.45rem 1rem;border-radius:.35rem;border:1px solid #b9c4cf;background:#fff;color:var(--blue);cursor:pointer;display:inline-block}\
button:hover,.button:hover{background:#f0f6fb;text-decoration:none}button.main,.button.main{background:var(--blue);border-color:var(--blue);color:#fff}button.main:hover{background:#084a8b}\
.danger{color:var(--red)}.search{display:flex;gap:.5rem}.search input{width:16rem}\
.tabs{display:flex;gap:.25rem;padding:0 1.25rem;border-bottom:1px solid var(--line)}.tabs a{padding:.65rem .9rem;color:var(--muted);border-bottom:3px solid transparent}\
.tabs a.on{color:var(--blue);border-color:var(--sky);font-weight:600}.tabs a:hover{text-decoration:none;color:var(--blue)}\
.alert{background:#fdecea;border:1px solid #f2b8b5;color:#7a1c16;border-radius:.4rem;padding:.6rem .9rem;margin:0 0 1rem}\
.door{max-width:25rem;margin:8vh auto;padding:0 1rem}.door .card{padding:2rem}.door .cloud{width:4.5rem;height:3.1rem;display:block;margin:0 auto .5rem}\
.door h1{font-size:1.3rem;text-align:center;margin:.25rem 0 1rem}.door label{display:block;margin:.75rem 0 .2rem}.door .row{display:flex;flex-direction:row-reverse;gap:.75rem;margin-top:1.25rem}.door .row button{flex:1}\
.door ul{padding-left:1.2rem}.timeline{list-style:none;margin:0;padding:0}.timeline li{padding:.8rem 1.25rem;border-bottom:1px solid var(--line)}.timeline li:last-child{border:0}\
.pill{font-size:.75rem;border-radius:1rem;padding:.1rem .6rem;background:#e7eef5;color:var(--muted)}.pill.done{background:#def3e4;color:#1b6b36}\
.number{white-space:nowrap}summary{cursor:pointer;color:var(--blue)}details .fields{padding:0}\
.pages{display:flex;gap:1rem;align-items:center;justify-content:space-between;padding:.7rem 1.25rem}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_means_something_in_html_survives() {
        assert_eq!(escape("<a href=\"x\" id='y'>&</a>"), "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;&lt;/a&gt;");
    }
}
