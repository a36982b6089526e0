use std::borrow::Cow;

use domain::Timestamp;
use quick_xml::escape::escape;

/// An answer before it is spelled: both XML protocols have the same shapes and differ in the name of
/// a list's members.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Text(Cow<'static, str>),
    Fields(Fields),
    List(Vec<Node>),
    /// A list whose members are called `member` where others have `item`: EC2 has a few.
    Members(Vec<Node>),
}

/// Named values in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Fields(Vec<(&'static str, Node)>);

impl Fields {
    pub(crate) fn new() -> Fields {
        Fields(Vec::new())
    }

    pub(crate) fn put(mut self, name: &'static str, value: impl Into<Node>) -> Fields {
        self.0.push((name, value.into()));
        self
    }

    /// Leaves out what is not there, as AWS does.
    pub(crate) fn opt(self, name: &'static str, value: Option<impl Into<Node>>) -> Fields {
        match value {
            Some(value) => self.put(name, value),
            None => self,
        }
    }

    /// A list that is left out when it is empty.
    pub(crate) fn some(self, name: &'static str, list: Vec<Node>) -> Fields {
        if list.is_empty() { self } else { self.put(name, list) }
    }
}

macro_rules! spelled {
    ($($type:ty),*) => { $(impl From<$type> for Node {
        fn from(value: $type) -> Node { Node::Text(Cow::Owned(value.to_string())) }
    })* };
}
spelled!(&str, &String, i64, u64, u32, i32, u16, usize, f64);

impl From<String> for Node {
    fn from(text: String) -> Node {
        Node::Text(Cow::Owned(text))
    }
}

impl From<bool> for Node {
    fn from(flag: bool) -> Node {
        Node::Text(Cow::Borrowed(if flag { "true" } else { "false" }))
    }
}

impl From<Timestamp> for Node {
    fn from(instant: Timestamp) -> Node {
        Node::Text(Cow::Owned(iso(instant)))
    }
}

impl From<Fields> for Node {
    fn from(fields: Fields) -> Node {
        Node::Fields(fields)
    }
}

impl From<Vec<Node>> for Node {
    fn from(list: Vec<Node>) -> Node {
        Node::List(list)
    }
}

/// `2026-01-31T12:00:00.000Z`, as AWS writes instants in XML.
pub(crate) fn iso(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A list of texts.
pub(crate) fn texts<T: Into<Node>>(values: impl IntoIterator<Item = T>) -> Vec<Node> {
    values.into_iter().map(Into::into).collect()
}

/// Writes `node` as the content of an element; `member` is the name of a list's elements.
pub(crate) fn write(node: &Node, member: &str, out: &mut String) {
    match node {
        Node::Text(text) => out.push_str(&escape(&**text)),
        Node::Fields(Fields(fields)) => {
            for (name, value) in fields {
                element(name, value, member, out);
            }
        }
        Node::List(list) => {
            for value in list {
                element(member, value, member, out);
            }
        }
        Node::Members(list) => {
            for value in list {
                element("member", value, member, out);
            }
        }
    }
}

fn element(name: &str, value: &Node, member: &str, out: &mut String) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    write(value, member, out);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_spelled() {
        let node: Node = Fields::new()
            .put("a", "x<&>")
            .put("set", texts(["1", "2"]))
            .opt("none", None::<bool>)
            .some("empty", Vec::new())
            .put("deep", Fields::new().put("flag", true))
            .into();
        let mut out = String::new();
        write(&node, "item", &mut out);
        assert_eq!(
            out,
            "<a>x&lt;&amp;&gt;</a><set><item>1</item><item>2</item></set><deep><flag>true</flag></deep>"
        );
        assert_eq!(iso("2026-01-31T12:00:00.0421Z".parse().unwrap()), "2026-01-31T12:00:00.042Z");
    }
}
