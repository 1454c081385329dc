//! HTML to plain text, as copying from a browser would give it, with the links kept aside.
//!
//! Uses html5gum's tokenizer only, and its events rather than its tags: no tree and no list of attributes is built, so time is linear in the
//! input, and nesting costs nothing. A tag longer than anybody writes reaches the tokenizer without the attributes that nobody here asks for
//! ([`crate::tags`]), since it calls itself for each. Scripts, styles and everything else that is not text are dropped; nothing is fetched.

use crate::limits::{MAX_BODY, MAX_OVERVIEW};
use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};
use std::convert::Infallible;

/// A link and where its text stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    /// Line of [`Page::text`], from 0.
    pub line: usize,
    pub href: String,
    pub text: String,
}

/// What became of the HTML.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Page {
    pub text: String,
    pub links: Vec<Link>,
}

#[derive(Default)]
struct State {
    page: Page,
    lines: usize,
    pre: u32,
    hidden: Option<String>,
    link: Option<Link>,
    /// The start tag being read, and the value of its first `href` as far as it was met.
    tag: String,
    href: Option<String>,
    /// The attribute being read is that `href`.
    in_href: bool,
}

/// Renders HTML.
pub(crate) fn html_to_text(html: &str) -> Page {
    let html = crate::tags::shorten(html);
    let mut state = State::default();
    let mut emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, _: Span<()>| -> Option<Infallible> {
        state.event(event);
        None
    });
    emitter.naively_switch_states(true);
    // No event makes a token, so the tokenizer runs to the end at once; text in memory cannot fail to be read.
    Tokenizer::new_with_emitter(&*html, emitter).for_each(drop);
    state.page
}

impl State {
    fn event(&mut self, event: CallbackEvent<'_>) {
        match event {
            CallbackEvent::String { value } => self.text(&String::from_utf8_lossy(value)),
            CallbackEvent::OpenStartTag { name } => {
                self.tag = String::from_utf8_lossy(name).into_owned();
                (self.href, self.in_href) = (None, false);
            }
            CallbackEvent::AttributeName { name } => {
                self.in_href = name == b"href" && self.href.is_none();
                if self.in_href {
                    self.href = Some(String::new());
                }
            }
            CallbackEvent::AttributeValue { value } if self.in_href => self.href = Some(String::from_utf8_lossy(value).into_owned()),
            CallbackEvent::CloseStartTag { .. } => {
                let (tag, href) = (std::mem::take(&mut self.tag), self.href.take());
                self.in_href = false;
                self.open(&tag, href);
            }
            CallbackEvent::EndTag { name } => self.close(&String::from_utf8_lossy(name)),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.hidden.is_some() || self.page.text.len() > MAX_BODY * 2 {
            return;
        }
        if self.pre > 0 {
            self.push(text);
            return;
        }
        // Outside of <pre> white space is one blank.
        for (nth, word) in text.split([' ', '\t', '\n', '\r']).enumerate() {
            if nth > 0 && !self.page.text.is_empty() && !self.page.text.ends_with([' ', '\n']) {
                self.push(" ");
            }
            self.push(word);
        }
    }

    fn push(&mut self, text: &str) {
        self.lines += text.bytes().filter(|b| *b == b'\n').count();
        self.page.text.push_str(text);
        if let Some(link) = self.link.as_mut().filter(|l| l.text.len() < 2000) {
            link.text.push_str(text);
        }
    }

    fn new_line(&mut self) {
        if !self.page.text.is_empty() && !self.page.text.ends_with('\n') {
            self.push("\n");
        }
    }

    fn open(&mut self, name: &str, href: Option<String>) {
        if self.hidden.is_some() {
            return;
        }
        match name {
            "script" | "style" | "noscript" | "iframe" | "noembed" | "noframes" | "xmp" | "title" | "textarea" => {
                self.hidden = Some(name.to_owned());
            }
            "br" => self.push("\n"),
            "pre" => {
                self.new_line();
                self.pre = self.pre.saturating_add(1);
            }
            "a" => {
                self.end_link();
                self.link = href.map(|href| Link { line: self.lines, href, text: String::new() });
            }
            name if is_block(name) => self.new_line(),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        if self.hidden.as_deref() == Some(name) {
            self.hidden = None;
        } else if name == "pre" {
            self.pre = self.pre.saturating_sub(1);
            self.new_line();
        } else if name == "a" {
            self.end_link();
        } else if is_block(name) {
            self.new_line();
        }
    }

    fn end_link(&mut self) {
        if let Some(link) = self.link.take().filter(|_| self.page.links.len() < MAX_OVERVIEW * 8) {
            self.page.links.push(link);
        }
    }
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "ul"
            | "ol"
            | "li"
            | "hr"
            | "table"
            | "tr"
            | "form"
            | "body"
            | "head"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "blockquote"
            | "dl"
            | "dt"
            | "dd"
            | "section"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_links_survive_scripts_do_not() {
        let page = html_to_text(
            "<title>t</title><script>alert('<b>')</script><p>a\n b</p><pre>x\n  y &lt;<a href='../id/'>permalink</a>&gt;</pre><style>z</style>end",
        );
        assert_eq!(page.text, "a b\nx\n  y <permalink>\nend");
        assert_eq!(page.links, [Link { line: 2, href: "../id/".into(), text: "permalink".into() }]);
    }

    #[test]
    fn deep_nesting_is_linear() {
        let deep = "<div><b>".repeat(200_000);
        assert_eq!(html_to_text(&deep).text, "");
    }

    /// On the stack of a thread, in a build that makes no tail calls.
    #[test]
    fn no_repetition_goes_deep() {
        const PIECES: &[&str] = &[
            "a=\"b\" ",
            "a='b'",
            "a=b ",
            "a = ",
            "a/",
            "/",
            "=",
            "\"",
            "'",
            "\"'",
            "&amp;",
            "&#1;",
            "&#x",
            "&",
            "<",
            "<a ",
            "</",
            "</a x=\"1\" ",
            "<!",
            "<!-",
            "<!--",
            "--",
            "--!",
            "<!---a",
            "-a",
            "<!doctype ",
            "<?",
            "]]",
            "<![CDATA[",
            ">",
            "\0",
            "<br a=\"1\"b='2'>",
            "<script>",
            "</script ",
        ];
        for piece in PIECES {
            for start in ["", "<p ", "<p a=\"", "<!--", "<!doctype x ", "<!doctype x public \"", "<script>", "<title>", "<plaintext>"] {
                html_to_text(&format!("{start}{}", piece.repeat(100_000)));
            }
        }
    }

    #[test]
    fn attributes_without_number_are_linear() {
        let many: String = (0..400_000).map(|n| format!("a{n}=1 ")).collect();
        let page = html_to_text(&format!("<a {many}href=first href=second>x</a>y"));
        assert_eq!(page.text, "xy");
        assert_eq!(page.links, [Link { line: 0, href: "first".into(), text: "x".into() }]);
    }
}
