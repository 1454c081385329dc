//! HTML to plain text, as copying from a browser would give it, with the links kept aside.
//!
//! Uses html5ever's tokenizer only: no tree is built, so time is linear in the input and nesting costs nothing. Scripts, styles and
//! everything else that is not text are dropped; nothing is fetched.

use crate::limits::{MAX_BODY, MAX_OVERVIEW};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer};
use std::cell::RefCell;

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
}

struct Sink(RefCell<State>);

/// Renders HTML.
pub(crate) fn html_to_text(html: &str) -> Page {
    let sink = Sink(RefCell::new(State::default()));
    let tokenizer = Tokenizer::new(sink, Default::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    // The sink never asks to stop, so one call takes all of the input.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner().page
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => state.text(&text),
            Token::TagToken(tag) => {
                let name: &str = &tag.name;
                match tag.kind {
                    TagKind::StartTag => {
                        let raw = match name {
                            "script" => Some(RawKind::ScriptData),
                            "style" | "noscript" | "iframe" | "noembed" | "noframes" | "xmp" => Some(RawKind::Rawtext),
                            "title" | "textarea" => Some(RawKind::Rcdata),
                            _ => None,
                        };
                        if let Some(kind) = raw {
                            state.hidden = Some(name.to_string());
                            return TokenSinkResult::RawData(kind);
                        }
                        let href = tag.attrs.iter().find(|a| &*a.name.local == "href").map(|a| a.value.to_string());
                        state.open(name, href);
                    }
                    TagKind::EndTag => state.close(name),
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl State {
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
        match name {
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
}
