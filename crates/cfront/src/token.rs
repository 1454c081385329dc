//! Tokens after preprocessing.

use cuthere_base::{Loc, Symbol};

/// What kind of token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Tok {
    /// An identifier or keyword; keywords are told apart by their symbol.
    Ident,
    /// An integer constant, as written (`0x10UL`).
    Int,
    Float,
    /// A character constant, as written, quotes included.
    Char,
    /// A string literal, as written, quotes included; neighbours are not joined.
    Str,
    Punct(Punct),
    /// A byte that C does not know here (stray `@`, `\`, control bytes ...): whoever meets it reports a gap.
    Unknown,
    /// The end of the stream.
    Eof,
}

macro_rules! puncts {
    ($($name:ident $text:literal),* $(,)?) => {
        /// Punctuation, longest match.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Punct { $($name),* }
        impl Punct {
            /// As written.
            pub fn as_str(self) -> &'static str {
                match self { $(Punct::$name => $text),* }
            }
        }
    };
}

puncts! {
    LParen "(", RParen ")", LBrace "{", RBrace "}", LBracket "[", RBracket "]",
    Semi ";", Comma ",", Colon ":", Question "?", Dot ".", Arrow "->", Ellipsis "...",
    Plus "+", Minus "-", Star "*", Slash "/", Percent "%", Amp "&", Pipe "|", Caret "^", Tilde "~", Not "!",
    Lt "<", Gt ">", Le "<=", Ge ">=", EqEq "==", Ne "!=", AndAnd "&&", OrOr "||", Shl "<<", Shr ">>",
    Eq "=", PlusEq "+=", MinusEq "-=", StarEq "*=", SlashEq "/=", PercentEq "%=", AmpEq "&=", PipeEq "|=", CaretEq "^=",
    ShlEq "<<=", ShrEq ">>=", Inc "++", Dec "--", Hash "#", HashHash "##",
}

/// A token with the place where a reader finds it: for tokens out of a macro that is the place of the outermost use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    pub kind: Tok,
    /// The text: an identifier's name, a literal as written; empty for punctuation.
    pub text: Symbol,
    /// Where it stands in the file whose declaration or body is read.
    pub loc: Loc,
    /// The outermost macro whose expansion gave this token; empty if it stands in the source itself.
    pub origin: Symbol,
}
