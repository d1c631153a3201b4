namespace BridgeGuard.Engine.Detection.Regex;

/// <summary>The option letters of <c>pcre:"/…/ismxAEG"</c> that concern the expression itself.</summary>
[Flags]
public enum PcreOptions : byte
{
    None = 0,

    /// <summary><c>i</c>: ASCII letters match either case.</summary>
    IgnoreCase = 1,

    /// <summary><c>s</c>: the dot matches a line end too.</summary>
    DotAll = 2,

    /// <summary><c>m</c>: <c>^</c> and <c>$</c> match at every line.</summary>
    Multiline = 4,

    /// <summary><c>x</c>: blanks and comments in the expression are ignored.</summary>
    Extended = 8,

    /// <summary><c>A</c>: the match begins where the search begins.</summary>
    Anchored = 16,

    /// <summary><c>E</c>: <c>$</c> matches only at the very end, not before a last line end.</summary>
    DollarEndOnly = 32,

    /// <summary><c>G</c>: quantifiers are lazy unless followed by <c>?</c>.</summary>
    Ungreedy = 64,
}
