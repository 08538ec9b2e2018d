//! XML as SOAP bodies have it, to and from JSON: elements without mixed content, namespaces looked past.

use serde_json::{Map, Value as Json};

use super::html::escape;
use super::soap::unescape;

/// Elements within elements; more is no definition of anything.
const DEPTH_MAX: usize = 40;

/// One element.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Element {
    /// Its name without a prefix.
    pub(super) name: String,
    /// `xsi:type`, without a prefix.
    pub(super) kind: Option<String>,
    is_nil: bool,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

impl Element {
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(super) fn children_named<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// What it says, in JSON: text for an element of text, and a list where several children have one name.
    pub(super) fn to_json(&self) -> Json {
        if self.is_nil {
            return Json::Null;
        }
        if self.children.is_empty() {
            return Json::String(self.text.clone());
        }
        let mut object = Map::new();
        for child in &self.children {
            let value = child.to_json();
            match object.get_mut(&child.name) {
                None => drop(object.insert(child.name.clone(), value)),
                Some(Json::Array(several)) => several.push(value),
                Some(first) => *first = Json::Array(vec![first.take(), value]),
            }
        }
        Json::Object(object)
    }
}

/// The root element; `None` for what is no XML.
pub(super) fn parse(text: &str) -> Option<Element> {
    let mut rest = text;
    let mut open: Vec<Element> = Vec::new();
    while let Some(at) = rest.find('<') {
        if let Some(element) = open.last_mut() {
            element.text.push_str(&unescape(&rest[..at]));
        }
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->")?.1;
        } else if let Some(data) = rest.strip_prefix("<![CDATA[") {
            let (data, after) = data.split_once("]]>")?;
            open.last_mut()?.text.push_str(data);
            rest = after;
        } else if rest.starts_with("<?") {
            rest = rest.split_once("?>")?.1;
        } else if let Some(tag) = rest.strip_prefix("</") {
            let (name, after) = tag.split_once('>')?;
            let element = open.pop().filter(|element| element.name == local(name.trim()))?;
            match close(element, &mut open) {
                Some(root) => return Some(root),
                None => rest = after,
            }
        } else {
            let (tag, after) = tag(rest)?;
            rest = after;
            let is_whole = tag.ends_with('/');
            let element = start(tag.trim_end_matches('/'))?;
            if is_whole {
                if let Some(root) = close(element, &mut open) {
                    return Some(root);
                }
            } else if open.len() < DEPTH_MAX {
                open.push(element);
            } else {
                return None;
            }
        }
    }
    None
}

/// What stands between `<` and `>`, whose quoted values may have a `>`.
fn tag(rest: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, c) in rest.char_indices().skip(1) {
        match (quote, c) {
            (None, '>') => return Some((&rest[1..at], &rest[at + 1..])),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    None
}

fn start(tag: &str) -> Option<Element> {
    let (name, mut attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
    let mut element = Element { name: local(name).to_owned(), ..Element::default() };
    while let Some((name, rest)) = attributes.split_once('=') {
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, after) = rest[1..].split_once(quote)?;
        match name.trim() {
            name if local(name) == "type" && name.contains(':') => element.kind = Some(local(value).to_owned()),
            name if local(name) == "nil" => element.is_nil = value == "true" || value == "1",
            _ => {}
        }
        attributes = after;
    }
    (!element.name.is_empty()).then_some(element)
}

/// Puts a finished element in its parent; gives back the one that has none.
fn close(mut element: Element, open: &mut [Element]) -> Option<Element> {
    if element.children.is_empty() {
        element.text = element.text.trim().to_owned();
    } else {
        element.text.clear();
    }
    match open.last_mut() {
        Some(parent) => {
            parent.children.push(element);
            None
        }
        None => Some(element),
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// A value as the content of an element: nothing for null, an element for each item of a list.
pub(super) fn write(out: &mut String, name: &str, value: &Json) {
    match value {
        Json::Null => {}
        Json::Array(items) => items.iter().for_each(|item| write(out, name, item)),
        Json::Object(fields) => {
            out.push_str(&format!("<{name}>"));
            fields.iter().for_each(|(name, value)| write(out, name, value));
            out.push_str(&format!("</{name}>"));
        }
        Json::String(text) => out.push_str(&format!("<{name}>{}</{name}>", escape(text))),
        scalar => out.push_str(&format!("<{name}>{scalar}</{name}>")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_become_json() {
        let xml = "<?xml version='1.0'?><!-- > --><e:m xmlns:e='urn:x' xsi:type=\"e:CustomField\"><fullName>A.b__c</fullName>\
                   <value a=\">\"><x>1</x></value><value><x>&lt;2</x></value><empty/><none xsi:nil='true'/><t><![CDATA[<]]></t></e:m>";
        let element = parse(xml).expect("it is XML");
        assert_eq!((element.name.as_str(), element.kind.as_deref()), ("m", Some("CustomField")));
        let expected = json!({ "fullName": "A.b__c", "value": [{ "x": "1" }, { "x": "<2" }], "empty": "", "none": null, "t": "<" });
        assert_eq!(element.to_json(), expected);
        for broken in ["", "<a>", "<a></b>", "<a b=>", "text", "<a b='></a>", "<>"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
        assert_eq!(parse(&"<a>".repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "[^\\s\u{0}][^\u{0}]{0,30}[^\\s\u{0}]") {
            let value = json!({ "a": { "b": [text.clone(), "x"], "c": "y" } });
            let mut xml = String::new();
            write(&mut xml, "r", &value["a"]);
            prop_assert_eq!(parse(&xml).map(|element| element.to_json()), Some(value["a"].clone()));
        }

        #[test]
        fn no_text_makes_the_reader_stumble(text in "[a<>/='\"!?&;: -]{0,60}") {
            let _ = parse(&text);
        }
    }
}
